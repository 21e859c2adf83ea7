"""Measures how well unknown words are linked to the names of a schema, and fits what decides between link and refusal.

The words are those of `pairs.yaml`: seven trades, each with what people say for its columns in both languages and with
words that mean none of them. Everything is measured per direction: language said, language of the schema.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np
import yaml
from numpy.typing import NDArray

from common.business_schema import BusinessSchema, Column, Table
from core.word_vectors import language_of
from offline.links import LinkIndex
from offline.text import key
from offline.vocabulary import Vocabulary, load_vocabulary
from offline.weights import NEARNESS

PAIRS_FILE: Final = Path(__file__).with_name("pairs.yaml")
DIRECTIONS: Final = tuple(product(("zh", "en"), ("zh", "en", "both")))
_STEPS, _RIDGE = 60, 0.05

Vectors = Callable[[Sequence[str]], "NDArray[Any]"]


@dataclass(frozen=True)
class Case:
    """A word said in a trade: `wanted` is the number of its column, -1 for a word that means none.

    `is_known` says that the lists of synonyms know the word for this column already.
    """

    trade: str
    word: str
    wanted: int
    is_known: bool


@dataclass(frozen=True)
class Outcome:
    """What the nearest name was: the place of the right one (0 is first), how alike, and the margin to the next."""

    case: Case
    place: int
    similarity: float
    margin: float
    is_same_language: bool

    @property
    def is_right(self) -> bool:
        return self.place == 0


def cases(said: str, schema: str, trades: Sequence[str] = ()) -> Iterator[tuple[list[tuple[int, str]], list[Case]]]:
    """For each trade, or each of `trades`, the names of its columns with their numbers, and the words said."""
    vocabulary = load_vocabulary()
    data: dict[str, Any] = yaml.safe_load(PAIRS_FILE.read_text(encoding="utf-8"))
    for trade in trades or data:
        rows = data[trade]
        names = [(number, text) for number, row in enumerate(rows["concepts"]) for text in _names(row, schema)]
        known = _known_words(rows["concepts"], schema, vocabulary)
        taken = {key(text) for _, text in names}
        words = [(word, n) for word, n in _words(rows, said) if key(word) not in taken]
        yield names, [Case(trade, word, number, (key(word), number) in known) for word, number in words]


def _words(rows: dict[str, Any], said: str) -> Iterator[tuple[str, int]]:
    """What is said in a trade, with the number of the column meant; -1 for a stranger."""
    for number, row in enumerate(rows["concepts"]):
        for word in row[2 if said == "zh" else 3]:
            yield word, number
    for word in rows["strangers"][said]:
        yield word, -1


def outcomes(said: str, schema: str, vectors: Vectors, trades: Sequence[str] = ()) -> list[Outcome]:
    """Every word of a direction against the names of its trade; of `trades` only, when any are named."""
    found: list[Outcome] = []
    for names, words in cases(said, schema, trades):
        similarity = vectors([case.word for case in words]) @ vectors([text for _, text in names]).T
        found += [_outcome(case, names, row) for case, row in zip(words, similarity, strict=True)]
    return found


def _outcome(case: Case, names: Sequence[tuple[int, str]], row: Iterable[float]) -> Outcome:
    best: dict[int, tuple[float, str]] = {}
    for (number, text), similarity in zip(names, row, strict=True):
        if similarity > best.get(number, (-9.0, ""))[0]:
            best[number] = (float(similarity), text)
    ranked = sorted(best, key=lambda number: -best[number][0])
    place = ranked.index(case.wanted) if case.wanted in best else len(ranked)
    first, second = best[ranked[0]], best[ranked[1]]
    return Outcome(case, place, first[0], first[0] - second[0], language_of(case.word) == language_of(first[1]))


def fit(found: Sequence[Outcome]) -> NDArray[Any]:
    """Weights of constant, similarity and margin within one language, then the same three across languages.

    By ridge logistic regression (Newton's method); the constants are not held back.
    """
    features = np.array([_features(one) for one in found])
    right = np.array([float(one.is_right) for one in found])
    ridge = np.diag([0.0, _RIDGE, _RIDGE] * 2)
    weights = np.zeros(features.shape[1])
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-features @ weights))
        slope = features.T @ (right - chance) - ridge @ weights
        curve = (features.T * (chance * (1 - chance))) @ features + ridge + 1e-9 * np.eye(len(weights))
        weights = weights + np.linalg.solve(curve, slope)
    return weights


def certainties(found: Sequence[Outcome], weights: NDArray[Any]) -> NDArray[Any]:
    """How likely each nearest name is the right one; 0 for one that is hardly nearer than the next."""
    result: NDArray[Any] = 1 / (1 + np.exp(-np.array([_features(one) for one in found]) @ weights))
    return np.where([one.margin >= NEARNESS.least_margin for one in found], result, 0.0)


def threshold(certain: NDArray[Any], right: NDArray[Any], most_wrong: float) -> float:
    """The lowest certainty above which no more than `most_wrong` of what is taken is wrong."""
    lowest, good, bad = 1.0, 0, 0
    for number in np.argsort(-certain):
        good, bad = good + int(right[number]), bad + int(not right[number])
        if bad <= most_wrong * (good + bad):
            lowest = float(certain[number])
    return lowest


def without_each_trade(found: Sequence[Outcome], most_wrong: float) -> list[tuple[Outcome, float, bool]]:
    """Each outcome with its certainty and whether it is taken, by weights and threshold of the other trades."""
    result: list[tuple[Outcome, float, bool]] = []
    for trade in dict.fromkeys(one.case.trade for one in found):
        others = [one for one in found if one.case.trade != trade]
        inside = [one for one in found if one.case.trade == trade]
        weights = fit(others)
        least = threshold(certainties(others, weights), np.array([one.is_right for one in others]), most_wrong)
        result += [
            (one, float(c), bool(c >= least)) for one, c in zip(inside, certainties(inside, weights), strict=True)
        ]
    return result


def _features(one: Outcome) -> tuple[float, ...]:
    own = (1.0, one.similarity, one.margin)
    return (*own, 0.0, 0.0, 0.0) if one.is_same_language else (0.0, 0.0, 0.0, *own)


def _names(row: Sequence[Any], schema: str) -> list[str]:
    english = str(row[0]).replace("_", " ")
    return {"zh": [row[1]], "en": [english], "both": [row[1], english]}[schema]


def _known_words(concepts: Sequence[Any], schema: str, vocabulary: Vocabulary) -> set[tuple[str, int]]:
    """What the lists of synonyms already link, as (key of the word, number of the column)."""
    columns = tuple(
        Column(row[1] if schema == "zh" else row[0], "text", row[1] if schema == "both" else "") for row in concepts
    )
    index = LinkIndex(BusinessSchema((Table("public", "records", "", columns),)), vocabulary)
    numbers = {column.name: number for number, column in enumerate(columns)}
    return {(word, numbers[link.field.name]) for word, links in index.names.items() for link in links if link.field}
