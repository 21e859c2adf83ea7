"""Figures of a running service under kept-alive connections: failures, requests a second, latency."""

from __future__ import annotations

from .figures import Figure
from .load import LoadResult, Shot, drive, get_request


def measure(url: str, *, requests: int, connections: int) -> list[Figure]:
    """GET `url` `requests` times over `connections` connections; anything but a whole 200 is a failure."""
    result = drive(url, [Shot(get_request(url))], requests=requests, connections=connections)
    return figures_of("keepalive", result, requests=requests)


def figures_of(name: str, result: LoadResult, *, requests: int) -> list[Figure]:
    """Unfinished requests count as failures: a hang must not look like a quick success."""
    unfinished = requests - result.completed - result.failed
    figures = [
        Figure(f"{name}.failures", result.failed + unfinished, "requests", 0, "lower"),
        Figure(f"{name}.rate", round(result.per_second, 1), "requests/s"),
        Figure(f"{name}.p50", _rounded(result.percentile_ms(50)), "ms"),
        Figure(f"{name}.p99", _rounded(result.percentile_ms(99)), "ms"),
    ]
    figures += [Figure(f"{name}.failures[{kind}]", count, "requests") for kind, count in result.failures.items()]
    return figures


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
