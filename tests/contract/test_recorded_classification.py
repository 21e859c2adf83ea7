"""The rules decide as the historical service's rules were recorded to: same confidence, reason and method."""

from typing import Any

import pytest

from agent.classification.dictionary import load_dictionary
from agent.classification.rules import RuleClassifier
from cutover.parity.exchanges import Exchange
from tests.contract import recordings

RULES = RuleClassifier(load_dictionary())


def _recorded() -> list[tuple[str, dict[str, Any]]]:
    found = {}
    for exchange in recordings.all_exchanges():
        question, info = _question(exchange), _classification(exchange)
        if question is not None and info.get("method", "direct").startswith(("rule_based", "enhanced_llm")):
            found[question, info["method"]] = info
    return [(question, info) for (question, _method), info in found.items()]


def _question(exchange: Exchange) -> str | None:
    """The text of a hybrid question that is a text."""
    body = exchange.request.get("json")
    if not isinstance(body, dict) or body.get("routing_mode") not in (None, "", "hybrid"):
        return None
    return body["question"] if isinstance(body.get("question"), str) else None


def _classification(exchange: Exchange) -> dict[str, Any]:
    body = exchange.response.get("json")
    data = body.get("data") if isinstance(body, dict) else None
    return (data.get("classification_info") if isinstance(data, dict) else None) or {}


@pytest.mark.skipif(not recordings.are_present(), reason=recordings.ABSENT_REASON)
def test_recorded_decisions_are_repeated() -> None:
    decided = 0
    for question, info in _recorded():
        ruled = RULES.classify(question)
        if info["method"].startswith("rule_based"):
            assert ruled.as_wire() == info, question
            decided += 1
        else:
            assert not RULES.is_sure(ruled), question
    assert decided >= 5
