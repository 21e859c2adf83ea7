"""Who decides in which mode, and whose word counts when rules and brain disagree."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from agent.classification.dictionary import load_dictionary
from agent.classification.routing import QuestionRouter
from agent.classification.rules import RuleClassifier
from common.answering import Classification, Question
from common.business_schema import BusinessSchema
from common.errors import ModelUnavailableError

RULES = RuleClassifier(load_dictionary())
SURE, UNSURE, NOTHING = "统计每个服务区的收入排名", "谢谢", "你好"


@dataclass
class OneVerdict:
    """A brain that only classifies, always alike; None is a lost model."""

    verdict: Classification | None
    asked: list[tuple[str, str]] = field(default_factory=list)

    def on_behalf_of(self, _question: Question) -> "OneVerdict":
        return self

    async def classify(self, question: str, context: str, schema: BusinessSchema) -> Classification:
        self.asked.append((question, context))
        if self.verdict is None:
            raise ModelUnavailableError("模型不可用")
        return self.verdict


def thought(question_type: Any, confidence: float) -> OneVerdict:
    return OneVerdict(Classification(question_type, confidence, "", "enhanced_llm"))


async def no_tables() -> BusinessSchema:
    return BusinessSchema(())


def route(text: str, brain: Any, mode: str = "hybrid") -> Classification:
    question = Question(text, "default", "alice", "alice:20260101000000000", mode, context="User: 服务区")
    return asyncio.run(QuestionRouter(RULES, brain).classify(question, no_tables))


@pytest.mark.parametrize(("mode", "method"), [("database_direct", "direct_database"), ("chat_direct", "direct_chat")])
def test_direct_mode_asks_nobody(mode: str, method: str) -> None:
    assert route(SURE, OneVerdict(None), mode).method == method


def test_sure_rules_do_not_need_the_brain() -> None:
    assert route(SURE, OneVerdict(None)).method == "rule_based_strong_business"
    assert route("荔枝几月上市", OneVerdict(None)).method == "rule_based_non_business"


def test_unknown_mode_is_hybrid() -> None:
    assert route(SURE, OneVerdict(None), "anything").method == "rule_based_strong_business"


def test_llm_only_asks_the_brain_alone() -> None:
    assert route(SURE, thought("CHAT", 0.1), "llm_only").method == "enhanced_llm"


@pytest.mark.parametrize(
    ("confidence", "method"), [(0.49, "enhanced_llm"), (0.48, "rule_based_chat"), (0.3, "rule_based_chat")]
)
def test_brain_wins_over_decided_rules_only_when_more_confident(confidence: float, method: str) -> None:
    assert route(UNSURE, thought("DATABASE", confidence)).method == method


@pytest.mark.parametrize("confidence", [0.1, 0.2, 0.9])
def test_brain_decides_what_rules_left_open(confidence: float) -> None:
    assert route(NOTHING, thought("DATABASE", confidence)).question_type == "DATABASE"


def test_brain_sees_the_context_and_rules_do_not() -> None:
    brain = thought("CHAT", 0.9)
    assert route(NOTHING, brain).method == "enhanced_llm"
    assert brain.asked == [(NOTHING, "User: 服务区")]


def test_lost_model_is_an_error_when_it_is_needed() -> None:
    for text in (UNSURE, NOTHING):
        with pytest.raises(ModelUnavailableError):
            route(text, OneVerdict(None))
