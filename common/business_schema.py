"""The business database's shape as the agents see it: tables, columns, comments, sample values."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

Described = tuple[str, str, str, bool]
"""A column's name, type, comment, and whether it is in the primary key."""


@dataclass(frozen=True)
class Column:
    """One column. `data_type` is PostgreSQL's `format_type` text, for example `numeric(19,4)`.

    `values` holds the distinct values of a text, enum or array column, sorted, as far as they are short; it is empty
    when there are more than a few thousand. `is_unique` says that no two rows share a value: by a constraint, or by
    what was seen when the values were read.
    """

    name: str
    data_type: str
    comment: str = ""
    is_nullable: bool = True
    is_primary_key: bool = False
    values: tuple[str, ...] = ()
    is_unique: bool = False

    @property
    def described(self) -> Described:
        """What columns of several tables can have alike."""
        return self.name, self.data_type, self.comment, self.is_primary_key


@dataclass(frozen=True)
class Table:
    """One table or view with its columns in order."""

    schema: str
    name: str
    comment: str
    columns: tuple[Column, ...]

    def column(self, name: str) -> Column | None:
        return next((column for column in self.columns if column.name == name), None)

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)


@dataclass(frozen=True)
class Join:
    """A declared foreign key: `table.column` refers to `target.target_column`. Names without their schema.

    `more` has the further pairs of columns of a key of several; `schema` and `target_schema` say where the tables are.
    """

    table: str
    column: str
    target: str
    target_column: str
    more: tuple[tuple[str, str], ...] = ()
    schema: str = ""
    target_schema: str = ""


@dataclass(frozen=True)
class BusinessSchema:
    """All relations the reader role may read, and the declared foreign keys between them.

    `holds_chinese` is False on a server whose encoding has no Chinese characters: no statement may have any.
    """

    tables: tuple[Table, ...]
    joins: tuple[Join, ...] = ()
    holds_chinese: bool = True

    def table(self, name: str) -> Table | None:
        return next((table for table in self.tables if table.name == name), None)

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hex characters that change when a table, column, type or comment changes."""
        lines = [
            f"{table.schema}.{table.name}|{table.comment}|{column.name}|{column.data_type}|{column.comment}"
            for table in self.tables
            for column in table.columns
        ]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
