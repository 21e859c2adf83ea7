"""What speaks for a data question beyond any list of business words: its form, the schema, and trained questions.

Used by the router before a word list may make a chat of a question. `data_questions.yaml` has the words.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from agent.classification.keywords import normalise, stands_in
from common.answering import TrainedPair
from common.business_schema import BusinessSchema, Table
from core.vector_store.lexical import bigrams, shared_share

NEAR_ENOUGH: Final = 0.7
_WORDS: Final = Path(__file__).with_name("data_questions.yaml")
_KEPT_SCHEMAS: Final = 4
_LEAST_CHARACTERS: Final = 2
_LEAST_LETTERS: Final = 3
_MOST_CHARACTERS: Final = 40
_PARTS: Final = re.compile(r"[\s,，、;；:：()（）\[\]【】/|=\u3002]+")
_NAME_PARTS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_a-zA-Z]+")


def asks_for_data(question: str) -> bool:
    """Whether it asks how many, how much or which, and not about the service itself."""
    text, words = normalise(question), _words()
    return words.asks.search(text) is not None and words.about_us.search(text) is None


def trained_alike(question: str, pairs: Iterable[TrainedPair]) -> TrainedPair | None:
    """The trained pair whose question is this one or nearly so; None when there is none.

    Near is meant by words (Dice coefficient of the terms of both), so that it does not depend on the scale of an
    embedding model's similarities.
    """
    asked = bigrams(question)
    scored = [(shared_share(asked, bigrams(pair.question)), pair) for pair in pairs]
    score, best = max(scored, key=lambda entry: entry[0], default=(0.0, None))
    return best if score >= NEAR_ENOUGH else None


class SchemaLinks:
    """Finds what a question shares with a schema; threads share it, each schema is read once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[int, tuple[BusinessSchema, frozenset[str]]] = OrderedDict()

    def of(self, question: str, schema: BusinessSchema) -> list[str]:
        """Names, words of comments and values that stand in the question, longest first; common words left out."""
        text = normalise(question)
        terms = self._terms(schema)
        candidates = {*_latin_words(text), *_stretches(text)}
        found = sorted(candidates & terms, key=lambda term: (-len(term), term))
        return [term for term in found if stands_in(text, term)]

    def _terms(self, schema: BusinessSchema) -> frozenset[str]:
        with self._lock:
            known = self._known.get(id(schema))
            if known is None or known[0] is not schema:
                known = self._known[id(schema)] = (schema, _terms_of(schema))
            self._known.move_to_end(id(schema))
            while len(self._known) > _KEPT_SCHEMAS:
                self._known.popitem(last=False)
            return known[1]


@dataclass(frozen=True)
class _Words:
    asks: re.Pattern[str]
    about_us: re.Pattern[str]
    not_links: frozenset[str]


@cache
def _words() -> _Words:
    content: dict[str, Any] = yaml.safe_load(_WORDS.read_text(encoding="utf-8"))
    return _Words(
        _one_of(content["asks"]),
        _one_of(content["about_us"]),
        frozenset(normalise(str(w)) for w in content["not_links"]),
    )


def _one_of(patterns: Sequence[str]) -> re.Pattern[str]:
    bounded = (rf"\b(?:{pattern})\b" if pattern.isascii() else f"(?:{pattern})" for pattern in patterns)
    return re.compile("|".join(bounded))


def _terms_of(schema: BusinessSchema) -> frozenset[str]:
    found = (normalise(term) for table in schema.tables for term in _texts(table))
    ignored = _words().not_links
    return frozenset(term for term in found if _says_something(term) and term not in ignored)


def _says_something(term: str) -> bool:
    least = _LEAST_LETTERS if term.isascii() else _LEAST_CHARACTERS
    return least <= len(term) <= _MOST_CHARACTERS and not term.replace(".", "").isdigit()


def _texts(table: Table) -> Iterator[str]:
    yield from _of_name(table.name)
    yield from _PARTS.split(table.comment)
    for column in table:
        yield from _of_name(column.name)
        yield from _PARTS.split(column.comment)
        yield from column.values


def _of_name(name: str) -> Iterator[str]:
    """The name and its parts, English ones also as the other number: `film` and `films`."""
    yield name
    for part in _NAME_PARTS.findall(name):
        yield part
        if part.isascii() and len(part) >= _LEAST_LETTERS:
            yield from (part.removesuffix("s"), f"{part}s", f"{part.removesuffix('y')}ies")


def _latin_words(text: str) -> Iterator[str]:
    yield from re.findall(r"[a-z][a-z0-9_]+", text)


def _stretches(text: str) -> Iterator[str]:
    """Every piece of the text that could be a term, questions of pages cut off."""
    text = text[:2000]
    for start in range(len(text)):
        for end in range(start + _LEAST_CHARACTERS, min(len(text), start + _MOST_CHARACTERS) + 1):
            yield text[start:end]
