"""Counts verdicts: the line that is compared between runs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol

from features.evaluation.judging import Verdict


class Judged(Protocol):
    """How one question went."""

    @property
    def verdict(self) -> Verdict: ...

    @property
    def figures(self) -> bool: ...

    @property
    def milliseconds(self) -> float: ...


def line_of(outcomes: Sequence[Judged]) -> dict[str, Any]:
    """The figures of a run.

    `total` = `gold_failed` + `exact` + `soft` + `wrong` + `refused` + `chat` + `invented` + those that the data cannot
    answer and that were declined. `figures` counts answers whose numbers agree, `exact` and `soft` ones included; the
    others of them are `wrong`, too. Milliseconds are those of the whole question, the SQL's own time included.
    """
    counts = Counter(outcome.verdict for outcome in outcomes)
    milliseconds = [outcome.milliseconds for outcome in outcomes]
    return {
        "total": len(outcomes),
        "gold_failed": counts["gold_failed"],
        "exact": counts["exact"],
        "soft": counts["soft"],
        "figures": sum(outcome.figures for outcome in outcomes),
        "wrong": counts["wrong"],
        "refused": counts["refused"],
        "chat": counts["chat"],
        "invented": counts["invented"],
        "p50_ms": percentile(milliseconds, 50),
        "p95_ms": percentile(milliseconds, 95),
    }


def percentile(values: Sequence[float], percent: int) -> float:
    """The smallest value that at least `percent` of the values do not exceed; 0 without values."""
    if not values:
        return 0.0
    return round(sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)], 1)
