"""Intended differences as rows: YAML files beside this module, one an area, whose conditions are expressions.

A file names the page of the `contract` that says what is served now, and has `names` (constants), `define`
(expressions with a name, for this file) and `rules`: by path pattern and name the conditions `was` (on the recorded
exchange) and `became` (on the new answer), `covers` (the places in the answer that may differ by it, everything when
it is absent) and `reason`. `shared.yaml` has what all files use.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import CodeType
from typing import Any

import yaml

from cutover.parity.answers import Answer
from cutover.parity.compare import Difference
from cutover.parity.exchanges import Exchange
from cutover.parity.rules.expressions import compiled, compiled_definition, value_of
from cutover.parity.rules.scope import scope_of

UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The one in C reads the rows ten times as fast, where PyYAML was built with it."""
ANYTHING = r"status|\$.*"


@dataclass(frozen=True)
class Vocabulary:
    """The constants and definitions of one file."""

    names: Mapping[str, Any]
    definitions: Mapping[str, CodeType]

    def holds(self, condition: CodeType, exchange: Exchange, answer: Answer | None = None) -> bool:
        """Whether a condition is true of an exchange; one that it is too odd for is not."""
        try:
            scope = {**scope_of(exchange, answer), **self.names}
            scope.update({name: value_of(code, scope) for name, code in self.definitions.items()})
            return bool(value_of(condition, scope))
        except UNREADABLE:
            return False


@dataclass(frozen=True)
class Rule:
    """One row.

    Attributes:
        path: pattern of the whole request path it is about.
        was: whether the recorded exchange is such a case.
        became: whether the new answer is the one wanted for it.
        covers: pattern of the difference paths it explains.
        contract: the page that says what is served now, from the root of the repository.
    """

    name: str
    reason: str
    path: str
    was: str
    became: str
    contract: str
    vocabulary: Vocabulary
    covers: str = ANYTHING

    @cached_property
    def conditions(self) -> tuple[CodeType, CodeType]:
        return compiled(self.was), compiled(self.became)

    def is_about(self, exchange: Exchange) -> bool:
        """Whether the recorded exchange is such a case."""
        is_here = re.fullmatch(self.path, exchange.request["path"]) is not None
        return is_here and self.vocabulary.holds(self.conditions[0], exchange)

    def applies(self, exchange: Exchange, answer: Answer) -> bool:
        """Whether it is such a case and got the answer wanted for it."""
        return self.is_about(exchange) and self.vocabulary.holds(self.conditions[1], exchange, answer)

    def explains(self, difference: Difference) -> bool:
        return re.fullmatch(self.covers, difference.path) is not None


def read_rules(folder: Path) -> dict[str, tuple[Rule, ...]]:
    """The rules of every file, by area.

    Raises:
        ExpressionError: a condition or definition is none.
    """
    shared = _read(folder / "shared.yaml")
    files = sorted(file for file in folder.glob("*.yaml") if file.stem != "shared")
    return {file.stem: tuple(_rules(_read(file), shared)) for file in files}


def _rules(area: Mapping[str, Any], shared: Mapping[str, Any]) -> Iterator[Rule]:
    names = {name: _constant(value) for part in (shared, area) for name, value in part.get("names", {}).items()}
    definitions = dict(compiled_definition(*one) for part in (shared, area) for one in part.get("define", {}).items())
    vocabulary = Vocabulary(names, definitions)
    for path, rules in area["rules"].items():
        for name, row in rules.items():
            texts = {key: str(text) for key, text in row.items()}
            rule = Rule(name=name, path=path, contract=area["contract"], vocabulary=vocabulary, **texts)
            _ = rule.conditions
            yield rule


def _constant(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _read(file: Path) -> Mapping[str, Any]:
    found: Mapping[str, Any] = yaml.load(file.read_text(encoding="utf-8"), Loader=LOADER)  # noqa: S506 - safe ones only
    return found
