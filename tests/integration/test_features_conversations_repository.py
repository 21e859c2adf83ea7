"""Reading and removing conversations on a real Redis: whole, of one tenant only, in steps that block nobody."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis

from common import conversation_layout as layout
from common.redis_conversation_manager import RedisConversationManager
from core.redis_client import connect_redis
from features.conversations.limits import Limits, UserOutcome, enforce
from features.conversations.repository import ConversationCounts, ConversationRepository, DeletedConversation
from features.conversations.schemas import parse_cleanup, parse_limits
from features.conversations.service import ConversationService

TENANT, OTHER = "default", "acme"
HOSTILE = ("*", "?", "[a-z]", "a\\", "{}", "x*y", "^", "默认", "conversation")
NO_LIMITS = Limits(1_000, 1_000)


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    client = connect_redis(redis_url, timeout_seconds=5)
    client.commands.flushdb()
    yield client.commands
    client.close()


@pytest.fixture
def manager(redis: Redis) -> RedisConversationManager:
    return RedisConversationManager(redis)


@pytest.fixture
def repository(redis: Redis) -> ConversationRepository:
    return ConversationRepository(redis)


@pytest.fixture
def service(repository: ConversationRepository, manager: RedisConversationManager) -> ConversationService:
    return ConversationService(repository=repository, manager=manager, limits=Limits(5, 10), context_rounds=2)


def begun(manager: RedisConversationManager, user: str = "alice", tenant: str = TENANT, messages: int = 2) -> str:
    conversation = manager.create_conversation(tenant, user).conversation_id
    for number in range(messages):
        assert manager.save_message(tenant, conversation, ("user", "assistant")[number % 2], f"{number}")
    return conversation


def keys(redis: Redis) -> set[str]:
    return {str(key) for key in redis.scan_iter("*")}


def test_deleting_a_conversation_leaves_nothing_of_it(
    repository: ConversationRepository, manager: RedisConversationManager, redis: Redis
) -> None:
    kept, gone = begun(manager), begun(manager)
    assert repository.delete_conversation(TENANT, gone) == DeletedConversation("alice", True, 2)
    assert repository.delete_conversation(TENANT, gone) == DeletedConversation(None, False, 0)
    assert repository.listed_ids(TENANT, "alice") == [kept]
    assert not [key for key in keys(redis) if gone in key]
    assert manager.save_message(TENANT, gone, "user", "还在吗") is False


def test_deleting_a_user_takes_what_was_pushed_off_the_list_and_nobody_elses(
    repository: ConversationRepository, redis: Redis
) -> None:
    manager = RedisConversationManager(redis, user_max_conversations=2)
    for user in (*HOSTILE, "a"):
        for _ in range(3):
            begun(manager, user)
    for done, user in enumerate(HOSTILE, start=1):
        deleted = repository.delete_user(TENANT, user)
        assert (deleted.conversations, deleted.messages, deleted.evicted) == (2, 4, 1)
        assert repository.counts(TENANT).conversations == 3 * (len(HOSTILE) + 1 - done)
    assert repository.counts(TENANT) == ConversationCounts(1, 3, 0)


def test_old_ids_with_colons_are_read_and_deleted_whole(repository: ConversationRepository, redis: Redis) -> None:
    old = "a:b:20240101000000000"
    redis.hset(f"conversation:{old}:meta", mapping={"conversation_id": old, "user_id": "a:b"})
    redis.lpush("user:a:b:conversations", old)
    assert list(repository.user_ids(TENANT)) == ["a:b"]
    assert list(repository.evicted_ids(TENANT, "a")) == []
    assert repository.delete_user(TENANT, "a:b").conversations == 1
    assert keys(redis) == set()


def test_tenants_neither_see_nor_delete_each_other(
    repository: ConversationRepository, manager: RedisConversationManager
) -> None:
    ids = {tenant: begun(manager, tenant=tenant) for tenant in (TENANT, OTHER)}
    assert repository.counts(TENANT) == repository.counts(OTHER) == ConversationCounts(1, 1, 0)
    assert repository.metas(TENANT, [ids[OTHER]]) == [{}]
    assert repository.delete_conversation(TENANT, ids[OTHER]).existed is False
    repository.delete_all(TENANT)
    assert repository.counts(TENANT) == ConversationCounts(0, 0, 0)
    assert repository.counts(OTHER) == ConversationCounts(1, 1, 0)


def test_deleting_everything_touches_conversations_only(
    repository: ConversationRepository, manager: RedisConversationManager, redis: Redis
) -> None:
    begun(manager)
    begun(manager, "bob", messages=0)
    redis.lpush("conversation:alice:20200101000000000:messages", "{}")
    others = {"qa_cache:0123", "embedding_cache:0123:m:8", "citu:run:1"}
    for key in others:
        redis.set(key, "kept")
    deleted = repository.delete_all(TENANT)
    assert (deleted.metas, deleted.messages, deleted.user_lists) == (2, 2, 2)
    assert keys(redis) == others


def test_dead_references_go_and_live_ones_stay(
    service: ConversationService, manager: RedisConversationManager, redis: Redis
) -> None:
    alive, dead = begun(manager), begun(manager)
    redis.delete(f"conversation:{dead}:meta")
    data = service.clean_up(TENANT, parse_cleanup({"cleanup_invalid_refs": "yes"}))["data"]
    assert (data["processed_users"], data["cleaned_references"]) == (1, 1)
    assert redis.lrange("user:alice:conversations", 0, -1) == [alive]
    assert "execution_time_ms" not in data
    assert set(service.remove_dead_references(TENANT)["data"]) == {"response", "timestamp"}


def test_limits_keep_the_newest_and_count_the_ended(repository: ConversationRepository, redis: Redis) -> None:
    manager = RedisConversationManager(redis)
    ids = [begun(manager, messages=3) for _ in range(5)]
    redis.delete(f"conversation:{ids[4]}:meta")
    limits = Limits(conversations=2, messages=1)
    wanted = UserOutcome("alice", original=5, kept=2, deleted=2, trimmed=4, dead=1)
    before = keys(redis)
    assert enforce(repository, TENANT, "alice", limits, is_dry_run=True) == wanted
    assert keys(redis) == before
    assert enforce(repository, TENANT, "alice", limits, is_dry_run=False) == wanted
    assert repository.listed_ids(TENANT, "alice") == [ids[3], ids[2]]
    assert [meta["message_count"] for meta in repository.metas(TENANT, [ids[3], ids[2]])] == ["1", "1"]
    assert [m["content"] for m in manager.get_messages(TENANT, ids[3])] == ["2"]
    assert enforce(repository, TENANT, "nobody", limits, is_dry_run=False) == UserOutcome("nobody", 0, 0, 0, 0, 0)


def test_enforcing_also_removes_what_was_pushed_off_the_list(redis: Redis) -> None:
    manager = RedisConversationManager(redis, user_max_conversations=2)
    for user in ("alice", "bob"):
        for _ in range(3):
            begun(manager, user)
    service = ConversationService(
        repository=ConversationRepository(redis), manager=manager, limits=Limits(2, 10), context_rounds=2
    )
    for body, evicted in (({"dry_run": True}, 2), ({"user_id": "bob", "dry_run": None}, 1), ({}, 1), ({}, 0)):
        data = service.enforce_limits(TENANT, parse_limits(body))["data"]
        assert (data["evicted_conversations_deleted"], data["total_conversations_deleted"]) == (evicted, 0)
    assert data["parameters"] == {"user_max_conversations": 2, "conversation_max_length": 10}


def test_title_is_the_first_question_even_when_it_fell_off(service: ConversationService, redis: Redis) -> None:
    manager = RedisConversationManager(redis, max_length=2)
    long = "问" * 60
    conversation = manager.create_conversation(TENANT, "alice").conversation_id
    for content in (f" {long} ", "二", "三"):
        manager.save_message(TENANT, conversation, "user", content)
    [listed] = service.list_of_user(TENANT, "alice")["data"]["conversations"]
    assert listed["conversation_title"] == "问" * 47 + "..."
    assert listed["message_count"] == "2"


@pytest.mark.parametrize(
    ("stored", "title"),
    [
        ([], "空对话"),
        (['{"role": "assistant", "content": "答"}'], "对话"),
        (['{"role": "user", "content": "二"}', "broken", '{"role": "user", "content": " 一 "}'], "一"),
    ],
)
def test_conversation_of_an_older_release_is_titled_by_what_is_left(
    service: ConversationService, redis: Redis, stored: list[str], title: str
) -> None:
    old = "alice:20240101000000000"
    redis.hset(f"conversation:{old}:meta", mapping={"conversation_id": old, "user_id": "alice"})
    redis.lpush("user:alice:conversations", old)
    if stored:
        redis.rpush(f"conversation:{old}:messages", *stored)
    [listed] = service.list_of_user(TENANT, "alice")["data"]["conversations"]
    assert listed["conversation_title"] == title


def test_key_of_another_type_does_not_hide_the_rest(
    service: ConversationService, manager: RedisConversationManager, redis: Redis
) -> None:
    good, bad = begun(manager), begun(manager)
    redis.delete(f"conversation:{bad}:meta")
    redis.set(f"conversation:{bad}:meta", "somebody else's")
    data = service.list_of_user(TENANT, "alice")["data"]
    assert [one["conversation_id"] for one in data["conversations"]] == [good]
    redis.set("user:odd:conversations", "somebody else's")
    assert service.list_of_user(TENANT, "odd")["code"] == 500


def test_context_is_bounded_as_a_whole(redis: Redis) -> None:
    manager = RedisConversationManager(redis, context_count=5, max_context_total_chars=30)
    conversation = manager.create_conversation(TENANT, "alice").conversation_id
    for number in range(4):
        manager.save_message(TENANT, conversation, "user", f"{number}" * 8)
    assert manager.get_context(TENANT, conversation) == "User: 22222222\nUser: 33333333"


def many(redis: Redis, count: int) -> None:
    """Conversations in historical form: one user has half of them, the others ten each."""
    start = datetime(2024, 1, 1, tzinfo=UTC)
    pipe = redis.pipeline(transaction=False)
    for number in range(count):
        user = "big" if number % 2 else f"u{number // 20}"
        moment = (start + timedelta(seconds=number)).strftime("%Y%m%d%H%M%S000")
        one = f"{user}:{moment}"
        mapping = {"conversation_id": one, "user_id": user, "created_at": moment, "message_count": "1"}
        pipe.hset(layout.keys_of(TENANT, one, user)[0], mapping=mapping)
        pipe.lpush(layout.keys_of(TENANT, one, user)[1], '{"role": "user", "content": "问"}')
        pipe.lpush(layout.keys_of(TENANT, one, user)[2], one)
        if number % 500 == 499:
            pipe.execute()
    pipe.execute()


def test_ten_thousand_conversations_are_never_looked_at_at_once(service: ConversationService, redis: Redis) -> None:
    """How long each step takes is measured by `python -m tools.bench conversations`."""
    many(redis, 10_000)
    before = _calls(redis)
    data = service.stats(TENANT)["data"]
    assert (data["total_conversations"], data["total_users"]) == (10_000, 501)
    assert service.list_of_user(TENANT, "big", 10_000)["data"]["total_count"] == 5_000
    assert service.full_of_user(TENANT, "big", 10_000)["data"]["total_messages"] == 5_000
    enforced = service.enforce_limits(TENANT, parse_limits({"user_max_conversations": 3}))["data"]
    assert enforced["total_conversations_deleted"] == 10_000 - 3 * 501
    assert service.remove_dead_references(TENANT)["code"] == 200
    assert service.clean_up(TENANT, parse_cleanup({"user_id": "big"}))["data"]["deleted_conversations"] == 3
    cleared = service.clean_up(TENANT, parse_cleanup({"clear_all_agent_data": 1}))["data"]
    assert cleared["deleted_conversation_metas"] == 3 * 500
    new = {name for name, calls in _calls(redis).items() if calls > before.get(name, 0)}
    assert "scan" in new
    assert not new & {"keys", "monitor"}


def _calls(redis: Redis) -> dict[str, int]:
    return {name.removeprefix("cmdstat_"): stat["calls"] for name, stat in redis.info("commandstats").items()}
