"""Running admitted SQL on the business database, read-only and within limits."""

from core.sql_executor.executor import ExecutedQuery, ExecutionLimits, ExplainVerdict, SqlExecutor
from core.sql_executor.planner import PlannedQuery
from core.sql_executor.query_watch import CancelSignal
from core.sql_executor.reader_pool import ReaderPool

__all__ = [
    "CancelSignal",
    "ExecutedQuery",
    "ExecutionLimits",
    "ExplainVerdict",
    "PlannedQuery",
    "ReaderPool",
    "SqlExecutor",
]
