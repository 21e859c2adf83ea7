"""The conversation routes over HTTP: what clients read of their conversations, who may remove them, what is refused."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.conftest import Start
from tests.contract.service_in_process import Service
from tools.harness.model_server import ScriptedModelServer

NOWHERE = "redis://127.0.0.1:9/0"
CHAT = {"routing_mode": "chat_direct"}
CLEANUP = "/api/v0/conversation_cleanup"
LIMITS = "/api/v0/conversation_limit_enforcement"


@pytest.fixture(scope="module")
def without_redis(start: Start, small_business_url: str, model: ScriptedModelServer, entry: str) -> Iterator[Service]:
    with start(small_business_url, model, entry, REDIS_URL=NOWHERE) as running:
        yield running


def data_of(service: Service, path: str, status: int = 200, **query: object) -> dict[str, Any]:
    response = service.client.get(f"/api/v0/{path}", params=query)
    assert response.status_code == response.json()["code"] == status, response.text
    return response.json()["data"]


def asked(service: Service, user: str, *questions: str) -> str:
    """The conversation in which a user asked all of them."""
    members: dict[str, object] = {"user_id": user}
    for question in questions:
        data = service.ask(question, **members, **CHAT).json()["data"]
        members = {"conversation_id": data["conversation_id"]}
    return data["conversation_id"]


def test_list_shows_titles_and_historical_fields(service: Service) -> None:
    first, second = asked(service, "lister", "第一个问题", "第二个问题"), asked(service, "lister", "另一个")
    data = data_of(service, "user/lister/conversations")
    assert [one["conversation_id"] for one in data["conversations"]] == [second, first]
    assert [one["conversation_title"] for one in data["conversations"]] == ["另一个", "第一个问题"]
    assert [one["message_count"] for one in data["conversations"]] == ["2", "4"]
    assert (data["total_count"], data["user_id"], data["response"]) == (2, "lister", "获取用户对话列表成功")
    assert set(data["conversations"][0]) == {
        "conversation_id", "user_id", "created_at", "updated_at", "message_count", "conversation_title",
    }  # fmt: skip


@pytest.mark.parametrize(("limit", "count"), [("1", 1), ("0", 3), ("-1", 3), ("x", 3), ("1" + "0" * 30, 3)])
def test_limit_is_lenient_and_never_below_one(service: Service, limit: str, count: int) -> None:
    user = f"limited{limit[:3]}"
    for number in range(3):
        asked(service, user, str(number))
    assert data_of(service, f"user/{user}/conversations", limit=limit)["total_count"] == count


def test_full_list_carries_the_newest_messages(service: Service) -> None:
    conversation = asked(service, "fuller", "一", "二")
    data = data_of(service, "user/fuller/conversations/full", message_limit=2, conversation_limit=0)
    [one] = data["conversations"]
    assert one["messages"][0]["content"] == "二"
    assert (one["message_count"], one["meta"]["message_count"]) == (2, "4")
    assert one["conversation_id"] == conversation
    assert (data["total_conversations"], data["total_messages"]) == (1, 2)
    assert (data["conversation_limit_applied"], data["message_limit_applied"]) == (0, 2)
    everything = data_of(service, "user/fuller/conversations/full")
    assert (everything["total_messages"], everything["message_limit_applied"]) == (4, None)


def test_messages_come_oldest_first(service: Service) -> None:
    conversation = asked(service, "reader", "一", "二")
    data = data_of(service, f"conversation/{conversation}/messages")
    assert [message["role"] for message in data["messages"]] == ["user", "assistant"] * 2
    assert (data["message_count"], data["conversation_meta"]["user_id"]) == (4, "reader")
    newest = data_of(service, f"conversation/{conversation}/messages", limit=1)["messages"]
    assert newest == data["messages"][-1:]
    unknown = data_of(service, "conversation/nobody:1/messages")
    assert (unknown["messages"], unknown["conversation_meta"], unknown["message_count"]) == ([], {}, 0)


def test_context_counts_rounds(service: Service) -> None:
    conversation = asked(service, "contextual", "一", "二", "三")
    data = data_of(service, f"conversation/{conversation}/context", count=1)
    assert data["context"].startswith("User: 三\nAssistant: ")
    assert data["context_message_count"] == 1
    assert data_of(service, f"conversation/{conversation}/context")["context_message_count"] == 2
    assert data_of(service, f"conversation/{conversation}/context", count=0)["context"].count("User: ") == 3
    assert data_of(service, "conversation/nobody:1/context")["context"] == ""


@pytest.mark.parametrize("count", [0, -1, 10**9, 10**30])
def test_context_names_the_count_it_was_asked_for(service: Service, count: int) -> None:
    assert data_of(service, "conversation/nobody:1/context", count=count)["context_message_count"] == count


def test_context_shows_what_was_said_whole(service: Service) -> None:
    """Only what the model gets of it is cut."""
    question = "长" * 5_000
    conversation = asked(service, "longwinded", question)
    assert f"User: {question}\n" in data_of(service, f"conversation/{conversation}/context")["context"]


def test_stats_count_users_and_conversations(service: Service) -> None:
    before = data_of(service, "conversation_stats")
    asked(service, "counted", "一")
    after = data_of(service, "conversation_stats")
    assert after["available"] is True
    for name in ("total_users", "total_conversations"):
        assert after[name] == before[name] + 1
    assert after["redis_info"]["memory_usage_mb"] > 0


@pytest.mark.parametrize("user", ["a/b", "", "x" * 300, "*", "%00", "?"])
def test_odd_user_ids_are_data(service: Service, user: str) -> None:
    response = service.client.get(f"/api/v0/user/{user.replace('?', '%3F')}/conversations")
    assert response.status_code in ((400,) if user == "%00" else (200, 404))
    assert response.json()["success"] is (response.status_code == 200)
    if response.status_code == 200:
        assert response.json()["data"]["conversations"] == []


@pytest.mark.entries("unified")
def test_removing_one_and_all_of_a_user(service: Service) -> None:
    first, second = asked(service, "leaver", "一"), asked(service, "leaver", "二")
    deleted = service.client.post(CLEANUP, json={"thread_id": first}).json()["data"]
    assert (deleted["operation_mode"], deleted["existed"], deleted["deleted_messages"]) == (
        "delete_conversation",
        True,
        2,
    )
    again = service.client.post(CLEANUP, json={"conversation_id": first}).json()["data"]
    assert (again["existed"], again["user_id"], again["response"]) == (False, None, "对话删除完成")
    left = service.client.post(CLEANUP, json={"user_id": "leaver"}).json()["data"]
    assert (left["deleted_conversations"], left["deleted_messages"]) == (1, 2)
    assert service.stored_messages(second) == []


@pytest.mark.entries("unified")
@pytest.mark.parametrize(
    ("body", "text", "members"),
    [
        ({}, "参数错误：必须指定操作模式", {"error"}),
        ({"user_id": "", "clear_all_agent_data": 0}, "参数错误：必须指定操作模式", {"error"}),
        ({"thread_id": "a", "conversation_id": "a"}, "参数冲突：conversation_id 和 thread_id 不能同时提供", set()),
        (
            {"cleanup_invalid_refs": 1, "user_id": "a"},
            "参数冲突：不能同时提供多个操作模式参数，检测到: user_id, cleanup_invalid_refs",
            {"conflicting_params", "valid_modes"},
        ),
        ([1], "请求格式错误：请求体必须是JSON对象", set()),
        ({"user_id": ["a"]}, "参数类型错误：需要字符串，不能是列表或对象", set()),
    ],
)
def test_cleanup_without_exactly_one_mode_is_400(service: Service, body: Any, text: str, members: set[str]) -> None:
    response = service.client.post(CLEANUP, json=body)
    data = response.json()["data"]
    assert (response.status_code, data["response"]) == (400, text)
    assert members <= data.keys()


@pytest.mark.entries("unified")
@pytest.mark.parametrize("path", [CLEANUP, LIMITS])
@pytest.mark.parametrize("content_type", [None, "text/plain", "application/json"])
def test_body_that_is_not_json_is_400(service: Service, path: str, content_type: str | None) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    body = "not json" if content_type == "application/json" else '{"user_id": "a"}'
    response = service.client.post(path, content=body, headers=headers)
    assert (response.status_code, response.json()["data"]["error_type"]) == (400, "missing_required_params")


@pytest.mark.entries("unified")
@pytest.mark.parametrize("name", ["user_max_conversations", "conversation_max_length"])
@pytest.mark.parametrize("value", [0, -1, "3", 1.5, True, [], 10**30])
def test_limits_are_whole_numbers_above_zero(service: Service, name: str, value: object) -> None:
    response = service.client.post(LIMITS, json={name: value})
    assert (response.status_code, response.json()["data"]["response"]) == (400, f"{name} 必须是大于0的整数")


@pytest.mark.entries("unified")
@pytest.mark.parametrize("value", ["yes", 1, 0, []])
def test_dry_run_is_boolean(service: Service, value: object) -> None:
    response = service.client.post(LIMITS, json={"dry_run": value})
    assert (response.status_code, response.json()["data"]["response"]) == (400, "dry_run 必须是布尔值")


@pytest.mark.entries("unified")
def test_limits_are_enforced_for_one_user(service: Service) -> None:
    ids = [asked(service, "collector", "一", "二") for _ in range(3)]
    body = {"user_id": "collector", "user_max_conversations": 1, "conversation_max_length": 2, "dry_run": None}
    data = service.client.post(LIMITS, json=body).json()["data"]
    assert (data["mode"], data["dry_run"], data["processed_users"]) == ("user_specific", False, 1)
    assert (data["total_conversations_deleted"], data["total_messages_trimmed"]) == (2, 2)
    [left] = data_of(service, "user/collector/conversations")["conversations"]
    assert (left["conversation_id"], left["message_count"], left["conversation_title"]) == (ids[2], "2", "一")


@pytest.mark.entries("unified")
@pytest.mark.parametrize("path", [CLEANUP, LIMITS])
def test_removal_is_for_administrators(service: Service, path: str) -> None:
    stranger = {"REMOTE_ADDR": "203.0.113.7"}
    response = service.app.test_client().post(path, json={"user_id": "a"}, environ_overrides=stranger)
    assert (response.status_code, response.get_json()["data"]["error_type"]) == (403, "forbidden")


def test_without_redis_reading_is_empty(without_redis: Service) -> None:
    assert data_of(without_redis, "user/a/conversations")["conversations"] == []
    assert data_of(without_redis, "user/a/conversations/full")["total_messages"] == 0
    assert data_of(without_redis, "conversation/a:1/messages")["conversation_meta"] == {}
    assert data_of(without_redis, "conversation/a:1/context")["context"] == ""
    stats = data_of(without_redis, "conversation_stats")
    assert (stats["available"], stats["response"]) == (False, "获取统计信息成功")
    assert "total_users" not in stats


@pytest.mark.entries("unified")
def test_without_redis_removing_fails(without_redis: Service) -> None:
    for body in (
        {"user_id": "a"},
        {"conversation_id": "a:1"},
        {"clear_all_agent_data": 1},
        {"cleanup_invalid_refs": 1},
    ):
        response = without_redis.client.post(CLEANUP, json=body)
        data = response.json()["data"]
        assert (response.status_code, data["response"]) == (500, "对话清理失败，请稍后重试")
        assert data["error_type"] == "database_error"
    response = without_redis.client.post(LIMITS, json={})
    assert (response.status_code, response.json()["data"]["response"]) == (500, "对话限额执行失败，请稍后重试")
    assert without_redis.client.post(LIMITS, json={"dry_run": 1}).status_code == 400
