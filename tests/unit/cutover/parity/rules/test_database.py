"""Rules of intended differences of the database tools about what requests carry: wanted answers and near misses."""

from typing import Any

import pytest

from cutover.parity.answers import Answer
from cutover.parity.exchanges import Exchange
from cutover.parity.replay import judged

NOW = "2026-11-20T11:20:25.388159"
TABLES, TABLE = "tables", "table/ddl"

Body = dict[str, Any]


def ok(**data: Any) -> Body:
    return {"code": 200, "success": True, "message": "操作成功", "data": {"timestamp": NOW, "response": "好", **data}}


def error(code: int, response: str, error_type: str, **data: Any) -> Body:
    message = {400: "请求参数错误", 404: "资源未找到", 500: "系统内部错误"}[code]
    told = {"error_type": error_type, "response": response, "timestamp": NOW, **data}
    return {"code": code, "success": False, "message": message, "data": told, **data}


def broken(response: str = "获取表列表失败: 'int' object has no attribute 'strip'") -> Body:
    return error(500, response, "database_error")


def listed(*schemas: str, **more: Any) -> Body:
    return ok(tables=[], total=0, schemas=list(schemas), **more)


def described(context: str, *, has_comments: bool = True) -> Body:
    info = {"business_context": context, "has_llm_comments": has_comments}
    return ok(generation_info=info, table_info={"field_count": 1}, fields=[{}])


def verdict(path: str, body: Body, old: Body, new: Body) -> tuple[str, str]:
    request = {"method": "POST", "path": f"/api/v0/database/{path}", "json": body}
    recorded = Exchange("x-1", "unified_api", "50", request, {"status": old["code"], "json": old})
    found = judged(recorded, Answer(new["code"], new, "application/json"), {})
    return found.verdict, found.why


def missing(name: str) -> Body:
    return error(404, f"获取表DDL失败: 获取表结构失败: 表 {name} 不存在或无权限访问", "resource_not_found")


def refused(name: str) -> Body:
    return error(400, "参数类型错误", "invalid_params", invalid_params=[name])


@pytest.mark.parametrize(
    ("path", "body", "wanted", "miss", "rule"),
    [
        (TABLES, {"schema": True}, listed("true"), listed("True"), "database-number-is-text"),
        (TABLES, {"schema": 5}, listed("5"), listed("public"), "database-number-is-text"),
        (TABLE, {"table": True}, missing("public.true"), missing("public.True"), "table-number-is-text"),
        (TABLE, {"table": 1.5}, missing("1.5"), missing("public.1.5"), "table-number-is-text"),
        (TABLE, {"table": "a", "business_context": 5}, described("5"), described("6"), "context-number-is-text"),
        (
            TABLE, {"table": "a", "business_context": 5}, described("5"), described("5", has_comments=False),
            "context-number-is-text",
        ),
        (TABLES, {"schema": ["a"]}, refused("schema"), refused("table"), "database-list-for-text-is-400"),
    ],
)  # fmt: skip
def test_what_is_no_text_is_read_or_named(path: str, body: Body, wanted: Body, miss: Body, rule: str) -> None:
    found, why = verdict(path, body, broken(), wanted)
    assert (found, why) == ("intended", rule)
    assert verdict(path, body, broken(), miss)[0] == "different"


def test_an_empty_list_was_none_and_is_named_now() -> None:
    assert verdict(TABLES, {"schema": []}, listed("public"), refused("schema"))[0] == "intended"
    assert verdict(TABLES, {"schema": ""}, listed("public"), refused("schema"))[0] == "different"
    old = error(400, "缺少必需参数：table", "missing_required_params", missing_params=["table"])
    assert verdict(TABLE, {"table": []}, old, refused("table"))[0] == "intended"
