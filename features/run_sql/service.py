"""Runs one statement of a caller and says what came of it; called by the HTTP route."""

from __future__ import annotations

from typing import Any

from common import messages
from common.cancellation import CancelSignal
from common.errors import SqlExecutionError, SqlMemoryLimitError, SqlRefusedError
from common.result import Envelope, internal_error_response, success_response
from core.logging import get_app_logger
from core.sql_executor import ExecutedQuery, SqlExecutor

logger = get_app_logger("run_sql")


class RunSqlService:
    """Guarded execution in the contract's words."""

    def __init__(self, *, executor: SqlExecutor) -> None:
        self._executor = executor

    def run(self, sql: str, caller_left: CancelSignal | None = None) -> Envelope:
        """The rows of `sql` in the contract's envelope, or its 500 when the database refused or broke off.

        Raises:
            SqlRefusedError: the guard or the cost ceiling said no; `data` has `rule`, `position` and `sql`.
            SqlMemoryLimitError: it needed more memory than a statement may have; `data` has `sql`.
            TooManyQueriesError, OverloadedError: the caller's share, or all connections, are in use.
            StoreUnavailableError: the business database cannot be reached.
        """
        try:
            executed = self._executor.run(sql, cancel=caller_left)
        except (SqlRefusedError, SqlMemoryLimitError) as error:
            error.data["sql"] = sql
            raise
        except SqlExecutionError as error:
            logger.info("statement failed sqlstate=%s", error.sqlstate)
            return _failure(sql, error)
        return success_response(_text(executed), _data(sql, executed))


def _failure(sql: str, error: SqlExecutionError) -> Envelope:
    envelope = internal_error_response(messages.RUN_SQL_FAILED)
    envelope["data"].update(sql=sql, sqlstate=error.sqlstate, reason=error.message)
    return envelope


def _text(executed: ExecutedQuery) -> str:
    result = executed.result
    text = messages.RUN_SQL_DONE.format(count=result.total_row_count)
    return text + messages.RUN_SQL_LIMITED.format(cap=result.row_count) if result.is_limited else text


def _data(sql: str, executed: ExecutedQuery) -> dict[str, Any]:
    result = executed.result
    data: dict[str, Any] = {
        "sql": sql,
        "query_result": {
            "columns": list(result.columns),
            "rows": [dict(row) for row in result.rows],
            "row_count": result.row_count,
            "total_row_count": result.total_row_count,
            "is_limited": result.is_limited,
        },
        "explain": {"is_accepted": True, "cost": executed.cost},
    }
    if executed.cut_by:
        data["truncated_by"] = executed.cut_by
    return data
