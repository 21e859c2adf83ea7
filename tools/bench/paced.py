"""Load at a fixed rate, for latencies and for what a worker's end costs: requests leave on time, answered or not."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from .load import LoadResult, Shot, exchange, run

Meanwhile = Callable[["Paced"], Coroutine[Any, Any, None]]


@dataclass(eq=False)
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    worker: int = 0
    is_busy: bool = False
    is_answered: bool = False


@dataclass
class Paced:
    """A run under way; `connections` are those open now.

    `failed_workers` has the worker of each failed request, 0 when its connection had not been answered before;
    `sent_while_dying` counts what left for `dying_worker` before its connections were seen to be closed.
    """

    url: str
    result: LoadResult = field(default_factory=LoadResult)
    connections: set[_Connection] = field(default_factory=set)
    worst_seconds: float = 0.0
    failed_workers: list[int] = field(default_factory=list)
    dying_worker: int = -1
    sent_while_dying: int = 0

    def in_flight_of(self, worker: int) -> int:
        """Requests on connections whose last answer came from this worker process."""
        return sum(found.is_busy and found.worker == worker for found in self.connections)

    def note_workers(self, by_port: Mapping[int, int]) -> None:
        """For answers that do not name their worker: which one has the other end, by a connection's own port."""
        for connection in self.connections:
            connection.worker = by_port.get(connection.writer.get_extra_info("sockname")[1], connection.worker)


def drive_at_rate(
    url: str, *shots: Shot, per_second: float, seconds: float, meanwhile: Meanwhile | None = None
) -> Paced:
    """Send the shots in turn, `per_second` of them a second, over as many kept-alive connections as that takes.

    A latency counts from the moment a request should have left, so waiting behind a stall is seen. A connection found
    closed before use is replaced without counting, as clients do.

    Args:
        meanwhile: runs beside the load, with the run in its hand.
    """
    return run(_drive(Paced(url), shots, per_second, seconds, meanwhile))


async def _drive(
    paced: Paced, shots: Sequence[Shot], per_second: float, seconds: float, meanwhile: Meanwhile | None
) -> Paced:
    beside = asyncio.create_task(meanwhile(paced)) if meanwhile is not None else None
    idle: list[_Connection] = []
    started = time.perf_counter()
    under_way: set[asyncio.Task[None]] = set()
    for number in range(int(per_second * seconds)):
        due = started + number / per_second
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        task = asyncio.create_task(_send(paced, shots[number % len(shots)], idle, due))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
    await asyncio.gather(*under_way)
    paced.result.seconds = time.perf_counter() - started
    if beside is not None:
        await beside
    for connection in paced.connections:
        connection.writer.close()
    return paced


async def _send(paced: Paced, shot: Shot, idle: list[_Connection], due: float) -> None:
    try:
        connection = await _take(paced, idle)
    except OSError:
        paced.result.note_failure("connect")
        return
    connection.is_busy = True
    paced.sent_while_dying += connection.worker == paced.dying_worker
    connection.is_answered = False
    reusable = await exchange(
        connection.reader, connection.writer, shot, paced.result, note_body=_worker_into(connection)
    )
    connection.is_busy = False
    if not connection.is_answered:
        paced.failed_workers.append(connection.worker)
    else:
        paced.result.latencies[-1] = time.perf_counter() - due
        paced.worst_seconds = max(paced.worst_seconds, paced.result.latencies[-1])
    if reusable:
        idle.append(connection)
    else:
        paced.connections.discard(connection)
        connection.writer.close()


async def _take(paced: Paced, idle: list[_Connection]) -> _Connection:
    while idle:
        connection = idle.pop()
        if not connection.reader.at_eof() and not connection.writer.is_closing():
            return connection
        paced.connections.discard(connection)
        connection.writer.close()
    parts = urlsplit(paced.url)
    connection = _Connection(*await asyncio.open_connection(parts.hostname, parts.port))
    paced.connections.add(connection)
    return connection


def _worker_into(connection: _Connection) -> Callable[[bytes], None]:
    def note(body: bytes) -> None:
        connection.is_answered = True
        if re.match(rb'\s*\{"worker":', body):
            connection.worker = json.loads(body)["worker"]

    return note
