"""Chooses who classifies a question by its routing mode (docs/contract/agent.md); used by the classic agent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from agent.classification.rules import RuleClassifier
from common import messages
from common.answering import Brain, Classification, Question
from common.business_schema import BusinessSchema

ReadSchema = Callable[[], Awaitable[BusinessSchema]]
"""Reads the business schema, when a brain has to be asked."""

DIRECT_ROUTES: Final = {
    "database_direct": Classification("DATABASE", 1.0, messages.ROUTED_TO_DATABASE, "direct_database"),
    "chat_direct": Classification("CHAT", 1.0, messages.ROUTED_TO_CHAT, "direct_chat"),
}


@dataclass(frozen=True)
class QuestionRouter:
    """The caller's mode first; else the brain alone (`llm_only`) or rules with the brain behind them."""

    rules: RuleClassifier
    brain: Brain

    async def classify(self, question: Question, schema: ReadSchema) -> Classification:
        """Which way the question goes.

        Raises:
            ModelUnavailableError: the brain is needed and cannot be asked.
        """
        direct = DIRECT_ROUTES.get(question.routing_mode)
        if direct is not None:
            return direct
        if question.routing_mode == "llm_only":
            return await self._ask_brain(question, schema)
        ruled = self.rules.classify(question.text)
        if self.rules.is_sure(ruled):
            return ruled
        return _preferred(ruled, await self._ask_brain(question, schema))

    async def _ask_brain(self, question: Question, schema: ReadSchema) -> Classification:
        brain = self.brain.on_behalf_of(question)
        return await brain.classify(question.text, question.context, await schema())


def _preferred(ruled: Classification, thought: Classification) -> Classification:
    """Rules that decided yield to a strictly more confident brain only; rules that decided nothing always do."""
    if ruled.question_type == "UNCERTAIN" or thought.confidence > ruled.confidence:
        return thought
    return ruled
