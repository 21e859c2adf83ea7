"""Figures 17 and 18 on the ReAct routes: a worker killed, replaced or recycled under questions and streams, and a stop.

Half of the requests are plain questions and half are streams, each of them five calls of a model. A worker that is
replaced cuts what does not end within `GRACEFUL_TIMEOUT`, runs within 40 % of it: that is set to more than they take.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, cast

import psutil
import redis

from .figures import Figure
from .lifecycle import EXIT_SECONDS, STREAMS, StopUnderLoad
from .load import Shot, get_request, run
from .paced import Paced, drive_at_rate
from .react_scene import ENDLESS, ROWS, ReactScene, ask_plainly, is_whole, react_scene, stream_path

PER_SECOND: Final = 4.0
SECONDS: Final = 15.0
RECYCLING_SECONDS: Final = 25.0
MODEL_SECONDS: Final = 0.2
RUNS: Final = 5
GRACE: Final = "60"
USER: Final = "bench"
_ACT_AFTER_SECONDS: Final = 4.0
_START_SECONDS: Final = 60.0
_ENDED: Final = frozenset({"completed", "failed", "cancelled", "timed_out"})


def measure_changes(*, rounds: int) -> list[Figure]:
    """Workers killed and replaced so many times, and a while of recycling, on two workers."""
    return [
        *(figure for _ in range(rounds) for figure in _killed()),
        *(figure for _ in range(rounds) for figure in _rolling_restart()),
        *_recycling(),
    ]


def _killed() -> list[Figure]:
    in_flight: list[int] = []
    with react_scene(workers=2, GRACEFUL_TIMEOUT=GRACE) as scene:

        async def kill(paced: Paced) -> None:
            await asyncio.sleep(_ACT_AFTER_SECONDS)
            workers = scene.service.workers()
            by_port = await asyncio.to_thread(_worker_of_each_port, workers)
            paced.note_workers(by_port)
            paced.dying_worker = workers[0]
            in_flight.append(paced.in_flight_of(paced.dying_worker))
            os.kill(paced.dying_worker, signal.SIGKILL)

        paced = _drive(scene, kill)
        is_replaced = _has_workers(scene, 2)
    return [
        Figure("react_killed.failed", paced.result.failed, "requests"),
        Figure("react_killed.in_flight_of_it", in_flight[0], "requests"),
        Figure("react_killed.sent_while_it_died", paced.sent_while_dying, "requests"),
        Figure(
            "react_killed.failed_beyond_in_flight",
            max(0, paced.result.failed - in_flight[0] - paced.sent_while_dying),
            "requests",
            0,
            "lower",
        ),
        Figure("react_killed.replaced", float(is_replaced), "1 when two workers run again", 1),
        *_rest("react_killed", paced),
    ]


def _rolling_restart() -> list[Figure]:
    with react_scene(workers=2, GRACEFUL_TIMEOUT=GRACE) as scene:
        before = set(scene.service.workers())

        async def restart(_paced: Paced) -> None:
            await asyncio.sleep(_ACT_AFTER_SECONDS)
            scene.service.tell(signal.SIGHUP)

        paced = _drive(scene, restart)
        kept = _old_workers_left(scene, before)
    return [
        Figure("react_rolling_restart.failed", paced.result.failed, "requests", 0, "lower"),
        Figure("react_rolling_restart.old_workers_left", kept, "workers", 0, "lower"),
        *_rest("react_rolling_restart", paced),
    ]


def _recycling() -> list[Figure]:
    with react_scene(
        workers=2, GRACEFUL_TIMEOUT=GRACE, WORKER_MAX_REQUESTS="20", WORKER_MAX_REQUESTS_JITTER="20"
    ) as scene:
        seen = set(scene.service.workers())

        async def watch(_paced: Paced) -> None:
            until = time.perf_counter() + RECYCLING_SECONDS
            while time.perf_counter() < until:
                seen.update(await asyncio.to_thread(scene.service.workers))
                await asyncio.sleep(0.2)

        paced = _drive(scene, watch, seconds=RECYCLING_SECONDS)
    return [
        Figure("react_recycling.failed", paced.result.failed, "requests", 0, "lower"),
        Figure("react_recycling.workers_replaced", len(seen) - 2, "workers", 2),
        *_rest("react_recycling", paced),
    ]


def measure_sigterm() -> list[Figure]:
    """SIGTERM with 50 connections of short requests, ten streams and five runs: half of these never end by themselves.

    Afterwards the service is started again on the same servers and every thread is asked once more.
    """
    threads = [f"{USER}:stream{number}" for number in range(STREAMS)]
    with react_scene() as scene:
        _has_answered(scene)
        scene.model.delay_seconds = 1.0
        with scene.service.client() as client:
            for number in range(RUNS):
                body = {"question": _question(number), "user_id": USER, "conversation_id": f"{USER}:run{number}"}
                threads.append(body["conversation_id"])
                client.post("/api/v0/runs", json={**body, "engine": "react"}).raise_for_status()
        stop = StopUnderLoad(
            scene.service.url,
            short="/",
            streams=[stream_path(_question(number), USER, thread) for number, thread in enumerate(threads[:STREAMS])],
            is_told=lambda received: b'"type": "completed"' in received or b'"type": "error"' in received,
            terminate=lambda: scene.service.tell(signal.SIGTERM),
            is_running=lambda: scene.service.is_running,
        )
        run(stop.run())
        states = _states_of_runs(scene)
        scene.model.delay_seconds = 0.0
        scene.service.stop()
        scene.service.start()
        whole = sum(_goes_on(scene, thread) for thread in threads)
    return [
        Figure("react_sigterm.failed_short_requests", stop.failed, "requests", 0, "lower"),
        Figure("react_sigterm.answered_short_requests", stop.answered, "requests"),
        Figure("react_sigterm.streams_with_last_event", stop.told, "streams", STREAMS),
        Figure("react_sigterm.runs_with_an_end", sum(state in _ENDED for state in states), "runs", STREAMS + RUNS),
        Figure("react_sigterm.threads_that_go_on", whole, "threads", STREAMS + RUNS),
        Figure("react_sigterm.exit_after", round(stop.exit_seconds, 2), "s", EXIT_SECONDS, "lower"),
    ]


def _question(number: int) -> str:
    return ENDLESS if number % 2 else ROWS


def _drive(
    scene: ReactScene, meanwhile: Callable[[Paced], Coroutine[Any, Any, None]], *, seconds: float = SECONDS
) -> Paced:
    url = scene.service.url
    body = json.dumps({"question": ROWS, "user_id": USER}).encode()
    head = f"POST /api/v0/ask_react_agent HTTP/1.1\r\nHost: bench\r\nContent-Length: {len(body)}\r\n\r\n"
    plain = Shot(head.encode() + body, contains=b'"total_row_count"')
    streamed = Shot(get_request(url, stream_path(ROWS, USER, "")), contains=b'"type": "completed"')
    _has_answered(scene)
    scene.model.delay_seconds = MODEL_SECONDS
    return drive_at_rate(url, plain, streamed, per_second=PER_SECOND, seconds=seconds, meanwhile=meanwhile)


def _has_answered(scene: ReactScene) -> None:
    """Wait for all workers and let them build their agents: a first question is no figure."""
    _has_workers(scene, 2)
    with scene.service.client() as client:
        for _ in range(4):
            ask_plainly(client, ROWS, USER, "")


def _has_workers(scene: ReactScene, wanted: int) -> bool:
    """Whether so many serve; a service of one process has no workers."""
    until = time.monotonic() + _START_SECONDS
    while len(scene.service.workers()) not in (0, wanted):
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    time.sleep(2.0)
    return True


def _old_workers_left(scene: ReactScene, before: set[int]) -> int:
    """How many of them are still there when all had time to go."""
    until = time.monotonic() + _START_SECONDS
    while before & set(scene.service.workers()) and time.monotonic() < until:
        time.sleep(0.1)
    return len(before & set(scene.service.workers()))


def _worker_of_each_port(workers: list[int]) -> dict[int, int]:
    """Which worker has the server's end of each client port."""
    found: dict[int, int] = {}
    for worker in workers:
        with suppress(psutil.Error):
            for connection in psutil.Process(worker).net_connections("tcp"):
                if connection.raddr:
                    found[connection.raddr[1]] = worker
    return found


def _states_of_runs(scene: ReactScene) -> list[str]:
    with redis.Redis.from_url(scene.redis_url, decode_responses=True) as client:
        keys = [key for key in client.scan_iter("run:*") if not key.endswith(":events")]
        return [str(cast(str | None, client.hget(key, "state"))) for key in keys]


def _goes_on(scene: ReactScene, thread: str) -> bool:
    with scene.service.client() as client:
        found = ask_plainly(client, ROWS, USER, thread)
    return found.is_answered and is_whole(list(scene.model.calls[-1].messages))


def _rest(name: str, paced: Paced) -> list[Figure]:
    return [
        Figure(f"{name}.completed", paced.result.completed, "requests"),
        Figure(f"{name}.worst_latency", round(paced.worst_seconds * 1000, 1), "ms"),
        *(Figure(f"{name}.failed[{kind}]", count, "requests") for kind, count in paced.result.failures.items()),
    ]
