"""`AsyncSQLTools` (docs/react_service.md), for coroutines of any event loop.

Queries are admitted by the SQL guard and run by the reader role inside every limit of `core.sql_executor`; changes are
possible on this agent's own tables only. The pools are the shared synchronous ones, reached through the shared
threads. Errors are raised, never handed back as rows.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

from sqlglot import exp
from sqlglot.errors import SqlglotError

from common.cancellation import CancelFlag
from common.errors import CituError, SqlRefusedError
from common.messages import react_api as texts
from core.async_bridge import run_blocking
from core.database import Database
from core.sql_executor import SqlExecutor
from core.sql_parsing import parse_statements

OWN_TABLES: Final = frozenset({"checkpoints", "checkpoint_blobs", "checkpoint_writes"})
"""What `execute_non_query` may change: the memory of this agent's threads."""
Rows = list[dict[str, Any]]
Params = Sequence[Any]


class GuardedConnection:
    """What `get_connection` gives: it looks like a connection, and every query passes the guard."""

    def __init__(self, tools: AsyncSQLTools) -> None:
        self._tools = tools

    async def fetch(self, query: str, *params: Any) -> Rows:
        """All rows."""
        return await self._tools.execute_query(query, params)

    async def fetchval(self, query: str, *params: Any) -> Any:
        """The first value of the first row, None without rows."""
        rows = await self.fetch(query, *params)
        return next(iter(rows[0].values()), None) if rows else None


class AsyncSQLTools:
    """See the module.

    Args:
        executor: the way to the business database.
        platform: where this agent's own tables are.
    """

    def __init__(self, *, executor: SqlExecutor, platform: Database) -> None:
        self._executor = executor
        self._platform = platform
        self._is_initialized = False

    async def initialize(self) -> None:
        """Connect now instead of at the first query; a database that is away is met again by that query."""
        if not self._is_initialized:
            self._is_initialized = True
            await self.health_check()

    @asynccontextmanager
    async def get_connection(self) -> AsyncIterator[GuardedConnection]:
        """A connection for reading."""
        await self.initialize()
        yield GuardedConnection(self)

    async def execute_query(self, query: str, params: Params | None = None) -> Rows:
        """The rows of a query, `$1`, `$2`, … standing for `params`. A cancelled caller stops it on the server.

        Raises:
            SqlRefusedError: the guard said no, or parameters and placeholders do not fit.
            SqlExecutionError: the database refused or broke off.
            StoreUnavailableError: it cannot be reached.
        """
        filled = _filled(query, params) if params else query
        caller_left = CancelFlag()
        is_done = False
        try:
            found = await run_blocking(partial(self._executor.execute, filled, cancel=caller_left))
            is_done = True
        finally:
            if not is_done:
                caller_left.set()
        return [dict(row) for row in found.rows]

    async def execute_non_query(self, query: str, params: Params | None = None) -> dict[str, Any]:
        """Insert, update or delete rows of one of `OWN_TABLES`: `{success: True, rows_affected}`.

        For code of this service; no tool of a model leads here. Every text in the statement is a parameter.

        Raises:
            SqlRefusedError: another kind of statement, another table, a text in it, or no condition.
            StoreUnavailableError: the platform database cannot be reached.
        """
        statement = own_statement(query)
        given = {f"p{index}": value for index, value in enumerate(params or (), 1)}
        if _parameter_names(statement) != set(given):
            raise _refused("parameters")
        return {"success": True, "rows_affected": await run_blocking(self._change, statement, given)}

    async def health_check(self) -> str:
        """`connected`, or `disconnected: <why>`."""
        try:
            await self.execute_query("SELECT 1 AS one")
        except CituError as error:
            return f"disconnected: {error.message}"
        return "connected"

    async def cleanup(self) -> None:
        """Nothing of its own is left to close; the pools belong to whoever built this."""
        self._is_initialized = False

    def _change(self, statement: exp.Expr, given: dict[str, Any]) -> int:
        sql = statement.sql(dialect="postgres")
        with self._platform.session() as session:
            return int(session.connection().exec_driver_sql(sql, given).rowcount)


def own_statement(query: str) -> exp.Expr:
    """The statement with `$n` as `%(pn)s`.

    Raises:
        SqlRefusedError: see `AsyncSQLTools.execute_non_query`.
    """
    statement = _parsed(query)
    if not isinstance(statement, exp.Insert | exp.Update | exp.Delete):
        raise _refused("statement.kind")
    tables = list(statement.find_all(exp.Table))
    if any(table.name not in OWN_TABLES or table.db or table.catalog for table in tables) or len(tables) != 1:
        raise _refused("relation.own")
    if not isinstance(statement, exp.Insert) and statement.args.get("where") is None:
        raise _refused("condition.missing")
    if any(literal.is_string for literal in statement.find_all(exp.Literal)):
        raise _refused("literal.text")
    if not all(
        isinstance(node, exp.Connector) for node in statement.find_all(exp.Func, exp.Query, exp.With, exp.Returning)
    ):
        raise _refused("expression")
    return statement.transform(lambda node: exp.Placeholder(this=f"p{node.name}") if _is_parameter(node) else node)


def _filled(query: str, params: Params) -> str:
    """The query with its parameters as literals; the guard sees the result."""

    def literal(node: exp.Expr) -> exp.Expr:
        if not _is_parameter(node):
            return node
        index = int(node.name) - 1
        if not 0 <= index < len(params) or not isinstance(params[index], str | int | float | bool | None):
            raise _refused("parameters")
        return exp.convert(params[index])

    return _parsed(query).transform(literal).sql(dialect="postgres")


def _parsed(query: str) -> exp.Expr:
    try:
        statements = parse_statements(query)
    except SqlglotError as error:
        raise _refused("parse.error") from error
    if len(statements) != 1:
        raise _refused("statement.single")
    return statements[0]


def _is_parameter(node: exp.Expr) -> bool:
    return isinstance(node, exp.Parameter) and node.name.isdigit()


def _parameter_names(statement: exp.Expr) -> set[str]:
    return {placeholder.name for placeholder in statement.find_all(exp.Placeholder)}


def _refused(rule: str) -> SqlRefusedError:
    return SqlRefusedError(texts.NOT_OWN_STATEMENT.format(rule=rule), rule=f"own.{rule}")
