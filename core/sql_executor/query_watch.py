"""Stops a running query from outside: when its caller leaves or its time is over; used by the executor."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import psycopg
from psycopg import Connection

from core.sql_executor.deadlines import DEADLINES

_REPEAT_SECONDS = 0.1
_CANCEL_TIMEOUT_SECONDS = 2.0


class CancelSignal(Protocol):
    """What `cancel` has to offer. `remove_callback` is used when there is one."""

    def is_set(self) -> bool: ...

    def add_callback(self, callback: Callable[[], None], /) -> None: ...


class QueryWatch:
    """Watches over one connection while a query runs on it.

    A cancel request that arrives between two statements is lost on the server, so it is repeated until the query is
    over. A connection that was sent one is never reused: a late request would hit the next query.
    """

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection
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

    def end(self) -> None:
        """The query is over: nothing is sent for it any more once this returns."""
        with self._lock:
            self._over.set()
            canceller = self._canceller
        if canceller is not None:
            canceller.join()

    def _fire(self) -> None:
        with self._lock:
            if self._over.is_set() or self._canceller is not None:
                return
            self._canceller = threading.Thread(target=self._cancel_until_over, name="sql-cancel", daemon=True)
            self._canceller.start()

    def _cancel_until_over(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(psycopg.Error):
                self._connection.cancel_safe(timeout=_CANCEL_TIMEOUT_SECONDS)
            self._over.wait(_REPEAT_SECONDS)


@contextmanager
def watched(
    connection: Connection[Any], *, wall_clock_seconds: float, cancel: CancelSignal | None
) -> Iterator[QueryWatch]:
    """Arm the deadline and the caller's signal for the block; a connection that was cancelled is closed after it."""
    watch = QueryWatch(connection)
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
