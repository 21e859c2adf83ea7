"""Clients that misbehave: uploads over the limit, senders that stall, readers that walk away from a stream."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import app_config

from .child import SampleService, sample_service
from .figures import Figure
from .load import Shot, get_request, run
from .paced import Paced, drive_at_rate

UPLOAD_BYTES = 300_000_000
ALLOWED_OVER_LIMIT = 64 * 1024
BAD_SOCKETS = 200
CLOSED_SECONDS = 30.0
HEALTHY_PER_SECOND = 100.0
HEALTHY_SECONDS = 10.0
STREAMS = 100
RELEASED_SECONDS = 2.0
_CHUNK = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
_HALVES = (
    b"",
    b"GET / HTTP/1.1\r\nHost: x\r\n",
    b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + b"x" * 50_000,
)


def measure_uploads() -> list[Figure]:
    """What is taken of 300 MB sent to a smaller limit: by the process from its socket, and by the adapter.

    `accepted_by_kernel` is what the client could send before it was cut: it includes the socket buffers of both sides,
    which belong to the kernel and hold it in memory for a moment only.
    """
    limit = int(app_config.default_service().get("MAX_REQUEST_BYTES"))
    figures = []
    with sample_service("launcher") as service:
        for name, head in (
            ("declared", b"Content-Length: %d" % UPLOAD_BYTES),
            ("chunked", b"Transfer-Encoding: chunked"),
        ):
            before = service.state()
            status, sent = _upload(service, head)
            after = service.state()
            figures += _upload_figures(f"upload.{name}", status, sent, before, after, limit + ALLOWED_OVER_LIMIT)
    return figures


def _upload_figures(
    name: str, status: int, sent: int, before: Mapping[str, Any], after: Mapping[str, Any], allowed: int
) -> list[Figure]:
    read = after["read_bytes"] - before["read_bytes"]
    taken = after["received_bytes"] - before["received_bytes"]
    return [
        Figure(f"{name}.refused", float(status == 413), "1 when answered 413", 1),
        Figure(f"{name}.read_by_process", read, "bytes", allowed, "lower"),
        Figure(f"{name}.taken_by_adapter", taken, "bytes", allowed, "lower"),
        Figure(f"{name}.accepted_by_kernel", sent, "bytes"),
    ]


def _upload(service: SampleService, header: bytes) -> tuple[int, int]:
    """The status answered (0 for none) and the bytes the client got rid of."""
    sent = 0
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as client:
        client.sendall(b"POST /upload HTTP/1.1\r\nHost: x\r\n" + header + b"\r\n\r\n")
        with contextlib.suppress(OSError):
            while sent < UPLOAD_BYTES:
                sent += client.send(_CHUNK)
        try:
            answer = client.recv(65_536)
        except OSError:
            answer = b""
    return int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 0, sent


def measure_slow_senders() -> list[Figure]:
    """200 sockets that are silent, stop in the head or stop in the body, under our launcher's options."""
    with sample_service("launcher") as service:
        shot = Shot(get_request(service.url))
        drive_at_rate(service.url, shot, per_second=HEALTHY_PER_SECOND, seconds=1)
        alone = drive_at_rate(service.url, shot, per_second=HEALTHY_PER_SECOND, seconds=HEALTHY_SECONDS)
        closed: list[float] = []

        async def stall(_run: Paced) -> None:
            closed.extend(await asyncio.gather(*(_stalled_sender(service, number) for number in range(BAD_SOCKETS))))

        beside = drive_at_rate(
            service.url, shot, per_second=HEALTHY_PER_SECOND, seconds=HEALTHY_SECONDS, meanwhile=stall
        )
    p99_alone, p99_beside = (run.result.percentile_ms(99) for run in (alone, beside))
    ratio = round(p99_beside / p99_alone, 2) if p99_alone and p99_beside else None
    return [
        Figure("slow_senders.healthy_p99_alone", round(p99_alone or 0, 2), "ms"),
        Figure("slow_senders.healthy_p99_beside", round(p99_beside or 0, 2), "ms"),
        Figure("slow_senders.healthy_p99_ratio", ratio, "ratio", 2.0, "lower"),
        Figure("slow_senders.healthy_failures", beside.result.failed, "requests", 0, "lower"),
        Figure("slow_senders.last_closed_after", round(max(closed), 2), "s", CLOSED_SECONDS, "lower"),
    ]


async def _stalled_sender(service: SampleService, number: int) -> float:
    """Seconds until the other side closed the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    started = time.perf_counter()
    writer.write(_HALVES[number % len(_HALVES)])
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(CLOSED_SECONDS * 2):
            while await reader.read(65_536):
                pass
    writer.close()
    return time.perf_counter() - started


def measure_abandoned_streams() -> list[Figure]:
    """100 streams cut by their clients, half of them by a reset, half of them silent at that moment."""
    with sample_service("adapter") as service:
        run(_open_and_cut(service))
        cut_at = time.perf_counter()
        state = service.state()
        while state["streams"] and time.perf_counter() - cut_at < RELEASED_SECONDS * 5:
            time.sleep(0.02)
            state = service.state()
        released = time.perf_counter() - cut_at
        time.sleep(0.5)
        closed = service.state()["streams_closed"]
    return [
        Figure("streams.left_open", state["streams"], "streams", 0, "lower"),
        Figure("streams.released_after", round(released, 3), "s", RELEASED_SECONDS, "lower"),
        Figure("streams.close_hook_miscounts", abs(closed - STREAMS), "calls", 0, "lower"),
    ]


async def _open_and_cut(service: SampleService) -> None:
    parts = urlsplit(service.url)
    streams = [await asyncio.open_connection(parts.hostname, parts.port) for _ in range(STREAMS)]
    for number, (_reader, writer) in enumerate(streams):
        writer.write(get_request(service.url, "/quiet" if number % 2 else "/events"))
    for reader, _writer in streams:
        await reader.readuntil(b"data: ")
    for number, (_reader, writer) in enumerate(streams):
        if number % 4 < 2:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
