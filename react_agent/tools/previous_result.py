"""Answers follow-ups ("他们合计多少") from the rows the thread has already seen, without another query."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Literal

from langchain_core.messages import AnyMessage
from pydantic import BaseModel, Field

from common.messages import react as texts
from core.llm.messages import ToolSpec
from react_agent.state import Turn, facts_of, text_of, tool_outputs
from react_agent.tools.row_json import rows_text
from react_agent.tools.toolbox import ToolOutcome, ToolRetryError, read_arguments, spec_of

SHOWN_ROWS: Final = 50
Operation = Literal["show", "sum", "average", "max", "min", "count"]


class PreviousArguments(BaseModel):
    operation: Operation = Field("show", description="What to compute over the rows")
    column: str = Field("", description="Column to compute on; empty takes the last numeric one", max_length=256)


class PreviousResult:
    """Computes on the newest rows of the thread."""

    spec: ToolSpec = spec_of(
        "previous_result",
        "Look at the rows of the last query of this conversation again: show them, or compute a sum, average, max, min "
        "or count of one column. Use it for follow-up questions about rows that are already known.",
        PreviousArguments,
    )

    async def call(self, arguments: Mapping[str, Any], turn: Turn, messages: Sequence[AnyMessage]) -> ToolOutcome:
        wanted = read_arguments(PreviousArguments, arguments)
        found = newest_rows(messages)
        if found is None:
            raise ToolRetryError(texts.NO_PREVIOUS_RESULT)
        rows, facts = found
        if wanted.operation == "show":
            return ToolOutcome(rows_text(rows[:SHOWN_ROWS]), {"kind": "previous", "sql": facts.get("sql")})
        total = int(facts.get("total", len(rows)))
        if len(rows) < total:
            raise ToolRetryError(texts.PREVIOUS_INCOMPLETE.format(kept=len(rows), total=total))
        return _computed(wanted.operation, wanted.column, rows, facts)


def newest_rows(messages: Sequence[AnyMessage]) -> tuple[list[dict[str, Any]], Mapping[str, Any]] | None:
    """The rows of the newest successful query and its facts; None when there are none."""
    for message in reversed(tool_outputs(messages, "run_sql")):
        facts = facts_of(message)
        if facts.get("kind") != "rows":
            continue
        rows = json.loads(text_of(message))
        return (rows, facts) if rows else None
    return None


def _computed(
    operation: Operation, column: str, rows: Sequence[Mapping[str, Any]], facts: Mapping[str, Any]
) -> ToolOutcome:
    sql = facts.get("sql")
    if operation == "count":
        return ToolOutcome(str(len(rows)), {"kind": "derived", "operation": operation, "value": len(rows), "sql": sql})
    name = _numeric_column(column, rows, facts)
    numbers = [(Decimal(str(row[name])), row) for row in rows if _is_number(row.get(name))]
    values = [number for number, _ in numbers]
    if operation in ("sum", "average"):
        value = sum(values, Decimal(0)) / (1 if operation == "sum" else len(values))
        row: Mapping[str, Any] = {}
    else:
        value, row = (max if operation == "max" else min)(numbers, key=lambda pair: pair[0])
    shown = float(round(value, 4)) if value != value.to_integral_value() else int(value)
    derived = {"kind": "derived", "operation": operation, "column": name, "value": shown, "sql": sql, "row": dict(row)}
    return ToolOutcome(json.dumps({name: shown, **({"row": row} if row else {})}, ensure_ascii=False), derived)


def _numeric_column(column: str, rows: Sequence[Mapping[str, Any]], facts: Mapping[str, Any]) -> str:
    columns = [name for name in facts.get("columns", []) if any(_is_number(row.get(name)) for row in rows)]
    if column in columns:
        return column
    near = [name for name in columns if column and (column in name or name in column)]
    if column and not near:
        raise ToolRetryError(texts.COLUMN_NOT_NUMERIC.format(name=column))
    chosen = near or columns
    if not chosen:
        raise ToolRetryError(texts.COLUMN_NOT_NUMERIC.format(name=column))
    return str(chosen[-1])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
