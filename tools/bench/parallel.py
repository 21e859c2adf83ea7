"""Many requests at once: share of the possible rate, latency beside slow requests and streams, contexts, admission."""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import time
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import urlsplit

from .child import SampleService, sample_service
from .figures import Figure
from .load import LoadResult, Shot, drive, get_request, read_response, run
from .paced import Paced, drive_at_rate

SLOW_MILLISECONDS = 200
PARALLEL = 200
BESIDE = 100
BESIDE_SECONDS = 5.0
CONTEXT_REQUESTS = 10_000
IN_FLIGHT = 500
THREADS = 64
QUEUE = 64
_ANSWERS_SECONDS = 1.0


def measure_share(*, rounds: int) -> list[Figure]:
    """How near 200 concurrent 0.2 s requests come to 1,000 a second."""
    possible = PARALLEL / (SLOW_MILLISECONDS / 1000)
    rates, failed = [], 0
    with sample_service("adapter", threads=PARALLEL) as service:
        for number in range(rounds + 1):
            shots = [Shot(get_request(service.url, f"/wait/{SLOW_MILLISECONDS}"))]
            result = drive(service.url, shots, requests=PARALLEL * 10, connections=PARALLEL)
            failed += result.failed
            if number:
                rates.append(result.per_second)
    return [
        Figure("parallel.share_of_possible", round(statistics.median(rates) / possible, 3), "share", 0.85),
        Figure("parallel.failures", failed, "requests", 0, "lower"),
    ]


def measure_beside(*, rounds: int) -> list[Figure]:
    """p95 of a trivial route at 50 a second: alone, while 100 slow requests run, while 100 streams are open."""
    cases: dict[str, Callable[[Paced], Coroutine[Any, Any, None]] | None] = {
        "alone": None,
        "100_slow": _keep_slow_requests_running,
        "100_streams": _keep_streams_open,
    }
    figures = []
    with sample_service("adapter", threads=BESIDE + 28) as service:
        for name, meanwhile in cases.items():
            shot = Shot(get_request(service.url))
            runs = [
                drive_at_rate(service.url, shot, per_second=50, seconds=BESIDE_SECONDS, meanwhile=meanwhile)
                for _ in range(rounds)
            ]
            p95 = statistics.median(run.result.percentile_ms(95) or 0.0 for run in runs)
            goal = None if meanwhile is None else 50.0
            figures.append(Figure(f"trivial_p95.{name}", round(p95, 2), "ms", goal, "lower"))
            failures = sum(run.result.failed for run in runs)
            figures.append(Figure(f"trivial_p95.{name}.failures", failures, "requests", 0, "lower"))
    return figures


async def _keep_slow_requests_running(paced: Paced) -> None:
    until = time.perf_counter() + BESIDE_SECONDS

    async def one() -> None:
        reader, writer = await _open(paced.url)
        while time.perf_counter() < until:
            writer.write(get_request(paced.url, f"/wait/{SLOW_MILLISECONDS}"))
            await read_response(reader)
        writer.close()

    await asyncio.gather(*(one() for _ in range(BESIDE)))


async def _keep_streams_open(paced: Paced) -> None:
    streams = [await _open(paced.url) for _ in range(BESIDE)]
    for _reader, writer in streams:
        writer.write(get_request(paced.url, "/events"))
    await asyncio.sleep(BESIDE_SECONDS)
    for _reader, writer in streams:
        writer.close()


async def _open(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(url)
    return await asyncio.open_connection(parts.hostname, parts.port)


def measure_contexts() -> list[Figure]:
    """Requests on shared connections that saw a context variable another request had set."""
    with sample_service("adapter") as service:
        shots = [
            Shot(get_request(service.url, f"/echo/w{n}"), contains=b'{"seen_before":"nothing","word":"w%d"}' % n)
            for n in range(97)
        ]
        result = drive(service.url, shots, requests=CONTEXT_REQUESTS, connections=32)
    unfinished = CONTEXT_REQUESTS - result.completed - result.failed
    return [Figure("contexts.seen_in_another_request", result.failed + unfinished, "of 10,000", 0, "lower")]


def measure_admission() -> list[Figure]:
    """500 requests in flight at 64 threads and a queue of 64: threads of the process, and what the rest is told."""
    with sample_service("adapter", threads=THREADS, queue=QUEUE) as service:
        drive(service.url, [Shot(get_request(service.url))], requests=200, connections=16)
        before = service.state()
        accepted, refused, most_threads = run(_crowd(service))
    reserved_and_side = before["threads"] - before["adapter_threads"]
    slowest = max(refused.latencies, default=None)
    return [
        Figure("admission.threads_over_cap", most_threads - THREADS, "threads of the process", 10, "lower"),
        Figure("admission.threads_besides_pool", reserved_and_side, "threads of the process"),
        Figure("admission.accepted", accepted.completed, "requests"),
        Figure("admission.refused_503", refused.completed, "requests"),
        Figure("admission.neither", IN_FLIGHT - accepted.completed - refused.completed, "requests", 0, "lower"),
        Figure("admission.slowest_503", round(slowest, 3) if slowest else None, "s", _ANSWERS_SECONDS, "lower"),
    ]


async def _crowd(service: SampleService) -> tuple[LoadResult, LoadResult, int]:
    accepted, refused = LoadResult(), LoadResult()

    async def one() -> None:
        reader, writer = await _open(service.url)
        started = time.perf_counter()
        writer.write(get_request(service.url, "/wait/1500"))
        with contextlib.suppress(OSError, EOFError):
            status, _body, _reusable = await read_response(reader)
            found = {200: accepted, 503: refused}.get(status)
            if found is not None:
                found.latencies.append(time.perf_counter() - started)
        writer.close()

    crowd = asyncio.gather(*(one() for _ in range(IN_FLIGHT)))
    reader, writer = await _open(service.url)
    most = 0
    while not crowd.done():
        writer.write(get_request(service.url, "/state"))
        _status, body, _reusable = await read_response(reader)
        most = max(most, int(json.loads(body)["threads"]))
        await asyncio.sleep(0.05)
    writer.close()
    await crowd
    return accepted, refused, most
