"""How long one model call may still take, and the means to stop it from another thread.

`core.llm.client` opens a scope for each call and activates it in the working thread; `core.llm.http_pool` reads the
active one at every network operation. A scope is plain data with a lock: it belongs to no event loop.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

_active = threading.local()


class CallScope:
    """One call's deadline over all its tries, the running try's own deadline, and a cancel switch.

    Args:
        timeout_seconds: what the whole call may take, counted from now.
        clock: seconds from any fixed point, never going back.
    """

    def __init__(self, timeout_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._deadline = clock() + timeout_seconds
        self._attempt_deadline = self._deadline
        self._cancelled = threading.Event()
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None

    @property
    def is_cancelled(self) -> bool:
        return self._cancelled.is_set()

    def remaining(self) -> float:
        """Seconds left for the whole call, never negative."""
        return max(0.0, self._deadline - self._clock())

    def begin_attempt(self, seconds: float) -> None:
        """Start a try that may take `seconds`, or less when the call has less left."""
        self._attempt_deadline = min(self._deadline, self._clock() + seconds)

    def attempt_remaining(self) -> float:
        """Seconds left for the running try, never negative."""
        return max(0.0, self._attempt_deadline - self._clock())

    def wait(self, seconds: float) -> None:
        """Sleep, but wake up at once when the call is cancelled."""
        self._cancelled.wait(seconds)

    @contextlib.contextmanager
    def using(self, connection: socket.socket | None) -> Iterator[bool]:
        """Name the socket a network operation blocks on; yields False when the call was cancelled before."""
        with self._lock:
            self._socket = connection
            is_wanted = not self._cancelled.is_set()
        try:
            yield is_wanted
        finally:
            with self._lock:
                self._socket = None

    def cancel(self) -> None:
        """Stop the call: a blocked read returns at once, a pause ends, no further try is made. Any thread may."""
        with self._lock:
            self._cancelled.set()
            if self._socket is not None:
                with contextlib.suppress(OSError):
                    # Not the SSL object's own method: that one would pull its state away under the reading thread.
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


@contextlib.contextmanager
def activate(scope: CallScope) -> Iterator[None]:
    """Make `scope` the one that bounds this thread's network operations."""
    previous = current_scope()
    _active.scope = scope
    try:
        yield
    finally:
        _active.scope = previous


def current_scope() -> CallScope | None:
    """The scope active in this thread."""
    scope: CallScope | None = getattr(_active, "scope", None)
    return scope
