"""Calls a function when a time is over, unless it was called off; one thread for all of them. Used by `query_watch`."""

from __future__ import annotations

import heapq
import itertools
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final


@dataclass(order=True, slots=True)
class Deadline:
    """One that is running; `number` keeps the order of those that end at the same moment."""

    at: float
    number: int
    callback: Callable[[], None] | None = field(compare=False)

    def call_off(self) -> None:
        """Nothing is called any more, unless it has begun already; further times are harmless."""
        self.callback = None


class Deadlines:
    """Running deadlines, watched by a thread that starts with the first one. Threads share it."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._running: list[Deadline] = []
        self._is_watching = False
        os.register_at_fork(after_in_child=self._forget)

    def after(self, seconds: float, callback: Callable[[], None]) -> Deadline:
        """Call `callback` from the watching thread in `seconds`; it must neither block nor raise."""
        deadline = Deadline(time.monotonic() + seconds, next(self._numbers), callback)
        with self._changed:
            heapq.heappush(self._running, deadline)
            if not self._is_watching:
                threading.Thread(target=self._watch, name="sql-deadlines", daemon=True).start()
                self._is_watching = True
            elif self._running[0] is deadline:
                self._changed.notify()
        return deadline

    def _watch(self) -> None:
        while True:
            for callback in self._wait_for_due():
                callback()

    def _wait_for_due(self) -> list[Callable[[], None]]:
        with self._changed:
            while True:
                due = self._take_due()
                if due:
                    return due
                self._changed.wait(self._running[0].at - time.monotonic() if self._running else None)

    def _take_due(self) -> list[Callable[[], None]]:
        """What is to be called now; those called off are dropped when they come to the front."""
        due: list[Callable[[], None]] = []
        now = time.monotonic()
        while self._running and (self._running[0].callback is None or self._running[0].at <= now):
            callback = heapq.heappop(self._running).callback
            if callback is not None:
                due.append(callback)
        return due

    def _forget(self) -> None:
        """For a forked child: threads do not survive a fork, and the parent may have held the lock."""
        self._changed = threading.Condition()
        self._running = []
        self._is_watching = False


DEADLINES: Final = Deadlines()
