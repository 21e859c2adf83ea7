"""Counts outcomes: the line that is compared between runs, and what one wants to know besides."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tools.evaluate.asking import Outcome


def line_of(outcomes: Sequence[Outcome]) -> dict[str, Any]:
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


def details_of(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Shares of the answerable questions in percent, time without SQL, reasons of refusals."""
    line = line_of(outcomes)
    counts = Counter(outcome.verdict for outcome in outcomes)
    answerable = line["total"] - line["gold_failed"] - counts["invented"] - counts["declined"]
    own = [outcome.own_ms for outcome in outcomes]
    return {
        "answerable": answerable,
        "exact_soft_percent": _percent(line["exact"] + line["soft"], answerable),
        "figures_percent": _percent(line["figures"], answerable),
        "wrong_percent": _percent(line["wrong"], answerable),
        "wrong_without_the_figures": sum(outcome.verdict == "wrong" and not outcome.figures for outcome in outcomes),
        "refused_percent": _percent(line["refused"] + line["chat"], answerable),
        "unanswerable": counts["invented"] + counts["declined"],
        "invented_percent": _percent(counts["invented"], counts["invented"] + counts["declined"]),
        "own_p50_ms": percentile(own, 50),
        "own_p95_ms": percentile(own, 95),
        "slowest_ms": percentile(own, 100),
        "refusals": dict(Counter(outcome.error_type for outcome in outcomes if outcome.error_type).most_common()),
    }


def percentile(values: Sequence[float], percent: int) -> float:
    """The smallest value that at least `percent` of the values do not exceed; 0 without values."""
    if not values:
        return 0.0
    return round(sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)], 1)


def _percent(count: int, of: int) -> float:
    return round(100 * count / of, 1) if of else 0.0
