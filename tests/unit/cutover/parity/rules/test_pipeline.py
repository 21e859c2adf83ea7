"""Rules of intended differences where pipeline tasks are listed, searched and looked at: the answer wanted is intended,
a near miss is not.
"""

from typing import Any

import pytest

from cutover.parity.answers import Answer
from cutover.parity.exchanges import Exchange
from cutover.parity.replay import judged
from cutover.parity.rules import AREAS
from tests.unit.cutover.parity.rules.rule_cases import case_tests, verdict

NOW = "2026-11-20T11:20:25.388159"
TASKS = "/api/v0/data_pipeline/tasks"
FILE = "/srv/citu/data_pipeline/training_data/task_20261120_112042/data_pipeline.log"
OWN_FILE = "training_data/task_20261120_112042/data_pipeline.log"
STEPS = ("ddl_generation", "qa_generation", "sql_validation", "training_load")

Body = dict[str, Any]


def ok(**data: Any) -> Body:
    return {"code": 200, "success": True, "message": "操作成功", "data": {"timestamp": NOW, "response": "好", **data}}


def error(code: int, response: str, error_type: str = "database_error") -> Body:
    message = {400: "请求参数错误", 409: "请求冲突", 500: "系统内部错误"}[code]
    data = {"error_type": error_type, "response": response, "timestamp": NOW}
    return {"code": code, "success": False, "message": message, "data": data}


def exchange(method: str, path: str, old: Body, *, body: Any = None, status: int = 0, **more: Any) -> Exchange:
    request = {"method": method, "path": TASKS + path, "query": more.pop("query", {})}
    sent = request if body is None else request | {"json": body}
    answered = {"status": status or old["code"], "content_type": "application/json", "json": old}
    return Exchange("x-1", "unified_api", "61", sent, answered, **more)


def task(name: str, status: str = "pending", steps: str = "pending") -> Body:
    return {"task_name": name, "status": status, "step_status": steps}


def listed(*tasks: Body, limit: int = 50, offset: int = 0) -> Body:
    return ok(tasks=list(tasks), total=len(tasks), limit=limit, offset=offset)


