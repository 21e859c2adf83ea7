"""What the rules of the cache and direct question routes excuse, and what they do not."""

from typing import Any

import pytest

from cutover.parity.answers import Answer
from cutover.parity.compare import Difference
from cutover.parity.exchanges import Exchange
from cutover.parity.rules import intended

STATS = {"enabled": True, "available": True, "total_count": 23, "memory_usage_mb": 0.13}


def exchange(path: str, status: int, data: Any, body: Any = None) -> Exchange:
    request = {"method": "POST", "path": f"/api/v0/{path}", "json": body}
    return Exchange("x", "citu_app", "25", request, {"status": status, "json": enveloped(status, data)})


def enveloped(status: int, data: Any) -> dict[str, Any]:
    told = {200: "操作成功", 400: "请求参数错误", 422: "处理失败", 500: "处理失败", 503: "服务暂时不可用"}[status]
    return {"code": status, "success": status < 400, "message": told, "data": {"timestamp": "t", **data}}


def names(recorded: Exchange, status: int, data: Any, *paths: str) -> list[str]:
    answer = Answer(status, enveloped(status, data))
    return [rule.name for rule in intended(recorded, answer, [Difference(path, 1, 2) for path in paths])]


@pytest.mark.parametrize(("count", "excused"), [(22, True), (24, False), (0, False), (True, False), ("22", False)])
def test_another_number_of_embeddings_is_excused_but_none_is_not(count: object, excused: bool) -> None:
    recorded = exchange("embedding_cache_stats", 200, STATS)
    assert bool(names(recorded, 200, {**STATS, "total_count": count}, "$.data.total_count")) is excused


def test_count_of_an_empty_cache_is_never_excused() -> None:
    recorded = exchange("embedding_cache_stats", 200, {**STATS, "total_count": 0})
    assert not names(recorded, 200, STATS, "$.data.total_count")


def test_failed_statement_needs_a_failure() -> None:
    lost = {"sql": "SELECT x", "query_result": {"columns": [], "rows": []}}
    recorded = exchange("ask", 200, lost)
    told = {"error_type": "sql_execution_failed", "response": "SQL执行失败: x"}
    assert names(recorded, 500, told, "status", "$.data.sql") == ["direct-failure-shown"]
    assert not names(recorded, 503, {"error_type": "store_unavailable", "response": "x"}, "status")
    worked = {"sql": "SELECT x", "query_result": {"columns": ["x"], "rows": []}}
    assert not names(exchange("ask", 200, worked), 500, told, "status")


@pytest.mark.parametrize(("shown", "excused"), [("2023-04-01", True), ("2023-04-02", False), ("1 Apr", False)])
def test_dates_must_be_the_same_days(shown: str, excused: bool) -> None:
    def rows(value: str) -> dict[str, Any]:
        return {"sql": "s", "query_result": {"columns": ["d"], "rows": [{"d": value}]}}

    recorded = exchange("ask", 200, rows("Sat, 01 Apr 2023 00:00:00 GMT"))
    assert bool(names(recorded, 200, rows(shown), "$.data.query_result.rows[0].d")) is excused


def test_figures_of_sessions_are_those_of_their_lists() -> None:
    def told(sessions: int, *, spread: int | None = None, details: int | None = None) -> dict[str, Any]:
        times = {"last_1_hour": sessions if spread is None else spread}
        return {
            "basic_stats": {"total_sessions": sessions, "total_conversations": sessions},
            "time_distribution": {"sessions": times, "conversations": times}, "time_ranges": {},
            "session_details": [{}] * (sessions if details is None else details),
        }  # fmt: skip

    recorded = exchange("cache_stats", 200, told(0, spread=7))
    path = "$.data.basic_stats.total_sessions"
    assert names(recorded, 200, told(2), path) == ["sessions-add-up"]
    assert not names(recorded, 200, told(2, spread=3), path)
    assert not names(recorded, 200, told(2, details=1), path)
    assert not names(recorded, 200, {"basic_stats": {}}, path)


@pytest.mark.parametrize(("conversations", "excused"), [(["a"], True), ([], False)])
def test_export_has_as_many_conversations_as_it_tells(conversations: list[str], excused: bool) -> None:
    def told(ids: list[str]) -> dict[str, Any]:
        members = ("session_info", "conversation_times", "conversation_to_session_mapping", "cache_statistics")
        metadata = {"total_sessions": 0, "total_conversations": 1}
        return {
            **{name: {} for name in members},
            "export_metadata": metadata,
            "conversations": {one: {} for one in ids},
        }

    recorded = exchange("cache_export", 200, told([]))
    assert bool(names(recorded, 200, told(conversations), "$.data.conversations")) is excused


@pytest.mark.parametrize(("items", "excused"), [(1, True), (2, False)])
def test_overview_counts_what_it_lists(items: int, excused: bool) -> None:
    def told(count: int) -> dict[str, Any]:
        cached = {"total_items": count, "sessions": ["a:1"]}
        return {"conversation_aware_cache": cached, "question_answer_cache": {}, "embedding_cache": {"total_count": 3}}

    recorded = exchange("cache_overview_full", 200, told(7))
    path = "$.data.conversation_aware_cache.total_items"
    assert names(recorded, 200, told(items), path) == (["overview-adds-up"] if excused else [])


def test_cleanup_of_sessions_must_do_what_was_designed() -> None:
    recorded = exchange("cache_cleanup", 503, {"error_type": "agent_initialization_failed"}, {"older_than_hours": 2})
    done = {"time_condition": "older_than_hours: 2", "sessions_removed": 0, "sessions_kept": 0}
    assert names(recorded, 200, done, "status") == ["session-cleanup-works"]
    assert not names(recorded, 200, {**done, "time_condition": "older_than_days: 2"}, "status")
    assert not names(recorded, 500, {"error_type": "database_error", "response": "x"}, "status")


def test_kept_answer_says_how_old_it_is() -> None:
    recorded = exchange("ask_cached", 200, {"cached": False, "sql": "s"})
    assert names(recorded, 200, {"cached": True, "sql": "s", "cache_age_seconds": 0}, "$.data.cached")
    assert not names(recorded, 200, {"cached": True, "sql": "s"}, "$.data.cached")
    assert not names(recorded, 200, {"cached": True, "sql": "other", "cache_age_seconds": 0}, "$.data.sql")
