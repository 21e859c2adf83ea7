"""Our adapter beside asgiref's own, same application, same run: rate of a trivial route, failures of a mixed load."""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
import sys

from .child import sample_service
from .figures import Figure
from .load import LoadResult, Shot, drive, get_request

SIDES = ("adapter", "stock")
_TRIVIAL_REQUESTS = 4000
_MIXED_REQUESTS = 2000
_MIXED_SECONDS = 10.0


def measure(*, connections: int, rounds: int) -> list[Figure]:
    """Medians over `rounds` rounds, the sides in turn; the stock side shows that failures are seen."""
    rates: dict[str, list[float]] = {side: [] for side in SIDES}
    mixed: dict[str, LoadResult] = {}
    for _ in range(rounds):
        for side in SIDES:
            with sample_service(side) as url:
                drive(url, [Shot(get_request(url))], requests=300, connections=connections)
                rates[side].append(_trivial_rate(url, connections))
                if side not in mixed:
                    mixed[side] = drive(
                        url,
                        _mixed_shots(url),
                        requests=_MIXED_REQUESTS,
                        connections=connections,
                        at_most_seconds=_MIXED_SECONDS,
                    )
    ours, theirs = (statistics.median(rates[side]) for side in SIDES)
    return [
        Figure("adapter.rate", round(ours, 1), "requests/s"),
        Figure("stock.rate", round(theirs, 1), "requests/s"),
        Figure("adapter_vs_stock.rate", round(ours / theirs, 2) if theirs else None, "ratio", 2.0),
        Figure("adapter.mixed.failures", mixed["adapter"].failed, "requests", 0, "lower"),
        Figure("adapter.mixed.rate", round(mixed["adapter"].per_second, 1), "requests/s"),
        Figure("stock.mixed.failures", mixed["stock"].failed, "requests"),
        Figure("stock.mixed.rate", round(mixed["stock"].per_second, 1), "requests/s"),
    ]


def _trivial_rate(url: str, connections: int) -> float:
    if shutil.which("wrk"):
        return _rate_by_wrk(url, connections)
    print("wrk is not installed (`apt-get install wrk`, `brew install wrk`): using the built-in generator, whose own "
          "cost lowers both sides", file=sys.stderr)  # fmt: skip
    return drive(url, [Shot(get_request(url))], requests=_TRIVIAL_REQUESTS, connections=connections).per_second


def _rate_by_wrk(url: str, connections: int) -> float:
    run = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", "-d2s", url], capture_output=True, text=True, check=True, timeout=30
    )
    found = re.search(r"Requests/sec:\s*([\d.]+)", run.stdout)
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", run.stdout)
    total = re.search(r"(\d+) requests in", run.stdout)
    if found is None or total is None:
        raise RuntimeError("wrk printed no rate")
    good = 1 - (int(refused.group(1)) if refused else 0) / max(1, int(total.group(1)))
    return float(found.group(1)) * good


def _mixed_shots(url: str) -> list[Shot]:
    """Nine fast requests with an id to find again, then a slow one."""
    fast = [Shot(get_request(url, f"/echo/w{n}"), contains=f'"w{n}"'.encode()) for n in range(9)]
    return [*fast, Shot(get_request(url, "/slow"))]
