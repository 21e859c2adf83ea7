"""Joins rankings into one, and decides how many of the found examples are similar enough. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Final, TypeVar

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")
_RANK_CONSTANT: Final = 60


def fuse_by_rank(*rankings: Sequence[Key]) -> list[Key]:
    """Reciprocal rank fusion (Cormack, Clarke, Buettcher 2009): score = sum of 1 / (60 + rank), best first.

    Equal scores keep the order in which the keys first appear, earlier rankings first.
    """
    scores: dict[Key, float] = {}
    for ranking in rankings:
        for rank, key in enumerate(ranking, start=1):
            scores[key] = scores.get(key, 0.0) + 1 / (_RANK_CONSTANT + rank)
    return sorted(scores, key=lambda key: -scores[key])


def keep_similar(
    items: Sequence[Item], threshold: float, *, score: Callable[[Item], float], is_strict: bool = False
) -> list[Item]:
    """The items at or above `threshold`, most similar first.

    Unless strict, at least half of them (rounded up) are kept, the best ones, even below the threshold. Rule and
    numbers: docs/contract/training.md.
    """
    ordered = sorted(items, key=score, reverse=True)
    similar = [item for item in ordered if score(item) >= threshold]
    if is_strict:
        return similar
    return ordered[: max(len(similar), (len(items) + 1) // 2)]
