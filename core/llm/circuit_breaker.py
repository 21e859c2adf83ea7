"""Spares a model endpoint that keeps failing, and its callers the wait. One for each endpoint of a process.

    closed      every try passes; `failures` countable ones in a row open it
    open        no try passes for `open_seconds`
    half open   one try passes as a probe; its success closes the circuit, its failure opens it again

Countable is what says that the endpoint is in trouble: time-outs, connection failures, 5xx, and 429 without a time to
come back at. A refused key or request proves that it works. An unusable reply and a caller who gave up prove nothing.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final, Literal

from core.llm.errors import (
    ModelAuthenticationError,
    ModelCallError,
    ModelCircuitOpenError,
    ModelConnectionError,
    ModelRateLimitedError,
    ModelRequestError,
    ModelServerError,
    ModelTimeoutError,
)
from core.logging import get_app_logger

logger = get_app_logger("llm.breaker")

State = Literal["closed", "open", "half_open"]
Trouble = Literal["key_refused", "failing"]
_PROBE_SECONDS: Final = 1.0
"""When to come back while somebody else's probe runs."""


class CircuitBreaker:
    """See the module. Safe in any thread.

    Args:
        failures: countable failures in a row that open it; 0 never opens.
        open_seconds: how long it stays open before a probe.
        clock: seconds from any fixed point, never going back.
    """

    def __init__(
        self, *, failures: int = 10, open_seconds: float = 30.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = failures
        self._open_seconds = open_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._opened_at: float | None = None
        self._is_key_refused = False
        self._probe: object | None = None

    @property
    def state(self) -> State:
        with self._lock:
            if self._opened_at is None:
                return "closed"
            return "half_open" if self._left() <= 0 else "open"

    @property
    def trouble(self) -> Trouble | None:
        """What the tries since the last success say of the endpoint; None when nothing is wrong, or nobody has tried.

        `key_refused`: it answered 401 or 403. `failing`: the circuit was opened and no probe has closed it yet.
        """
        with self._lock:
            if self._is_key_refused:
                return "key_refused"
            return None if self._opened_at is None else "failing"

    @contextlib.contextmanager
    def trial(self, is_abandoned: Callable[[], bool] = lambda: False) -> Iterator[None]:
        """The block is one try; how it ends is what the breaker learns.

        Args:
            is_abandoned: whether the caller gave up, so that a broken connection is our own doing.

        Raises:
            ModelCircuitOpenError: no try is made now.
        """
        ticket = self._admit()
        try:
            yield
        except ModelCallError as error:
            self._ended(ticket, None if is_abandoned() else _verdict(error))
            if isinstance(error, ModelAuthenticationError):
                self._note_key(is_refused=True)
            raise
        except BaseException:
            self._ended(ticket, None)
            raise
        self._ended(ticket, True)
        self._note_key(is_refused=False)

    def _note_key(self, *, is_refused: bool) -> None:
        with self._lock:
            self._is_key_refused = is_refused

    def _left(self) -> float:
        return self._open_seconds - (self._clock() - (self._opened_at or 0.0))

    def _admit(self) -> object:
        with self._lock:
            ticket = object()
            if self._opened_at is None:
                return ticket
            left = self._left()
            if left > 0:
                raise ModelCircuitOpenError(retry_after=left)
            if self._probe is not None:
                raise ModelCircuitOpenError(retry_after=_PROBE_SECONDS)
            self._probe = ticket
            return ticket

    def _ended(self, ticket: object, is_working: bool | None) -> None:
        """`is_working` is None when nothing was learned. While open, only the probe's end counts."""
        with self._lock:
            is_probe = self._probe is ticket
            if is_probe:
                self._probe = None
            if is_working is None or (self._opened_at is not None and not is_probe):
                return
            if is_working:
                self._close()
            else:
                self._count(is_probe)

    def _close(self) -> None:
        if self._opened_at is not None:
            logger.warning("the model endpoint answers again: circuit closed")
        self._opened_at, self._failures = None, 0

    def _count(self, is_probe: bool) -> None:
        self._failures += 1
        if is_probe or 0 < self._limit <= self._failures:
            logger.warning("the model endpoint keeps failing: circuit open for %s s", self._open_seconds)
            self._opened_at = self._clock()


def _verdict(error: ModelCallError) -> bool | None:
    """Whether the endpoint works; None when the error allows no conclusion."""
    if isinstance(error, ModelTimeoutError | ModelConnectionError | ModelServerError):
        return False
    if isinstance(error, ModelRateLimitedError):
        return None if error.retry_after is not None else False
    if isinstance(error, ModelAuthenticationError | ModelRequestError):
        return True
    return None
