"""What the service of `citu_run_sql` returns, as the envelope of docs/contract/questions.md."""

from __future__ import annotations

from typing import Any

from common import messages
from common.result import Envelope, success_response
from core.sql_executor import ExecutedQuery
from features.run_sql.schemas import RunSqlRequest
from features.wire.rows import rows_on_the_wire


def executed(request: RunSqlRequest, query: ExecutedQuery) -> Envelope:
    """The statement, its rows, the planner's estimate, and what cut the rows when something did."""
    result = query.result
    text = messages.RUN_SQL_DONE.format(count=result.total_row_count)
    if result.is_limited:
        text += messages.RUN_SQL_LIMITED.format(cap=result.row_count)
    data: dict[str, Any] = {
        "sql": request.sql,
        "query_result": rows_on_the_wire(result),
        "explain": {"is_accepted": True, "cost": query.cost},
    }
    if query.cut_by:
        data["truncated_by"] = query.cut_by
    return success_response(text, data)
