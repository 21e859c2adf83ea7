"""Runs one statement of a caller on the business database; the doors of both entries call it."""

from __future__ import annotations

from common import messages
from common.cancellation import CancelSignal
from common.errors import SqlExecutionError, SqlMemoryLimitError, SqlRefusedError, StatementFailedError
from core.logging import get_app_logger
from core.sql_executor import ExecutedQuery, SqlExecutor
from features.run_sql.schemas import RunSqlRequest

logger = get_app_logger("run_sql")


class RunSqlService:
    """See the module."""

    def __init__(self, *, executor: SqlExecutor) -> None:
        self._executor = executor

    def run(self, tenant: str, request: RunSqlRequest, caller_left: CancelSignal | None = None) -> ExecutedQuery:
        """The rows of a statement. All tenants share one business database, so `tenant` changes nothing yet.

        Raises:
            SqlRefusedError: the guard or the cost ceiling said no; `data` has `rule`, `position` and `sql`.
            SqlMemoryLimitError: it needed more memory than a statement may have; `data` has `sql`.
            StatementFailedError: the database refused or broke off; `data` has `sql`, `sqlstate` and `reason`.
            TooManyQueriesError, OverloadedError: the caller's share, or all connections, are in use.
            StoreUnavailableError: the business database cannot be reached.
        """
        try:
            return self._executor.run(request.sql, cancel=caller_left)
        except (SqlRefusedError, SqlMemoryLimitError) as error:
            error.data["sql"] = request.sql
            raise
        except SqlExecutionError as error:
            logger.info("statement failed sqlstate=%s tenant=%s", error.sqlstate, tenant)
            data = {"sql": request.sql, "sqlstate": error.sqlstate, "reason": error.message}
            raise StatementFailedError(messages.RUN_SQL_FAILED, data=data) from error
