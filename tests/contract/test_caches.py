"""The cache routes as an administrator and a client meet them: figures, lists, clean-ups, and life without Redis."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest
from redis.exceptions import ConnectionError as Lost
from sqlalchemy import text

from tests.contract.conftest import Start
from tests.contract.service_in_process import Service
from tools.harness.model_server import ScriptedModelServer

COUNT = "SELECT id, company_name FROM bss_company ORDER BY id"
TOKEN = "cache admin"
NOBODY = "redis://127.0.0.1:9/0"
REMOVALS = ("embedding_cache_cleanup", "qa_cache_cleanup", "cache_cleanup")


@pytest.fixture(scope="module")
def caching(start: Start, small_business_url: str, model: ScriptedModelServer, entry: str) -> Iterator[Service]:
    model.add_rule(COUNT, kind="write_sql", contains="公司")
    with start(small_business_url, model, entry, ENABLE_QUESTION_ANSWER_CACHE="true") as running:
        yield running


@pytest.fixture(scope="module")
def without_redis(start: Start, small_business_url: str, model: ScriptedModelServer, entry: str) -> Iterator[Service]:
    with start(small_business_url, model, entry, REDIS_URL=NOBODY, ENABLE_QUESTION_ANSWER_CACHE="true") as running:
        yield running


def get(service: Service, route: str, **params: object) -> Mapping[str, Any]:
    response = service.client.get(f"/api/v0/{route}", params={name: str(value) for name, value in params.items()})
    assert response.status_code == 200, response.text
    data: Mapping[str, Any] = response.json()["data"]
    return data


def post(service: Service, route: str, body: object = None) -> httpx.Response:
    return service.client.post(f"/api/v0/{route}", json=body)


def ask_cached(service: Service, question: str, user_id: str) -> Mapping[str, Any]:
    response = post(service, "ask_cached", {"question": question, "user_id": user_id})
    assert response.status_code == 200, response.text
    data: Mapping[str, Any] = response.json()["data"]
    return data


def test_embeddings_are_counted_and_cleared(caching: Service) -> None:
    caching.ask("有哪些公司", routing_mode="database_direct")
    kept = get(caching, "embedding_cache_stats")
    assert (kept["enabled"], kept["available"], kept["total_count"] > 0) == (True, True, True)
    for _ in range(2):
        assert post(caching, "embedding_cache_cleanup").json()["data"]["cleared"] is True
    gone = get(caching, "embedding_cache_stats")
    assert (gone["total_count"], gone["memory_usage_mb"], gone["response"]) == (0, 0, "获取embedding缓存统计成功")


def test_answers_are_counted_listed_and_cleared(caching: Service) -> None:
    post(caching, "qa_cache_cleanup")
    caching.ask("列出公司", routing_mode="database_direct")
    caching.ask("你好", routing_mode="chat_direct")
    stats = get(caching, "qa_cache_stats")
    assert (stats["total_count"], stats["enabled"], stats["ttl_seconds"], stats["ttl_hours"]) == (2, True, 86400, 24.0)
    listed = get(caching, "qa_cache_list")
    assert [(row["question"], row["response_type"], row["has_sql"]) for row in listed["cache_list"]] == [
        ("你好", "CHAT", False),
        ("列出公司", "DATABASE", True),
    ]
    removed = post(caching, "qa_cache_cleanup").json()["data"]
    assert (removed["deleted_count"], removed["cleared"], removed["response"]) == (2, True, "问答缓存清理完成")
    assert post(caching, "qa_cache_cleanup").json()["data"]["cleared"] is False


@pytest.mark.parametrize(
    ("limit", "applied"),
    [("0", 50), ("-5", 50), ("x", 50), ("7", 7), ("501", 500), ("9" * 40, 500), ("9" * 5000, 50), ("", 50)],
)
def test_limit_is_lenient_and_bounded(caching: Service, limit: str, applied: int) -> None:
    assert get(caching, "qa_cache_list", limit=limit)["limit_applied"] == applied


def test_sessions_are_shown_and_exported(caching: Service) -> None:
    post(caching, "cache_cleanup", {"before_timestamp": "2099-01-01 00:00:00"})
    first = ask_cached(caching, "甲问公司", "sina")
    second = ask_cached(caching, "乙问公司", "sina")
    third = ask_cached(caching, "甲问公司", "tomo")
    overview = get(caching, "cache_overview")
    assert overview["overview_summary"]["total_conversations"] == 3
    assert overview["overview_summary"]["total_sessions"] == 2
    recent = overview["recent_conversations"]
    assert [row["conversation_id"] for row in recent] == [data["conversation_id"] for data in (third, second, first)]
    assert (recent[0]["question_preview"], recent[0]["has_data"]) == ("甲问公司", True)
    stats = get(caching, "cache_stats")
    assert stats["basic_stats"] == {
        "total_sessions": 2,
        "total_conversations": 3,
        "active_sessions": 2,
        "average_conversations_per_session": 1.5,
    }
    assert stats["time_distribution"]["conversations"]["last_1_hour"] == 3
    export = get(caching, "cache_export")
    fields = export["conversations"][first["conversation_id"]]["fields"]
    assert fields["df"]["dataframe_info"]["shape"] == [3, 2]
    assert fields["df"]["dataframe_info"]["dtypes"] == {"id": "int64", "company_name": "object"}
    assert fields["question"]["content"] == "甲问公司"
    assert export["cache_statistics"]["total_dataframes"] == 3


def test_full_overview_has_every_cache(caching: Service) -> None:
    data = get(caching, "cache_overview_full")
    assert data["conversation_aware_cache"]["cache_type"] == "ConversationAwareMemoryCache"
    assert data["question_answer_cache"]["available"] is data["embedding_cache"]["available"] is True
    assert "total_conversations" in data["redis_conversation_stats"]


def test_cleanup_removes_what_the_preview_showed(caching: Service) -> None:
    asked = ask_cached(caching, "将被清理的公司", "uma")
    kept = post(caching, "cache_preview_cleanup", {"older_than_hours": 1}).json()["data"]
    assert (kept["summary"]["sessions_to_remove"], kept["time_condition"]) == (0, "older_than_hours: 1")
    wanted = {"older_than_days": 0, "before_timestamp": "2099-12-31 00:00:00"}
    preview = post(caching, "cache_preview_cleanup", wanted).json()["data"]
    removed = post(caching, "cache_cleanup", wanted).json()["data"]
    assert removed["cutoff_time"] == "2099-12-31T00:00:00"
    assert removed["conversations_removed"] == preview["summary"]["conversations_to_remove"] > 0
    assert asked["conversation_id"] in removed["removed_conversation_ids"]
    assert get(caching, "cache_overview")["overview_summary"]["total_conversations"] == 0
    assert ask_cached(caching, "将被清理的公司", "uma")["cached"] is False


@pytest.mark.parametrize("route", ["cache_preview_cleanup", "cache_cleanup"])
@pytest.mark.parametrize(
    ("body", "status", "error_type"),
    [
        ({}, 400, "missing_required_params"),
        ({"older_than_hours": 0, "before_timestamp": ""}, 400, "missing_required_params"),
        ({"older_than_hours": -1}, 400, "invalid_params"),
        ({"older_than_hours": True}, 400, "invalid_params"),
        ({"older_than_days": [1]}, 400, "invalid_params"),
        ({"older_than_days": 1e300}, 400, "invalid_params"),
        ({"older_than_days": 10**400}, 400, "invalid_params"),
        ({"older_than_hours": "x"}, 400, "invalid_params"),
        ({"before_timestamp": "yesterday"}, 422, "invalid_params"),
        ({"before_timestamp": "0001-01-01 00:00:00\x00"}, 400, "invalid_params"),
        ({"before_timestamp": {}}, 400, "invalid_params"),
        ([], 400, "missing_required_params"),
    ],
)
def test_wrong_conditions_change_nothing(
    caching: Service, route: str, body: object, status: int, error_type: str
) -> None:
    before = ask_cached(caching, "仍在的公司", "vera")
    response = post(caching, route, body)
    assert (response.status_code, response.json()["data"]["error_type"]) == (status, error_type)
    assert before["conversation_id"] in get(caching, "cache_export")["conversations"]


@pytest.mark.parametrize("moment", ["0001-01-01 00:00:00", "9999-12-31 23:59:59"])
def test_any_time_that_can_be_written_is_taken(caching: Service, moment: str) -> None:
    assert post(caching, "cache_preview_cleanup", {"before_timestamp": moment}).status_code == 200


def test_removals_are_for_administrators(start: Start, small_business_url: str, model: ScriptedModelServer) -> None:
    with start(small_business_url, model, ADMIN_TOKEN=TOKEN) as guarded:
        assert [post(guarded, route).status_code for route in REMOVALS] == [403] * 3
        headers = {"Authorization": f"Bearer {TOKEN}"}
        assert guarded.client.post("/api/v0/qa_cache_cleanup", headers=headers).status_code == 200
        assert get(guarded, "qa_cache_stats")["enabled"] is False
        assert get(guarded, "qa_cache_list")["cache_list"] == []


def test_without_redis_figures_say_so_and_removals_fail(without_redis: Service) -> None:
    embeddings = get(without_redis, "embedding_cache_stats")
    assert (embeddings["enabled"], embeddings["available"], embeddings["total_count"]) == (True, False, 0)
    assert get(without_redis, "qa_cache_stats")["available"] is False
    assert get(without_redis, "cache_overview_full")["question_answer_cache"]["available"] is False
    listed = without_redis.client.get("/api/v0/qa_cache_list")
    assert (listed.status_code, listed.json()["data"]["response"]) == (500, "获取问答缓存列表失败，请稍后重试")
    answers, vectors = (post(without_redis, route) for route in ("qa_cache_cleanup", "embedding_cache_cleanup"))
    assert (answers.status_code, answers.json()["data"]["response"]) == (500, "Redis连接不可用，无法执行清理操作")
    assert (vectors.status_code, vectors.json()["code"]) == (503, 503)
    assert vectors.json()["data"]["response"] == "Embedding缓存功能未启用或不可用"


def test_without_redis_ask_cached_answers_afresh(without_redis: Service) -> None:
    assert [ask_cached(without_redis, "没有缓存的公司", "will")["cached"] for _ in range(2)] == [False, False]
    assert get(without_redis, "cache_overview")["overview_summary"]["total_conversations"] == 2


def test_redis_lost_on_the_way_is_a_failure(caching: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """A removal that breaks off is never told as an empty cache."""

    def lost(*_arguments: object, **_options: object) -> None:
        raise Lost("gone")

    caching.ask("剩下的公司", routing_mode="database_direct")
    monkeypatch.setattr(caching.container.shared.redis.commands, "unlink", lost)
    for route, told in (
        ("qa_cache_cleanup", "清空问答缓存失败，请稍后重试"),
        ("embedding_cache_cleanup", "清空embedding缓存失败，请稍后重试"),
    ):
        response = post(caching, route)
        assert (response.status_code, response.json()["data"]["response"]) == (500, told)


def test_embeddings_are_asked_for_once_and_put_on_the_account(
    start: Start, small_business_url: str, model: ScriptedModelServer
) -> None:
    endpoint = {"EMBEDDING_PROVIDER": "openai", "EMBEDDING_BASE_URL": model.base_url, "EMBEDDING_MODEL": "vectors"}
    with start(small_business_url, model, **endpoint) as service:
        calls = len(model.calls)
        for user in ("anna", "berta"):
            body = {"question": "哪些公司", "user_id": user, "routing_mode": "database_direct"}
            assert post(service, "ask_agent", body).status_code == 200
        assert [call.kind for call in model.calls[calls:]].count("embed") == 1
        assert get(service, "embedding_cache_stats")["total_count"] == 1
        recorded = "SELECT tenant_id, user_id, route, call_kind FROM llm_usage WHERE model = 'vectors'"
        rows: list[tuple[object, ...]] = []
        until = time.monotonic() + 10
        while not rows and time.monotonic() < until:
            with service.container.shared.platform.session() as session:
                rows = [tuple(row) for row in session.execute(text(recorded))]
        assert rows == [("default", "anna", "ask_agent", "embed")]


def test_lost_embedding_endpoint_costs_the_examples_only(
    start: Start, small_business_url: str, model: ScriptedModelServer
) -> None:
    endpoint = {"EMBEDDING_PROVIDER": "openai", "EMBEDDING_BASE_URL": "http://127.0.0.1:9/v1", "LLM_MAX_CALLS": "1"}
    with start(small_business_url, model, **endpoint) as service:
        assert service.ask("剩下哪些公司", routing_mode="database_direct").status_code == 200
        assert get(service, "embedding_cache_stats")["total_count"] == 0
