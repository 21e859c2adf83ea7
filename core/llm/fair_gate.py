"""Bounds the model calls of a process and lets waiting tenants in by turns. Used by `core.llm.client`.

Tenants take turns, calls of one tenant go in order of arrival: whoever queues a thousand calls delays the next
tenant's first call by one of them. Coroutines wait without occupying a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from core.llm.call_scope import CallScope
from core.llm.errors import ModelBusyError, ModelCallCancelledError

_MINUTE: Final = 60.0
_LONGEST_WAIT: Final = 3600.0
_RATE_POLL_SECONDS: Final = 0.25


@dataclass(eq=False)
class _Ticket:
    tenant: str
    wake: Callable[[], None]
    is_granted: bool = False


class Permit:
    """The right to make one call; given back once, further times are harmless."""

    def __init__(self, give_back: Callable[[], None]) -> None:
        self._give_back: Callable[[], None] | None = give_back

    def release(self) -> None:
        give_back, self._give_back = self._give_back, None
        if give_back is not None:
            give_back()

    def __enter__(self) -> Permit:
        return self

    def __exit__(self, *_error: object) -> None:
        self.release()


class FairGate:
    """See the module. Safe in any thread and any event loop.

    Args:
        limit: calls at a time.
        requests_per_minute: requests begun within any 60 seconds, 0 for no limit. Further tries of an admitted call
            are not held up, but count, so that later calls wait the longer.
        clock: seconds from any fixed point, never going back.
    """

    def __init__(
        self, *, limit: int, requests_per_minute: int = 0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = limit
        self._per_minute = requests_per_minute
        self._clock = clock
        self._lock = threading.Lock()
        self._running = 0
        self._queues: OrderedDict[str, deque[_Ticket]] = OrderedDict()
        self._begun: deque[float] = deque()

    @property
    def waiting(self) -> int:
        """Calls that wait for their turn."""
        with self._lock:
            return sum(map(len, self._queues.values()))

    def enter(self, tenant: str, scope: CallScope) -> Permit:
        """Wait for the tenant's turn, in a thread.

        Raises:
            ModelBusyError: it did not come before the call's deadline.
            ModelCallCancelledError: the call was cancelled.
        """
        turn = threading.Event()
        ticket = self._join(tenant, turn.set)
        try:
            while not turn.wait(self._patience(scope)):
                self._check(scope)
                self._dispatch()
        except BaseException:
            self._leave(ticket)
            raise
        return Permit(self._give_back)

    async def enter_async(self, tenant: str, scope: CallScope) -> Permit:
        """`enter` for coroutines."""
        loop = asyncio.get_running_loop()
        turn = asyncio.Event()

        def wake() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: its coroutine has left already
                loop.call_soon_threadsafe(turn.set)

        ticket = self._join(tenant, wake)
        try:
            while not ticket.is_granted:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._patience(scope)):
                        await turn.wait()
                if not ticket.is_granted:
                    self._check(scope)
                    self._dispatch()
        except BaseException:
            self._leave(ticket)
            raise
        return Permit(self._give_back)

    def note_request(self) -> None:
        """Count a further try of an admitted call."""
        if self._per_minute:
            with self._lock:
                self._begun.append(self._clock())

    def _join(self, tenant: str, wake: Callable[[], None]) -> _Ticket:
        ticket = _Ticket(tenant, wake)
        with self._lock:
            self._queues.setdefault(tenant, deque()).append(ticket)
        self._dispatch()
        return ticket

    def _leave(self, ticket: _Ticket) -> None:
        with self._lock:
            if not ticket.is_granted:
                queue = self._queues[ticket.tenant]
                queue.remove(ticket)
                if not queue:
                    del self._queues[ticket.tenant]
                return
        self._give_back()

    def _give_back(self) -> None:
        with self._lock:
            self._running -= 1
        self._dispatch()

    def _dispatch(self) -> None:
        """Let in whoever may come in now."""
        granted = []
        with self._lock:
            while self._queues and self._running < self._limit and self._rate_pause() <= 0:
                ticket = self._next()
                ticket.is_granted = True
                self._running += 1
                if self._per_minute:
                    self._begun.append(self._clock())
                granted.append(ticket)
        for ticket in granted:
            ticket.wake()

    def _next(self) -> _Ticket:
        """The first call of the tenant whose turn it is; the tenant goes to the end of the line."""
        tenant, queue = self._queues.popitem(last=False)
        ticket = queue.popleft()
        if queue:
            self._queues[tenant] = queue
        return ticket

    def _rate_pause(self) -> float:
        """Seconds until another request may begin."""
        if not self._per_minute:
            return 0.0
        now = self._clock()
        while self._begun and now - self._begun[0] >= _MINUTE:
            self._begun.popleft()
        if len(self._begun) < self._per_minute:
            return 0.0
        return self._begun[-self._per_minute] + _MINUTE - now

    def _patience(self, scope: CallScope) -> float:
        """How long to sleep before looking again. Places are announced; that a minute has passed is not."""
        return min(scope.remaining(), _RATE_POLL_SECONDS if self._per_minute else _LONGEST_WAIT)

    @staticmethod
    def _check(scope: CallScope) -> None:
        if scope.is_cancelled:
            raise ModelCallCancelledError
        if scope.remaining() <= 0:
            raise ModelBusyError
