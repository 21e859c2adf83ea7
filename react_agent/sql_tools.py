"""The three tools that turn a question into rows: generate_sql, valid_sql, run_sql (docs/contract/react.md).

Whatever wrote the SQL, the guard admits it and the reader role runs it. Facts they leave behind, by `kind`:
`sql` and `no_sql` (generate_sql), `valid` and `invalid` (valid_sql), `rows`, `refused` and `failed` (run_sql).
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from langchain_core.messages import AnyMessage
from pydantic import BaseModel, Field

from common.answering import Brain, LookedUp, Question, SqlDraft, SqlRequest
from common.cancellation import CancelFlag
from common.errors import SqlExecutionError, SqlRefusedError
from common.messages import react as texts
from core.async_bridge import run_blocking
from core.llm.messages import ToolSpec
from core.sql_executor import SqlExecutor
from core.sql_executor.executor import ExecutedQuery, ExplainVerdict
from react_agent.async_sql_tools import AsyncSQLTools as AsyncSQLTools
from react_agent.state import Turn, facts_of, last_question_index, tool_outputs
from react_agent.tools.row_json import rows_text, wire_rows
from react_agent.tools.toolbox import ToolOutcome, read_arguments, spec_of

Collect = Callable[[Question], Awaitable[SqlRequest]]
"""Everything a brain may use to write SQL for a question; raises `StoreUnavailableError`."""

TRANSIENT_RETRY_SECONDS: Final = (1.0, 2.0)
MAX_SQL_CHARS: Final = 100_000
_QUERY_WORD: Final = re.compile(r"\b(?:SELECT|WITH)\b", re.IGNORECASE)
_FIRST_WORD: Final = re.compile(r"[A-Za-z]+")
_SENTENCES: Final[Mapping[str, str]] = {
    "column": texts.SQL_COLUMN_UNKNOWN,
    "table": texts.SQL_TABLE_UNKNOWN,
    "syntax": texts.SQL_SYNTAX,
    "other": texts.SQL_NOT_RUNNABLE,
}
_BY_SQLSTATE: Final[Mapping[str, str]] = {"42703": "column", "42P01": "table", "42601": "syntax"}


class GenerateArguments(BaseModel):
    """`history_messages` are filled in by the graph, whatever the model sends."""

    question: str = Field(description="The user's question, unchanged", max_length=10_000)
    history_messages: list[dict[str, Any]] = Field(default_factory=list, description="Leave this empty")


class SqlArguments(BaseModel):
    sql: str = Field(description="One complete SQL query", max_length=MAX_SQL_CHARS)


class GenerateSql:
    """Writes SQL for the question, with the earlier messages of the thread."""

    spec: ToolSpec = spec_of(
        "generate_sql",
        "Write a SQL query for the user's question. Returns the SQL, or `Database query failed. Reason: …`.",
        GenerateArguments,
    )

    def __init__(self, *, brain: Brain, collect: Collect, executor: SqlExecutor) -> None:
        self._brain = brain
        self._collect = collect
        self._executor = executor

    async def call(self, arguments: Mapping[str, Any], turn: Turn, messages: Sequence[AnyMessage]) -> ToolOutcome:
        """Raises `ServiceUnavailableError` when model or business database cannot be reached."""
        wanted = read_arguments(GenerateArguments, arguments)
        asked = Question(
            text=wanted.question,
            tenant=turn.question.tenant,
            user_id=turn.question.user_id,
            conversation_id=turn.question.conversation_id,
            context=_context(wanted.history_messages, messages),
            route=turn.question.route,
        )
        draft, request = await self._draft(asked)
        sql = draft.sql.strip()
        if sql and _QUERY_WORD.search(sql):
            unreviewed = [record for record in draft.based_on if record in request.unreviewed_ids]
            facts = {"kind": "sql", "sql": sql, "based_on": list(draft.based_on), "unreviewed": unreviewed}
            return ToolOutcome(sql, {**facts, "note": draft.note} if draft.note else facts)
        reason = sql or draft.said.strip() or draft.explanation.strip()
        return ToolOutcome(texts.NO_SQL.format(reason=reason), {"kind": "no_sql", "reason": reason}, is_error=True)

    async def _draft(self, asked: Question) -> tuple[SqlDraft, SqlRequest]:
        """The brain's SQL, and what it was written with.

        When the brain first wants to look values up, that look is taken once, through the guard.
        """
        brain, request = self._brain.on_behalf_of(asked), await self._collect(asked)
        draft = await brain.write_sql(request)
        if not draft.is_intermediate:
            return draft, request
        try:
            found = LookedUp(draft.sql, await run_blocking(self._executor.execute, draft.sql))
        except (SqlRefusedError, SqlExecutionError) as error:
            found = LookedUp(draft.sql, problem=error.message)
        return await brain.write_sql(replace(request, looked_up=found)), request


class ValidSql:
    """Has the guard and the database's planner look at a query; nothing runs."""

    spec: ToolSpec = spec_of(
        "valid_sql", "Check a SQL query before running it: syntax, tables, columns, permission.", SqlArguments
    )

    def __init__(self, *, executor: SqlExecutor) -> None:
        self._executor = executor

    async def call(self, arguments: Mapping[str, Any], turn: Turn, messages: Sequence[AnyMessage]) -> ToolOutcome:
        """Raises `StoreUnavailableError` when the business database cannot be reached."""
        sql = read_arguments(SqlArguments, arguments).sql.strip()
        if not _QUERY_WORD.search(sql):
            return _invalid(texts.SQL_NOT_A_QUERY, "other")
        try:
            verdict = await run_blocking(self._executor.explain, sql)
        except SqlRefusedError as error:
            return _refused(error, sql)
        if verdict.is_accepted:
            return ToolOutcome(texts.SQL_VALID, {"kind": "valid"})
        return _objected(verdict)


