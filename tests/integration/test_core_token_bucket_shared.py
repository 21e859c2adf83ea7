"""Token buckets in a real Redis: all processes together get what one of them would."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from core.token_bucket import Limit, TokenBuckets

SLOW = Limit(0.5, 25)
"""A token comes back in two minutes, longer than any test takes."""


@pytest.fixture
def clients(redis_url: str) -> Iterator[list["redis.Redis"]]:
    """As many connections as there would be processes."""
    made = [redis.Redis.from_url(redis_url, decode_responses=True) for _ in range(4)]
    made[0].flushdb()
    yield made
    for client in made:
        client.close()


def test_processes_share_a_bucket(clients: list["redis.Redis"]) -> None:
    processes = [TokenBuckets(lambda client=client: client) for client in clients]
    with ThreadPoolExecutor(16) as threads:
        waits = list(threads.map(lambda n: processes[n % 4].take([("amy", SLOW)]), range(100)))
    assert waits.count(0) == SLOW.burst
    assert all(0 < wait <= 120 for wait in waits if wait)


def test_it_takes_from_all_or_from_none(clients: list["redis.Redis"]) -> None:
    buckets = TokenBuckets(lambda: clients[0])
    narrow = Limit(0.5, 1)
    assert buckets.take([("amy", narrow), ("office", SLOW)]) == 0
    assert buckets.take([("amy", narrow), ("office", SLOW)]) > 0
    taken = [buckets.take([("office", SLOW)]) for _ in range(SLOW.burst)]
    assert taken.count(0) == SLOW.burst - 1
    assert buckets.look([("bob", SLOW)]) == 0


def test_work_that_costs_more_takes_more(clients: list["redis.Redis"]) -> None:
    buckets = TokenBuckets(lambda: clients[0])
    assert buckets.take([("amy", SLOW)], 20) == 0
    assert 0 < buckets.take([("amy", SLOW)], 6) <= 120
    assert [buckets.take([("amy", SLOW)]) > 0 for _ in range(6)] == [False] * 5 + [True]
    assert buckets.take([("bob", SLOW)], 1_000) == 0


def test_buckets_vanish_when_they_are_full_again(clients: list["redis.Redis"]) -> None:
    TokenBuckets(lambda: clients[0]).take([("amy", Limit(60, 5))])
    assert 0 < clients[0].pttl("rate_limit:amy") <= 1001


def test_waiting_as_long_as_it_says_is_enough(clients: list["redis.Redis"]) -> None:
    buckets, fast = TokenBuckets(lambda: clients[0]), Limit(600, 1)
    assert buckets.take([("amy", fast)]) == 0
    wait = buckets.take([("amy", fast)])
    assert 0 < wait <= 0.1
    time.sleep(wait)
    assert buckets.take([("amy", fast)]) == 0
