"""Event streams of the whole service: many at once, cut, killed under, told to stop; each has one true end or none.

A watcher here is a plain socket: it notes when the first byte came, every event's id and type, and how it ended.
"""

from __future__ import annotations

import asyncio
import json
import signal
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from .figures import Figure
from .load import run
from .stream_model import ENDLESS, HANG
from .stream_service import StreamService, ask, stream_service

STREAMS: Final = 200
RAMP_SECONDS: Final = 3.0
MODEL_SECONDS: Final = 1.0
CALLS: Final = 3
ABANDONED: Final = 100
KILLED: Final = 20
STOPPED: Final = 100
_ASK: Final = "/api/v0/ask_agent_stream?routing_mode=llm_only&user_id={user}&question={question}"
_TERMINAL: Final = ("completed", "error", "failed", "cancelled", "timed_out")


@dataclass
class Watched:
    """What one watcher saw. Ids are `run:seq` on the historical stream, `seq` on the runs API."""

    started: float = 0.0
    first_byte: float = 0.0
    ended: float = 0.0
    is_whole: bool = False
    ids: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    seen: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def terminal(self) -> list[str]:
        return [kind for kind in self.kinds if kind in _TERMINAL]


async def watch(port: int, path: str, watched: Watched, *, last_id: str = "", events: int = 0) -> Watched:
    """Read a stream to its end, or leave after so many events when `events` is more than 0."""
    watched.started = watched.started or time.perf_counter()
    watched.is_whole = False
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    resume = f"Last-Event-ID: {last_id}\r\n" if last_id else ""
    writer.write(f"GET {path} HTTP/1.1\r\nHost: bench\r\n{resume}Connection: close\r\n\r\n".encode())
    try:
        await reader.readuntil(b"\r\n\r\n")
        while line := await reader.readline():
            watched.first_byte = watched.first_byte or (time.perf_counter() if line.startswith(b":") else 0.0)
            if line.startswith(b"id: "):
                watched.ids.append(line[4:].strip().decode())
            elif line.startswith(b"data: "):
                watched.kinds.append(json.loads(line[6:])["data"]["type"])
                watched.seen.set()
                if events and len(watched.kinds) >= events:
                    return watched
            elif line == b"0\r\n":
                watched.is_whole = True
    except (OSError, EOFError):
        pass
    finally:
        writer.close()
        watched.ended = time.perf_counter()
    return watched


def measure() -> list[Figure]:
    """All of it."""
    return [*measure_many(), *measure_abandoned(), *measure_killed(), *measure_stopped()]


def measure_many() -> list[Figure]:
    """Two hundred at once, opened within the three seconds each takes, three model calls each, on two workers."""
    with stream_service(workers=2, model_seconds=MODEL_SECONDS) as service:
        run(_many(service, 8))
        before = service.memory_bytes()
        found, trivial, peak = run(_many(service, STREAMS))
        states = [_state_of(service, watched) for watched in found]
    ends = [watched.terminal for watched in found]
    once = sum(len(end) == 1 for end in ends)
    alike = sum(end == [state] for end, state in zip(ends, states, strict=True))
    first = [watched.first_byte - watched.started for watched in found]
    over = [watched.ended - watched.started - CALLS * MODEL_SECONDS for watched in found]
    return [
        Figure("streams.one_terminal_event", once, "streams", STREAMS),
        Figure("streams.terminal_is_stored_state", alike, "streams", STREAMS),
        Figure("streams.first_byte_p95", _ms(first), "ms", 150, "lower"),
        Figure("streams.overhead_p50", round(statistics.median(over) * 1000, 1), "ms"),
        Figure("streams.overhead_p95", _ms(over), "ms", 400, "lower"),
        Figure("streams.trivial_route_p95", _ms(trivial), "ms", 100, "lower"),
        Figure("streams.memory_a_stream", round((peak - before) / STREAMS / 1024, 1), "kB"),
    ]


def measure_abandoned() -> list[Figure]:
    """A hundred left at a random event: half of them stop with their watcher, half of those within a statement."""
    with stream_service(model_seconds=0.2) as service:
        seconds, calls, statements, states = run(_abandoned(service))
    return [
        Figure("streams.abandoned_released_after", round(seconds, 2), "s", 2.0, "lower"),
        Figure("streams.abandoned_model_calls_closed_after", round(calls, 2), "s", 2.0, "lower"),
        Figure("streams.abandoned_cancelled_after", round(statements, 2), "s", 2.0, "lower"),
        *(Figure(f"streams.abandoned_stored[{state}]", count, "runs") for state, count in states.items()),
    ]


def measure_killed() -> list[Figure]:
    """A worker with some twenty runs in flight is killed with -9; watchers go on at the other one."""
    with stream_service(workers=2, model_seconds=1.5) as service:
        found, states, seconds, lost = run(_killed(service))
    in_order = sum([int(i) for i in watched.ids] == sorted({int(i) for i in watched.ids}) for watched in found)
    alike = sum(watched.terminal == [state] for watched, state in zip(found, states, strict=True))
    return [
        Figure("streams.killed_runs", len(found), "runs in flight on two workers"),
        Figure("streams.killed_lost_runs", lost, "runs of the killed worker"),
        Figure("streams.killed_all_ended_after", round(seconds, 1), "s", 30, "lower"),
        Figure("streams.killed_each_event_once_in_order", in_order, "watchers", len(found)),
        Figure("streams.killed_terminal_is_stored_state", alike, "watchers", len(found)),
    ]