class RunSql:
    """Runs a query that the guard admits, read-only and inside every limit."""

    spec: ToolSpec = spec_of("run_sql", "Run a checked SQL query. Returns its rows as a JSON array.", SqlArguments)

    def __init__(self, *, executor: SqlExecutor) -> None:
        self._executor = executor

    async def call(self, arguments: Mapping[str, Any], turn: Turn, messages: Sequence[AnyMessage]) -> ToolOutcome:
        """Raises `StoreUnavailableError` when the business database cannot be reached."""
        sql = read_arguments(SqlArguments, arguments).sql.strip()
        try:
            executed = await self._execute(sql)
        except SqlRefusedError as error:
            return _not_run("refused", sql, error.message)
        except SqlExecutionError as error:
            return _not_run("failed", sql, error.detail or error.message)
        result, rows = executed.result, wire_rows(executed)
        facts = {
            "kind": "rows",
            "sql": sql,
            "columns": list(result.columns),
            "kept": len(rows),
            "total": result.total_row_count,
            "is_limited": result.is_limited,
        }
        return ToolOutcome(rows_text(rows), facts)

    async def _execute(self, sql: str) -> ExecutedQuery:
        for delay_seconds in TRANSIENT_RETRY_SECONDS:
            try:
                return await self._execute_once(sql)
            except SqlExecutionError as error:
                if not error.is_transient:
                    raise
                await asyncio.sleep(delay_seconds)
        return await self._execute_once(sql)

    async def _execute_once(self, sql: str) -> ExecutedQuery:
        """A caller that leaves stops the statement on the server."""
        caller_left = CancelFlag()
        try:
            return await run_blocking(partial(self._executor.run, sql, cancel=caller_left))
        except asyncio.CancelledError:
            caller_left.set()
            raise


def _context(history: Sequence[Mapping[str, Any]], messages: Sequence[AnyMessage]) -> str:
    """The earlier messages, one line each, and the query of the previous turn."""
    names = {"human": "User", "ai": "Assistant"}
    lines = [
        f"{names[str(entry.get('type'))]}: {' '.join(str(entry.get('content', '')).split())[:500]}"
        for entry in history
        if entry.get("type") in names
    ]
    earlier = tool_outputs(messages[: last_question_index(messages)], "run_sql")
    if lines and earlier and (sql := facts_of(earlier[-1]).get("sql")):
        lines.append(f"Assistant SQL: {' '.join(str(sql).split())[:2000]}")
    return "\n".join(lines)


def _refused(error: SqlRefusedError, sql: str) -> ToolOutcome:
    if error.rule == "statement.kind" and (word := _FIRST_WORD.match(sql, (error.position or 1) - 1)):
        return _invalid(texts.SQL_DANGEROUS.format(keyword=word[0].upper()), "forbidden")
    starts = {"column.un": "column", "column.ambiguous": "column", "relation.unknown": "table", "parse.": "syntax"}
    category = next((kind for start, kind in starts.items() if error.rule.startswith(start)), "other")
    return _invalid(_SENTENCES[category].format(detail=error.message), category)


def _objected(verdict: ExplainVerdict) -> ToolOutcome:
    category = _BY_SQLSTATE.get(verdict.sqlstate or "", "other")
    return _invalid(_SENTENCES[category].format(detail=verdict.detail), category)


def _invalid(text: str, category: str) -> ToolOutcome:
    return ToolOutcome(text, {"kind": "invalid", "category": category, "reason": text}, is_error=True)


def _not_run(kind: str, sql: str, reason: str) -> ToolOutcome:
    text = json.dumps({"status": "error", "error_message": reason}, ensure_ascii=False)
    return ToolOutcome(text, {"kind": kind, "sql": sql, "reason": reason}, is_error=True)
