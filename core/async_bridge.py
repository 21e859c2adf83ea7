"""The one place that makes event loops: runs a coroutine from synchronous code, and blocking calls from coroutines.

    run_in_request_loop(make_coroutine, timeout_seconds=...)   sync code -> coroutine, in a fresh loop of its own
    await run_blocking(function, *args)                        coroutine -> blocking call, on the shared threads

Loops are short-lived, so nothing bound to a loop may outlive the call that made it: open it with `async with` inside
the coroutine, or use a synchronous client through `run_blocking`. The shared threads belong to the process, closing a
loop never stops them.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import os
import threading
from collections.abc import Callable, Coroutine
from queue import SimpleQueue
from typing import Any, Generic, Protocol, TypeVar, TypeVarTuple

logger = logging.getLogger("app.async_bridge")

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

DEFAULT_BLOCKING_THREADS = 32
# A cancelled task gets this long to clean up; one that refuses to end is reported and left behind.
DRAIN_SECONDS = 2.0


class CallerSignal(Protocol):
    """What `cancel` has to offer; the adapter's `environ["citu.client_disconnected"]` does."""

    def is_set(self) -> bool: ...

    def add_callback(self, callback: Callable[[], None]) -> None: ...

    def remove_callback(self, callback: Callable[[], None]) -> None: ...


class CallerLeftError(Exception):
    """The caller left before the coroutine ended; it was cancelled. Nobody reads an answer to this."""


def run_in_request_loop(
    make_coroutine: Callable[[], Coroutine[Any, Any, T]],
    *,
    timeout_seconds: float | None,
    cancel: CallerSignal | None = None,
) -> T:
    """Run the coroutine that `make_coroutine` returns to its end in a new event loop, and close that loop.

    The caller's context variables are visible inside; changes made inside stay inside. On every path all tasks and
    asynchronous generators of the loop are ended before this returns.

    Args:
        make_coroutine: called inside the running loop, so that it may build what needs one.
        timeout_seconds: after this many seconds the coroutine is cancelled; None for no limit.
        cancel: when set, before or during the call, the coroutine is cancelled.

    Raises:
        TimeoutError: `timeout_seconds` passed.
        CallerLeftError: `cancel` was set first.
        RuntimeError: this thread already runs an event loop; await the coroutine there instead.
    """
    if asyncio._get_running_loop() is not None:
        raise RuntimeError("run_in_request_loop was called from a running event loop: await the coroutine instead")
    if cancel is not None and cancel.is_set():
        raise CallerLeftError("the caller left before the work began")
    loop = asyncio.SelectorEventLoop()  # not uvloop's: cheaper to make and to misuse, see docs/adr/0019
    try:
        return loop.run_until_complete(_supervise(make_coroutine, timeout_seconds, cancel))
    finally:
        try:
            _drain(loop)
        finally:
            loop.close()


async def run_blocking(function: Callable[[*Ts], T], *args: *Ts) -> T:
    """Run `function(*args)` on a shared thread with a copy of the current context, and return or raise what it does.

    When the awaiting task is cancelled before the call began, it never begins; one that has begun runs on and its
    result is dropped, so give it a time limit of its own.
    """
    loop = asyncio.get_running_loop()
    call: _BlockingCall[T] = _BlockingCall(loop, contextvars.copy_context(), lambda: function(*args))
    _shared_threads().submit(call)
    try:
        return await call.outcome
    finally:
        call.cancelled = True


def configure(*, max_workers: int) -> None:
    """Set the number of shared threads of this process; calls already running end on the old ones."""
    global _max_workers
    if max_workers < 1:
        raise ValueError("max_workers >= 1 expected")
    with _lock:
        _max_workers = max_workers
    shutdown_blocking()


def shutdown_blocking() -> None:
    """Let the shared threads end after the calls they have taken; a later `run_blocking` starts new ones."""
    global _threads
    with _lock:
        threads, _threads = _threads, None
    if threads is not None:
        threads.stop()


