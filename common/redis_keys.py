"""Finding and removing the keys of a family without ever blocking Redis. Used by every cache that lives there.

SCAN in steps of five hundred keys, never KEYS; removal by UNLINK, a step at a time. Errors of redis pass through; the
block of `redis_needed` turns them into ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from redis import Redis
from redis.exceptions import RedisError

from common import messages
from common.errors import StoreUnavailableError

_STEP: Final = 500


@contextmanager
def redis_needed() -> Iterator[None]:
    """The block's result depends on Redis: what Redis refuses is a `StoreUnavailableError`."""
    try:
        yield
    except RedisError as error:
        raise StoreUnavailableError(messages.REDIS_UNAVAILABLE) from error


def key_batches(redis: Redis, pattern: str) -> Iterator[list[str]]:
    """The keys that match, in non-empty batches; a key stands at most once in a batch."""
    cursor = 0
    while True:
        cursor, keys = redis.scan(cursor, match=pattern, count=_STEP)
        if keys:
            yield list(dict.fromkeys(map(str, keys)))
        if not cursor:
            return


def count_keys(redis: Redis, pattern: str) -> tuple[int, str | None]:
    """How many keys match, and one of them."""
    count, first = 0, None
    for batch in key_batches(redis, pattern):
        count += len(batch)
        first = first or batch[0]
    return count, first


def unlink_keys(redis: Redis, pattern: str) -> int:
    """Remove every key that matches and say how many there were."""
    return sum(int(redis.unlink(*batch)) for batch in key_batches(redis, pattern))


def megabytes_of(redis: Redis, count: int, sample: str | None) -> float:
    """About how much memory `count` values as large as the sample take, two decimals; 0 without one."""
    if not count or sample is None:
        return 0
    return round(int(redis.memory_usage(sample) or 0) * count / 1024 / 1024, 2)
