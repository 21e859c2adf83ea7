"""Chooses who classifies a question by its routing mode (docs/contract/agent.md); used by the classic agent.

A word list never has the last word against the data: what was trained, what stands in the schema, and a question for a
number or for entries go to the database, which answers or says why it cannot.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from agent.classification.data_questions import SchemaLinks, asks_for_data, trained_alike
from agent.classification.rules import RuleClassifier
from common import messages
from common.answering import Brain, Classification, Question, TrainedPair
from common.business_schema import BusinessSchema

ReadSchema = Callable[[], Awaitable[BusinessSchema]]
"""Reads the business schema, when a brain has to be asked or a word list overruled."""
ReadTrained = Callable[[], Awaitable[Sequence[TrainedPair]]]
"""Reads the trained pairs nearest to the question."""

DIRECT_ROUTES: Final = {
    "database_direct": Classification("DATABASE", 1.0, messages.ROUTED_TO_DATABASE, "direct_database"),
    "chat_direct": Classification("CHAT", 1.0, messages.ROUTED_TO_CHAT, "direct_chat"),
}
_BY_WORDS: Final = "rule_based_"
_METHOD: Final = "rule_based_medium_business"
_CONFIDENCE: Final = 0.8


async def nothing_trained() -> Sequence[TrainedPair]:
    """For a service that learns nothing."""
    return ()


@dataclass(frozen=True)
class QuestionRouter:
    """The caller's mode first; else the brain alone (`llm_only`), or rules with the brain behind them.

    A verdict of those against the database does not stand where the data speaks.
    """

    rules: RuleClassifier
    brain: Brain
    links: SchemaLinks = field(default_factory=SchemaLinks)

    async def classify(
        self, question: Question, schema: ReadSchema, trained: ReadTrained = nothing_trained
    ) -> Classification:
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
        if not self.rules.is_sure(ruled):
            ruled = _preferred(ruled, await self._ask_brain(question, schema))
        if ruled.question_type == "DATABASE":
            return ruled
        return await self._unless_data(question.text, ruled, schema, trained)

    async def _unless_data(
        self, text: str, ruled: Classification, schema: ReadSchema, trained: ReadTrained
    ) -> Classification:
        """A verdict that is not for the database, unless the question is one that was trained or asks for data.

        What the schema says counts against word lists only: a model has seen the schema itself.
        """
        if (pair := trained_alike(text, await trained())) is not None:
            return _data_question(messages.CLASSIFIED_TRAINED.format(question=pair.question))
        if asks_for_data(text):
            return _data_question(messages.CLASSIFIED_ASKS_FOR_DATA)
        if ruled.method.startswith(_BY_WORDS) and (found := self.links.of(text, await schema())):
            return _data_question(messages.CLASSIFIED_LINKED.format(words=found[:5]))
        return ruled

    async def _ask_brain(self, question: Question, schema: ReadSchema) -> Classification:
        brain = self.brain.on_behalf_of(question)
        return await brain.classify(question.text, question.context, await schema())


def _data_question(reason: str) -> Classification:
    return Classification("DATABASE", _CONFIDENCE, reason, _METHOD)


def _preferred(ruled: Classification, thought: Classification) -> Classification:
    """Rules that decided yield to a strictly more confident brain only; rules that decided nothing always do."""
    if ruled.question_type == "UNCERTAIN" or thought.confidence > ruled.confidence:
        return thought
    return ruled
