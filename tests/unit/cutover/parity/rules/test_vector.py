"""Rules of intended differences of the vector routes about what requests carry: wanted answers and near misses."""

from typing import Any

import pytest

from cutover.parity.answers import Answer
from cutover.parity.exchanges import Exchange
from cutover.parity.replay import judged

NOW = "2026-11-20T11:20:25.388159"
BACKUP, RESTORE = "backup", "restore"

Body = dict[str, Any]


def error(code: int, response: str, error_type: str, **data: Any) -> Body:
    message = {400: "请求参数错误", 404: "资源未找到", 500: "系统内部错误"}[code]
    told = {"error_type": error_type, "response": response, "timestamp": NOW, **data}
    return {"code": code, "success": False, "message": message, "data": told, **data}


def verdict(path: str, body: Any, old: Body, new: Body) -> tuple[str, str]:
    request = {"method": "POST", "path": f"/api/v0/data_pipeline/vector/{path}", "json": body}
    recorded = Exchange("x-1", "unified_api", "70", request, {"status": old["code"], "json": old})
    found = judged(recorded, Answer(new["code"], new, "application/json"), {})
    return found.verdict, found.why


def refused(name: str) -> Body:
    return error(400, "参数类型错误", "invalid_params", invalid_params=[name])


def missing(text: str) -> Body:
    return error(404, text, "resource_not_found")


BROKEN = error(500, "Vector表恢复失败，请稍后重试", "database_error")
NO_OBJECT = error(400, "请求格式错误：请求体必须是JSON对象", "missing_required_params")
NO_ID = error(400, "无效的task_id格式，只能包含字母、数字和下划线", "missing_required_params")
NO_TIME = error(400, "无效的timestamp格式，应为YYYYMMDD_HHMMSS", "missing_required_params")
NOTHING_GIVEN = error(400, "缺少必需参数: backup_path, timestamp", "missing_required_params", missing_params=["x"])
TIMED = {"backup_path": "x", "timestamp": True}
PATH = {"backup_path": 5, "timestamp": "20250101_000000"}


@pytest.mark.parametrize(
    ("path", "body", "wanted", "miss", "rule"),
    [
        (BACKUP, [1], NO_OBJECT, refused("task_id"), "vector-body-is-400"),
        (BACKUP, {"task_id": ["a"]}, refused("task_id"), refused("timestamp"), "vector-list-for-text-is-400"),
        (BACKUP, {"task_id": 5}, missing("指定的任务目录不存在: 5"), NO_ID, "vector-task-number-is-text"),
        (BACKUP, {"task_id": 1.5}, NO_ID, missing("指定的任务目录不存在: 1.5"), "vector-task-number-is-text"),
        (RESTORE, PATH, missing("备份目录不存在: 5"), missing("备份目录不存在: 6"), "vector-path-number-is-text"),
        (RESTORE, TIMED, NO_TIME, NOTHING_GIVEN, "vector-stamp-number-is-400"),
    ],
)
def test_what_is_no_text_is_read_or_named(path: str, body: Any, wanted: Body, miss: Body, rule: str) -> None:
    assert verdict(path, body, BROKEN, wanted) == ("intended", rule)
    assert verdict(path, body, BROKEN, miss)[0] == "different"


def test_what_is_no_object_is_told_so_even_where_it_was_taken_for_an_empty_one() -> None:
    assert verdict(RESTORE, [], NOTHING_GIVEN, NO_OBJECT)[0] == "intended"
    assert verdict(RESTORE, {}, NOTHING_GIVEN, NO_OBJECT)[0] == "different"
