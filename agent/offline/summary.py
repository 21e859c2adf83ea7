"""One or two true sentences about a result: how many rows, who is first and last, what the sum is. Offline only.

Nothing is said that the shown rows do not show; a cut result is called cut.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from common import messages
from common.answering import ResultSet

_DATE = re.compile(r"^\d{4}-\d{2}(?:-\d{2})?")
_RATIO_WORDS = ("占比", "比例", "率", "平均", "日均", "均")


def summarise_rows(result: ResultSet) -> str:
    """The sentences, in Chinese. Values are shown as they are in the rows."""
    if not result.rows:
        return messages.EMPTY_RESULT
    numbers = [name for name in result.columns if _is_numeric(result.rows, name)]
    labels = [name for name in result.columns if name not in numbers]
    if len(result.rows) == 1:
        return _single(result.rows[0], result.columns)
    parts = [_count(result)]
    if numbers and labels:
        parts.append(_extremes(result, labels, numbers[0]))
    elif labels:
        shown = "、".join(show(row[labels[0]]) for row in result.rows[:5])
        template = messages.OFFLINE_SUMMARY_NAMES if len(result.rows) <= 5 else messages.OFFLINE_SUMMARY_SOME_NAMES
        parts.append(template.format(names=shown))
    return "".join(parts)


def _single(row: Mapping[str, Any], columns: Sequence[str]) -> str:
    shown = "，".join(messages.OFFLINE_SUMMARY_FIELD.format(name=name, value=show(row[name])) for name in columns)
    return messages.OFFLINE_SUMMARY_ONE.format(fields=shown)


def _count(result: ResultSet) -> str:
    if result.is_limited:
        return messages.OFFLINE_SUMMARY_CUT.format(total=result.total_row_count, shown=result.row_count)
    return messages.OFFLINE_SUMMARY_COUNT.format(count=result.row_count)


def _extremes(result: ResultSet, labels: Sequence[str], number: str) -> str:
    rows = [row for row in result.rows if _decimal(row[number]) is not None]
    highest = max(rows, key=lambda row: _decimal(row[number]) or Decimal(0))
    lowest = min(rows, key=lambda row: _decimal(row[number]) or Decimal(0))
    text = messages.OFFLINE_SUMMARY_EXTREMES.format(
        measure=number,
        highest=_name(highest, labels),
        most=show(highest[number]),
        lowest=_name(lowest, labels),
        least=show(lowest[number]),
    )
    if result.is_limited or any(word in number for word in _RATIO_WORDS):
        return text
    total = sum((_decimal(row[number]) or Decimal(0) for row in rows), Decimal(0))
    return text + messages.OFFLINE_SUMMARY_TOTAL.format(total=show(total))


def _name(row: Mapping[str, Any], labels: Sequence[str]) -> str:
    return " ".join(show(row[label]) for label in labels[:2])


def _is_numeric(rows: Sequence[Mapping[str, Any]], name: str) -> bool:
    values = [row[name] for row in rows if row[name] is not None]
    return bool(values) and all(_decimal(value) is not None for value in values)


def _decimal(value: Any) -> Decimal | None:
    """The value as a number; text only when it is written like a decimal and not like a date or a code."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, (int, float, Decimal)):
        number = Decimal(str(value))
        return number if number.is_finite() else None
    if isinstance(value, str) and re.fullmatch(r"-?(?:0|[1-9]\d*)\.\d+", value) and not _DATE.match(value):
        try:
            return Decimal(value)
        except InvalidOperation:
            return None
    return None


def show(value: Any) -> str:
    """A value for a sentence: numbers with at most two decimals, nothing else changed."""
    number = _decimal(value)
    if number is None:
        return messages.OFFLINE_SUMMARY_NOTHING if value is None else str(value)
    rounded = round(number, 2)
    return format(rounded.to_integral() if rounded == rounded.to_integral() else rounded, "f")
