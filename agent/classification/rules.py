"""Classifies a question by keywords and scores, in a fixed order (docs/contract/agent.md). No model, no database."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from agent.classification.dictionary import ClassifierDictionary, Keyword
from agent.classification.keywords import normalise, stands_in
from common import messages
from common.answering import Classification, QuestionType


@dataclass(frozen=True)
class _Findings:
    """What stands in a question; `business` is the score with the bonus for a system word already in it."""

    entities: list[str]
    intents: list[str]
    chats: list[str]
    statements: list[str]
    business: float
    intent: float
    chat: float


class RuleClassifier:
    """Holds a checked dictionary; safe for many questions at once."""

    def __init__(self, dictionary: ClassifierDictionary) -> None:
        self._dictionary = dictionary
        self._weights = dictionary.weights

    @cached_property
    def version(self) -> str:
        """A digest of the dictionary: another one classifies otherwise."""
        return hashlib.sha256(repr(self._dictionary).encode()).hexdigest()[:16]

    def is_sure(self, found: Classification) -> bool:
        """Whether nobody else needs to be asked."""
        return found.confidence >= self._weights["high_confidence_threshold"]

    def classify(self, question: str) -> Classification:
        """DATABASE, CHAT or UNCERTAIN.

        Args:
            question: what is asked now, without earlier turns.
        """
        text, weights = normalise(question), self._weights
        if excluded := _matching_keywords(self._dictionary.non_business, text):
            reason = messages.CLASSIFIED_NON_BUSINESS.format(words=[keyword.shown for keyword in excluded])
            return _result("CHAT", weights["non_business_confidence"], reason, "non_business")
        return self._by_score(self._look(text))

    def _look(self, text: str) -> _Findings:
        dictionary, weights = self._dictionary, self._weights
        entities = _matching_keywords(dictionary.business, text)
        system = _matching_keywords(dictionary.system, text)
        intents, chats = _matching_keywords(dictionary.query_intent, text), _matching_keywords(dictionary.chat, text)
        statements = _matched(dictionary.sql_patterns, text)
        business = weights["business_entity"] * len(entities) + weights["sql_pattern"] * len(statements)
        if system:
            business += weights["combination_bonus"] if business else weights["system_indicator"]
        return _Findings(
            entities=[f"{keyword.category}:{keyword.shown}" for keyword in (*entities, *system)],
            intents=[keyword.shown for keyword in intents],
            chats=[keyword.shown for keyword in chats],
            statements=statements,
            business=business,
            intent=weights["query_intent"] * len(intents),
            chat=weights["chat_keyword"] * len(chats),
        )

    def _by_score(self, found: _Findings) -> Classification:
        weights, business, intent, chat = self._weights, found.business, found.intent, found.chat
        if business >= weights["strong_business_min_score"] and intent >= weights["strong_business_min_intent"]:
            confidence = weights["strong_business_base"] + weights["strong_business_increment"] * (business + intent)
            reason = messages.CLASSIFIED_STRONG.format(
                business=found.entities, intents=found.intents, sql=found.statements
            )
            return _result("DATABASE", self._capped(confidence), reason, "strong_business")
        if business >= weights["medium_business_min_score"]:
            confidence = weights["medium_business_base"] + weights["medium_business_increment"] * business
            reason = messages.CLASSIFIED_MEDIUM.format(business=found.entities)
            return _result("DATABASE", self._capped(confidence), reason, "medium_business")
        if chat >= weights["chat_min_score"] and business == 0:
            confidence = weights["chat_base_confidence"] + weights["chat_confidence_increment"] * chat
            reason = messages.CLASSIFIED_CHAT.format(words=found.chats)
            return _result("CHAT", self._capped(confidence), reason, "chat")
        reason = messages.CLASSIFIED_UNCERTAIN.format(
            business=format(business, "g"), intent=format(intent, "g"), chat=format(chat, "g")
        )
        return _result("UNCERTAIN", weights["uncertain_confidence"], reason, "uncertain")

    def _capped(self, confidence: float) -> float:
        return min(self._weights["max_confidence"], confidence)


def _matching_keywords(keywords: Sequence[Keyword], text: str) -> list[Keyword]:
    return [keyword for keyword in keywords if stands_in(text, keyword.text)]


def _matched(patterns: Sequence[re.Pattern[str]], text: str) -> list[str]:
    """The first text each pattern matches."""
    return [match.group() for pattern in patterns if (match := pattern.search(text))]


def _result(kind: QuestionType, confidence: float, reason: str, method: str) -> Classification:
    return Classification(kind, round(confidence, 4), reason, f"rule_based_{method}")
