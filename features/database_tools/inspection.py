"""Asks a database about its tables; every name is bound, every statement runs in a bounded read-only transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

import psycopg

from core.database_targets import DatabaseTarget, connected
from core.sql_executor.reader_connection import ReaderConnection
from data_pipeline.samples import read_only, with_enum_values, with_samples
from data_pipeline.schema_reader import BusinessTable, count_rows, read_table
from data_pipeline.table_list import TableName
from data_pipeline.task import PipelineLimits

MOST_BYTES: Final = 8 * 1024 * 1024
_SPARE_SECONDS: Final = 5.0
Found = TypeVar("Found")
_TABLES: Final = "SELECT schemaname || '.' || tablename FROM pg_catalog.pg_tables WHERE schemaname = ANY (%s)"
_SIZE: Final = (
    "SELECT pg_size_pretty(pg_total_relation_size(c.oid)) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = %s AND c.relname = %s"
)
_KNOWN_SIZE: Final = """
SELECT pg_size_pretty(current_setting('block_size')::bigint * sum(greatest(part.relpages, 0))::bigint)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class part ON part.oid IN (c.oid, c.reltoastrelid)
                   OR part.oid IN (SELECT i.indexrelid FROM pg_index i WHERE i.indrelid IN (c.oid, c.reltoastrelid))
WHERE n.nspname = %s AND c.relname = %s AND c.relpages > 0
"""


@dataclass(frozen=True)
class InspectedTable:
    """A table with samples; `row_count` and `size` are None when they could not be had."""

    table: BusinessTable
    row_count: int | None
    size: str | None


class Inspection:
    """Looks at one database. Each method connects anew and leaves nothing open.

    Args:
        limits: how many rows are sampled; `statement_seconds` bounds each statement, twice that the whole look.
        is_denied: tells of `schema.table.column` whether nobody may see it.
    """

    def __init__(self, *, target: DatabaseTarget, limits: PipelineLimits, is_denied: Callable[[str], bool]) -> None:
        self._target = target
        self._limits = limits
        self._is_denied = is_denied

    def tables(self, schemas: Sequence[str], like: str | None) -> list[str]:
        """`schema.table` of every table, sorted as text; raises `psycopg.Error`."""
        with self._reading() as connection:
            if like is None:
                rows = connection.execute(_TABLES, (list(schemas),)).fetchall()
            else:
                rows = connection.execute(f"{_TABLES} AND tablename::text LIKE %s", (list(schemas), like)).fetchall()
        return sorted(str(row[0]) for row in rows)

    def table(self, name: TableName) -> InspectedTable:
        """The table with keys, comments and sample values.

        Raises:
            PipelineError: there is none, or it may not be read.
            psycopg.Error: the database failed.
        """
        with self._reading() as connection:
            table = read_table(connection, name, is_denied=self._is_denied)
            size = _unless_refused(connection, lambda: _size(connection, _SIZE, name)) or _unless_refused(
                connection, lambda: _size(connection, _KNOWN_SIZE, name)
            )
            sampled = _unless_refused(connection, lambda: with_samples(connection, table, self._limits))
            count = _unless_refused(connection, lambda: count_rows(connection, name))
        return InspectedTable(sampled or table, count, size)

    def with_enumerations(self, table: BusinessTable, candidates: Sequence[str]) -> BusinessTable:
        """The table with the values of those candidates that are enumerations; as it was when that fails."""
        if not candidates:
            return table
        try:
            with self._reading() as connection:
                return with_enum_values(connection, table, candidates, self._limits)
        except psycopg.Error:
            return table

    @contextmanager
    def _reading(self) -> Iterator[ReaderConnection]:
        seconds = self._limits.statement_seconds
        with (
            connected(self._target, seconds=2 * seconds + _SPARE_SECONDS) as connection,
            connection.receiving_at_most(MOST_BYTES),
        ):
            read_only(connection, seconds)
            yield connection


def _size(connection: ReaderConnection, query: str, name: TableName) -> str | None:
    """A login that may not ask for the size gets the one the planner knew last, None when it never looked."""
    row = connection.execute(query.encode(), (name.schema, name.name)).fetchone()
    return None if row is None or row[0] is None else str(row[0])


def _unless_refused(connection: ReaderConnection, look: Callable[[], Found]) -> Found | None:
    """What `look` finds; None when the server refuses that one statement and the connection lives on."""
    connection.execute("SAVEPOINT look")
    try:
        found = look()
    except psycopg.DatabaseError:
        if connection.closed:
            raise
        connection.execute("ROLLBACK TO look")
        return None
    connection.execute("RELEASE look")
    return found
