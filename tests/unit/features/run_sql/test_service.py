"""What `citu_run_sql` says: rows, texts, refusals and failures, around a scripted executor."""

from typing import Any

import pytest

from common.answering import ResultSet
from common.errors import SqlExecutionError, SqlRefusedError, StatementFailedError, StoreUnavailableError
from core.sql_executor import ExecutedQuery
from features.run_sql.presentation import executed
from features.run_sql.schemas import RunSqlRequest
from features.run_sql.service import RunSqlService
from web.error_envelopes import envelope_of


class ScriptedExecutor:
    def __init__(self, outcome: ExecutedQuery | Exception) -> None:
        self.outcome = outcome
        self.signals: list[Any] = []

    def run(self, sql: str, *, cancel: Any = None) -> ExecutedQuery:
        self.signals.append(cancel)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


def run(outcome: ExecutedQuery | Exception) -> dict[str, Any]:
    request = RunSqlRequest(sql="SELECT 1 AS n")
    return executed(request, RunSqlService(executor=ScriptedExecutor(outcome)).run("acme", request))


def rows(count: int, total: int, cut_by: Any = None) -> ExecutedQuery:
    result = ResultSet(("n",), tuple({"n": number} for number in range(count)), total, cut_by is not None)
    return ExecutedQuery(result, 1.5, cut_by)


def test_answer_has_every_field_of_the_contract() -> None:
    envelope = run(rows(1, 1))
    assert (envelope["code"], envelope["success"]) == (200, True)
    data = envelope["data"]
    assert data.pop("timestamp")
    assert data == {
        "sql": "SELECT 1 AS n",
        "query_result": {
            "columns": ["n"], "rows": [{"n": 0}], "row_count": 1, "total_row_count": 1, "is_limited": False,
        },
        "response": "SQL执行完成，共返回 1 条记录",
        "explain": {"is_accepted": True, "cost": 1.5},
    }  # fmt: skip


def test_no_rows_still_have_columns() -> None:
    result = run(rows(0, 0))["data"]["query_result"]
    assert result == {"columns": ["n"], "rows": [], "row_count": 0, "total_row_count": 0, "is_limited": False}


def test_limited_answer_says_how_many_are_shown() -> None:
    data = run(rows(3, 50, "rows"))["data"]
    assert data["response"] == "SQL执行完成，共返回 50 条记录，已限制显示前 3 条"
    assert data["truncated_by"] == "rows"


def test_database_error_is_the_contracts_500() -> None:
    with pytest.raises(StatementFailedError) as failed:
        run(SqlExecutionError("SQL执行失败: division by zero", sqlstate="22012"))
    envelope = envelope_of(failed.value)
    data = envelope["data"]
    assert (envelope["code"], data["error_type"], data["can_retry"]) == (500, "database_error", True)
    assert data["response"] == "SQL执行失败，请检查SQL语句是否正确"
    assert (data["sqlstate"], data["sql"]) == ("22012", "SELECT 1 AS n")


def test_refusal_keeps_rule_position_and_statement() -> None:
    with pytest.raises(SqlRefusedError) as refused:
        run(SqlRefusedError("只允许执行SELECT查询", rule="statement.kind", position=1))
    assert refused.value.data == {"rule": "statement.kind", "position": 1, "sql": "SELECT 1 AS n"}


def test_unreachable_database_stays_unavailable() -> None:
    with pytest.raises(StoreUnavailableError):
        run(StoreUnavailableError("业务数据库不可用"))


def test_callers_signal_reaches_the_executor() -> None:
    executor = ScriptedExecutor(rows(1, 1))
    signal = object()
    RunSqlService(executor=executor).run("acme", RunSqlRequest(sql="SELECT 1"), signal)  # type: ignore[arg-type]
    assert executor.signals == [signal]
