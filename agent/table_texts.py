"""Writes tables, columns and values of a schema as lines of a prompt, each fact once.

Used by `agent.prompt_context`. Types are named without lengths, which no query needs. Columns that most tables have
alike, such as those that say who wrote a row and when, are written once for all tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from agent.schema_ranking import Relevance, SchemaRanking
from common.business_schema import Column, Table

WHOLE_COLUMNS: Final = 40
_SHOWN_VALUES: Final = 12
_OPEN_VALUES: Final = 3  # shown of a column that has more than can be shown
_OPEN_CODES: Final = 2
_VALUE_CHARS: Final = 40
_CODE: Final = re.compile(r"(?=.*\d)[\w./-]+", re.ASCII)
_LENGTH: Final = re.compile(r"\(\d+(?:,\s*-?\d+)?\)")
_SHORT_TYPES: Final = {
    "character varying": "varchar",
    "character": "char",
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
    "time without time zone": "time",
    "time with time zone": "timetz",
    "double precision": "float8",
    "integer": "int",
}


class TableWriter:
    """The texts of one schema's tables for one question.

    Args:
        found: what the question speaks of.
        ranking: of the schema; its `keys` are written with each table, and it says whose values may be shown.
    """

    def __init__(self, found: Relevance, ranking: SchemaRanking) -> None:
        self._found = found
        self._ranking = ranking
        self._keys = ranking.keys
        self._alike = ranking.alike

    def whole(self, table: Table) -> str:
        """One table, a line for each column; of a very wide one the relevant columns first."""
        columns = [column for column in table if not self._is_shared(table, column)]
        if len(columns) > WHOLE_COLUMNS:
            columns.sort(key=lambda column: not (column.is_primary_key or self._found.speaks_for(column)))
        return self._text(table, columns, len(columns))

    def part(self, table: Table) -> str:
        """One table with its keys and the columns the question speaks of."""
        own = [column for column in table if not self._is_shared(table, column)]
        return self._text(table, [column for column in own if self._is_relevant(column)], len(own))

    def shared(self, tables: Sequence[Table]) -> str:
        """The columns that most of `tables` have alike, with the tables' names; empty when none has them."""
        having = [table.name for table in tables if self._ranking.has_all_alike(table)]
        if not having:
            return ""
        first = next(table for table in tables if table.name == having[0])
        lines = [self._column(first, column) for column in first if column.described in self._alike]
        others = [table.name for table in tables if table.name not in having]
        names = f"EVERY TABLE BUT {', '.join(others)}" if len(others) < len(having) else ", ".join(having)
        head = f"ALSO IN {names if others else 'EVERY TABLE'}:"
        return "\n".join([head, *lines])

    def _is_relevant(self, column: Column) -> bool:
        return column.is_primary_key or column.name in self._keys or self._found.speaks_for(column)

    def _is_shared(self, table: Table, column: Column) -> bool:
        return self._ranking.has_all_alike(table) and column.described in self._alike

    def _text(self, table: Table, columns: Sequence[Column], count: int) -> str:
        lines = [self._column(table, column) for column in columns[:WHOLE_COLUMNS]]
        if len(lines) < count:
            lines.append(f" ... {count - len(lines)} more columns")
        return "\n".join([head_of(table), *lines])

    def _column(self, table: Table, column: Column) -> str:
        notes = [note for note in ("PRIMARY KEY" if column.is_primary_key else "", column.comment) if note]
        shown = self._shown_values(table, column)
        if shown:
            notes.append(f"VALUES: {shown}")
        line = f" {column.name} {short_type(column.data_type)}"
        return f"{line}: {'；'.join(notes)}" if notes else line

    def _shown_values(self, table: Table, column: Column) -> str:
        """Values as a list that ends with an ellipsis when there are more; empty when they say nothing."""
        stored = column.values
        if not self._ranking.shows_values(table, column):
            return ""
        if all(value in column.comment for value in stored):
            return ""
        are_codes = all(map(_CODE.fullmatch, stored))
        most = _OPEN_CODES if are_codes else _SHOWN_VALUES if len(stored) <= _SHOWN_VALUES else _OPEN_VALUES
        named = self._found.values(column)[:_SHOWN_VALUES]
        values = list(dict.fromkeys([*named, *stored]))[: most + len(named)]
        return "、".join(value[:_VALUE_CHARS] for value in values) + ("、…" if len(stored) > len(values) else "")


def head_of(table: Table) -> str:
    """Name and comment."""
    return f"{table.name}（{table.comment}）" if table.comment else table.name


def short_type(data_type: str) -> str:
    """The type without lengths, by its shortest name: `varchar` for `character varying(255)`."""
    bare = _LENGTH.sub("", data_type)
    base, array = (bare[:-2], "[]") if bare.endswith("[]") else (bare, "")
    return _SHORT_TYPES.get(base, base) + array


def name_lines(tables: Iterable[Table]) -> list[str]:
    """A line a table: its name and comment, and what its columns are called."""
    return [f"{head_of(table)}：" + "、".join(column.comment or column.name for column in table) for table in tables]
