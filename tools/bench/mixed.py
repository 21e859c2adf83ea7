"""Failures of kept-alive connections with fast and slow requests mixed; the stock adapter beside ours can fail it."""

from __future__ import annotations

from .child import sample_services
from .figures import Figure
from .load import LoadResult, Shot, drive, get_request

CONNECTIONS = (32, 200)
_NO_LIMIT = 10_000_000


def measure(*, seconds: float) -> list[Figure]:
    """Anything but the whole, right answer is a failure; each fast answer carries the word of its request."""
    figures = []
    with sample_services("adapter", "stock") as services:
        for connections in CONNECTIONS:
            for side, service in services.items():
                result = drive(
                    service.url,
                    _shots(service.url),
                    requests=_NO_LIMIT,
                    connections=connections,
                    at_most_seconds=seconds,
                )
                figures += _figures(f"mixed.{side}.{connections}", result, is_ours=side == "adapter")
    return figures


def _figures(name: str, result: LoadResult, *, is_ours: bool) -> list[Figure]:
    return [
        Figure(f"{name}.failures", result.failed, "requests", 0 if is_ours else None, "lower"),
        Figure(f"{name}.completed", result.completed, "requests"),
        Figure(f"{name}.rate", round(result.per_second, 1), "requests/s"),
    ]


def _shots(url: str) -> list[Shot]:
    """Nine fast requests with a word to find again, then a slow one."""
    fast = [Shot(get_request(url, f"/echo/w{n}"), contains=f'"w{n}"'.encode()) for n in range(9)]
    return [*fast, Shot(get_request(url, "/wait/50"))]
