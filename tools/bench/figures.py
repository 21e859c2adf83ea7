"""The line every measurement prints: {"figure", "value", "unit", "goal", "met"}, the last two null without a goal."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value. `goal` reads "at least" or "at most", by `better`."""

    figure: str
    value: float | None
    unit: str
    goal: float | None = None
    better: Literal["higher", "lower"] = "higher"

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None without a goal, False when a goal stands and nothing could be measured."""
        if self.goal is None:
            return None
        if self.value is None:
            return False
        return self.value >= self.goal if self.better == "higher" else self.value <= self.goal

    def line(self) -> str:
        return json.dumps(
            {"figure": self.figure, "value": self.value, "unit": self.unit, "goal": self.goal, "met": self.met}
        )


def show(figures: list[Figure]) -> bool:
    """Print the figures; True when no goal is missed."""
    for figure in figures:
        print(figure.line(), flush=True)
    return all(figure.met is not False for figure in figures)
