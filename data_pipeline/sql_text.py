"""Small pieces of SELECT statements for the offline pairs: names, literals, periods. Every name and value is quoted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from common.messages import data_pipeline as texts
from data_pipeline.column_roles import column_title, live_rows
from data_pipeline.identifiers import quote_name, quote_table
from data_pipeline.schema_reader import BusinessTable, TableColumn

_BARE_ALIAS: Final = re.compile(r"[\u4e00-\u9fff][\u4e00-\u9fff0-9_]*")
_PLAIN_VALUE: Final = re.compile(r"[^\\\x00-\x1f]{1,30}")


def alias(title: str) -> str:
    """An output name."""
    return title if _BARE_ALIAS.fullmatch(title) else '"' + title.replace('"', '""')[:60] + '"'


def literal(value: str) -> str:
    """A text constant."""
    return "'" + value.replace("'", "''") + "'"


def is_usable_value(value: str) -> bool:
    """Whether a value can stand in a question."""
    return bool(_PLAIN_VALUE.fullmatch(value.strip())) and value == value.strip()


def relation(table: BusinessTable) -> str:
    """The table in FROM: bare in schema public, else with its schema."""
    if table.schema == "public" and not table.name.startswith("pg_"):
        return quote_name(table.name)
    return quote_table(table.schema, table.name)


def statement(
    columns: Sequence[str],
    source: str,
    conditions: Sequence[str] = (),
    *,
    group: str = "",
    order: str = "",
    limit: int = 0,
) -> str:
    """A SELECT; empty conditions are left out."""
    parts = [f"SELECT {', '.join(columns)}", f"FROM {source}"]
    if kept := [condition for condition in conditions if condition]:
        parts.append(f"WHERE {' AND '.join(kept)}")
    if group:
        parts.append(f"GROUP BY {group}")
    if order:
        parts.append(f"ORDER BY {order}")
    if limit:
        parts.append(f"LIMIT {limit}")
    return " ".join(parts)


def live(table: BusinessTable, prefix: str = "") -> str:
    """The condition that leaves deleted rows out, empty when there is none."""
    return live_rows(table, prefix)


def value_condition(column: TableColumn, value: str, prefix: str = "") -> str:
    """`column = value`, as a number when the column is one."""
    name = f"{prefix}.{quote_name(column.name)}" if prefix else quote_name(column.name)
    is_number = bool(re.fullmatch(r"-?\d+", value)) and not column.data_type.lower().startswith(
        ("char", "text", "varchar")
    )
    return f"{name} = {value if is_number else literal(value)}"


@dataclass(frozen=True)
class Period:
    """A stretch of days with the words people use for it. `last` is its last day."""

    text: str
    first: date
    last: date

    def condition(self, column: TableColumn, prefix: str = "") -> str:
        """That a date or timestamp column lies in it."""
        name = f"{prefix}.{quote_name(column.name)}" if prefix else quote_name(column.name)
        if not column.data_type.lower().startswith("date"):
            return f"{name} >= '{self.first}' AND {name} < '{self.last + timedelta(days=1)}'"
        if self.first == self.last:
            return f"{name} = '{self.first}'"
        return f"{name} BETWEEN '{self.first}' AND '{self.last}'"


@dataclass(frozen=True)
class Periods:
    """A day, a month and a year that a table has rows of: the newest day, the month before, and that month's year."""

    day: Period
    month: Period
    year: Period


def periods_of(newest: str) -> Periods | None:
    """From the newest value of a date column; None when it is no usable date."""
    try:
        day = date.fromisoformat(newest[:10])
    except ValueError:
        return None
    if not 1900 < day.year < 2200:
        return None
    last = day.replace(day=1) - timedelta(days=1)
    first = last.replace(day=1)
    return Periods(
        Period(texts.DAY_TEXT.format(year=day.year, month=day.month, day=day.day), day, day),
        Period(texts.MONTH_TEXT.format(year=first.year, month=first.month), first, last),
        Period(texts.YEAR_TEXT.format(year=first.year), date(first.year, 1, 1), date(first.year, 12, 31)),
    )


def named(column: TableColumn, prefix: str = "") -> str:
    """The column with its title as output name."""
    name = f"{prefix}.{quote_name(column.name)}" if prefix else quote_name(column.name)
    return f"{name} AS {alias(column_title(column))}"
