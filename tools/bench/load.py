"""A load generator for HTTP/1.1 over kept-alive connections that counts every failure; used by all figures.

Raw sockets instead of a client library: a library costs more than the service it would measure, and retries in silence.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")

_RESPONSE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Shot:
    """One request: its bytes, the status it must get, and text the body must contain."""

    request: bytes
    status: int = 200
    contains: bytes = b""


@dataclass(slots=True)
class LoadResult:
    """What a run gave; `latencies` in seconds, of the good answers only."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    failures: dict[str, int] = field(default_factory=dict)

    @property
    def completed(self) -> int:
        return len(self.latencies)

    @property
    def failed(self) -> int:
        return sum(self.failures.values())

    @property
    def per_second(self) -> float:
        return self.completed / self.seconds if self.seconds else 0.0

    def percentile_ms(self, percent: int) -> float | None:
        if len(self.latencies) < 2:
            return None
        return statistics.quantiles(self.latencies, n=100)[percent - 1] * 1000

    def note_failure(self, kind: str) -> None:
        self.failures[kind] = self.failures.get(kind, 0) + 1


def get_request(url: str, path: str | None = None, headers: str = "") -> bytes:
    """The bytes of a GET for `url`, with `path` instead of its own when given."""
    parts = urlsplit(url)
    target = path or (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: */*\r\n{headers}\r\n".encode()


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a client of a measurement to its end."""
    return asyncio.run(work)


def drive(url: str, shots: list[Shot], *, requests: int, connections: int, at_most_seconds: float = 60.0) -> LoadResult:
    """Send `requests` requests, the shots in turn, over `connections` kept-alive connections."""
    return run(_drive(url, shots, requests, connections, at_most_seconds))


async def _drive(url: str, shots: list[Shot], requests: int, connections: int, at_most_seconds: float) -> LoadResult:
    parts = urlsplit(url)
    host, port = parts.hostname or "127.0.0.1", parts.port or 80
    result = LoadResult()
    work = itertools.islice(itertools.cycle(shots), requests)
    started = time.perf_counter()
    stop_at = started + at_most_seconds
    await asyncio.gather(*(_one_connection(host, port, work, result, stop_at) for _ in range(connections)))
    result.seconds = time.perf_counter() - started
    return result


async def _one_connection(host: str, port: int, work: Iterator[Shot], result: LoadResult, stop_at: float) -> None:
    connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    try:
        for shot in work:
            if time.perf_counter() > stop_at:
                return
            if connection is not None and connection[0].at_eof():  # closed in between: a client opens a new one
                connection[1].close()
                connection = None
            if connection is None:
                try:
                    connection = await asyncio.open_connection(host, port)
                except OSError:
                    result.note_failure("connect")
                    continue
            if not await exchange(*connection, shot, result):
                connection[1].close()
                connection = None
    finally:
        if connection is not None:
            connection[1].close()


async def exchange(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    shot: Shot,
    result: LoadResult,
    *,
    note_body: Callable[[bytes], None] | None = None,
) -> bool:
    """Send one request and count what comes of it; False when the connection cannot be used again."""
    started = time.perf_counter()
    try:
        async with asyncio.timeout(_RESPONSE_SECONDS):
            writer.write(shot.request)
            status, body, reusable = await read_response(reader)
    except TimeoutError:
        result.note_failure("timeout")
        return False
    except (OSError, EOFError, ValueError) as error:
        result.note_failure(type(error).__name__)
        return False
    if status != shot.status:
        result.note_failure(f"status {status}")
    elif shot.contains not in body:
        result.note_failure("wrong answer")
    else:
        result.latencies.append(time.perf_counter() - started)
        if note_body is not None:
            note_body(body)
    return reusable


async def read_response(reader: asyncio.StreamReader) -> tuple[int, bytes, bool]:
    """Status, body, and whether the connection stays open. Raises EOFError (cut), ValueError (not HTTP), OSError."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if not head.startswith(b"http/1.1 "):
        raise ValueError("not an HTTP/1.1 answer")
    reusable = b"\r\nconnection: close" not in head
    status = int(head[9:12])
    _, found, rest = head.partition(b"\r\ncontent-length:")
    if found:
        return status, await reader.readexactly(int(rest.partition(b"\r\n")[0])), reusable
    if b"\r\ntransfer-encoding: chunked" in head:
        return status, await _read_chunks(reader), reusable
    return status, b"", reusable


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while True:
        size = int((await reader.readuntil(b"\r\n")).strip(), 16)
        chunk = await reader.readexactly(size + 2)
        if size == 0:
            return body
        body += chunk[:-2]
