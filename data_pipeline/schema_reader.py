"""What the business database says about a table: columns, keys, comments, size. Read as the reader role, bound names.

Used by the first stage and by the database tools. What the role may not read does not exist here, like for questions.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import psycopg
from psycopg import Connection, sql

from common.messages import data_pipeline as texts
from core.sql_executor.database_errors import execution_error
from core.sql_executor.reader_pool import ReaderPool
from data_pipeline.errors import PipelineError
from data_pipeline.table_list import TableName

_TABLE: Final = """
SELECT c.oid, coalesce(obj_description(c.oid, 'pg_class'), ''), c.reltuples::float8
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relname = %s AND c.relkind IN ('r', 'p')
  AND has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT')
"""
_COLUMNS: Final = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod), coalesce(col_description(a.attrelid, a.attnum), ''),
       NOT a.attnotnull, CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END,
       coalesce(a.attnum = ANY (k.conkey), false), s.n_distinct::float8,
       coalesce((SELECT data_type FROM information_schema.columns i WHERE i.table_schema = %s AND i.table_name = %s
                 AND i.column_name = a.attname), '')
FROM pg_attribute a
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_constraint k ON k.conrelid = a.attrelid AND k.contype = 'p'
LEFT JOIN pg_stats s ON s.schemaname = %s AND s.tablename = %s AND s.attname = a.attname AND NOT s.inherited
WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped
  AND has_column_privilege(a.attrelid, a.attnum, 'SELECT')
ORDER BY a.attnum
"""
_PRIMARY_KEY: Final = """
SELECT a.attname FROM pg_constraint k CROSS JOIN unnest(k.conkey) WITH ORDINALITY u(attnum, place)
JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum
WHERE k.conrelid = %s AND k.contype = 'p' ORDER BY u.place
"""
_FOREIGN_KEYS: Final = """
SELECT array(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u(attnum, place)
             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum ORDER BY u.place),
       n.nspname, c.relname,
       array(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY u(attnum, place)
             JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.attnum ORDER BY u.place)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.confrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.conrelid = %s AND k.contype = 'f' AND k.conparentid = 0 ORDER BY k.conname
"""
_PERMISSIONS: Final = """
SELECT has_schema_privilege('pg_catalog', 'USAGE') AND (SELECT count(*) >= 0 FROM pg_tables),
       current_setting('default_transaction_read_only') = 'on'
"""


@dataclass(frozen=True)
class ForeignKey:
    """Columns of a table that point at those of another, in pairs."""

    columns: tuple[str, ...]
    schema: str
    table: str
    target_columns: tuple[str, ...]


@dataclass(frozen=True)
class TableColumn:
    """One column.

    Attributes:
        data_type: PostgreSQL's `format_type` text; `raw_type` the one of information_schema.
        default: the expression as the server prints it, None without one.
        distinct: `n_distinct` of the statistics, None when there are none.
        samples: values as text, the first different ones met; newest: the greatest, of a date column.
        enum_values: all values of an enumeration, sorted.
    """

    name: str
    data_type: str
    comment: str = ""
    is_nullable: bool = True
    default: str | None = None
    is_primary_key: bool = False
    is_foreign_key: bool = False
    raw_type: str = ""
    distinct: float | None = None
    samples: tuple[str, ...] = ()
    newest: str = ""
    enum_values: tuple[str, ...] = ()


@dataclass(frozen=True)
class BusinessTable:
    """One table with its columns in order. `estimated_rows` is the planner's, negative when it never looked."""

    schema: str
    name: str
    comment: str
    columns: tuple[TableColumn, ...]
    primary_key: tuple[str, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    estimated_rows: float = -1.0

    @property
    def full_name(self) -> str:
        return f"{self.schema}.{self.name}"

    def column(self, name: str) -> TableColumn | None:
        """The column of that name, None when there is none."""
        return next((column for column in self.columns if column.name == name), None)


@dataclass(frozen=True)
class Permissions:
    """What the login may do (contract 5.3, item 2). `unreadable` are listed tables it may not read or that are absent.

    `is_readonly` is what the session's default says; nothing is written to find out.
    """

    connect: bool
    select_metadata: bool
    select_data: bool
    is_readonly: bool
    unreadable: tuple[TableName, ...] = ()


def check_permissions(pool: ReaderPool, tables: Sequence[TableName]) -> Permissions:
    """Ask the server what the login may do.

    Raises:
        StoreUnavailableError: it cannot be reached.
    """
    with pool.connection() as connection:
        try:
            row = connection.execute(_PERMISSIONS).fetchone() or (False, False)
            unreadable = [
                table for table in tables if not connection.execute(_TABLE, (table.schema, table.name)).fetchone()
            ]
        except psycopg.Error as error:
            raise execution_error(error) from error
    return Permissions(True, bool(row[0]), len(unreadable) < len(tables) or not tables, bool(row[1]), tuple(unreadable))


def read_table(
    connection: Connection[Any], table: TableName, *, is_denied: Callable[[str], bool] = lambda _name: False
) -> BusinessTable:
    """The table as the catalogue describes it, without samples.

    Args:
        is_denied: tells of `schema.table.column` whether nobody may see it.

    Raises:
        PipelineError: there is no such table, or the role may read none of its columns.
        psycopg.Error: the server failed.
    """
    found = connection.execute(_TABLE, (table.schema, table.name)).fetchone()
    if found is None:
        raise PipelineError(texts.TABLE_NOT_FOUND.format(table=table))
    oid, comment, rows = found
    names = (table.schema, table.name)
    columns = [
        TableColumn(
            name=row[0],
            data_type=row[1],
            comment=row[2],
            is_nullable=row[3],
            default=row[4],
            is_primary_key=row[5],
            distinct=row[6],
            raw_type=row[7].lower() or row[1],
        )
        for row in connection.execute(_COLUMNS, (*names, *names, oid)).fetchall()
        if not is_denied(f"{table}.{row[0]}")
    ]
    visible = {column.name for column in columns}
    primary = tuple(str(row[0]) for row in connection.execute(_PRIMARY_KEY, (oid,)).fetchall())
    keys = [
        ForeignKey(tuple(row[0]), row[1], row[2], tuple(row[3]))
        for row in connection.execute(_FOREIGN_KEYS, (oid,)).fetchall()
    ]
    keys = [key for key in keys if visible.issuperset(key.columns)]
    return BusinessTable(
        schema=table.schema,
        name=table.name,
        comment=comment,
        columns=tuple(_with_foreign_key(column, keys) for column in columns),
        primary_key=primary if visible.issuperset(primary) else (),
        foreign_keys=tuple(keys),
        estimated_rows=rows,
    )


def count_rows(connection: Connection[Any], table: TableName) -> int:
    """The exact number of rows; raises `psycopg.Error`, also when it takes longer than the session allows."""
    row = connection.execute(
        sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table.schema, table.name))
    ).fetchone()
    return int(row[0]) if row else 0


def _with_foreign_key(column: TableColumn, keys: Collection[ForeignKey]) -> TableColumn:
    return replace(column, is_foreign_key=any(column.name in key.columns for key in keys))
