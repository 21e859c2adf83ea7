"""Decides by rules whether a question is for the database or for a chat (docs/contract/agent.md). No model is asked.

Business words are the schema's own: measures, nouns, values and table names. A single word of the schema is enough for
DATABASE, because nobody else can be asked afterwards.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from agent.offline.normalise import has_cjk, normalise
from agent.offline.scanner import Scanner, Token
from common import messages
from common.answering import Classification, QuestionType

CLASSIFIER_FILE = Path(__file__).with_name("classifier.yaml")
_CURRENT = "\n[CURRENT]\n"
_SQL = re.compile(r"\b(?:select|from|where|join|having|group by|order by)\b", re.IGNORECASE)
_BUSINESS_KINDS = ("measure", "concept", "table", "derived", "family", "value")


@dataclass(frozen=True)
class ClassifierWords:
    """The classifier's data file. Weights as in docs/contract/agent.md"""

    query_intent: tuple[str, ...]
    chat: tuple[str, ...]
    non_business: tuple[str, ...]
    weights: dict[str, float]


def load_classifier_words(path: Path = CLASSIFIER_FILE) -> ClassifierWords:
    """Read the data file.

    Raises:
        OSError, yaml.YAMLError, KeyError: the file is missing, broken or lacks a section.
    """
    data: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))

    def words(section: str) -> tuple[str, ...]:
        return tuple(normalise(str(word)) for word in data[section])

    return ClassifierWords(
        words("query_intent"), words("chat"), (*words("non_business"), *words("identity")), data["weights"]
    )


def current_part(question: str) -> str:
    """The text that is asked now, without the earlier turns an enhanced question carries."""
    return question.rpartition(_CURRENT)[2].strip() if _CURRENT in question else question.strip()


def classify(question: str, *, words: ClassifierWords, scanner: Scanner, today: date) -> Classification:
    """The rules in the contract's order."""
    text = normalise(current_part(question))
    weights = words.weights
    hits = _business(scanner.scan(text, today))
    excluded = [word for word in words.non_business if contains(text, word) and not any(word in hit for hit in hits)]
    if excluded:
        reason = messages.OFFLINE_CLASS_NON_BUSINESS.format(words=excluded)
        return _result("CHAT", weights["non_business_confidence"], reason, "rule_based_non_business")
    sql = _SQL.findall(text)
    business = int(weights["business"] * len(hits) + weights["sql_pattern"] * bool(sql) * bool(hits))
    intents = [word for word in words.query_intent if contains(text, word)]
    chat = [word for word in words.chat if contains(text, word)]
    most = weights["max_confidence"]
    if business >= weights["business"] and intents:
        reason = messages.OFFLINE_CLASS_STRONG.format(business=hits, intents=intents)
        return _result(
            "DATABASE", min(most, 0.8 + 0.05 * (business + len(intents))), reason, "rule_based_strong_business"
        )
    if business >= 2 * weights["business"]:
        reason = messages.OFFLINE_CLASS_MEDIUM.format(business=hits)
        return _result("DATABASE", min(most, 0.7 + 0.03 * business), reason, "rule_based_medium_business")
    if chat and not business:
        reason = messages.OFFLINE_CLASS_CHAT.format(words=chat)
        return _result("CHAT", min(most, 0.4 + 0.08 * len(chat)), reason, "rule_based_chat")
    reason = messages.OFFLINE_CLASS_UNCERTAIN.format(business=business, intents=len(intents), chat=len(chat))
    kind: QuestionType = "DATABASE" if hits else "UNCERTAIN"
    return _result(kind, weights["uncertain_confidence"], reason, "rule_based_uncertain")


def _business(tokens: list[Token]) -> list[str]:
    return [f"{token.kind}:{token.text}" for token in tokens if token.kind in _BUSINESS_KINDS]


def contains(text: str, word: str) -> bool:
    """Whether `word` stands in `text`; a Latin word only between word boundaries."""
    if has_cjk(word):
        return word in text
    return re.search(rf"(?<![a-z0-9_]){re.escape(word)}(?![a-z0-9_])", text) is not None


def _result(kind: QuestionType, confidence: float, reason: str, method: str) -> Classification:
    return Classification(kind, round(confidence, 2), reason, method)
