"""When a failing endpoint is left alone, who may probe it, and what closes the circuit again."""

import pytest

from core.llm.circuit_breaker import CircuitBreaker
from core.llm.errors import (
    ModelAuthenticationError,
    ModelCallError,
    ModelCircuitOpenError,
    ModelConnectionError,
    ModelRateLimitedError,
    ModelReplyError,
    ModelServerError,
    ModelTimeoutError,
)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> CircuitBreaker:
    return CircuitBreaker(failures=3, open_seconds=30, clock=clock)


def fail(breaker: CircuitBreaker, error: BaseException, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(type(error)), breaker.trial():
            raise error


def succeed(breaker: CircuitBreaker) -> None:
    with breaker.trial():
        pass


@pytest.mark.parametrize(
    "error", [ModelTimeoutError(), ModelConnectionError(), ModelServerError(), ModelRateLimitedError()]
)
def test_failures_in_a_row_open_it(breaker: CircuitBreaker, clock: Clock, error: ModelCallError) -> None:
    fail(breaker, error, times=3)
    clock.now = 10
    with pytest.raises(ModelCircuitOpenError) as caught:
        succeed(breaker)
    assert (breaker.state, caught.value.retry_after_seconds, caught.value.status) == ("open", 20, 503)


@pytest.mark.parametrize(
    "error",
    [ModelReplyError(), ModelAuthenticationError(), ModelRateLimitedError(retry_after=5), KeyboardInterrupt()],
)
def test_what_says_nothing_against_the_endpoint_does_not_open_it(breaker: CircuitBreaker, error: BaseException) -> None:
    fail(breaker, error, times=9)
    assert breaker.state == "closed"


def test_a_success_in_between_starts_the_count_anew(breaker: CircuitBreaker) -> None:
    fail(breaker, ModelServerError(), times=2)
    succeed(breaker)
    fail(breaker, ModelServerError(), times=2)
    assert breaker.state == "closed"


def test_one_probe_at_a_time_and_its_success_closes(breaker: CircuitBreaker, clock: Clock) -> None:
    fail(breaker, ModelServerError(), times=3)
    clock.now = 30
    with breaker.trial(), pytest.raises(ModelCircuitOpenError):
        succeed(breaker)
    assert breaker.state == "closed"


def test_a_failed_probe_opens_for_the_whole_time_again(breaker: CircuitBreaker, clock: Clock) -> None:
    fail(breaker, ModelServerError(), times=3)
    clock.now = 30
    fail(breaker, ModelTimeoutError())
    clock.now = 59
    with pytest.raises(ModelCircuitOpenError):
        succeed(breaker)
    clock.now = 60
    succeed(breaker)
    assert breaker.state == "closed"


def test_an_abandoned_probe_leaves_its_place_to_the_next(breaker: CircuitBreaker, clock: Clock) -> None:
    fail(breaker, ModelServerError(), times=3)
    clock.now = 30
    with pytest.raises(ModelConnectionError), breaker.trial(is_abandoned=lambda: True):
        raise ModelConnectionError
    assert breaker.state == "half_open"
    succeed(breaker)
    assert breaker.state == "closed"


def test_late_news_of_older_tries_do_not_close_an_open_circuit(breaker: CircuitBreaker) -> None:
    with breaker.trial():
        fail(breaker, ModelServerError(), times=3)
    assert breaker.state == "open"


def test_zero_failures_means_never(clock: Clock) -> None:
    breaker = CircuitBreaker(failures=0, clock=clock)
    fail(breaker, ModelServerError(), times=99)
    assert breaker.state == "closed"
