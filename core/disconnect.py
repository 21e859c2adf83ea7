"""The sign that a request is no longer wanted: the adapter puts one into each WSGI environ, services watch it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

CLIENT_DISCONNECTED_KEY = "citu.client_disconnected"

Reason = Literal["client_left", "shutting_down"]
RunElsewhere = Callable[[Callable[[], None]], None]


class DisconnectSignal:
    """Becomes set at most once, when the client left or the server winds up; never after the request ended.

    Callbacks run at most once, on a side thread (never on the event loop), one after another. They are meant for
    short blocking calls such as cancelling a statement. After `remove_callback` has returned, the callback is not
    running and never will: the connection it would have cancelled may be given to another request.
    """

    __slots__ = ("_callbacks", "_closed", "_lock", "_reason", "_run_elsewhere")

    def __init__(self, run_elsewhere: RunElsewhere) -> None:
        self._lock = threading.RLock()
        self._callbacks: list[Callable[[], None]] = []
        self._reason: Reason | None = None
        self._closed = False
        self._run_elsewhere = run_elsewhere

    @property
    def reason(self) -> Reason | None:
        """Why it is set; None while it is not."""
        return self._reason

    def is_set(self) -> bool:
        return self._reason is not None

    def add_callback(self, callback: Callable[[], None]) -> None:
        """Have `callback` called when the signal is set; at once, on this thread, when it already is."""
        with self._lock:
            if self._closed:
                return
            if self._reason is None:
                self._callbacks.append(callback)
                return
            callback()

    def remove_callback(self, callback: Callable[[], None]) -> None:
        """Forget `callback`, waiting for it if it is running on another thread. Unknown callbacks are ignored."""
        with self._lock:
            if callback in self._callbacks:
                self._callbacks.remove(callback)

    @contextmanager
    def calling(self, callback: Callable[[], None]) -> Iterator[None]:
        """Within the block `callback` is armed; outside it never runs."""
        self.add_callback(callback)
        try:
            yield
        finally:
            self.remove_callback(callback)

    def fire(self, reason: Reason) -> None:
        """For the adapter: set the signal. Does not block: callbacks run elsewhere."""
        if self._reason is not None:
            return
        with self._lock:  # free or held for a moment: callbacks, which may hold it long, only run once it is set
            if self._closed:
                return
            self._reason = reason
            wanted = bool(self._callbacks)
        if wanted:
            self._run_elsewhere(self._run_callbacks)

    def close(self) -> None:
        """For the adapter: the request ended, no callback runs from here on."""
        with self._lock:
            self._closed = True
            self._callbacks.clear()

    def _run_callbacks(self) -> None:
        with self._lock:
            while self._callbacks:
                self._callbacks.pop(0)()
