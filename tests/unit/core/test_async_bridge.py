"""What code on either side of the bridge may rely on: fresh loops, cancellation, shared threads, carried context."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from core import async_bridge
from core.async_bridge import CallerLeftError, run_blocking, run_in_request_loop

TENANT: contextvars.ContextVar[str] = contextvars.ContextVar("TENANT", default="none")


@pytest.fixture(autouse=True)
def _fresh_threads() -> Iterator[None]:
    yield
    async_bridge.configure(max_workers=async_bridge.DEFAULT_BLOCKING_THREADS)


class Signal:
    """The caller's signal as the adapter gives it, set by hand."""

    def __init__(self) -> None:
        self._callbacks: list[Callable[[], None]] = []
        self._set = False
        self.armed = threading.Event()

    def is_set(self) -> bool:
        return self._set

    def add_callback(self, callback: Callable[[], None]) -> None:
        self._callbacks.append(callback)
        self.armed.set()
        if self._set:
            callback()

    def remove_callback(self, callback: Callable[[], None]) -> None:
        self._callbacks.remove(callback)

    def fire(self) -> None:
        self._set = True
        for callback in list(self._callbacks):
            callback()

    @property
    def watchers(self) -> int:
        return len(self._callbacks)


async def _forever(ended: list[str]) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        ended.append("cleaned up")


def test_returns_what_the_coroutine_returns() -> None:
    async def answer() -> int:
        await asyncio.sleep(0)
        return 42

    assert run_in_request_loop(answer, timeout_seconds=5) == 42


def test_raises_what_the_coroutine_raises() -> None:
    async def fail() -> None:
        raise LookupError("no such table")

    with pytest.raises(LookupError, match="no such table"):
        run_in_request_loop(fail, timeout_seconds=5)


def test_each_call_gets_a_loop_of_its_own_and_closes_it() -> None:
    async def loop_of_call() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    loops = [run_in_request_loop(loop_of_call, timeout_seconds=5) for _ in range(3)]
    assert len({id(loop) for loop in loops}) == 3
    assert all(loop.is_closed() for loop in loops)


def test_loop_is_asyncios_own_also_where_uvloop_is_installed() -> None:
    async def kind_of_loop() -> type:
        return type(asyncio.get_running_loop())

    assert run_in_request_loop(kind_of_loop, timeout_seconds=5).__module__.startswith("asyncio.")


def test_timeout_cancels_the_work_and_closes_the_loop() -> None:
    ended: list[str] = []
    loops: list[asyncio.AbstractEventLoop] = []

    async def slow() -> None:
        loops.append(asyncio.get_running_loop())
        await _forever(ended)

    with pytest.raises(TimeoutError):
        run_in_request_loop(slow, timeout_seconds=0.01)
    assert ended == ["cleaned up"]
    assert loops[0].is_closed()


def test_clean_up_that_awaits_is_not_interrupted_by_a_second_cancellation() -> None:
    ended: list[str] = []

    async def careful() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            ended.append("closed the connection")

    with pytest.raises(TimeoutError):
        run_in_request_loop(careful, timeout_seconds=0.01)
    assert ended == ["closed the connection"]


def test_leaving_caller_cancels_the_work() -> None:
    ended: list[str] = []
    signal = Signal()

    def leave_once_watched() -> None:
        assert signal.armed.wait(5)
        signal.fire()

    leaver = threading.Thread(target=leave_once_watched)
    leaver.start()
    with pytest.raises(CallerLeftError):
        run_in_request_loop(lambda: _forever(ended), timeout_seconds=30, cancel=signal)
    leaver.join()
    assert ended == ["cleaned up"]


def test_caller_who_left_before_starts_nothing() -> None:
    signal = Signal()
    signal.fire()
    started: list[str] = []

    async def work() -> None:
        started.append("yes")

    with pytest.raises(CallerLeftError):
        run_in_request_loop(work, timeout_seconds=5, cancel=signal)
    assert started == []


def test_signal_is_no_longer_watched_after_the_call() -> None:
    signal = Signal()

    async def answer() -> str:
        return "done"

    assert run_in_request_loop(answer, timeout_seconds=5, cancel=signal) == "done"
    assert signal.watchers == 0
    signal.fire()


def test_forgotten_tasks_and_generators_are_ended() -> None:
    ended: list[str] = []

    async def events() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            ended.append("generator closed")

    generators: list[AsyncIterator[int]] = []
    tasks: list[asyncio.Task[None]] = []

    async def careless() -> int:
        tasks.append(asyncio.create_task(_forever(ended)))
        generator = events()
        generators.append(generator)
        await asyncio.sleep(0)
        return await anext(generator)

    assert run_in_request_loop(careless, timeout_seconds=5) == 1
    assert sorted(ended) == ["cleaned up", "generator closed"]


