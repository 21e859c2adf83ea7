"""What the model calls of a run have used and cost, as the service's own ledger has them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from bootstrap.container import Container
from common.tenant import DEFAULT_TENANT_NAME
from features.usage.schemas import UsageRequest

_PATIENCE_SECONDS: Final = 10.0


@dataclass(frozen=True)
class Spending:
    """Sums over model calls; `cost` leaves out `unpriced_calls`, whose model has no price (`LLM_PRICES`)."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: Decimal = Decimal(0)
    unpriced_calls: int = 0

    def since(self, earlier: Spending) -> Spending:
        """What was spent after `earlier`."""
        return Spending(
            self.calls - earlier.calls,
            self.prompt_tokens - earlier.prompt_tokens,
            self.completion_tokens - earlier.completion_tokens,
            self.cost - earlier.cost,
            self.unpriced_calls - earlier.unpriced_calls,
        )

    def as_json(self) -> dict[str, Any]:
        """All sums; the cost as a decimal number in a text."""
        return {
            "calls": self.calls,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "cost": f"{self.cost.normalize():f}",
            "unpriced_calls": self.unpriced_calls,
        }


def spent(container: Container) -> Spending:
    """What the default tenant's calls have used until now. Calls are written about a second after their answer."""
    calls = container.collector.snapshot()["model_calls"]
    counted = sum(count for figure, _kind, count in calls if figure == "calls")
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        totals = container.usage.report(DEFAULT_TENANT_NAME, UsageRequest.model_validate({})).totals
        if totals["calls"] >= counted or time.monotonic() > deadline:
            return Spending(**{name: totals[name] for name in Spending.__dataclass_fields__})
        time.sleep(0.1)
