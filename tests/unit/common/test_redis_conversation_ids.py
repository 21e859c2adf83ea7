"""Who asks and which ids are given, without a Redis: the rules of docs/contract/envelope.md."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from common.errors import BadRequestError
from common.redis_conversation_manager import RedisConversationManager, conversation_owner

STAMP = "20240102030405678"
MOMENT = datetime(2024, 1, 2, 3, 4, 5, 678_900, tzinfo=UTC)


@pytest.fixture
def manager() -> Iterator[RedisConversationManager]:
    """On a socket that does not exist."""
    with Redis(unix_socket_path="/nonexistent/redis.sock", retry=Retry(NoBackoff(), 0)) as redis:
        yield RedisConversationManager(redis, clock=lambda: MOMENT)


@pytest.mark.parametrize(
    ("conversation_id", "owner"),
    [
        (f"alice:{STAMP}", "alice"),
        (f"a:b:{STAMP}", "a:b"),
        ("a:b", "a"),
        ("a:b:c", "a"),
        ("conv_17_abcdef01", "unknown"),
        (":x", ""),
    ],
)
def test_owner_stands_before_the_stamp(conversation_id: str, owner: str) -> None:
    assert conversation_owner(conversation_id) == owner


@pytest.mark.parametrize(
    ("user_id", "conversation_id", "session_user_id", "resolved"),
    [
        (None, None, None, "guest"),
        ("", "", None, "guest"),
        ("alice", None, None, "alice"),
        (None, f"alice:{STAMP}", None, "alice"),
        ("alice", f"alice:{STAMP}", None, "alice"),
        (None, "nocolon", None, "unknown"),
        ("alice", None, "carol", "carol"),
        (None, f"alice:{STAMP}", "carol", "carol"),
        ("a:b", f"a:b:{STAMP}", None, "a:b"),
    ],
)
def test_user_is_resolved_in_the_documented_order(
    manager: RedisConversationManager,
    user_id: str | None,
    conversation_id: str | None,
    session_user_id: str | None,
    resolved: str,
) -> None:
    assert manager.resolve_user_id(user_id, conversation_id, session_user_id=session_user_id) == resolved


def test_somebody_elses_conversation_is_a_bad_request(manager: RedisConversationManager) -> None:
    with pytest.raises(BadRequestError, match="'alice' 与提供的用户ID 'bob' 不一致"):
        manager.resolve_user_id("bob", f"alice:{STAMP}")


def test_colon_in_a_new_user_id_is_a_bad_request(manager: RedisConversationManager) -> None:
    with pytest.raises(BadRequestError) as caught:
        manager.resolve_user_id("a:b", None)
    assert caught.value.invalid_params == ["user_id"]
    with pytest.raises(BadRequestError):
        manager.create_conversation("default", "a:b")


def test_ids_no_store_can_hold_are_a_bad_request(manager: RedisConversationManager) -> None:
    for user_id, conversation_id in (("\ud800", None), (None, f"\ud800:{STAMP}")):
        with pytest.raises(BadRequestError):
            manager.resolve_user_id(user_id, conversation_id)


def test_without_redis_a_question_still_gets_a_new_id_and_the_caller_can_tell(
    manager: RedisConversationManager,
) -> None:
    first = manager.resolve_conversation_id("default", "alice", continue_conversation=True)
    assert (first.status, first.is_stored, first.requested_conversation_id) == ("new", False, None)
    assert re.fullmatch(r"alice:\d{14}678", first.conversation_id)
    named = manager.resolve_conversation_id("default", "alice", first.conversation_id)
    assert (named.status, named.requested_conversation_id) == ("invalid_id_new", first.conversation_id)
    assert named.conversation_id != first.conversation_id


def test_without_redis_reads_are_empty_and_writes_say_no(manager: RedisConversationManager) -> None:
    assert not manager.is_available()
    assert manager.get_context("default", f"alice:{STAMP}") == ""
    assert manager.get_messages("default", f"alice:{STAMP}") == []
    assert manager.save_message("default", f"alice:{STAMP}", "user", "你好") is False


def test_ids_of_one_millisecond_differ(manager: RedisConversationManager) -> None:
    ids = {manager.create_conversation("default", "alice").conversation_id for _ in range(50)}
    assert len(ids) == 50


def test_without_a_tenant_nothing_happens(manager: RedisConversationManager) -> None:
    with pytest.raises(ValueError, match="tenant name"):
        manager.get_messages("", f"alice:{STAMP}")
