"""Stops a running query from outside: its caller left, its time or its memory is used up; used by the executor."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import psycopg
from psycopg import Connection

from core.sql_executor.backend_memory import LocalBackend
from core.sql_executor.deadlines import DEADLINES, Deadline

_REPEAT_SECONDS = 0.1
_CANCEL_TIMEOUT_SECONDS = 2.0
_PATIENCE_SECONDS = 3.0  # then the connection is cut, and the server ends its process by itself
_FIRST_LOOK_SECONDS = 0.05
_LOOK_SECONDS = 0.02


class CancelSignal(Protocol):
    """What `cancel` has to offer. `remove_callback` is used when there is one."""

    def is_set(self) -> bool: ...

    def add_callback(self, callback: Callable[[], None], /) -> None: ...


class QueryWatch:
    """Watches over one connection while a query runs on it.

    A cancel request that arrives between two statements is lost on the server, so it is repeated until the query is
    over. A connection that was sent one is never reused: a late request would hit the next query. A query that does not
    heed it for some seconds has its connection cut.

    Attributes:
        was_cancelled: the caller left. was_too_slow: its time was over. was_too_large: its memory was used up.
        was_cut: the connection was cut.
    """

    def __init__(self, connection: Connection[Any], backend: LocalBackend | None = None) -> None:
        self._connection = connection
        self._backend = backend
        self._look: Deadline | None = None
        self.was_too_large = False
        self.was_cut = False
        self._over = threading.Event()
        self._lock = threading.Lock()
        self.was_cancelled = False
        self.was_too_slow = False
        self._canceller: threading.Thread | None = None

    @property
    def has_fired(self) -> bool:
        return self._canceller is not None

    def on_caller_left(self) -> None:
        """Stop the query; returns at once."""
        self.was_cancelled = True
        self._fire()

    def on_deadline(self) -> None:
        """Stop the query because its time is over."""
        self.was_too_slow = True
        self._fire()

    def look_after_memory(self) -> None:
        """Look at the server process's memory now and then, and stop the query when it has too much."""
        self._look = DEADLINES.after(_FIRST_LOOK_SECONDS, self._look_once)

    def end(self) -> None:
        """The query is over: nothing is sent for it any more once this returns."""
        with self._lock:
            self._over.set()
            canceller = self._canceller
        if self._look is not None:
            self._look.call_off()
        if canceller is not None:
            canceller.join()

    def _look_once(self) -> None:
        if self._over.is_set() or self._backend is None:
            return
        if self._backend.is_over():
            self.was_too_large = True
            self._fire()
            return
        self._look = DEADLINES.after(_LOOK_SECONDS, self._look_once)

    def _fire(self) -> None:
        with self._lock:
            if self._over.is_set() or self._canceller is not None:
                return
            self._canceller = threading.Thread(target=self._cancel_until_over, name="sql-cancel", daemon=True)
            self._canceller.start()

    def _cancel_until_over(self) -> None:
        cut_at = time.monotonic() + _PATIENCE_SECONDS
        while not self._over.is_set():
            with contextlib.suppress(psycopg.Error):
                self._connection.cancel_safe(timeout=_CANCEL_TIMEOUT_SECONDS)
            if not self._over.wait(_REPEAT_SECONDS) and time.monotonic() > cut_at:
                self._cut()
                return

    def _cut(self) -> None:
        self.was_cut = True
        with (
            contextlib.suppress(OSError, psycopg.Error),
            socket.socket(fileno=os.dup(self._connection.pgconn.socket)) as own,
        ):
            own.shutdown(socket.SHUT_RDWR)


@contextmanager
def watched(
    connection: Connection[Any], *, wall_clock_seconds: float, cancel: CancelSignal | None
) -> Iterator[QueryWatch]:
    """Arm deadline, memory and the caller's signal for the block; a cancelled connection is closed after it."""
    backend = getattr(connection, "backend", None)
    watch = QueryWatch(connection, backend)
    if backend is not None and not backend.is_capped:
        watch.look_after_memory()
    deadline = DEADLINES.after(wall_clock_seconds, watch.on_deadline)
    callback = watch.on_caller_left
    if cancel is not None:
        cancel.add_callback(callback)
        if cancel.is_set():  # set before the callback was known; not every signal calls a late one
            callback()
    try:
        yield watch
    finally:
        deadline.call_off()
        remove = getattr(cancel, "remove_callback", None)
        if remove is not None:
            remove(callback)
        watch.end()
        if watch.has_fired:
            connection.close()
