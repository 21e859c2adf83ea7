"""Decides whether a question is for the database or a chat: words of this schema beat every list of other topics."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from common import messages
from common.answering import Classification, QuestionType
from offline.reading import Reading
from offline.text import fold, has_cjk
from offline.vocabulary import WORDS_FOLDER

CLASSIFIER_FILE = WORDS_FOLDER / "classifier.yaml"
_SQL = re.compile(r"\b(?:select|from|where|join|having|group by|order by)\b", re.IGNORECASE)
_SURE = 0.7
_COUNTING = ("count", "how_much", "records", "tables", "columns", "up_to", "in_which_table")


@dataclass(frozen=True)
class ClassifierWords:
    """The classifier's data file: words of asking, of talking, of other topics, and weights."""

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
        return tuple(fold(str(word)) for word in data[section])

    return ClassifierWords(
        words("query_intent"), words("chat"), (*words("non_business"), *words("identity")), data["weights"]
    )


def classify(text: str, reading: Reading, words: ClassifierWords) -> Classification:
    """The class of a question; `reading` was made against the schema that would be asked."""
    folded, weights = fold(text), words.weights
    hits = schema_words(reading)
    excluded = [word for word in words.non_business if contains(folded, word)]
    if excluded and not hits:
        reason = messages.OFFLINE_CLASS_NON_BUSINESS.format(words=excluded)
        return _result("CHAT", weights["non_business_confidence"], reason, "rule_based_non_business")
    business = int(weights["business"] * len(hits) + weights["sql_pattern"] * bool(_SQL.findall(folded)) * bool(hits))
    intents = [word for word in words.query_intent if contains(folded, word)]
    chat = [word for word in words.chat if contains(folded, word)]
    most = weights["max_confidence"]
    if hits and (intents or reading.has(*_COUNTING)):
        reason = messages.OFFLINE_CLASS_STRONG.format(business=hits, intents=intents)
        confidence = min(most, 0.8 + 0.05 * (business + len(intents)))
        return _result("DATABASE", confidence, reason, "rule_based_strong_business")
    if business >= 2 * weights["business"]:
        reason = messages.OFFLINE_CLASS_MEDIUM.format(business=hits)
        return _result("DATABASE", min(most, 0.7 + 0.03 * business), reason, "rule_based_medium_business")
    if chat and not hits:
        reason = messages.OFFLINE_CLASS_CHAT.format(words=chat)
        return _result("CHAT", min(most, 0.4 + 0.08 * len(chat)), reason, "rule_based_chat")
    reason = messages.OFFLINE_CLASS_UNCERTAIN.format(business=business, intents=len(intents), chat=len(chat))
    asks = (
        bool(hits)
        or reading.has("tables", "columns", "up_to", "in_which_table")
        or (reading.has("count", "how_much") and not excluded)
    )
    kind: QuestionType = "DATABASE" if asks else "UNCERTAIN"
    return _result(kind, weights["uncertain_confidence"], reason, "rule_based_uncertain")


def schema_words(reading: Reading) -> list[str]:
    """What of the question the schema knows for sure."""
    found = [m.text for m in reading.mentions if m.names and (m.names[0].score >= _SURE or m.token.taken_for)]
    return [*found, *(value.text for value in reading.values if value.links)]


def contains(text: str, word: str) -> bool:
    """Whether `word` stands in `text`; a Latin word only between word boundaries."""
    if has_cjk(word):
        return word in text
    return re.search(rf"(?<![a-z0-9_]){re.escape(word)}(?![a-z0-9_])", text) is not None


def _result(kind: QuestionType, confidence: float, reason: str, method: str) -> Classification:
    return Classification(kind, round(confidence, 2), reason, method)
