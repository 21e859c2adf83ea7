"""How sure an answer is: signals of its plan, weighed by numbers that `tools.fit_weights` fits on evaluation sets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass

from offline.links import Link
from offline.reading import Reading
from offline.resolving import Option, Resolution
from offline.weights import CONFIDENCE

_MOST_MARGIN, _MOST_SAID = 1.0, 12


@dataclass(frozen=True)
class Signals:
    """What tells a sure plan from a guess, each 0..1.

    Attributes:
        weakest, mean: the scores of its links.
        margin: how much better its root is than the best other one; 1 when there is no other.
        tables: the share of its links that lie outside the root.
        said: how much was said: nouns, values, conditions and periods, of twelve.
        near: 1 when a word was taken for a name by its meaning.
        guessed: 1 when the best root could not use everything and a later one was taken.
    """

    weakest: float
    mean: float
    margin: float
    tables: float
    said: float
    near: float
    guessed: float


def signals_of(reading: Reading, tried: Sequence[Resolution], place: int) -> Signals:
    """The signals of the plan made from `tried[place]`, where resolutions stand best first."""
    resolution = tried[place]
    taken: list[Option | Link] = [*resolution.uses.values()]
    taken += [found[0] for found in resolution.values.values() if found]
    scores = [min(1.0, max(0.0, one.score)) for one in taken] or [0.0]
    others = [one.score for number, one in enumerate(tried) if number != place]
    margin = min(_MOST_MARGIN, max(0.0, resolution.score - max(others))) if others else _MOST_MARGIN
    outside = sum(one.relation is not resolution.root for one in taken)
    said = len(reading.mentions) + len(reading.values) + len(reading.conditions) + len(reading.periods)
    return Signals(
        min(scores), sum(scores) / len(scores), margin, outside / len(scores), min(1.0, said / _MOST_SAID),
        float(any(token.taken_for for token in reading.tokens)), float(place > 0),
    )  # fmt: skip


def confidence_of(signals: Signals) -> float:
    """How likely the answer is right, 0..1."""
    total = CONFIDENCE.constant + sum(
        weight * value for weight, value in zip(CONFIDENCE.by_signal, astuple(signals), strict=True)
    )
    return 1 / (1 + math.exp(-total))