def measure_stopped() -> list[Figure]:
    """SIGTERM with a hundred streams open whose model hangs."""
    with stream_service(model_seconds=0.3) as service:
        found, seconds = run(_stopped(service))
    told = sum(len(watched.terminal) == 1 and watched.is_whole for watched in found)
    return [
        Figure("streams.sigterm_told", told, "streams", STOPPED),
        Figure("streams.sigterm_exit_after", round(seconds, 2), "s", 10, "lower"),
    ]


async def _many(service: StreamService, count: int) -> tuple[list[Watched], list[float], int]:
    tasks = []
    trivial: list[float] = []
    stop = asyncio.Event()
    beside = asyncio.create_task(_trivial(service.port, trivial, stop))
    for number in range(count):
        path = _ASK.format(user=f"u{number}", question=quote(f"number {number}"))
        tasks.append(asyncio.create_task(watch(service.port, path, Watched())))
        await asyncio.sleep(RAMP_SECONDS / count)
    peak = await asyncio.to_thread(service.memory_bytes)
    found = await asyncio.gather(*tasks)
    stop.set()
    await beside
    return list(found), trivial, peak


async def _trivial(port: int, seconds: list[float], stop: asyncio.Event) -> None:
    """Ask for the home page some twenty times a second."""
    while not stop.is_set():
        started = time.perf_counter()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
        await reader.read()
        writer.close()
        seconds.append(time.perf_counter() - started)
        await asyncio.sleep(0.05)


async def _abandoned(service: StreamService) -> tuple[float, float, float, Counter[str]]:
    tasks, watchers = [], [Watched() for _ in range(ABANDONED)]
    for number, watched in enumerate(watchers):
        wanted = HANG if number % 2 else ENDLESS if number % 16 == 0 else "plain"
        end = "cancel" if number % 4 < 2 else "continue"
        path = _ASK.format(user=f"u{number}", question=quote(f"{wanted} {number}")) + f"&on_disconnect={end}"
        path = path.replace("llm_only", "database_direct")
        tasks.append(asyncio.create_task(watch(service.port, path, watched, events=1 + number % 3 % 2)))
        await asyncio.sleep(0.01)
    _done, waiting = await asyncio.wait(tasks, timeout=3)
    for task in waiting:
        task.cancel()
    left_at = time.perf_counter()
    await asyncio.gather(*tasks, return_exceptions=True)
    released = await _until(lambda: service.open_streams() == 0, left_at)
    hanging_on = ABANDONED // 4
    calls = await _until(lambda: service.model_counts()["open"] <= hanging_on, left_at)
    cancelling = [watched for number, watched in enumerate(watchers) if number % 4 < 2]
    gone = await _until(lambda: all(_state_of(service, watched) != "running" for watched in cancelling), left_at)
    return released, calls, gone, Counter(_state_of(service, watched) for watched in watchers)


async def _killed(service: StreamService) -> tuple[list[Watched], list[str], float, int]:
    made = []
    for number in range(KILLED * 2):
        body = {"question": f"number {number}", "user_id": f"u{number}", "routing_mode": "llm_only"}
        made.append((await asyncio.to_thread(ask, f"{service.url}/api/v0/runs", body))["data"])
    watched = [Watched() for _ in made]
    tasks = [
        asyncio.create_task(_watch_to_the_end(service.port, run_["events_url"], one))
        for run_, one in zip(made, watched, strict=True)
    ]
    await asyncio.sleep(1.0)
    killed_at = time.perf_counter()
    service.workers()[0].kill()
    await asyncio.gather(*tasks)
    seconds = time.perf_counter() - killed_at
    results = [(await asyncio.to_thread(ask, f"{service.url}/api/v0/runs/{run_['run_id']}"))["data"] for run_ in made]
    lost = sum(found["result"]["data"].get("error_type") == "worker_lost" for found in results)
    return watched, [found["state"] for found in results], seconds, lost


async def _watch_to_the_end(port: int, path: str, watched: Watched) -> None:
    until = time.perf_counter() + 45
    while not watched.terminal and time.perf_counter() < until:
        try:
            await watch(port, path, watched, last_id=watched.ids[-1] if watched.ids else "")
        except OSError:
            await asyncio.sleep(0.1)


async def _stopped(service: StreamService) -> tuple[list[Watched], float]:
    tasks, watched = [], [Watched() for _ in range(STOPPED)]
    for number, one in enumerate(watched):
        wanted = "plain" if number % 2 else HANG
        path = _ASK.format(user=f"u{number}", question=quote(f"{wanted} {number}")).replace("llm_only", "chat_direct")
        tasks.append(asyncio.create_task(watch(service.port, path, one)))
        if number % 2 == 0:
            await asyncio.wait_for(one.seen.wait(), 20)
    stopped_at = time.perf_counter()
    service.process.send_signal(signal.SIGTERM)
    await asyncio.gather(*tasks)
    await asyncio.to_thread(service.process.wait, 30)
    return watched, time.perf_counter() - stopped_at


async def _until(holds: Any, since: float, seconds: float = 15.0) -> float:
    """Seconds since `since` until it held; `seconds` when it never did."""
    while time.perf_counter() - since < seconds:
        if await asyncio.to_thread(holds):
            return time.perf_counter() - since
        await asyncio.sleep(0.05)
    return seconds


def _state_of(service: StreamService, watched: Watched) -> str:
    run_id = watched.ids[-1].rpartition(":")[0] if watched.ids else "none"
    try:
        return str(ask(f"{service.url}/api/v0/runs/{run_id}")["data"]["state"])
    except OSError:
        return "unknown"


def _ms(values: Sequence[float]) -> float | None:
    return round(statistics.quantiles(values, n=20)[-1] * 1000, 1) if len(values) > 1 else None
