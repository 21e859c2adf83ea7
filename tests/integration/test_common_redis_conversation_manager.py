"""Conversations on a real Redis: ids, order, limits, lives, tenants, and many writers at once."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from redis import Redis

from common.errors import BadRequestError
from common.redis_conversation_manager import RedisConversationManager
from core.redis_client import connect_redis

TENANTS = ("default", "acme")


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    client = connect_redis(redis_url, timeout_seconds=5)
    client.commands.flushdb()
    yield client.commands
    client.close()


@pytest.fixture
def manager(redis: Redis) -> RedisConversationManager:
    return RedisConversationManager(redis)


def started(manager: RedisConversationManager, user: str = "alice", tenant: str = "default") -> str:
    conversation = manager.resolve_conversation_id(tenant, user)
    assert (conversation.status, conversation.is_stored) == ("new", True)
    return conversation.conversation_id


def contents(manager: RedisConversationManager, conversation_id: str, tenant: str = "default") -> list[str]:
    return [message["content"] for message in manager.get_messages(tenant, conversation_id)]


def test_conversation_goes_on_by_id_and_as_the_newest(manager: RedisConversationManager) -> None:
    first, second = started(manager), started(manager)
    by_id = manager.resolve_conversation_id("default", "alice", first)
    newest = manager.resolve_conversation_id("default", "alice", continue_conversation=True)
    assert (by_id.conversation_id, by_id.status, by_id.requested_conversation_id) == (first, "continue", None)
    assert (newest.conversation_id, newest.status) == (second, "continue")


def test_conversation_that_began_late_and_empty_does_not_hide_the_one_before(manager: RedisConversationManager) -> None:
    talked_in = started(manager)
    manager.save_message("default", talked_in, "user", "你好")
    started(manager)
    resolved = manager.resolve_conversation_id("default", "alice", continue_conversation=True)
    assert (resolved.conversation_id, resolved.status) == (talked_in, "continue")


def test_somebody_elses_or_an_unknown_id_starts_a_new_conversation(manager: RedisConversationManager) -> None:
    for wrong in (started(manager, "bob"), "alice:20200101000000000", "x"):
        resolved = manager.resolve_conversation_id("default", "alice", wrong)
        assert (resolved.status, resolved.requested_conversation_id) == ("invalid_id_new", wrong)
        assert resolved.conversation_id.startswith("alice:")


def test_expired_newest_conversation_is_not_continued(manager: RedisConversationManager, redis: Redis) -> None:
    old = started(manager)
    redis.delete(f"conversation:{old}:meta")
    resolved = manager.resolve_conversation_id("default", "alice", continue_conversation=True)
    assert resolved.status == "new"
    assert resolved.conversation_id != old


def test_saving_to_an_ended_conversation_stores_nothing(manager: RedisConversationManager, redis: Redis) -> None:
    assert manager.save_message("default", "alice:20200101000000000", "user", "你好") is False
    assert list(redis.scan_iter("*")) == []


def test_existing_user_with_a_colon_is_read_but_not_made(manager: RedisConversationManager, redis: Redis) -> None:
    old = "a:b:20240101000000000"
    redis.hset(f"conversation:{old}:meta", mapping={"conversation_id": old, "user_id": "a:b", "message_count": "0"})
    user = manager.resolve_user_id("a:b", old)
    assert manager.resolve_conversation_id("default", user, old).status == "continue"
    assert manager.save_message("default", old, "user", "还在") is True
    with pytest.raises(BadRequestError):
        manager.resolve_conversation_id("default", "a:b")


def test_messages_come_back_in_order_with_the_historical_fields(manager: RedisConversationManager) -> None:
    conversation = started(manager)
    manager.save_message("default", conversation, "user", "营收？")
    manager.save_message("default", conversation, "assistant", "100", {"type": "DATABASE", "sql": None})
    user, assistant = manager.get_messages("default", conversation)
    assert list(user) == ["message_id", "timestamp", "role", "content", "metadata"]
    assert (user["role"], user["content"], user["metadata"]) == ("user", "营收？", {})
    assert (assistant["role"], assistant["metadata"]) == ("assistant", {"type": "DATABASE", "sql": None})
    assert datetime.fromisoformat(user["timestamp"]).tzinfo is None
    assert [m["content"] for m in manager.get_messages("default", conversation, limit=1)] == ["100"]


def test_context_has_the_last_rounds_as_lines(manager: RedisConversationManager) -> None:
    conversation = started(manager)
    for number in range(3):
        manager.save_message("default", conversation, "user", f"问{number}")
        manager.save_message("default", conversation, "assistant", f"答{number}")
    assert manager.get_context("default", conversation) == "User: 问1\nAssistant: 答1\nUser: 问2\nAssistant: 答2"
    assert manager.get_context("default", conversation, 1) == "User: 问2\nAssistant: 答2"
    assert manager.get_context("default", "alice:20200101000000000") == ""


def test_context_skips_what_it_cannot_read_and_cuts_long_messages(redis: Redis) -> None:
    manager = RedisConversationManager(redis, max_context_chars=5)
    conversation = started(manager)
    redis.rpush(f"conversation:{conversation}:messages", "not json", "[]", '{"role": "system", "content": "x"}')
    manager.save_message("default", conversation, "user", "一二三四五六七")
    assert manager.get_context("default", conversation, 0) == "User: 一二三四五…"


def test_context_can_be_switched_off(redis: Redis) -> None:
    manager = RedisConversationManager(redis, is_context_enabled=False)
    conversation = started(manager)
    manager.save_message("default", conversation, "user", "你好")
    assert manager.get_context("default", conversation) == ""
    assert contents(manager, conversation) == ["你好"]


def test_lists_are_capped_and_counted(redis: Redis) -> None:
    manager = RedisConversationManager(redis, max_length=3, user_max_conversations=2)
    conversations = [started(manager) for _ in range(3)]
    for number in range(5):
        manager.save_message("default", conversations[0], "user", str(number))
    assert contents(manager, conversations[0]) == ["2", "3", "4"]
    assert redis.hget(f"conversation:{conversations[0]}:meta", "message_count") == "3"
    assert redis.lrange("user:alice:conversations", 0, -1) == [conversations[2], conversations[1]]
    assert manager.resolve_conversation_id("default", "alice", conversations[0]).status == "continue"


def test_stored_layout_is_the_historical_one(redis: Redis) -> None:
    moment = datetime(2024, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
    manager = RedisConversationManager(redis, clock=lambda: moment)
    conversation = started(manager)
    local = moment.astimezone().replace(tzinfo=None)
    assert conversation == f"alice:{local:%Y%m%d%H%M%S}678"
    assert redis.hgetall(f"conversation:{conversation}:meta") == {
        "conversation_id": conversation,
        "user_id": "alice",
        "created_at": local.isoformat(),
        "updated_at": local.isoformat(),
        "message_count": "0",
        "begun_in": "",
        "begun_by_name": "1",
    }
    manager.save_message("default", conversation, "user", "词")
    stored = redis.lindex(f"conversation:{conversation}:messages", 0)
    assert stored.isascii()
    assert json.loads(stored)["content"] == "词"


def test_every_message_renews_all_lives_together(redis: Redis) -> None:
    manager = RedisConversationManager(redis, ttl_seconds=500, user_list_ttl_seconds=600)
    conversation = started(manager)
    meta, user_list = f"conversation:{conversation}:meta", "user:alice:conversations"
    redis.expire(meta, 5)
    redis.expire(user_list, 5)
    manager.save_message("default", conversation, "user", "你好")
    lives = [redis.ttl(key) for key in (meta, f"conversation:{conversation}:messages", user_list)]
    assert all(life > 400 for life in lives)


@pytest.mark.parametrize("forever", [None, 0])
def test_no_ttl_means_for_ever(redis: Redis, forever: int | None) -> None:
    manager = RedisConversationManager(redis, ttl_seconds=forever, user_list_ttl_seconds=forever)
    manager.save_message("default", started(manager), "user", "你好")
    keys = list(redis.scan_iter("*"))
    assert len(keys) == 3
    assert {redis.ttl(key) for key in keys} == {-1}


def test_tenants_do_not_meet(manager: RedisConversationManager) -> None:
    ids = {tenant: started(manager, tenant=tenant) for tenant in TENANTS}
    for tenant in TENANTS:
        manager.save_message(tenant, ids[tenant], "user", tenant)
    for tenant, other in (TENANTS, TENANTS[::-1]):
        assert contents(manager, ids[tenant], tenant) == [tenant]
        assert contents(manager, ids[other], tenant) == []
        assert manager.resolve_conversation_id(tenant, "alice", ids[other]).status == "invalid_id_new"
        assert manager.save_message(tenant, ids[other], "user", "leak") is False


def in_parallel(count: int, work: Any) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_parallel_writers_lose_double_and_reorder_nothing(redis: Redis) -> None:
    manager = RedisConversationManager(redis, max_length=1_000)
    conversation = started(manager)
    outcomes: list[bool] = []

    def write(writer: int) -> None:
        own = RedisConversationManager(redis, max_length=1_000)
        for turn in range(50):
            outcomes.append(own.save_message("default", conversation, "user", f"{writer}:{turn}"))

    in_parallel(8, write)
    stored = [tuple(map(int, content.split(":"))) for content in contents(manager, conversation)]
    assert outcomes == [True] * 400
    assert len(stored) == 400
    for writer in range(8):
        assert [turn for who, turn in stored if who == writer] == list(range(50))


def test_processes_that_share_a_millisecond_get_different_ids(redis: Redis) -> None:
    moment = datetime(2024, 1, 2, tzinfo=UTC)
    ids: list[str] = []

    def create(_number: int) -> None:
        own = RedisConversationManager(redis, clock=lambda: moment)
        ids.extend(own.create_conversation("default", "alice").conversation_id for _ in range(10))

    in_parallel(8, create)
    assert len(set(ids)) == 80
