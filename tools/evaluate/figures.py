"""What one wants to know of a run besides the line that is compared between runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from features.evaluation.figures import line_of, percentile
from tools.evaluate.asking import Outcome


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


def _percent(count: int, of: int) -> float:
    return round(100 * count / of, 1) if of else 0.0
