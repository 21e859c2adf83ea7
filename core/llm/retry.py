"""When a failed model call is tried again: few times, further and further apart, never beyond its deadline.

Used by `core.llm.client` and `core.llm.embeddings`, which make the tries themselves. Each try asks the endpoint's
circuit breaker first.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from core.llm.call_scope import CallScope, activate
from core.llm.circuit_breaker import CircuitBreaker
from core.llm.errors import ModelCallCancelledError, ModelCallError, ModelCircuitOpenError, ModelTimeoutError
from core.llm.messages import CallKind
from core.logging import get_app_logger

logger = get_app_logger("llm.retry")

Result = TypeVar("Result")


@dataclass(frozen=True)
class RetryPolicy:
    """Pauses in seconds. The n-th one lies between half of and full `first_pause * 2**(n-1)`, at most `longest_pause`.

    `jitter` returns 0..1; `sleep` replaces the cancellable wait, for tests.
    """

    max_calls: int = 3
    attempt_timeout_seconds: float = 25.0
    first_pause: float = 0.5
    longest_pause: float = 8.0
    jitter: Callable[[], float] = random.random
    sleep: Callable[[float], None] | None = None


class Attempts:
    """The tries of one call. Each is opened with `begin` and made within `observed`; each failure goes through
    `wait_or_raise`."""

    def __init__(self, policy: RetryPolicy, scope: CallScope, kind: CallKind, breaker: CircuitBreaker) -> None:
        self._policy = policy
        self._scope = scope
        self._kind = kind
        self._breaker = breaker
        self._made = 0

    @property
    def made(self) -> int:
        """Tries begun so far."""
        return self._made

    def begin(self) -> float:
        """Start a try and return the seconds it may take.

        Raises:
            ModelCallCancelledError, ModelTimeoutError: nobody wants it any more, or no time is left.
        """
        if self._scope.is_cancelled:
            raise ModelCallCancelledError
        self._scope.begin_attempt(self._policy.attempt_timeout_seconds)
        seconds = self._scope.attempt_remaining()
        if seconds <= 0:
            raise ModelTimeoutError
        self._made += 1
        return seconds

    @contextlib.contextmanager
    def observed(self) -> Iterator[None]:
        """The block asks the endpoint; the circuit breaker records how that ends.

        Raises:
            ModelCircuitOpenError: the endpoint keeps failing and is not asked.
        """
        with self._breaker.trial(lambda: self._scope.is_cancelled):
            yield

    def wait_or_raise(self, error: ModelCallError) -> None:
        """Pause before the next try, or raise when there should be none.

        Raises:
            ModelCallCancelledError: the caller gave up.
            ModelCallError: `error` itself, when trying again is useless, used up, or would end after the deadline.
        """
        if self._scope.is_cancelled:
            raise ModelCallCancelledError from None
        if isinstance(error, ModelCircuitOpenError):
            raise error
        pause = self._pause(error.retry_after)
        is_last = not error.can_retry or self._made >= self._policy.max_calls or pause >= self._scope.remaining()
        logger.warning(
            "model call failed: kind=%s try=%d error=%s status=%s %s",
            self._kind,
            self._made,
            type(error).__name__,
            error.status_code,
            "giving up" if is_last else f"next in {pause:.2f}s",
        )
        if is_last:
            raise error
        (self._policy.sleep or self._scope.wait)(pause)

    def _pause(self, retry_after: float | None) -> float:
        full = min(self._policy.longest_pause, self._policy.first_pause * 2 ** (self._made - 1))
        pause: float = full * (0.5 + self._policy.jitter() / 2)
        return pause if retry_after is None else retry_after + pause * 0.1


def call_with_retry(call: Callable[[float], Result], attempts: Attempts, scope: CallScope) -> Result:
    """Run `call(seconds_it_may_take)` until it succeeds.

    Raises:
        ModelCallError: the last failure, or the first that cannot be cured by trying again.
    """
    while True:
        seconds = attempts.begin()
        try:
            with activate(scope), attempts.observed():
                return call(seconds)
        except ModelCallError as error:
            attempts.wait_or_raise(error)
