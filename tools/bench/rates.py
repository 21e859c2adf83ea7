"""Requests a second of a trivial Flask route under each server, the same application in the same run, by wrk."""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
import sys

from .child import sample_services
from .figures import Figure
from .load import Shot, drive, get_request

SIDES = ("adapter", "gthread", "a2wsgi", "stock", "raw")
# The adapter's rate over another's; the others are for the reader.
GOALS = {"gthread": 1.5, "a2wsgi": 2.0}
_BUILT_IN_REQUESTS = 4000


def measure(*, rounds: int, connections: int = 32, seconds: int = 3) -> list[Figure]:
    """Medians over `rounds` rounds, the sides in turn; `ratio` figures are medians of the ratios within a round."""
    rates: dict[str, list[float]] = {side: [] for side in SIDES}
    with sample_services(*SIDES) as services:
        for side in SIDES:
            _rate(services[side].url, connections, 1)
        for _ in range(rounds):
            for side in SIDES:
                rates[side].append(_rate(services[side].url, connections, seconds))
    figures = [Figure(f"rate.{side}", round(statistics.median(rates[side]), 1), "requests/s") for side in SIDES]
    for side in SIDES[1:]:
        ratios = [ours / theirs for ours, theirs in zip(rates["adapter"], rates[side], strict=True) if theirs]
        ratio = round(statistics.median(ratios), 2) if ratios else None
        figures.append(Figure(f"rate.adapter_over_{side}", ratio, "ratio", GOALS.get(side)))
    figures.append(Figure("rate.adapter.spread", _spread(rates["adapter"]), "(max - min) / median"))
    return figures


def _spread(values: list[float]) -> float:
    return round((max(values) - min(values)) / statistics.median(values), 3)


def _rate(url: str, connections: int, seconds: int) -> float:
    if shutil.which("wrk"):
        return _rate_by_wrk(url, connections, seconds)
    print("wrk is not installed (`apt-get install wrk`, `brew install wrk`): using the built-in generator, whose own "
          "cost lowers all sides", file=sys.stderr)  # fmt: skip
    shots = [Shot(get_request(url))]
    return drive(url, shots, requests=_BUILT_IN_REQUESTS, connections=connections, at_most_seconds=seconds).per_second


def _rate_by_wrk(url: str, connections: int, seconds: int) -> float:
    """Good answers a second; what wrk counts as an error is taken off."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", url]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30 + seconds)
    found = re.search(r"Requests/sec:\s*([\d.]+)", run.stdout)
    total = re.search(r"(\d+) requests in", run.stdout)
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", run.stdout)
    if found is None or total is None:
        raise RuntimeError("wrk printed no rate")
    good = 1 - (int(refused.group(1)) if refused else 0) / max(1, int(total.group(1)))
    return float(found.group(1)) * good
