"""Moves each number that ranks readings down and up, and sees what that does to each set.

A set's figure "without the set" is the one with, for each number, the value that is best for the other sets together;
an answer that is right counts one, a wrong one takes two away, since it is worse than a refusal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from typing import Final

from offline.weights import WEIGHTS
from tools.fit_weights.answers import Answer, Asked

FIXED: Final = frozenset({"unreachable", "most_roots", "sure"})
_FACTORS: Final = (0.6, 1.4)
_WRONG_COSTS: Final = 2
_LEAST_GAIN: Final = 2

Values = Mapping[str, float]


def ranking_lines(sets: Sequence[Asked], debatable: set[str]) -> Iterator[str]:
    """Each number with the sets its change helps or hurts; then, for each set, the figures in and out of sight."""
    start = {one.name: _worth(one.answers()) for one in sets}
    gains: dict[tuple[str, float], dict[str, int]] = {}
    for name, value in _moves():
        worth = _worth_with({name: value}, sets)
        gains[name, value] = {which: worth[which] - start[which] for which in worth if worth[which] != start[which]}
        yield f"{name} {getattr(WEIGHTS, name)} -> {value}: {gains[name, value] or 'nothing changes'}"
    fitting = [one.name for one in sets if one.name not in debatable]
    seen = _best(gains, fitting)
    in_sight = _worth_with(seen, sets)
    yield f"fitted in sight of all: {dict(seen)}"
    yield "set: worth now, with values fitted without the set, with values fitted in sight of all"
    for one in sets:
        apart = _best(gains, [name for name in fitting if name != one.name])
        without = _worth_with(apart, [one])[one.name]
        yield f"{one.name}: {start[one.name]}, {without} {dict(apart)}, {in_sight[one.name]}"


def _worth_with(values: Values, sets: Sequence[Asked]) -> dict[str, int]:
    """What the sets are worth with some numbers changed."""
    with _set_to(values):
        return {one.name: _worth(one.answers()) for one in sets}


def _moves() -> Iterator[tuple[str, float]]:
    for item in fields(WEIGHTS):
        if item.name not in FIXED:
            for factor in _FACTORS:
                yield item.name, round(getattr(WEIGHTS, item.name) * factor, 3)


def _best(gains: Mapping[tuple[str, float], Mapping[str, int]], sets: Sequence[str]) -> Values:
    """For each number the value that gains most on `sets`; it stays where nothing gains at least two."""
    best: dict[str, tuple[int, float]] = {}
    for (name, value), by_set in gains.items():
        gain = sum(by_set.get(one, 0) for one in sets)
        if gain >= _LEAST_GAIN and gain > best.get(name, (0, 0.0))[0]:
            best[name] = (gain, value)
    return {name: value for name, (_, value) in best.items()}


def _worth(answers: Sequence[Answer]) -> int:
    given = [one for one in answers if one.signals is not None]
    right = sum(one.is_right for one in given)
    return right - _WRONG_COSTS * (len(given) - right)


@contextmanager
def _set_to(values: Values) -> Iterator[None]:
    """The numbers of the one `Weights` object that the engine reads, changed for as long as the block lasts."""
    before = {name: getattr(WEIGHTS, name) for name in values}
    try:
        for name, value in values.items():
            object.__setattr__(WEIGHTS, name, value)
        yield
    finally:
        for name, value in before.items():
            object.__setattr__(WEIGHTS, name, value)
