"""Rules of intended differences of the ReAct agent's routes: the answer wanted is intended, a near miss is not."""

from typing import Any

import pytest

from cutover.parity.answers import Answer
from cutover.parity.compare import Difference
from cutover.parity.exchanges import Exchange
from cutover.parity.rules import AREAS, intended, old_defects

ASK = "/api/v0/ask_react_agent"
NOW = "2026-11-20T11:20:25.388159"
META = {"thread_id": "u:1", "sql_execution_count": 1}


def old(path: str, status: int, body: dict[str, Any], *previous: Exchange) -> Exchange:
    return Exchange(
        id="x",
        app="unified_api",
        group="90",
        previous=previous[0] if previous else None,
        request={"method": "GET", "path": path, "query": {"user_id": "nf"}, "json": {"user_id": "nf"}},
        response={"status": status, "content_type": "application/json", "json": body},
    )


def answered(**data: Any) -> dict[str, Any]:
    known = {"response": "好", "conversation_id": "u:1", "user_id": "u", "react_agent_meta": META, "timestamp": NOW}
    return {"code": 200, "success": True, "message": "处理成功", "data": {**known, **data}}


def failed(status: int, message: str, error: str, *, can_retry: bool, **data: Any) -> dict[str, Any]:
    known = {"conversation_id": "u:1", "user_id": "u", "timestamp": NOW, **data}
    envelope = {"code": status, "success": False, "message": message, "error": error}
    return {**envelope, "retry_suggested": can_retry, "data": known}


def plain(status: int, message: str, data: Any = None) -> dict[str, Any]:
    return {"code": status, "success": status == 200, "message": message, "data": data}


DONE = {"status": "completed", "name": "完成", "icon": "✅", "timestamp": NOW}
THREADS = [{"user_id": "nf", "thread_id": f"nf:{n}", "checkpoint_count": 17} for n in range(3)]
MODEL_500 = failed(500, "处理失败", "Error code: 500 - {}", can_retry=False)
MODEL_503 = failed(503, "服务暂时不可用，请稍后重试", "大模型服务内部错误，请稍后重试", can_retry=True)
CLOSED = failed(503, "服务暂时不可用，请稍后重试", "Redis连接问题，请重试", can_retry=True)
NO_ROWS = answered(sql="SELECT 1")
NOT_RUN = failed(500, "处理失败", "SQL执行失败：division by zero", can_retry=False, sql="SELECT 1")

LOST = old(ASK, 503, CLOSED)
ANSWERED = old(ASK, 200, answered(conversation_id="nf:1"))

# rule, old exchange, difference path, wanted (status, body), near misses
CASES = [
    (
        "status-without-agent",
        old("/api/v0/react/status/x:1", 500, plain(500, "Agent实例未初始化")),
        "$.message",
        (404, plain(404, "未找到执行线程")),
        [(404, plain(404, "没有")), (200, plain(200, "获取状态成功", DONE))],
    ),
    (
        "status-after-closed-loop",
        old("/api/v0/react/status/x:1", 500, plain(500, "获取状态失败: Event loop is closed")),
        "$.data",
        (200, plain(200, "获取状态成功", DONE)),
        [(404, plain(404, "未找到执行线程")), (200, plain(200, "获取状态成功", {**DONE, "name": "坏了"}))],
    ),
    (
        "reason-without-thinking",
        old(ASK, 200, answered(response="<think>嗯。</think>\n\n原因\n\n回答")),
        "$.data.response",
        (200, answered(response="原因\n\n回答")),
        [(200, answered(response="回答")), (200, answered(response="<think>嗯。</think>\n\n原因\n\n回答"))],
    ),
    ("failed-query-is-500", old(ASK, 200, NO_ROWS), "status", (500, NOT_RUN), [(500, MODEL_500), (503, MODEL_503)]),
    (
        "react-model-failure-is-503",
        old(ASK, 500, MODEL_500),
        "status",
        (503, MODEL_503),
        [(503, {**MODEL_503, "retry_suggested": False}), (500, MODEL_500), (200, answered())],
    ),
    ("no-closed-loop", old(ASK, 503, CLOSED), "status", (200, answered()), [(503, CLOSED), (500, MODEL_500)]),
    (
        "history-after-closed-loop",
        old("/api/v0/react/conversations/nf:1", 404, plain(404, "资源未找到", {}), ANSWERED),
        "status",
        (200, plain(200, "操作成功", {"messages": [{"role": "human"}]})),
        [(404, plain(404, "资源未找到", {})), (200, plain(200, "操作成功", {"messages": []}))],
    ),
    (
        "threads-of-answered-calls",
        old("/api/v0/react/users/nf/conversations", 200, plain(200, "", {"conversations": THREADS[:2]}), LOST),
        "$.data.total_count",
        (200, plain(200, "", {"user_id": "nf", "conversations": THREADS, "total_count": 3})),
        [
            (200, plain(200, "", {"user_id": "nf", "conversations": THREADS * 2, "total_count": 6})),
            (200, plain(200, "", {"user_id": "nf", "conversations": THREADS[:1], "total_count": 1})),
            (200, plain(200, "", {"user_id": "other", "conversations": THREADS, "total_count": 3})),
        ],
    ),
    (
        "checkpoints-of-answered-calls",
        old("/api/v0/checkpoint/direct/stats", 200, plain(200, "", {"thread_count": 2}), LOST),
        "$.data.thread_count",
        (200, plain(200, "", {"thread_count": 3, "threads": THREADS, "total_checkpoints": 51})),
        [(200, plain(200, "", {"thread_count": 3, "threads": THREADS, "total_checkpoints": 50}))],
    ),
]


def explaining(recorded: Exchange, path: str, new: tuple[int, dict[str, Any]]) -> list[str]:
    answer = Answer(new[0], new[1], "application/json")
    found = intended(recorded, answer, [Difference(path, "old", "new")])
    return [] if old_defects(recorded, answer) else [rule.name for rule in found]


def test_every_rule_has_a_case() -> None:
    assert [case[0] for case in CASES] == [rule.name for rule in AREAS["react"]]


@pytest.mark.parametrize(("name", "recorded", "path", "wanted", "misses"), CASES, ids=[case[0] for case in CASES])
def test_wanted_answer_is_intended_and_near_misses_are_not(
    name: str, recorded: Exchange, path: str, wanted: tuple[int, Any], misses: list[tuple[int, Any]]
) -> None:
    assert explaining(recorded, path, wanted) == [name]
    for miss in misses:
        assert explaining(recorded, path, miss) == []


def test_an_honest_answer_about_no_rows_stays_as_it_was() -> None:
    answer = Answer(200, NO_ROWS, "application/json")
    assert not old_defects(old(ASK, 200, NO_ROWS), answer)


def test_another_answer_about_no_rows_is_not_excused() -> None:
    assert explaining(old(ASK, 200, NO_ROWS), "$.data.response", (200, answered(sql="SELECT 1", response="别的"))) == []


@pytest.mark.parametrize("path", ["/api/v0/react/users/nf/conversations", "/api/v0/react/conversations/nf:1"])
def test_without_a_lost_call_nothing_is_excused(path: str) -> None:
    recorded = old(path, 200, plain(200, "", {"conversations": THREADS[:2]}))
    new = plain(200, "", {"user_id": "nf", "conversations": THREADS, "total_count": 3, "messages": [1]})
    assert explaining(recorded, "$.data.total_count", (200, new)) == []
