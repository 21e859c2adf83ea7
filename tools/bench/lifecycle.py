"""What clients notice of a worker's end: killed, replaced in turn, recycled, or the whole service told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any
from urllib.parse import urlsplit

from .child import SampleService, sample_service
from .figures import Figure
from .load import Shot, get_request, read_response, run
from .paced import Paced, drive_at_rate
from .sample_servers import STOPPED

PER_SECOND = 150.0
SECONDS = 8.0
WORST_SECONDS = 0.5
SHORT_CONNECTIONS = 50
STREAMS = 10
EXIT_SECONDS = 10.0
_ACT_AFTER_SECONDS = 2.0


def measure_killed() -> list[Figure]:
    """One of two workers is killed with -9; only what it had in flight may fail."""
    in_flight: list[int] = []

    with sample_service("launcher", workers=2) as service:
        _wait_for_workers(service, 2)

        async def kill(paced: Paced) -> None:
            await asyncio.sleep(_ACT_AFTER_SECONDS)
            paced.dying_worker = service.workers()[0]
            in_flight.append(paced.in_flight_of(paced.dying_worker))
            os.kill(paced.dying_worker, signal.SIGKILL)

        paced = _drive(service, kill)
        replaced = _wait_for_workers(service, 2)
    elsewhere = sum(worker not in (0, paced.dying_worker) for worker in paced.failed_workers)
    excess = max(0, paced.result.failed - in_flight[0] - paced.sent_while_dying - paced.failed_workers.count(0))
    return [
        Figure("worker_killed.failed", paced.result.failed, "requests"),
        Figure("worker_killed.in_flight_of_it", in_flight[0], "requests"),
        Figure("worker_killed.sent_while_it_died", paced.sent_while_dying, "requests"),
        Figure("worker_killed.failed_on_other_workers", elsewhere, "requests", 0, "lower"),
        Figure("worker_killed.failed_beyond_in_flight", excess, "requests", 0, "lower"),
        Figure("worker_killed.replaced", float(replaced), "1 when two workers run again", 1),
        *_rest("worker_killed", paced, is_bounded=False),
    ]


def measure_rolling_restart() -> list[Figure]:
    """SIGHUP: both workers replaced, one after the other, the new one serving before the old one goes."""
    with sample_service("launcher", workers=2) as service:
        _wait_for_workers(service, 2)
        before = set(service.workers())

        async def restart(_paced: Paced) -> None:
            await asyncio.sleep(_ACT_AFTER_SECONDS)
            service.process.send_signal(signal.SIGHUP)

        paced = _drive(service, restart)
        kept = len(before & set(service.workers()))
    return [
        Figure("rolling_restart.failed", paced.result.failed, "requests", 0, "lower"),
        Figure("rolling_restart.old_workers_left", kept, "workers", 0, "lower"),
        *_rest("rolling_restart", paced),
    ]


def measure_recycling() -> list[Figure]:
    """Workers ask for successors after 150 to 300 requests each."""
    with sample_service("launcher", workers=2, max_requests=150, max_requests_jitter=150) as service:
        _wait_for_workers(service, 2)
        seen = set(service.workers())

        async def watch(_paced: Paced) -> None:
            until = time.perf_counter() + SECONDS
            while time.perf_counter() < until:
                seen.update(await asyncio.to_thread(service.workers))
                await asyncio.sleep(0.2)

        paced = _drive(service, watch)
    return [
        Figure("recycling.failed", paced.result.failed, "requests", 0, "lower"),
        Figure("recycling.workers_replaced", len(seen) - 2, "workers", 2),
        *_rest("recycling", paced),
    ]


def _drive(service: SampleService, meanwhile: Callable[[Paced], Coroutine[Any, Any, None]]) -> Paced:
    shot = Shot(get_request(service.url, "/wait/20"))
    return drive_at_rate(service.url, shot, per_second=PER_SECOND, seconds=SECONDS, meanwhile=meanwhile)


def _rest(name: str, paced: Paced, *, is_bounded: bool = True) -> list[Figure]:
    goal = WORST_SECONDS * 1000 if is_bounded else None
    return [
        Figure(f"{name}.completed", paced.result.completed, "requests"),
        Figure(f"{name}.worst_latency", round(paced.worst_seconds * 1000, 1), "ms", goal, "lower"),
        *(Figure(f"{name}.failed[{kind}]", count, "requests") for kind, count in paced.result.failures.items()),
    ]


def _wait_for_workers(service: SampleService, wanted: int) -> bool:
    """Whether so many workers exist and have had time to begin serving."""
    until = time.monotonic() + 15
    while len(service.workers()) < wanted:
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    time.sleep(2.0)
    return True


def measure_sigterm() -> list[Figure]:
    """The service told to stop, as one process and as a supervisor with two workers."""
    return [*_sigterm("sigterm", workers=1), *_sigterm("sigterm.two_workers", workers=2)]


def _sigterm(name: str, *, workers: int) -> list[Figure]:
    """SIGTERM while 50 connections ask for short work and 10 streams are open: nothing accepted is lost."""
    with sample_service("launcher", workers=workers) as service:
        if workers > 1:
            _wait_for_workers(service, workers)
        stop = StopUnderLoad(
            service.url,
            short="/wait/20",
            streams=["/quiet"] * STREAMS,
            is_told=lambda received: b"data: last shutting_down" in received,
            terminate=service.process.terminate,
            is_running=lambda: service.process.poll() is None,
        )
        run(stop.run())
        exited = service.process.poll() is not None
        output = service.stop() if not exited else (service.process.stdout.read() if service.process.stdout else "")
    return [
        Figure(f"{name}.failed_short_requests", stop.failed, "requests", 0, "lower"),
        Figure(f"{name}.answered_short_requests", stop.answered, "requests"),
        Figure(f"{name}.answered_after_the_signal", stop.answered_late, "requests"),
        Figure(f"{name}.never_accepted", stop.never_accepted, "connections opened after the signal and reset"),
        Figure(f"{name}.streams_with_last_event", stop.told, "streams", STREAMS),
        Figure(f"{name}.shutdown_hook_ran", output.count(STOPPED), "processes", workers),
        Figure(f"{name}.exit_after", round(stop.exit_seconds, 2), "s", EXIT_SECONDS, "lower"),
    ]


class StopUnderLoad:
    """One service told to stop under load, and what its clients saw.

    Args:
        short: the path 50 connections ask for again and again.
        streams: the paths of the streams that are open.
        is_told: whether what a stream received ends as it should; that it is whole is looked at here.
    """

    def __init__(
        self,
        url: str,
        *,
        short: str,
        streams: Sequence[str],
        is_told: Callable[[bytes], bool],
        terminate: Callable[[], None],
        is_running: Callable[[], bool],
    ) -> None:
        self._url = url
        self._short = short
        self._streams = streams
        self._is_told = is_told
        self._terminate = terminate
        self._is_running = is_running
        parts = urlsplit(url)
        self._address = (parts.hostname, parts.port)
        self._signalled = False
        self.failed = 0
        self.answered = 0
        self.answered_late = 0
        self.never_accepted = 0
        self.told = 0
        self.exit_seconds = 0.0

    async def run(self) -> None:
        clients = [asyncio.create_task(self._ask_until_gone()) for _ in range(SHORT_CONNECTIONS)]
        streams = [asyncio.create_task(self._listen(path)) for path in self._streams]
        await asyncio.sleep(_ACT_AFTER_SECONDS)
        started = time.perf_counter()
        self._signalled = True
        self._terminate()
        while self._is_running() and time.perf_counter() - started < EXIT_SECONDS * 2:
            await asyncio.sleep(0.02)
        self.exit_seconds = time.perf_counter() - started
        await asyncio.gather(*clients, *streams)

    async def _ask_until_gone(self) -> None:
        """A connection that was answered before is the server's: what is asked on it has to be answered."""
        while True:
            try:
                reader, writer = await asyncio.open_connection(*self._address)
            except OSError:
                return
            answers = 0
            while not reader.at_eof():
                writer.write(get_request(self._url, self._short))
                try:
                    status, _body, reusable = await read_response(reader)
                except (OSError, EOFError):
                    self._note_cut(answers)
                    break
                answers += 1
                self._note_answer(status)
                if not reusable:
                    break
            writer.close()

    def _note_cut(self, answers: int) -> None:
        if answers:
            self.failed += 1
        else:
            self.never_accepted += 1

    def _note_answer(self, status: int) -> None:
        if status != 200:
            self.failed += 1
            return
        self.answered += 1
        self.answered_late += self._signalled

    async def _listen(self, path: str) -> None:
        reader, writer = await asyncio.open_connection(*self._address)
        writer.write(get_request(self._url, path))
        received = b""
        with contextlib.suppress(OSError):
            while part := await reader.read(65_536):
                received += part
        self.told += received.endswith(b"0\r\n\r\n") and self._is_told(received)
        writer.close()
