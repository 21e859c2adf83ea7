"""Caches may evict, conversations may not: two servers when the settings say so, a warning when one would do both."""

from collections.abc import Iterator

import pytest

from bootstrap.stores import warn_of_eviction
from core.redis_client import connect_redis
from tests.contract.conftest import Start
from tests.contract.service_in_process import Service
from tools.bench.own_redis import OwnRedis, own_redis
from tools.harness.model_server import ScriptedModelServer

BURST_KEYS = 1_024
CHAT = {"user_id": "alice", "routing_mode": "chat_direct"}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnRedis]:
    options = ("--maxmemory", "4mb", "--maxmemory-policy", "allkeys-lru")
    with own_redis(tmp_path_factory.mktemp("cache"), *options) as server:
        yield server


@pytest.fixture(scope="module")
def service(start: Start, small_business_url: str, model: ScriptedModelServer, cache: OwnRedis) -> Iterator[Service]:
    settings = {"REDIS_CACHE_URL": cache.url, "ENABLE_QUESTION_ANSWER_CACHE": "true"}
    with start(small_business_url, model, **settings) as running:
        yield running


def test_burst_of_cached_answers_evicts_no_conversation(service: Service, cache: OwnRedis) -> None:
    conversation = service.ask("你好", **CHAT).json()["data"]["conversation_id"]
    assert service.client.get("/api/v0/conversation_stats").json()["data"]["cached_qa_count"] == 1
    with cache.client() as caches:
        for number in range(BURST_KEYS):
            caches.set(f"qa_cache:{number:016x}", "x" * 8192, ex=86_400)
        assert int(caches.info("stats")["evicted_keys"]) > 0
    assert len(service.stored_messages(conversation)) == 2
    assert service.ask("还在吗", conversation_id=conversation, **CHAT).json()["data"]["context_used"] is True


def test_server_that_evicts_what_must_be_kept_is_reported(
    service: Service, cache: OwnRedis, caplog: pytest.LogCaptureFixture
) -> None:
    assert warn_of_eviction(service.container.shared.redis) is False
    assert warn_of_eviction(service.container.shared.cache_redis) is True
    assert "allkeys-lru" in caplog.text
    assert warn_of_eviction(connect_redis("redis://127.0.0.1:9/0")) is False
