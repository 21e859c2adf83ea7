"""Kept embeddings on a real Redis: the historical form, the cap, and life without Redis."""

import json
from collections.abc import Iterator, Sequence

import pytest
from redis import Redis

from common.errors import StoreUnavailableError
from core.llm.embedding_cache import CachedEmbedder, EmbeddingCache
from core.llm.metering import CallAccount
from core.redis_client import connect_redis
from core.vector_store.embedding import Embedder

ANNA = CallAccount("default", "anna", "ask_agent")
OTHER = CallAccount("acme", "bert", "ask_agent")
# Written by the historical service: SHA-256 of the exact text, model and configured dimension in the key.
OLD_KEY = "embedding_cache:eba1d49220714f76:m:2"
OLD_VALUE = {"question": "SHA", "vector": [0.6, 0.8], "model_name": "m", "dimension": 2, "version": "1.0"}


class Counting:
    """An embedder that tells what it was asked."""

    model_name, dimension = "m", 2

    def __init__(self) -> None:
        self.asked: list[str] = []

    def embed(self, texts: Sequence[str], *, account: CallAccount) -> list[list[float]]:
        self.asked += texts
        return [[float(len(text)), 0.5] for text in texts]

    def embed_question(self, question: str, *, account: CallAccount) -> list[float]:
        return self.embed([question], account=account)[0]


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    client = connect_redis(redis_url, timeout_seconds=5)
    client.commands.flushdb()
    yield client.commands
    client.close()


def cache_on(redis: Redis, max_entries: int = 100, ttl_seconds: int | None = 60) -> EmbeddingCache:
    return EmbeddingCache(redis, model="m", dimension=2, ttl_seconds=ttl_seconds, max_entries=max_entries)


def names(redis: Redis) -> set[str]:
    return set(redis.scan_iter(match="embedding_cache:*"))


def test_question_is_embedded_once_and_training_texts_are_not_kept(redis: Redis) -> None:
    counting = Counting()
    embedder: Embedder = CachedEmbedder(counting, cache_on(redis))
    first = embedder.embed_question("营收", account=ANNA)
    assert embedder.embed_question("营收", account=ANNA) == first
    assert embedder.embed(["文档"], account=ANNA) == [[2.0, 0.5]]
    assert counting.asked == ["营收", "文档"]
    assert len(names(redis)) == 1


def test_tenants_and_texts_share_nothing(redis: Redis) -> None:
    counting = Counting()
    embedder = CachedEmbedder(counting, cache_on(redis))
    for text, account in (("营收", ANNA), ("营收", OTHER), (" 营收", ANNA), ("", ANNA)):
        embedder.embed_question(text, account=account)
    assert len(counting.asked) == 4
    assert [cache_on(redis).stats(tenant)[0] for tenant in ("default", "acme")] == [2, 1]
    cache_on(redis).clear("default")
    assert [cache_on(redis).stats(tenant)[0] for tenant in ("default", "acme")] == [0, 1]


def test_entry_has_the_historical_form(redis: Redis) -> None:
    cache_on(redis).keep("default", "SHA", [0.6, 0.8])
    [name] = names(redis)
    stored = redis.get(name)
    members = json.loads(str(stored))
    assert "\\u" not in str(stored)
    assert members.pop("created_at")
    assert (name, members) == (OLD_KEY, OLD_VALUE)
    assert 0 < int(str(redis.ttl(name))) <= 60


def test_entry_of_the_older_service_is_found(redis: Redis) -> None:
    redis.set(OLD_KEY, json.dumps(OLD_VALUE))
    assert cache_on(redis).find("default", "SHA") == [0.6, 0.8]


@pytest.mark.parametrize(
    "value",
    [
        "no json",
        "[]",
        json.dumps({**OLD_VALUE, "question": "another"}),
        json.dumps({**OLD_VALUE, "vector": [0.6]}),
        json.dumps({**OLD_VALUE, "vector": ["x", 1]}),
        json.dumps({**OLD_VALUE, "vector": [float("nan"), 1]}),
    ],
)
def test_entry_that_is_none_of_ours_is_not_used(redis: Redis, value: str) -> None:
    redis.set(OLD_KEY, value)
    assert cache_on(redis).find("default", "SHA") is None


def test_cap_removes_what_ends_first(redis: Redis) -> None:
    for number in range(30):
        redis.set(f"embedding_cache:{number:016d}:m:2", "{}", ex=10 + number)
    cache = cache_on(redis, max_entries=5)
    for number in range(3):
        cache.keep("default", f"新{number}", [1.0, 0.0])
    kept = names(redis)
    assert len(kept) == 5
    assert {f"embedding_cache:{number:016d}:m:2" for number in (28, 29)} < kept
    assert all(cache.find("default", f"新{number}") for number in range(3))


@pytest.mark.parametrize("forever", [None, 0])
def test_no_ttl_keeps_for_ever_and_within_the_cap(redis: Redis, forever: int | None) -> None:
    cache = cache_on(redis, max_entries=3, ttl_seconds=forever)
    for number in range(6):
        cache.keep("default", str(number), [1.0, 0.0])
    assert [int(str(redis.ttl(name))) for name in names(redis)] == [-1] * 3
    assert cache.find("default", "5")
    assert not cache.find("default", "0")


def test_cap_of_none_keeps_nothing(redis: Redis) -> None:
    cache_on(redis, max_entries=0).keep("default", "营收", [1.0, 0.0])
    assert names(redis) == set()


def test_a_write_never_walks_through_all_keys(redis: Redis) -> None:
    redis.mset({f"other:{number}": "x" for number in range(20_000)})
    cache = cache_on(redis, max_entries=2)
    before = redis.info("commandstats")
    for number in range(10):
        cache.keep("default", str(number), [1.0, 0.0])
    after = redis.info("commandstats")
    assert "cmdstat_keys" not in after
    scans = [stats.get("cmdstat_scan", {}).get("calls", 0) for stats in (before, after)]
    assert scans[1] - scans[0] <= 10
    assert len(names(redis)) == 2


def test_lost_redis_costs_only_the_cache() -> None:
    client = connect_redis("redis://127.0.0.1:9/0", timeout_seconds=0.2)
    counting = Counting()
    cache = cache_on(client.commands)
    embedder = CachedEmbedder(counting, cache)
    assert [embedder.embed_question("营收", account=ANNA) for _ in range(2)] == [[2.0, 0.5]] * 2
    assert counting.asked == ["营收", "营收"]
    assert not cache.is_available()
    for ask in (cache.stats, cache.clear):
        with pytest.raises(StoreUnavailableError):
            ask("default")
    client.close()
