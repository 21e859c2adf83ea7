"""What an unknown word is near to among the names of one schema, by the vectors of words.

A name is taken for an unknown word only when it is alike and no other name is nearly as alike: the similarity and the
margin to the next meaning together give a certainty. What is less certain is only suggested. Vectors of a schema's
names are made by a thread of their own; until it is through, which a question awaits for two seconds, nothing is near.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Final, Protocol

from offline.links import Link, LinkIndex
from offline.relations import Field
from offline.text import fold, has_cjk, key
from offline.tokens import Token
from offline.weights import NEARNESS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_NAMES: Final = 600
_BATCH: Final = 8
_WAIT_SECONDS: Final = 2.0
_LONGEST_RUN: Final = 3
_NEVER_IN_NOUNS: Final = frozenset("的了是有在和与按各每及或为把被从到")
_HIDDEN_ROLES: Final = frozenset({"audit", "deleted", "key", "reference", "coordinate"})
_KEY_ENDINGS: Final = ("编号", "编码", "代码", "号", "号码", "id", "ID", "主键", "标识", "码")
_SAME_NAME: Final = 0.85
_WRITTEN: Final = frozenset(
    {"a synonym in its comment", "its name without what tables are called", "what it is the name of"}
)


logger = logging.getLogger(__name__)


class WordVectors(Protocol):
    """Unit vectors of words, comparable by their dot product."""

    @property
    def is_available(self) -> bool: ...

    def of(self, words: Sequence[str]) -> NDArray[np.float32]: ...


@dataclass(frozen=True)
class Near:
    """A name near a word: how it is written, what it means, and how certain it is (0..1) that it is what was meant."""

    title: str
    links: tuple[Link, ...]
    similarity: float
    certainty: float


@dataclass(frozen=True, eq=False)
class _Name:
    text: str
    title: str
    links: tuple[Link, ...]
    meanings: frozenset[object]


class NearWords:
    """Finds names of one schema near a word; safe for many threads at once."""

    def __init__(self, index: LinkIndex, vectors: WordVectors | None) -> None:
        self._index = index
        self._vectors = vectors
        self._names: list[_Name] = []
        self._matrix: NDArray[np.float32] | None = None
        self._is_begun = False
        self._is_ready = threading.Event()
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Start making the vectors of the names, once; returns at once."""
        with self._lock:
            if self._is_begun or self._vectors is None or not self._vectors.is_available:
                return
            self._is_begun = True
        threading.Thread(target=self._make, name="near-words", daemon=True).start()

    def near(self, word: str, most: int = 3) -> list[Near]:
        """Up to `most` meanings, the nearest first; nothing without vectors and for a schema of too many names."""
        if self._vectors is None or not self._vectors.is_available or not _is_word(word):
            return []
        self.begin()
        if not self._is_ready.wait(_WAIT_SECONDS) or self._matrix is None:
            return []
        similarities = self._matrix @ self._vectors.of([fold(word)])[0]
        ranked = sorted(zip(map(float, similarities), self._names, strict=True), key=lambda pair: -pair[0])
        found: list[tuple[float, _Name]] = []
        for similarity, name in ranked:
            if all(name.meanings.isdisjoint(other.meanings) for _, other in found):
                found.append((similarity, name))
            if len(found) > most:
                break
        return [self._near(word, found, place) for place in range(min(most, len(found)))]

    def meant(self, word: str) -> Near | None:
        """The one meaning that is certain enough to answer with, or None."""
        nearest = self.near(word, 1)
        return nearest[0] if nearest and nearest[0].certainty >= NEARNESS.least_certainty else None

    @staticmethod
    def _near(word: str, found: Sequence[tuple[float, _Name]], place: int) -> Near:
        similarity, name = found[place]
        following = found[place + 1][0] if place + 1 < len(found) else similarity
        margin = similarity - following if place == 0 and len(found) > 1 else 0.0
        sure = certainty(similarity, margin, is_same_language=has_cjk(word) == has_cjk(name.text))
        return Near(name.title, name.links, similarity, sure if place == 0 else 0.0)

    def _make(self) -> None:
        """The vectors of all names, a few at a time so that questions can come between."""
        assert self._vectors is not None  # noqa: S101 - checked before the thread was started
        names = self._collected()
        try:
            if 0 < len(names) <= MOST_NAMES:
                texts = [name.text for name in names]
                for start in range(0, len(texts), _BATCH):
                    self._vectors.of(texts[start : start + _BATCH])
                self._names, self._matrix = names, self._vectors.of(texts)
        except (OSError, RuntimeError, ValueError, MemoryError):
            logger.exception("no words are near: their vectors could not be made")
        finally:
            self._is_ready.set()

    def _collected(self) -> list[_Name]:
        found: dict[str, _Name] = {}
        for relation in self._index.relations:
            self._add(found, relation.title, relation.title)
            self._add(found, " ".join(relation.stem), relation.title)
            for item in relation.fields:
                if not _is_hidden(item):
                    self._add(found, item.title, item.title)
                    self._add(found, " ".join(item.stem), item.title)
        for phrase, links in self._index.names.items():
            if has_cjk(phrase) and any(_is_shown(link) and link.reason in _WRITTEN for link in links):
                self._add(found, phrase, phrase)
        return list(found.values())

    def _add(self, found: dict[str, _Name], text: str, title: str) -> None:
        named = key(text)
        if named in found or not _is_word(text):
            return
        best = tuple(link for link in self._index.names.get(named, ()) if link.score >= _SAME_NAME)
        if best:
            meanings = frozenset(link.field or link.relation for link in best)
            found[named] = _Name(fold(text), title, best, meanings)