async def _supervise(
    make_coroutine: Callable[[], Coroutine[Any, Any, T]], timeout_seconds: float | None, cancel: CallerSignal | None
) -> T:
    loop = asyncio.get_running_loop()
    task = loop.create_task(make_coroutine())
    left: asyncio.Future[None] = loop.create_future()

    def caller_left() -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the work ended at the same moment
            loop.call_soon_threadsafe(left.cancel)

    if cancel is not None:
        cancel.add_callback(caller_left)
    try:
        waited: set[asyncio.Future[Any]] = {task, left}
        await asyncio.wait(waited, timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        if cancel is not None:
            cancel.remove_callback(caller_left)
    if task.done():
        return task.result()
    # Not cancelled here: `_drain` does it, once, so that its clean-up is not interrupted by a second cancellation.
    if left.done():
        raise CallerLeftError("the caller left, the work was cancelled")
    raise TimeoutError(f"the work took longer than {timeout_seconds} seconds")


def _drain(loop: asyncio.AbstractEventLoop) -> None:
    """End every task and asynchronous generator still alive in `loop`."""
    tasks = asyncio.all_tasks(loop)
    if tasks:
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.wait(tasks, timeout=DRAIN_SECONDS))
        for task in tasks:
            _report(task)
    loop.run_until_complete(loop.shutdown_asyncgens())


def _report(task: asyncio.Task[Any]) -> None:
    if not task.done():
        logger.error("a cancelled task did not end within %s seconds: %s", DRAIN_SECONDS, task.get_name())
    elif not task.cancelled() and (error := task.exception()) is not None:
        logger.error("a task failed while it was cancelled: %s", task.get_name(), exc_info=error)


class _BlockingCall(Generic[T]):
    """One call on its way to a shared thread and back to its loop."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, context: contextvars.Context, function: Callable[[], T]
    ) -> None:
        self._loop = loop
        self._context = context
        self._function = function
        self.outcome: asyncio.Future[T] = loop.create_future()
        self.cancelled = False

    def run(self) -> None:
        if self.cancelled:
            return
        result: T | None = None
        error: BaseException | None = None
        try:
            result = self._context.run(self._function)
        except StopIteration as stop:  # a future cannot carry it
            error = RuntimeError("the blocking function raised StopIteration")
            error.__cause__ = stop
        except BaseException as failure:  # noqa: BLE001  handed over to the awaiting task, which raises it
            error = failure
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._settle, result, error)

    def _settle(self, result: Any, error: BaseException | None) -> None:
        if self.outcome.done():
            return
        if error is not None:
            self.outcome.set_exception(error)
        else:
            self.outcome.set_result(result)


class _SharedThreads:
    """At most `max_workers` daemon threads, started when all others are busy; the awaiting tasks bound the queue."""

    def __init__(self, max_workers: int) -> None:
        self._max_workers = max_workers
        self._lock = threading.Lock()
        self._calls: SimpleQueue[_BlockingCall[Any] | None] = SimpleQueue()
        self._pending = 0
        self._workers = 0

    def submit(self, call: _BlockingCall[Any]) -> None:
        with self._lock:
            self._pending += 1
            if self._pending > self._workers and self._workers < self._max_workers:
                threading.Thread(target=self._work, name=f"blocking-{self._workers}", daemon=True).start()
                self._workers += 1
        self._calls.put(call)

    def stop(self) -> None:
        with self._lock:
            for _ in range(self._workers):
                self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call.run()
            del call
            with self._lock:
                self._pending -= 1


_lock = threading.Lock()
_threads: _SharedThreads | None = None
_max_workers = DEFAULT_BLOCKING_THREADS
_knows_fork = False


def _shared_threads() -> _SharedThreads:
    global _threads, _knows_fork
    threads = _threads
    if threads is not None:
        return threads
    with _lock:
        if _threads is None:
            _threads = _SharedThreads(_max_workers)
            if not _knows_fork:
                os.register_at_fork(after_in_child=_forget_parent_threads)
                _knows_fork = True
        return _threads


def _forget_parent_threads() -> None:
    """Threads do not survive a fork, and the parent may have held the lock."""
    global _threads, _lock
    _lock = threading.Lock()
    _threads = None
