"""Rows as the ReAct agent's clients have always read them (docs/contract/react.md).

Numbers of type numeric are JSON numbers, dates and timestamps `2023-01-01T00:00:00.000`, with a zone in UTC and `Z`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from core.sql_executor.executor import ExecutedQuery

_DIGITS: Final = 10
_EXACT: Final = 15
_NUMERIC, _DATE, _TIMESTAMP, _TIMESTAMPTZ = 1700, 1082, 1114, 1184


def wire_rows(executed: ExecutedQuery) -> list[dict[str, Any]]:
    """The rows with every value in its historical form; what has none stays as the executor gives it."""
    result = executed.result
    types = executed.type_oids or (0,) * len(result.columns)
    readers = {name: _READERS[oid] for name, oid in zip(result.columns, types, strict=False) if oid in _READERS}
    if not readers:
        return [dict(row) for row in result.rows]
    return [{name: _read(readers.get(name), row.get(name)) for name in result.columns} for row in result.rows]


def rows_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as compact JSON."""
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _read(reader: Callable[[str], Any] | None, value: Any) -> Any:
    if reader is None or not isinstance(value, str):
        return value
    try:
        return reader(value)
    except (ValueError, ArithmeticError):  # infinity, BC: no such value in JSON or in datetime
        return value


def _number(text: str) -> int | float | str:
    """As a double where it fits one, exact where it is whole; a longer number would lose digits and stays text."""
    value = Decimal(text)
    if value == value.to_integral_value():
        return int(value) if abs(value) < Decimal(10) ** 30 else text
    if len(value.as_tuple().digits) > _EXACT:
        return text if abs(value) >= Decimal(10) ** _EXACT else round(float(value), _DIGITS)
    return round(float(value), _DIGITS)


def _date(text: str) -> str:
    return _milliseconds(datetime.strptime(text, "%Y-%m-%d"))  # noqa: DTZ007 - a date has no zone


def _timestamp(text: str) -> str:
    return _milliseconds(datetime.fromisoformat(text))


def _timestamptz(text: str) -> str:
    return _milliseconds(datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)) + "Z"


def _milliseconds(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")


_READERS: Final[Mapping[int, Callable[[str], Any]]] = {
    _NUMERIC: _number,
    _DATE: _date,
    _TIMESTAMP: _timestamp,
    _TIMESTAMPTZ: _timestamptz,
}
