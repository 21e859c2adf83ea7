"""Compares DDL that somebody wants used with the business schema as it is.

DDL of a known table is harmless when it only repeats the schema: columns that are there, plain constraints, and for
each comment the stored comment of that very table or column. What it says besides is read like any other text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import sqlglot
from sqlglot import exp

from common.business_schema import BusinessSchema, Table
from core.vector_store.known_terms import same_comment

_LINE_COMMENT: Final = re.compile(r"--([^\n]*)")
_FIRST_NAME: Final = re.compile(r"[\s,]*[\"`]?([A-Za-z_\u0080-\uffff][\w$]*)")
_TABLE_LINE: Final = re.compile(r"\s*create\s+table\b", re.IGNORECASE)
_PLAIN_CONSTRAINTS: Final = (
    exp.NotNullColumnConstraint,
    exp.PrimaryKeyColumnConstraint,
    exp.UniqueColumnConstraint,
    exp.CommentColumnConstraint,
)
_LONGEST: Final = 200_000


@dataclass
class DdlReading:
    """What DDL says beyond the schema: `texts` are comments to be read as texts; `is_otherwise`: it contradicts it."""

    texts: list[str] = field(default_factory=list)
    is_otherwise: bool = False


def read_ddl(ddl: str, schema: BusinessSchema) -> DdlReading | None:
    """What the DDL says beyond the schema; None when it is more than tables and comments, or cannot be read."""
    if len(ddl) > _LONGEST or "/*" in ddl:
        return None
    bare = _LINE_COMMENT.sub(" ", ddl)
    try:
        statements = [one for one in sqlglot.parse(bare, dialect="postgres") if one is not None]
    except (sqlglot.errors.SqlglotError, RecursionError):
        return None
    reading = DdlReading()
    tables: list[tuple[Table | None, set[str]]] = []
    for statement in statements:
        if isinstance(statement, exp.Create) and statement.kind == "TABLE" and isinstance(statement.this, exp.Schema):
            tables.append(_read_table(statement, schema, reading))
        elif isinstance(statement, exp.Comment):
            _read_comment(statement, schema, reading)
        else:
            return None
    if not tables and not statements:
        return None
    _read_line_comments(ddl, [table for table, _ in tables], reading)
    return reading


def _read_table(statement: exp.Create, schema: BusinessSchema, reading: DdlReading) -> tuple[Table | None, set[str]]:
    table = _table(statement.this.this, schema)
    if statement.expression is not None or statement.args.get("properties"):
        reading.is_otherwise = reading.is_otherwise or table is not None
    named: set[str] = set()
    for item in statement.this.expressions:
        if isinstance(item, exp.ColumnDef):
            named.add(item.name.lower())
            _read_column(item, table, reading)
        elif not isinstance(item, exp.PrimaryKey | exp.ForeignKey | exp.UniqueColumnConstraint):
            reading.is_otherwise = reading.is_otherwise or table is not None
            reading.texts += [literal.name for literal in item.find_all(exp.Literal) if literal.is_string]
    return table, named


def _read_column(item: exp.ColumnDef, table: Table | None, reading: DdlReading) -> None:
    known = table.column(item.name) or table.column(item.name.lower()) if table is not None else None
    if table is not None and known is None:
        reading.is_otherwise = True
    for constraint in item.constraints:
        kind = constraint.kind
        if isinstance(kind, exp.CommentColumnConstraint):
            _compare(kind.this.name, known, reading)
        elif not isinstance(kind, _PLAIN_CONSTRAINTS):
            is_plain = isinstance(kind, exp.DefaultColumnConstraint) or known is None
            reading.is_otherwise = reading.is_otherwise or not is_plain
            reading.texts += [one.name for one in constraint.find_all(exp.Literal) if one.is_string]


def _read_comment(statement: exp.Comment, schema: BusinessSchema, reading: DdlReading) -> None:
    target, text = statement.this, statement.expression.name if statement.expression is not None else ""
    if isinstance(target, exp.Column):
        table = _named(schema, target.table, target.args.get("db"))
        _compare(text, table.column(target.name) if table is not None else None, reading)
    elif isinstance(target, exp.Table):
        _compare(text, _table(target, schema), reading)
    else:
        reading.texts.append(text)


def _read_line_comments(ddl: str, tables: Iterable[Table | None], reading: DdlReading) -> None:
    """Comments behind a column are the column's, those beside `CREATE TABLE` the table's, all others are texts."""
    known = [table for table in tables if table is not None]
    for line in ddl.splitlines():
        found = _LINE_COMMENT.search(line)
        if found is None:
            continue
        text, name = found[1].strip(), _FIRST_NAME.match(line[: found.start()])
        if _TABLE_LINE.match(line) and len(known) == 1 and same_comment(text, known[0]):
            continue
        columns = [column for table in known if name and (column := table.column(name[1]))]
        if columns and all(same_comment(text, column) for column in columns):
            continue
        reading.is_otherwise = reading.is_otherwise or (bool(known) and bool(text))
        reading.texts.append(text)


def _compare(text: str, item: object, reading: DdlReading) -> None:
    if item is None:
        reading.texts.append(text)
    elif not same_comment(text, item):  # type: ignore[arg-type]
        reading.is_otherwise = True


def _table(node: exp.Expr, schema: BusinessSchema) -> Table | None:
    return _named(schema, node.name, node.args.get("db")) if isinstance(node, exp.Table) else None


def _named(schema: BusinessSchema, name: str, namespace: object) -> Table | None:
    wanted = str(getattr(namespace, "name", namespace) or "").lower()
    return next(
        (
            table
            for table in schema.tables
            if table.name.lower() == name.lower() and wanted in ("", table.schema.lower())
        ),
        None,
    )
