"""A flag that one thread raises and others hear at once; carries "the caller has left" down to the SQL statement."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Protocol


class CancelSignal(Protocol):
    """What a long call needs to stop early. Callbacks run in the thread that raises the flag."""

    def is_set(self) -> bool: ...

    def add_callback(self, callback: Callable[[], None]) -> None: ...

    def remove_callback(self, callback: Callable[[], None]) -> None: ...


class CancelFlag:
    """A `CancelSignal` that its owner sets, once and for good. Safe in any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_set = False
        self._callbacks: list[Callable[[], None]] = []

    def is_set(self) -> bool:
        return self._is_set

    def add_callback(self, callback: Callable[[], None]) -> None:
        """Call `callback` when the flag is set, or now when it already is."""
        with self._lock:
            if not self._is_set:
                self._callbacks.append(callback)
                return
        callback()

    def remove_callback(self, callback: Callable[[], None]) -> None:
        """Forget a callback that is no longer wanted; one that is unknown is ignored."""
        with self._lock, contextlib.suppress(ValueError):
            self._callbacks.remove(callback)

    def set(self) -> None:
        """Raise the flag; each callback runs exactly once."""
        with self._lock:
            self._is_set = True
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()
