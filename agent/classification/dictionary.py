"""The vocabulary and the weights of the rules, read from a YAML file and checked.

The schema is the historical one (docs/contract/agent.md); `dictionary.yaml` beside this module is the shipped file, an
installation may name its own. `validation`, `metadata`, a category's own `weight` and a pattern's `case_sensitive` are
accepted and have no effect, as they never had.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from agent.classification.keywords import normalise
from common import messages
from common.errors import ConfigurationError

SHIPPED_FILE: Final = Path(__file__).with_name("dictionary.yaml")
SECTIONS: Final = (
    "strong_business_keywords",
    "query_intent_keywords",
    "non_business_keywords",
    "sql_patterns",
    "chat_keywords",
    "weights",
)
REQUIRED_WEIGHTS: Final = (
    "business_entity",
    "system_indicator",
    "query_intent",
    "sql_pattern",
    "chat_keyword",
    "non_business_confidence",
    "high_confidence_threshold",
    "max_confidence",
    "llm_fallback_confidence",
    "uncertain_confidence",
    "llm_error_confidence",
)
DEFAULT_WEIGHTS: Final = {
    "combination_bonus": 3.0,
    "strong_business_base": 0.8,
    "strong_business_increment": 0.05,
    "medium_business_base": 0.7,
    "medium_business_increment": 0.03,
    "chat_base_confidence": 0.4,
    "chat_confidence_increment": 0.08,
    "strong_business_min_score": 2.0,
    "strong_business_min_intent": 1.0,
    "medium_business_min_score": 4.0,
    "chat_min_score": 1.0,
}
"""Weights a file may leave out."""


@dataclass(frozen=True)
class Keyword:
    """A keyword as written in the file (`shown`), as it is compared (`text`), and its category, empty when none."""

    shown: str
    text: str
    category: str = ""


@dataclass(frozen=True)
class ClassifierDictionary:
    """The checked content of a file; keywords in the file's order, weights complete."""

    business: tuple[Keyword, ...]
    system: tuple[Keyword, ...]
    query_intent: tuple[Keyword, ...]
    non_business: tuple[Keyword, ...]
    chat: tuple[Keyword, ...]
    sql_patterns: tuple[re.Pattern[str], ...]
    weights: Mapping[str, float]


def load_dictionary(path: Path = SHIPPED_FILE) -> ClassifierDictionary:
    """Read and check a file.

    Raises:
        ConfigurationError: the file cannot be read, is no YAML, or lacks a required section or weight.
    """
    try:
        return _checked(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeError, yaml.YAMLError, RecursionError, re.error, _Problem) as error:
        reason = str(error) if isinstance(error, _Problem) else type(error).__name__
        raise ConfigurationError(messages.CLASSIFIER_FILE_INVALID.format(path=path, reason=reason)) from error


class _Problem(Exception):  # noqa: N818 - never leaves this module
    pass


def _checked(content: Any) -> ClassifierDictionary:
    if not isinstance(content, Mapping):
        raise _Problem(messages.CLASSIFIER_SECTION_MISSING.format(names=", ".join(SECTIONS)))
    if missing := [name for name in SECTIONS if not content.get(name)]:
        raise _Problem(messages.CLASSIFIER_SECTION_MISSING.format(names=", ".join(missing)))
    strong = tuple(_categories("strong_business_keywords", content))
    return ClassifierDictionary(
        business=tuple(keyword for keyword in strong if not _is_system(keyword)),
        system=tuple(keyword for keyword in strong if _is_system(keyword)),
        query_intent=_keywords("query_intent_keywords", content["query_intent_keywords"]),
        non_business=tuple(_categories("non_business_keywords", content)),
        chat=_keywords("chat_keywords", content["chat_keywords"]),
        sql_patterns=tuple(_patterns(content["sql_patterns"])),
        weights=_weights(content["weights"]),
    )


def _is_system(keyword: Keyword) -> bool:
    return keyword.category == messages.CLASSIFIER_SYSTEM_CATEGORY


def _categories(section: str, content: Mapping[str, Any]) -> Iterator[Keyword]:
    members = content[section]
    if not isinstance(members, Mapping):
        raise _Problem(messages.CLASSIFIER_SECTION_WRONG.format(name=section))
    for category, listed in members.items():
        if category != "description":
            yield from _keywords(section, listed, str(category))


def _keywords(section: str, listed: Any, category: str = "") -> tuple[Keyword, ...]:
    words = listed.get("keywords") if isinstance(listed, Mapping) else listed
    if not isinstance(words, list) or not all(str(word).strip() for word in words):
        raise _Problem(messages.CLASSIFIER_SECTION_WRONG.format(name=section))
    return tuple(Keyword(str(word), normalise(str(word)), category) for word in words)


def _patterns(listed: Any) -> Iterator[re.Pattern[str]]:
    patterns = listed.get("patterns") if isinstance(listed, Mapping) else listed
    if not isinstance(patterns, list):
        raise _Problem(messages.CLASSIFIER_SECTION_WRONG.format(name="sql_patterns"))
    for entry in patterns:
        pattern = entry.get("pattern") if isinstance(entry, Mapping) else entry
        if not isinstance(pattern, str) or not pattern:
            raise _Problem(messages.CLASSIFIER_SECTION_WRONG.format(name="sql_patterns"))
        yield re.compile(pattern, re.IGNORECASE)


def _weights(given: Any) -> Mapping[str, float]:
    if not isinstance(given, Mapping):
        raise _Problem(messages.CLASSIFIER_SECTION_WRONG.format(name="weights"))
    if missing := [name for name in REQUIRED_WEIGHTS if name not in given]:
        raise _Problem(messages.CLASSIFIER_WEIGHT_MISSING.format(names=", ".join(missing)))
    wanted = (*REQUIRED_WEIGHTS, *DEFAULT_WEIGHTS)
    found = {name: given.get(name, DEFAULT_WEIGHTS.get(name)) for name in wanted}
    if wrong := [name for name, value in found.items() if not _is_weight(name, value)]:
        raise _Problem(messages.CLASSIFIER_WEIGHT_WRONG.format(names=", ".join(wrong)))
    return found


def _is_weight(name: str, value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    is_share = name.endswith(("_confidence", "_threshold", "_base"))
    return is_number and 0 <= value <= (1 if is_share else 1000)