def _is_shown(link: Link) -> bool:
    return link.score >= _SAME_NAME and (link.field is None or not _is_hidden(link.field))


def _is_hidden(item: Field) -> bool:
    """Keys say nothing, but 任课教师 is the name of a role although it holds a number."""
    names_role = item.role == "reference" and has_cjk(item.title) and not item.title.endswith(_KEY_ENDINGS)
    return item.role in _HIDDEN_ROLES and not names_role


def certainty(similarity: float, margin: float, *, is_same_language: bool) -> float:
    """How likely it is that the nearest name is what a word means, by the fitted weights; 0 without a margin."""
    if margin < NEARNESS.least_margin:
        return 0.0
    constant, by_similarity, by_margin = NEARNESS.same_language if is_same_language else NEARNESS.across
    total = constant + by_similarity * similarity + by_margin * margin
    return 1 / (1 + math.exp(-total))


def _is_word(text: str) -> bool:
    """Whether a text can be a word of meaning: two Chinese characters or three letters."""
    plain = key(text)
    return len(plain) >= (2 if has_cjk(plain) else 3) and not plain.isdigit()


def with_near_names(tokens: Sequence[Token], near: NearWords) -> list[Token]:
    """The tokens with each run of unknown words that certainly means a name of the schema made a token of that name.

    Up to three unknown English words are tried together, then fewer. An unknown Chinese text is also tried with the
    lone characters beside it, because a word that is half known has been cut in two. After the first word that means
    nothing no other is tried: the question is refused for it.
    """
    result: list[Token] = []
    place = 0
    while place < len(tokens):
        start, end, token = place, place + 1, tokens[place]
        if token.is_unknown:
            runs = [(first, last, _taken(tokens[first:last], near)) for first, last in _runs(tokens, place)]
            found = [(first, last, taken) for first, last, taken in runs if taken is not None]
            if not found:
                return [*result, *tokens[place:]]
            start, end, (_, token) = max(found, key=lambda one: one[2][0])
        del result[len(result) - (place - start) :]
        result.append(token)
        place = end
    return result


def understood(tokens: Sequence[Token]) -> list[tuple[str, str]]:
    """Each word that was taken for a name of the schema, with that name."""
    return list(dict.fromkeys((token.text, token.taken_for) for token in tokens if token.taken_for))


def _runs(tokens: Sequence[Token], place: int) -> list[tuple[int, int]]:
    """The runs to try for the unknown word at `place`, as (first, after the last)."""
    if has_cjk(tokens[place].text):
        starts = [place, place - 1] if place and _is_half(tokens[place - 1]) else [place]
        ends = [place + 1, place + 2] if place + 1 < len(tokens) and _is_half(tokens[place + 1]) else [place + 1]
        return list(product(starts, ends))
    end = place + 1
    while end < len(tokens) and end - place < _LONGEST_RUN and _is_latin(tokens[end]):
        end += 1
    return [(place, last) for last in range(end, place, -1)]


def _is_half(token: Token) -> bool:
    """A lone Chinese character that may be a part of a longer word."""
    is_lone = len(token.text) == 1 and has_cjk(token.text) and token.text not in _NEVER_IN_NOUNS
    return is_lone and token.number is None and token.period is None and not token.taken_for


def _is_latin(token: Token) -> bool:
    return token.is_unknown and not has_cjk(token.text)


def _taken(run: Sequence[Token], near: NearWords) -> tuple[float, Token] | None:
    """The certainty and the token of a run of words that means a name."""
    text = ("" if has_cjk(run[0].text) else " ").join(token.text for token in run)
    meant = near.meant(text)
    if meant is None:
        return None
    ranked = sorted(meant.links, key=lambda link: -link.score)
    links = tuple(replace(link, score=link.score * NEARNESS.strength, reason="near in meaning") for link in ranked)
    return meant.certainty, Token(text, run[0].start, run[-1].end, names=links, taken_for=meant.title)