def test_task_that_fails_while_it_is_cancelled_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def breaks() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise OSError("rollback failed")

    with pytest.raises(TimeoutError):
        run_in_request_loop(breaks, timeout_seconds=0.01)
    assert "failed while it was cancelled" in caplog.text
    gc.collect()
    assert "never retrieved" not in caplog.text


def test_call_from_a_running_loop_is_refused() -> None:
    async def inner() -> None:
        """Never reached."""

    async def outer() -> None:
        run_in_request_loop(inner, timeout_seconds=5)

    with pytest.raises(RuntimeError, match="running event loop"):
        run_in_request_loop(outer, timeout_seconds=5)


def test_context_goes_in_and_does_not_come_out() -> None:
    seen: list[str] = []

    async def work() -> None:
        seen.append(TENANT.get())
        seen.append(await run_blocking(TENANT.get))
        TENANT.set("changed inside")

    def caller() -> str:
        TENANT.set("acme")
        run_in_request_loop(work, timeout_seconds=5)
        return TENANT.get()

    assert contextvars.copy_context().run(caller) == "acme"
    assert seen == ["acme", "acme"]


def test_blocking_calls_run_beside_each_other() -> None:
    together = threading.Barrier(4, timeout=5)

    async def work() -> None:
        await asyncio.gather(*(run_blocking(together.wait) for _ in range(4)))

    run_in_request_loop(work, timeout_seconds=10)


def test_blocking_threads_are_bounded_and_shared_by_all_loops() -> None:
    async_bridge.configure(max_workers=2)
    lock = threading.Lock()
    running = 0
    most = 0

    def busy() -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.005)
        with lock:
            running -= 1
        return threading.get_ident()

    async def work() -> set[int]:
        return set(await asyncio.gather(*(run_blocking(busy) for _ in range(6))))

    with ThreadPoolExecutor(3) as callers:
        used = set().union(*callers.map(lambda _: run_in_request_loop(work, timeout_seconds=10), range(3)))
    assert most == 2
    assert len(used) == 2


def test_blocking_error_reaches_the_awaiting_coroutine() -> None:
    async def work() -> str:
        try:
            await run_blocking(int, "x")
        except ValueError:
            return "caught"
        return "missed"

    assert run_in_request_loop(work, timeout_seconds=5) == "caught"


def test_stop_iteration_from_a_blocking_call_is_an_error_not_a_hang() -> None:
    async def work() -> None:
        await run_blocking(next, iter(()))

    with pytest.raises(RuntimeError, match="StopIteration"):
        run_in_request_loop(work, timeout_seconds=5)


def test_cancelled_wait_leaves_nothing_behind(caplog: pytest.LogCaptureFixture) -> None:
    async_bridge.configure(max_workers=1)
    release = threading.Event()
    begun: list[str] = []

    async def work() -> None:
        await asyncio.gather(run_blocking(release.wait, 5), run_blocking(begun.append, "queued call"))

    with pytest.raises(TimeoutError):
        run_in_request_loop(work, timeout_seconds=0.02)
    release.set()

    async def after() -> str:
        return await run_blocking(str, "alive")

    assert run_in_request_loop(after, timeout_seconds=5) == "alive"
    assert begun == []
    assert caplog.text == ""


def test_sequential_parallel_cancelled_and_again() -> None:
    async def work(number: int) -> int:
        await asyncio.sleep(0)
        return await run_blocking(abs, -number)

    def once(number: int) -> int:
        return run_in_request_loop(lambda: work(number), timeout_seconds=20)

    assert [once(number) for number in range(50)] == list(range(50))
    with ThreadPoolExecutor(25) as callers:
        assert list(callers.map(once, range(100))) == list(range(100))
    for _ in range(5):
        with pytest.raises(TimeoutError):
            run_in_request_loop(lambda: _forever([]), timeout_seconds=0.001)
    assert [once(number) for number in range(20)] == list(range(20))


def test_shared_threads_start_again_after_shutdown() -> None:
    async def work() -> str:
        return await run_blocking(str, "again")

    run_in_request_loop(work, timeout_seconds=5)
    async_bridge.shutdown_blocking()
    assert run_in_request_loop(work, timeout_seconds=5) == "again"


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_forked_child_starts_threads_of_its_own() -> None:
    async def work() -> str:
        return await run_blocking(str, "child")

    run_in_request_loop(work, timeout_seconds=5)
    pid = os.fork()
    if pid == 0:
        works = False
        try:
            works = run_in_request_loop(work, timeout_seconds=5) == "child"
        finally:
            os._exit(0 if works else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
