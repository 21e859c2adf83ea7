"""Tools to look around in the business database: tables, columns, sample rows, distinct values, all through the guard.

Names a model gives are looked up in the catalogue and quoted from there; they never become SQL as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from langchain_core.messages import AnyMessage
from pydantic import BaseModel, Field

from common.business_schema import Column, Table
from common.errors import SqlExecutionError, SqlRefusedError
from common.messages import react as texts
from core.async_bridge import run_blocking
from core.llm.messages import ToolSpec
from core.prompt_values import PromptValues
from core.schema_catalog import SchemaCatalog
from core.sql_executor import SqlExecutor
from react_agent.state import Turn
from react_agent.tools.row_json import rows_text, wire_rows
from react_agent.tools.toolbox import ToolOutcome, ToolRetryError, read_arguments, spec_of

SAMPLE_ROWS: Final = 5
MAX_VALUES: Final = 50
MAX_TABLES: Final = 200
_TEXT_TYPES: Final = ("char", "text", "varchar", "bpchar", "name", "json", "xml", "USER-DEFINED")


class NoArguments(BaseModel):
    pass


class TableArguments(BaseModel):
    table: str = Field(description="Name of the table", max_length=128)


class ColumnArguments(TableArguments):
    column: str = Field(description="Name of the column", max_length=128)


class ListTables:
    """Names and meanings of the tables."""

    spec: ToolSpec = spec_of("list_tables", "List the tables of the business database and what they hold.", NoArguments)

    def __init__(self, *, catalog: SchemaCatalog) -> None:
        self._catalog = catalog

    async def call(self, arguments: Mapping[str, Any], turn: Turn, messages: Sequence[AnyMessage]) -> ToolOutcome:
        schema = await run_blocking(self._catalog.schema)
        lines = [f"{table.name}: {table.comment}" for table in schema.tables[:MAX_TABLES]]
        return ToolOutcome("\n".join(lines), {"kind": "tables"})


class DescribeTable:
    """Columns of a table."""

    spec: ToolSpec = spec_of("describe_table", "List the columns of a table with type and meaning.", TableArguments)

    def __init__(self, *, catalog: SchemaCatalog) -> None:
        self._catalog = catalog

    async def call(self, arguments: Mapping[str, Any], turn: Turn, messages: Sequence[AnyMessage]) -> ToolOutcome:
        table = await _table(self._catalog, read_arguments(TableArguments, arguments).table)
        lines = [f"{column.name} {column.data_type} {column.comment}".strip() for column in table]
        return ToolOutcome("\n".join(lines), {"kind": "columns", "tables": [table.name]})


class SampleValues:
    """A few rows of a table, with the columns whose values may be shown unasked, and all that hold no text."""

    spec: ToolSpec = spec_of("sample_values", "Show a few rows of a table.", TableArguments)

    def __init__(self, *, catalog: SchemaCatalog, executor: SqlExecutor, values: PromptValues | None) -> None:
        """Args: values: which columns' values may be shown; None where no external model sees them."""
        self._catalog = catalog
        self._executor = executor
        self._values = values

    async def call(self, arguments: Mapping[str, Any], turn: Turn, messages: Sequence[AnyMessage]) -> ToolOutcome:
        table = await _table(self._catalog, read_arguments(TableArguments, arguments).table)
        shown = [column for column in table if _may_show(self._values, table, column)]
        if not shown:
            return ToolOutcome(texts.VALUES_NOT_SHOWN.format(name=table.name), {"kind": "sample"})
        columns = ", ".join(_quoted(column.name) for column in shown)
        sql = f"SELECT {columns} FROM {_from(table)} LIMIT {SAMPLE_ROWS}"  # noqa: S608 - quoted names of the catalogue
        return await _sample_outcome(self._executor, sql, table)


class DistinctValues:
    """The values of a column."""

    spec: ToolSpec = spec_of(
        "distinct_values", f"List at most {MAX_VALUES} distinct values of a column.", ColumnArguments
    )

    def __init__(self, *, catalog: SchemaCatalog, executor: SqlExecutor, values: PromptValues | None) -> None:
        """Args: values: which columns' values may be shown; None where no external model sees them."""
        self._catalog = catalog
        self._executor = executor
        self._values = values

    async def call(self, arguments: Mapping[str, Any], turn: Turn, messages: Sequence[AnyMessage]) -> ToolOutcome:
        wanted = read_arguments(ColumnArguments, arguments)
        table = await _table(self._catalog, wanted.table)
        column = _column(table, wanted.column)
        if not _may_show(self._values, table, column):
            text = texts.VALUES_NOT_SHOWN.format(name=f"{table.name}.{column.name}")
            return ToolOutcome(text, {"kind": "sample", "tables": [table.name]})
        name, source = _quoted(column.name), _from(table)
        sql = f"SELECT DISTINCT {name} FROM {source} WHERE {name} IS NOT NULL ORDER BY {name} LIMIT {MAX_VALUES}"  # noqa: S608 - likewise
        return await _sample_outcome(self._executor, sql, table)


def _may_show(values: PromptValues | None, table: Table, column: Column) -> bool:
    is_text = column.data_type.startswith(_TEXT_TYPES)
    return values is None or not is_text or values.shows(table, column)


async def _table(catalog: SchemaCatalog, name: str) -> Table:
    schema = await run_blocking(catalog.schema)
    plain = name.replace('"', "").rpartition(".")[2].strip()
    found = schema.table(plain) or next((table for table in schema.tables if table.name == plain.lower()), None)
    if found is None:
        raise ToolRetryError(texts.TABLE_UNKNOWN.format(name=plain[:60]))
    return found


def _column(table: Table, name: str) -> Column:
    plain = name.replace('"', "").rpartition(".")[2].strip()
    found = table.column(plain) or table.column(plain.lower())
    if found is None:
        raise ToolRetryError(texts.COLUMN_UNKNOWN.format(table=table.name, name=plain[:60]))
    return found


async def _sample_outcome(executor: SqlExecutor, sql: str, table: Table) -> ToolOutcome:
    try:
        executed = await run_blocking(executor.run, sql)
    except (SqlRefusedError, SqlExecutionError) as error:
        raise ToolRetryError(error.message) from error
    return ToolOutcome(rows_text(wire_rows(executed)), {"kind": "sample", "tables": [table.name]})


def _from(table: Table) -> str:
    return f"{_quoted(table.schema)}.{_quoted(table.name)}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
