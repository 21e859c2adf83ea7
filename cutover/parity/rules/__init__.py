"""Intended differences: route, old answer, new answer, reason, and the places in the answer that may differ by it.

Rules, never lists of recorded ids. A difference that no applying rule covers is not intended. Texts of answers are
written out in the rules, so that a text changed by mistake is a difference. One module an area; all are listed here.
"""

from __future__ import annotations

from collections.abc import Sequence

from cutover.parity.answers import Answer
from cutover.parity.compare import Difference
from cutover.parity.exchanges import Exchange
from cutover.parity.rules import (
    ask,
    caches,
    conversation_contents,
    conversations,
    data_pipeline,
    database,
    direct_ask,
    feedback,
    old_entry,
    pipeline_reading,
    react,
    react_requests,
    react_threads,
    run_sql,
    streams,
    training_changes,
    training_data,
    training_duplicates,
    vector,
)
from cutover.parity.rules.rule import Rule

RULES: tuple[Rule, ...] = (
    *ask.RULES,
    *caches.RULES,
    *conversation_contents.RULES,
    *conversations.RULES,
    *data_pipeline.RULES,
    *database.RULES,
    *direct_ask.RULES,
    *feedback.RULES,
    *old_entry.RULES,
    *pipeline_reading.RULES,
    *react.RULES,
    *react_requests.RULES,
    *react_threads.RULES,
    *run_sql.RULES,
    *streams.RULES,
    *training_changes.RULES,
    *training_data.RULES,
    *training_duplicates.RULES,
    *vector.RULES,
)


def intended(exchange: Exchange, answer: Answer, differences: Sequence[Difference]) -> tuple[Rule, ...]:
    """The rules that together explain every difference; none when one stays unexplained."""
    applying = [rule for rule in RULES if rule.applies(exchange, answer)]
    needed = tuple(rule for rule in applying if any(map(rule.explains, differences)))
    is_explained = all(any(rule.explains(difference) for rule in needed) for difference in differences)
    return needed if is_explained else ()


def old_defects(exchange: Exchange, answer: Answer) -> tuple[Rule, ...]:
    """The rules about this exchange whose wanted answer did not come."""
    return tuple(rule for rule in RULES if rule.is_about(exchange) and not rule.applies(exchange, answer))
