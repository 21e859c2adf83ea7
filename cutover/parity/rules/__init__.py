"""Intended differences: route, old answer, new answer, reason, and the places in the answer that may differ by it.

Rules are rows in `rows/`, one file an area, never lists of recorded ids. A difference that no applying rule covers is
not intended. Texts of answers are written out in the rows, so that a text changed by mistake is a difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from cutover.parity.answers import Answer
from cutover.parity.compare import Difference
from cutover.parity.exchanges import Exchange
from cutover.parity.rules.rule import Rule, read_rules

AREAS: Mapping[str, tuple[Rule, ...]] = read_rules(Path(__file__).parent / "rows")
RULES: tuple[Rule, ...] = tuple(rule for rules in AREAS.values() for rule in rules)


def intended(exchange: Exchange, answer: Answer, differences: Sequence[Difference]) -> tuple[Rule, ...]:
    """The rules that together explain every difference; none when one stays unexplained."""
    applying = [rule for rule in RULES if rule.applies(exchange, answer)]
    needed = tuple(rule for rule in applying if any(map(rule.explains, differences)))
    is_explained = all(any(rule.explains(difference) for rule in needed) for difference in differences)
    return needed if is_explained else ()


def old_defects(exchange: Exchange, answer: Answer) -> tuple[Rule, ...]:
    """The rules about this exchange whose wanted answer did not come."""
    return tuple(rule for rule in RULES if rule.is_about(exchange) and not rule.applies(exchange, answer))
