"""What one crossing of `core.async_bridge` costs, and whether hundreds of them leave errors behind."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from core.async_bridge import run_blocking, run_in_request_loop

from .figures import Figure

_CALLS = 500


def measure() -> list[Figure]:
    """Medians in microseconds a call, and errors over sequential, parallel, cancelled and again sequential calls."""
    return [
        Figure("bridge.run_in_request_loop", _median_microseconds(_nothing_call), "us"),
        Figure("bridge.run_blocking", _median_microseconds(_blocking_call), "us (loop included)"),
        Figure("bridge.errors", _errors(), "calls", 0, "lower"),
    ]


async def _nothing() -> int:
    return 1


async def _blocking() -> int:
    return await run_blocking(int, "1")


async def _too_slow() -> int:
    return await run_blocking(_wait)


def _wait() -> int:
    time.sleep(0.05)
    return 1


def _nothing_call() -> int:
    return run_in_request_loop(_nothing, timeout_seconds=5)


def _blocking_call() -> int:
    return run_in_request_loop(_blocking, timeout_seconds=5)


def _median_microseconds(call: Callable[[], int]) -> float:
    times = []
    for _ in range(_CALLS):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return round(statistics.median(times) * 1e6, 1)


def _errors() -> int:
    wrong = sum(_blocking_call() != 1 for _ in range(200))
    with ThreadPoolExecutor(100) as callers:
        wrong += sum(value != 1 for value in callers.map(lambda _: _blocking_call(), range(100)))
    for _ in range(20):
        try:
            run_in_request_loop(_too_slow, timeout_seconds=0.001)
        except TimeoutError:
            continue
        wrong += 1
    return wrong + sum(_blocking_call() != 1 for _ in range(20))
