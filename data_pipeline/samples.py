"""Looks into a table: sample rows and the values of enumerations, bounded and in a repeatable order.

Used by the first stage and by the database tools. Identifiers are bound; rows leave as text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import psycopg
from psycopg import Connection, sql

from data_pipeline.schema_reader import BusinessTable, TableColumn
from data_pipeline.task import PipelineLimits

MAX_VALUE_CHARACTERS: Final = 100
_SEED: Final = 42
_TEXT_TYPES: Final = ("character", "varchar", "text", "char", "bpchar", "citext")
_WHOLE_TYPES: Final = ("smallint", "integer", "bigint")
_OPAQUE_TYPES: Final = ("bytea", "xml", "tsvector", "oid")
_FAR_TOO_MANY: Final = 50


def is_text(column: TableColumn) -> bool:
    """Whether it holds words."""
    return column.data_type.lower().startswith(_TEXT_TYPES)


def is_whole_number(column: TableColumn) -> bool:
    """Whether it holds whole numbers."""
    return column.data_type.lower().startswith(_WHOLE_TYPES)


def with_samples(connection: Connection[Any], table: BusinessTable, limits: PipelineLimits) -> BusinessTable:
    """The table with each column's first different sample values.

    Raises:
        psycopg.Error: the server failed; the table as it was can be used without samples then.
    """
    shown = [column for column in table.columns if not column.data_type.lower().startswith(_OPAQUE_TYPES)]
    if not shown:
        return table
    rows = _sample_rows(connection, table, shown, limits)
    samples = {
        column.name: _first_different([row[place] for row in rows], MAX_VALUE_CHARACTERS)
        for place, column in enumerate(shown)
    }
    return replace(
        table, columns=tuple(replace(column, samples=samples.get(column.name, ())) for column in table.columns)
    )


def with_enum_values(
    connection: Connection[Any], table: BusinessTable, candidates: Sequence[str], limits: PipelineLimits
) -> BusinessTable:
    """The table with the values of those candidates that turn out to be enumerations: few values, each repeated.

    Raises:
        psycopg.Error: the server failed.
    """
    found: dict[str, tuple[str, ...]] = {}
    for column in table.columns:
        if column.name in candidates and not _has_far_too_many(column, table, limits):
            found[column.name] = _enum_values(connection, table, column, limits)
    return replace(
        table,
        columns=tuple(
            replace(column, enum_values=found.get(column.name, column.enum_values)) for column in table.columns
        ),
    )


def newest_value(connection: Connection[Any], table: BusinessTable, column: str) -> str:
    """The greatest value of a column as text, empty when there is none; raises `psycopg.Error`."""
    row = connection.execute(
        sql.SQL("SELECT max({})::text FROM {}").format(sql.Identifier(column), sql.Identifier(table.schema, table.name))
    ).fetchone()
    return str(row[0]) if row and row[0] is not None else ""


def _sample_rows(
    connection: Connection[Any], table: BusinessTable, columns: Sequence[TableColumn], limits: PipelineLimits
) -> list[tuple[Any, ...]]:
    # the cut is made by the server, so that one huge value cannot fill the memory here
    texts = [
        sql.SQL("left({}::text, {})").format(sql.Identifier(column.name), sql.Literal(MAX_VALUE_CHARACTERS + 1))
        for column in columns
    ]
    query = sql.SQL("SELECT {} FROM {}").format(sql.SQL(", ").join(texts), sql.Identifier(table.schema, table.name))
    count = limits.sample_rows
    if table.estimated_rows <= limits.large_table_rows:
        return _rows(connection, query + sql.SQL(" LIMIT {}").format(sql.Literal(count)))
    third = max(1, count // 3)
    percent = min(1.0, third * 100 / table.estimated_rows)
    front = _rows(connection, query + sql.SQL(" LIMIT {}").format(sql.Literal(third)))
    spread = _rows(
        connection,
        query
        + sql.SQL(" TABLESAMPLE SYSTEM ({}) REPEATABLE ({}) LIMIT {}").format(
            sql.Literal(max(percent, 0.001)), sql.Literal(_SEED), sql.Literal(count - third)
        ),
    )
    return front + spread


def _rows(connection: Connection[Any], query: sql.Composed) -> list[tuple[Any, ...]]:
    return connection.execute(query).fetchall()


def _first_different(values: Sequence[str | None], longest: int) -> tuple[str, ...]:
    different = dict.fromkeys(
        value for value in values if value is not None and value.strip() and len(value) <= longest
    )
    return tuple(different)


def _has_far_too_many(column: TableColumn, table: BusinessTable, limits: PipelineLimits) -> bool:
    """The answer of the statistics; None without them, when only a query can decide."""
    if column.distinct is None:
        return False
    count = column.distinct if column.distinct >= 0 else -column.distinct * max(table.estimated_rows, 0)
    return count > limits.enum_max_values * _FAR_TOO_MANY


def _enum_values(
    connection: Connection[Any], table: BusinessTable, column: TableColumn, limits: PipelineLimits
) -> tuple[str, ...]:
    query = sql.SQL(
        "SELECT left({column}::text, {longest}), count(*) FROM (SELECT {column} FROM {table} LIMIT {rows}) sample"
        " WHERE {column} IS NOT NULL GROUP BY {column} LIMIT {most}"
    ).format(
        column=sql.Identifier(column.name),
        longest=sql.Literal(MAX_VALUE_CHARACTERS + 1),
        table=sql.Identifier(table.schema, table.name),
        rows=sql.Literal(limits.enum_sample_rows),
        most=sql.Literal(limits.enum_max_values + 1),
    )
    counted = _rows(connection, query)
    values = sorted(str(row[0]) for row in counted if str(row[0]).strip())
    is_repeated = sum(int(row[1]) for row in counted) >= 2 * len(counted)
    is_short = all(len(value) <= MAX_VALUE_CHARACTERS for value in values)
    is_enumeration = 1 <= len(counted) <= limits.enum_max_values and is_repeated and is_short
    return tuple(dict.fromkeys(values)) if is_enumeration else ()


def read_only(connection: Connection[Any], seconds: float) -> None:
    """Begin a read-only transaction that bounds each statement and gives rows of a table scan always in one order.

    Raises:
        psycopg.Error: the server failed.
    """
    connection.execute(
        f"BEGIN READ ONLY; SET LOCAL statement_timeout = {max(1, int(seconds * 1000))};"
        " SET LOCAL lock_timeout = 2000; SET LOCAL synchronize_seqscans = off;"
        " SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL DateStyle = 'ISO, YMD'".encode()
    )


def end(connection: Connection[Any]) -> None:
    """Leave the transaction, whatever state it is in."""
    if not connection.closed and connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
        connection.execute("ROLLBACK")
