"""What tokens cost: a JSON file named by a setting, read once at the start by `bootstrap`.

    {"qwen3-235b-a22b": {"input": 2.0, "output": 8.0}, "qwen3:32b": {"input": 0, "output": 0}}

Prices are for a million tokens, in whatever currency the file's author thinks in; names are the configured ones.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

from common import messages
from common.errors import ConfigurationError
from core.llm.messages import TokenUsage

_MILLION: Final = Decimal(1_000_000)
_HIGHEST: Final = Decimal(1_000_000)


@dataclass(frozen=True)
class Price:
    """For a million tokens."""

    input: Decimal
    output: Decimal

    def of(self, usage: TokenUsage) -> Decimal:
        return (self.input * usage.input_tokens + self.output * usage.output_tokens) / _MILLION


class PriceList:
    """Prices by model name."""

    def __init__(self, prices: Mapping[str, Price] | None = None) -> None:
        self._prices = dict(prices or {})

    def cost(self, model: str, usage: TokenUsage) -> Decimal | None:
        """The call's cost, None for a model without a price."""
        price = self._prices.get(model)
        return None if price is None else price.of(usage)


def load_prices(path: Path) -> PriceList:
    """The price list in a file.

    Raises:
        ConfigurationError: the file cannot be read or is not such a list.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal, parse_int=Decimal)
        return PriceList({str(name): _price(entry) for name, entry in content.items()})
    except (OSError, ValueError, TypeError, KeyError, AttributeError, InvalidOperation) as error:
        raise ConfigurationError(messages.PRICES_UNREADABLE.format(path=path)) from error


def _price(entry: Any) -> Price:
    found = [Decimal(entry[member]) for member in ("input", "output")]
    if any(not number.is_finite() or not 0 <= number <= _HIGHEST for number in found):
        raise ValueError("a price lies between 0 and a million")
    return Price(*found)
