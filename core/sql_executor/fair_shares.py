"""Divides a number of places fairly between callers; the reader pool asks it before it hands out a connection.

One caller holds at most a share of the places, one address at most all but one, and whoever holds least comes next. So
a caller with many slow statements fills its own share and waits behind everybody else. Work of the service itself has
no share, only a turn.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

from common import messages
from common.caller import Caller
from common.errors import OverloadedError, TooManyQueriesError

Key = TypeVar("Key")
_RETRY_AFTER_SECONDS: Final = 2


@dataclass(frozen=True)
class Shares:
    """How places are divided.

    Attributes:
        places: in all.
        per_caller: places one caller may hold, at least 1.
        queue: callers' requests that may wait in all; one caller's may be a quarter of them, one address's three.
    """

    places: int
    per_caller: int
    queue: int = 64

    @classmethod
    def of(cls, places: int, *, per_caller: int = 0, queue: int = 64) -> Shares:
        """Args: per_caller: 0 for half of the places."""
        return cls(places, min(places, per_caller or max(1, places // 2)), queue)

    @property
    def per_address(self) -> int:
        """Places that callers of one address may hold together."""
        return max(self.per_caller, self.places - 1)


@dataclass(eq=False)
class _Ticket:
    number: int
    granted: threading.Event


class FairShares:
    """See the module. Threads share it."""

    def __init__(self, shares: Shares) -> None:
        self._shares = shares
        self._lock = threading.Lock()
        self._number = 0
        self._in_use = 0
        self._held: Counter[Caller] = Counter()
        self._held_by_address: Counter[str] = Counter()
        self._waiting: OrderedDict[Caller, deque[_Ticket]] = OrderedDict()

    @contextmanager
    def place(self, caller: Caller, *, wait_seconds: float) -> Iterator[None]:
        """Hold a place within the block.

        Raises:
            TooManyQueriesError: the caller, or its address, has its share in use, and no place of it came free.
            OverloadedError: the places are in use by others, and none came free; or the queue is full.
        """
        self._enter(caller, wait_seconds)
        try:
            yield
        finally:
            self._leave(caller)

    def _enter(self, caller: Caller, wait_seconds: float) -> None:
        with self._lock:
            self._check_queue(caller)
            self._number += 1
            ticket = _Ticket(self._number, threading.Event())
            self._waiting.setdefault(caller, deque()).append(ticket)
            self._grant()
        if ticket.granted.wait(wait_seconds):
            return
        with self._lock:
            if ticket.granted.is_set():
                return
            self._withdraw(caller, ticket)
            raise self._overload(caller)

    def _leave(self, caller: Caller) -> None:
        with self._lock:
            self._in_use -= 1
            _count_down(self._held, caller)
            _count_down(self._held_by_address, caller.address)
            self._grant()

    def _check_queue(self, caller: Caller) -> None:
        if caller.is_internal or self._may_begin(caller):
            return
        queue = self._shares.queue
        of_address = sum(len(line) for other, line in self._waiting.items() if other.address == caller.address)
        if len(self._waiting.get(caller, ())) >= queue // 4 or of_address >= queue - queue // 4:
            raise TooManyQueriesError(messages.TOO_MANY_QUERIES, retry_after_seconds=_RETRY_AFTER_SECONDS)
        if sum(map(len, self._waiting.values())) >= queue:
            raise OverloadedError(messages.OVERLOADED, retry_after_seconds=_RETRY_AFTER_SECONDS)

    def _may_begin(self, caller: Caller) -> bool:
        return self._in_use < self._shares.places and not self._has_whole_share(caller)

    def _has_whole_share(self, caller: Caller) -> bool:
        if caller.is_internal:
            return False
        return (
            self._held[caller] >= self._shares.per_caller
            or self._held_by_address[caller.address] >= self._shares.per_address
        )

    def _grant(self) -> None:
        """Give free places to those who wait: who holds least first, then who waits longest."""
        while True:
            able = [caller for caller in self._waiting if self._may_begin(caller)]
            if not able:
                return
            caller = min(able, key=self._turn)
            line = self._waiting[caller]
            ticket = line.popleft()
            if not line:
                del self._waiting[caller]
            self._in_use += 1
            self._held[caller] += 1
            self._held_by_address[caller.address] += 1
            ticket.granted.set()

    def _turn(self, caller: Caller) -> tuple[int, int, int]:
        return self._held_by_address[caller.address], self._held[caller], self._waiting[caller][0].number

    def _withdraw(self, caller: Caller, ticket: _Ticket) -> None:
        line = self._waiting[caller]
        line.remove(ticket)
        if not line:
            del self._waiting[caller]

    def _overload(self, caller: Caller) -> OverloadedError:
        if self._has_whole_share(caller):
            return TooManyQueriesError(messages.TOO_MANY_QUERIES, retry_after_seconds=_RETRY_AFTER_SECONDS)
        return OverloadedError(messages.OVERLOADED, retry_after_seconds=_RETRY_AFTER_SECONDS)


def _count_down(counter: Counter[Key], key: Key) -> None:
    counter[key] -= 1
    if not counter[key]:
        del counter[key]
