"""Fits the weights of signals by ridge logistic regression, and the threshold above which few answers are wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from offline.confidence import Signals
from tools.fit_weights.answers import Answer

_RIDGE: Final = 1.0
_STEPS: Final = 50
_BANDS: Final = ((0.0, 0.5), (0.5, 0.6), (0.6, 0.7), (0.7, 0.8), (0.8, 0.9), (0.9, 0.95), (0.95, 1.0))


@dataclass(frozen=True)
class Fitted:
    """Weights (the constant first) with the least confidence an answer is given at."""

    weights: NDArray[Any]
    least: float

    def confidence(self, answer: Answer) -> float:
        return float(1 / (1 + np.exp(-_row(answer) @ self.weights)))

    def takes(self, answer: Answer) -> bool:
        return self.confidence(answer) >= self.least


def fit(answers: Sequence[Answer], most_wrong: float) -> Fitted:
    """Weights on all answers given; the threshold is the lowest with no more than the share of wrong ones above it."""
    given = [one for one in answers if one.signals is not None]
    rows = np.array([_row(one) for one in given]).reshape(len(given), len(fields(Signals)) + 1)
    right = np.array([float(one.is_right) for one in given])
    ridge = np.diag([1e-6, *[_RIDGE] * (rows.shape[1] - 1)])
    weights = np.zeros(rows.shape[1])
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-rows @ weights))
        curve = (rows.T * (chance * (1 - chance))) @ rows + ridge
        weights = weights + np.linalg.solve(curve, rows.T @ (right - chance) - ridge @ weights)
    return Fitted(weights, _threshold(1 / (1 + np.exp(-rows @ weights)), right, most_wrong))


def reliability(judged: Sequence[tuple[float, Answer]]) -> Iterator[tuple[float, float, int, float]]:
    """For each band of confidence: how many answers, and the share of right ones."""
    for low, high in _BANDS:
        inside = [one for sure, one in judged if low <= sure < high or (high == 1.0 and sure == 1.0)]
        yield low, high, len(inside), sum(one.is_right for one in inside) / len(inside) if inside else 0.0


def _threshold(confident: NDArray[Any], right: NDArray[Any], most_wrong: float) -> float:
    least, wrong = 1.0, 0
    for count, number in enumerate(np.argsort(-confident), start=1):
        wrong += int(not right[number])
        if wrong <= most_wrong * count:
            least = float(confident[number])
    return least


def _row(answer: Answer) -> NDArray[Any]:
    return np.array([1.0, *(astuple(answer.signals) if answer.signals is not None else ())])
