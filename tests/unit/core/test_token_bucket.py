"""Token buckets of one process: as many requests as the definition of a token bucket admits, no more and no fewer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.exceptions import ConnectionError as RedisConnectionError

from core.token_bucket import Limit, TokenBuckets

TEN_A_MINUTE = Limit(10, 3)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def no_redis() -> None:
    return None


@given(
    rate=st.integers(1, 6000),
    burst=st.integers(1, 50),
    steps=st.lists(st.tuples(st.floats(0, 20, allow_nan=False), st.integers(1, 70)), max_size=60),
)
def test_it_admits_what_a_bucket_of_tokens_admits(rate: int, burst: int, steps: list[tuple[float, int]]) -> None:
    clock, limit = Clock(), Limit(rate, burst)
    buckets = TokenBuckets(no_redis, clock=clock)
    tokens, filled_at = float(burst), clock.now
    for pause, wanted in steps:
        clock.now += pause
        cost = min(wanted, burst)
        tokens, filled_at = min(burst, tokens + (clock.now - filled_at) * rate / 60), clock.now
        wait = buckets.take([("amy", limit)], wanted)
        if abs(tokens - cost) < 1e-4:  # too close to call for floating point
            return
        assert (wait == 0) is (tokens >= cost)
        if wait == 0:
            tokens -= cost
        else:
            assert wait == pytest.approx((cost - tokens) * 60 / rate, abs=1e-4)


def test_waiting_as_long_as_it_says_is_enough() -> None:
    clock = Clock()
    buckets = TokenBuckets(no_redis, clock=clock)
    assert [buckets.take([("amy", TEN_A_MINUTE)]) for _ in range(3)] == [0, 0, 0]
    wait = buckets.take([("amy", TEN_A_MINUTE)])
    assert wait == pytest.approx(6)
    clock.now += wait
    assert buckets.take([("amy", TEN_A_MINUTE)]) == 0


def test_others_and_their_buckets_are_not_touched() -> None:
    buckets = TokenBuckets(no_redis, clock=Clock())
    for _ in range(3):
        buckets.take([("amy", TEN_A_MINUTE)])
    assert buckets.take([("amy", TEN_A_MINUTE), ("office", Limit(10, 1))]) > 0
    assert buckets.take([("bob", TEN_A_MINUTE), ("office", Limit(10, 1))]) == 0, "the refused one took nothing"
    assert buckets.take([("bob", TEN_A_MINUTE), ("office", Limit(10, 1))]) > 0


def test_looking_takes_nothing() -> None:
    buckets = TokenBuckets(no_redis, clock=Clock())
    assert [buckets.look([("amy", Limit(1, 1))]) for _ in range(3)] == [0, 0, 0]
    assert buckets.take([("amy", Limit(1, 1))]) == 0
    assert buckets.look([("amy", Limit(1, 1))]) > 0


def test_no_limit_asks_nobody() -> None:
    def never() -> None:
        raise AssertionError("Redis was asked")

    assert TokenBuckets(never).take([("amy", Limit.parse("0"))]) == 0


def test_without_redis_the_process_counts_by_itself() -> None:
    class Dead:
        def register_script(self, _text: str) -> object:
            def run(**_arguments: object) -> str:
                raise RedisConnectionError

            return run

    dead = Dead()
    buckets = TokenBuckets(lambda: dead, clock=Clock())  # type: ignore[arg-type, return-value]
    assert [buckets.take([("amy", TEN_A_MINUTE)]) > 0 for _ in range(5)] == [False] * 3 + [True] * 2


@pytest.mark.parametrize(
    ("text", "limit"), [("600/200", Limit(600, 200)), ("600", Limit(600, 60)), ("5", Limit(5, 1)), ("0", Limit(0, 1))]
)
def test_setting_spells_a_limit(text: str, limit: Limit) -> None:
    assert Limit.parse(text) == limit
