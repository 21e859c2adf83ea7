"""How alike two questions are, 0..1, by their characters in pairs. Used by the evaluation tools."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from common.answering import TrainedPair
from offline.text import fold


def similarity(left: str, right: str) -> float:
    """Dice coefficient over character bigrams of the folded texts."""
    first, second = _bigrams(fold(left)), _bigrams(fold(right))
    total = first.total() + second.total()
    return 2 * (first & second).total() / total if total else 0.0


def _bigrams(text: str) -> Counter[str]:
    letters = [character for character in text if character.isalnum()]
    return Counter(a + b for a, b in pairwise(letters))


def rank_pairs(question: str, pairs: Iterable[TrainedPair]) -> Sequence[TrainedPair]:
    """The pairs with their score, best first."""
    scored = [replace(pair, score=similarity(question, pair.question)) for pair in pairs]
    return sorted(scored, key=lambda pair: -pair.score)