def queried(*tasks: Body, filters: Body | None = None, size: int = 20, sort_by: str = "created_at") -> Body:
    total = len(tasks)
    paged = {"page": 1, "page_size": size, "total": total, "total_pages": -(-total // size)}
    return ok(
        tasks=list(tasks), pagination={**paged, "has_next": False, "has_prev": False}, filters_applied=filters or {},
        sort_applied={"sort_by": sort_by, "sort_order": "desc"},
    )  # fmt: skip


def detail(status: str, failure: str | None = None, step: str | None = None, **steps: str) -> Body:
    states = {name: steps.get(name, "pending") for name in STEPS}
    rows = [{"step_name": name, "step_status": state, "completed_at": None, "error_message": None}
            for name, state in states.items()]  # fmt: skip
    rows[0]["error_message"] = step
    return ok(status=status, step_status=states, steps=rows, error_message=failure, completed_at=None)


def entry(message: str, **more: Any) -> Body:
    return {"timestamp": "2026-11-20 11:21:00", "level": "INFO", "logger": "TaskDir", "message": message, **more}


def tail(*entries: Body, file: str | None = OWN_FILE) -> Body:
    return ok(logs=list(entries), total=len(entries), source="file", log_file=file)


def page(*entries: Body, size: int = 50, file: str = OWN_FILE, **info: Any) -> Body:
    total = len(entries)
    paged = {"page": 1, "page_size": size, "total": total, "total_pages": -(-total // size)}
    known = {"exists": True, "file_path": file, "total_lines": total, **info}
    return ok(logs=list(entries), pagination={**paged, "has_next": False, "has_prev": False}, log_file_info=known)


def numbered(message: str, step: str | None = None) -> Body:
    return entry(message, step=step, line_number=1)


QUERY_500, LOG_500 = error(500, "查询任务列表失败，请稍后重试"), error(500, "查询任务日志失败，请稍后重试")
IDLE = task("a", "in_progress", "partial_completed")
PARTIAL = task("a", "partial_completed", "partial_completed")
STARTED = ok(execution_mode="complete", step_name=None)
RUNNING = error(409, "任务正在执行中，请等待当前执行完成: task_1", "conflict")
EARLIER = exchange("POST", "/t/execute", STARTED, status=202)
FAILED = detail("failed", "文件验证失败: x", "文件验证失败: x", ddl_generation="failed")
OWN_WORDS = detail("failed", "文件验证失败: 缺少 y", "文件验证失败: 缺少 y", ddl_generation="failed")
OTHER_STEP = detail("failed", "文件验证失败: 缺少 y", "文件验证失败: 缺少 y", qa_generation="failed")
ABSENT = page(exists=False, error="日志文件不存在")

# rule -> the exchange, the answer wanted now, near misses
CASES: dict[str, tuple[Exchange, Body, list[Body]]] = {
    "pipeline-list-is-clamped": (
        exchange("GET", "", error(500, "获取任务列表失败，请稍后重试"), query={"limit": "-1"}),
        listed(task("a"), limit=1),
        [listed(task("a"), task("b"), limit=1), listed(task("a"), limit=50)],
    ),
    "pipeline-query-is-read": (
        exchange("POST", "/query", QUERY_500, body={"status": "in_progress", "page": None, "task_name": 5}),
        queried(filters={"status": "in_progress", "task_name": "5"}),
        [queried(filters={"status": "in_progress"}), queried(filters={"task_name": "5"}), QUERY_500],
    ),
    "pipeline-idle-is-partial-in-lists": (
        exchange("GET", "", listed(IDLE, task("b"))), listed(PARTIAL, task("b")),
        [listed(PARTIAL), listed(task("a", "completed", "partial_completed"), task("b")), listed(IDLE, task("c"))],
    ),
    "pipeline-failure-is-forgotten": (
        exchange("GET", "/t", detail("completed", "坏了", "坏了", ddl_generation="completed")),
        detail("completed", ddl_generation="completed"),
        [detail("completed", "坏了", ddl_generation="completed"), detail("completed", ddl_generation="failed")],
    ),
    "pipeline-failure-in-own-words": (exchange("GET", "/t", FAILED), OWN_WORDS, [OTHER_STEP, detail("failed")]),
    "pipeline-null-mode-is-default": (
        exchange("POST", "/t/execute", error(500, "启动任务执行失败，请稍后重试"), body={"execution_mode": None}),
        {**STARTED, "code": 202},
        [{**ok(execution_mode="step"), "code": 202}, error(409, "x", "conflict")],
    ),
    "pipeline-running-is-409": (
        exchange("POST", "/t/execute", STARTED, status=202, previous=EARLIER), RUNNING,
        [error(409, "别的", "conflict"), error(400, "任务正在执行中，请等待当前执行完成: task_1", "conflict")],
    ),
    "pipeline-log-lines": (
        exchange("GET", "/t/logs", tail(entry("旧一"), entry("旧二"), file=FILE), query={"level": "info"}),
        tail(entry("新")),
        [tail(entry("新"), file="/etc/passwd"), tail({**entry("新"), "level": "ERROR"}), tail({"message": "新"})],
    ),
    "pipeline-log-search": (
        exchange("POST", "/t/logs/query", page(numbered("旧"), file=FILE), body={"keyword": "新"}),
        page(numbered("新的", "qa_generation"), numbered("更新")),
        [page(numbered("旧的")), page(numbered("新"), size=10), page(entry("新")), page(numbered("新"), file="x")],
    ),
    "pipeline-log-search-is-read": (
        exchange("POST", "/t/logs/query", LOG_500, body={"keyword": 5}), page(numbered("已验证 5 条")),
        [page(numbered("无")), LOG_500],
    ),
}  # fmt: skip


test_every_rule_has_a_case, test_wanted_answer_is_intended, test_near_miss_is_a_difference = case_tests(
    CASES, AREAS["pipeline_reading"]
)


@pytest.mark.parametrize("body", [{"status": "weird"}, {"page": "1"}, {"task_name": ["a"]}, {"sort_by": "id"}])
def test_a_query_that_is_wrong_must_be_refused(body: Body) -> None:
    assert verdict(exchange("POST", "/query", QUERY_500, body=body), queried())[0] == "different"
    assert (
        verdict(exchange("POST", "/query", QUERY_500, body=body), error(400, "错", "invalid_params"))[0] == "intended"
    )


def test_tasks_in_progress_are_asked_for_without_the_idle_one() -> None:
    recorded = exchange("GET", "", listed(IDLE), query={"status": "in_progress"})
    assert verdict(recorded, listed())[0] == "intended"
    assert verdict(exchange("GET", "", listed(IDLE)), listed())[0] == "different"


def test_a_log_that_reading_does_not_make_is_absent() -> None:
    recorded = exchange("POST", "/t/logs/query", page(numbered("x"), file=FILE), body={})
    assert verdict(recorded, ABSENT)[0] == "intended"


def test_failures_with_a_text_of_the_contract_keep_it() -> None:
    text = "训练数据加载失败：未找到可处理的训练文件"
    for first, second in ((text, text), (text, "别的")):
        recorded = exchange("GET", "/t", detail("failed", first, second, ddl_generation="failed"))
        assert verdict(recorded, detail("failed", "别的", "其他", ddl_generation="failed"))[0] == "different"
    recorded = exchange("GET", "/t", detail("failed", text, "别的", ddl_generation="failed"))
    assert verdict(recorded, detail("failed", text, "其他", ddl_generation="failed"))[0] == "intended"


def test_a_task_that_ended_can_be_started_again() -> None:
    recorded = exchange("POST", "/t/execute", STARTED, status=202, previous=EARLIER)
    assert judged(recorded, Answer(202, STARTED, "application/json"), {}).verdict == "same"
