"""How alike two questions are, 0..1, by their characters in pairs. Used by `adapt` and by the evaluation script."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from agent.offline.normalise import normalise
from common.answering import TrainedPair


def similarity(left: str, right: str) -> float:
    """Dice coefficient over character bigrams of the normalised texts."""
    first, second = _bigrams(normalise(left)), _bigrams(normalise(right))
    total = first.total() + second.total()
    return 2 * (first & second).total() / total if total else 0.0


def _bigrams(text: str) -> Counter[str]:
    letters = [character for character in text if character.isalnum()]
    return Counter(a + b for a, b in pairwise(letters))


def rank_pairs(question: str, pairs: Iterable[TrainedPair]) -> Sequence[TrainedPair]:
    """The pairs with their score, best first."""
    scored = [replace(pair, score=similarity(question, pair.question)) for pair in pairs]
    return sorted(scored, key=lambda pair: -pair.score)
