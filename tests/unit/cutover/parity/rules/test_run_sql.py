"""Rules of intended differences of `citu_run_sql`: the answer wanted is intended, a near miss is not."""

from typing import Any

import pytest

from cutover.parity.exchanges import Exchange
from cutover.parity.rules import AREAS
from tests.unit.cutover.parity.rules.rule_cases import case_tests, verdict

NOW = "2026-11-20T11:20:25.388159"
FAILED = "SQL执行失败，请检查SQL语句是否正确"

Body = dict[str, Any]


def rows(*values: Any) -> Body:
    shown = [{"n": value} for value in values]
    data = {"query_result": {"columns": ["n"], "rows": shown}, "response": f"SQL执行完成，共返回 {len(shown)} 条记录"}
    return {"code": 200, "success": True, "message": "操作成功", "data": {"timestamp": NOW, **data}}


def error(code: int, response: str, error_type: str, **data: Any) -> Body:
    message = {400: "请求参数错误", 422: "处理失败", 500: "系统内部错误"}[code]
    told = {"error_type": error_type, "response": response, "timestamp": NOW, **data}
    named = {name: value for name, value in data.items() if name == "invalid_params"}
    return {"code": code, "success": False, "message": message, "data": told, **named}


def refused(rule: str) -> Body:
    return error(422, "只允许执行SELECT查询", "sql_refused", rule=rule, sql="x")


def exchange(sql: Any, old: Body) -> Exchange:
    request = {"method": "POST", "path": "/api/v0/citu_run_sql", "json": {"sql": sql}}
    return Exchange("x-1", "citu_app", "82", request, {"status": old["code"], "json": old})


BROKEN = error(500, FAILED, "database_error", can_retry=True)
NO_TEXT = error(400, "参数类型错误", "invalid_params", invalid_params=["sql"])
NOT_SQL = error(400, "参数类型错误", "invalid_params", invalid_params=["question"])

# rule -> the exchange, the answer wanted now, near misses
CASES: dict[str, tuple[Exchange, Body, list[Body]]] = {
    "run-sql-only-queries": (
        exchange("SELECT 1; SELECT 2", rows(2)), refused("statement.multiple"),
        [refused("column.unknown"), refused("relation.unknown"), BROKEN, {**rows(3, 4)}],
    ),
    "run-sql-says-why": (
        exchange("DROP TABLE a", BROKEN), refused("statement.kind"),
        [rows(1), error(422, FAILED, "database_error"), error(500, "别的", "database_error")],
    ),
    "run-sql-list-is-400": (exchange(["SELECT 1"], BROKEN), NO_TEXT, [NOT_SQL, refused("statement.kind"), rows(1)]),
    "run-sql-null-is-null": (
        exchange("SELECT n FROM a", rows(1, float("nan"))), rows(1, None), [rows(1, 0), rows(2, None), rows(1)],
    ),
}  # fmt: skip


test_every_rule_has_a_case, test_wanted_answer_is_intended, test_near_miss_is_a_difference = case_tests(
    CASES, AREAS["run_sql"]
)


@pytest.mark.parametrize("value", [None, "12:00:00", "1 day", "-3 mons +2 days"])
def test_what_json_lacked_is_shown(value: Any) -> None:
    assert verdict(exchange("SELECT t FROM a", BROKEN), rows(value))[0] == "intended"


@pytest.mark.parametrize("sql", ["SELECT * FROM pg_shadow", "SELECT * FROM information_schema.tables"])
def test_the_catalog_is_no_business_data(sql: str) -> None:
    assert verdict(exchange(sql, rows("x")), refused("relation.unknown"))[0] == "intended"


def test_a_failure_that_stays_is_no_difference() -> None:
    assert verdict(exchange("SELECT 1/0", BROKEN), BROKEN)[0] == "same"
    assert verdict(exchange("SELECT 1", rows(1)), rows(1))[0] == "same"
