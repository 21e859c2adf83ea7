"""Compares two result sets as answers to one question: names and order of columns never count.

Numbers agree when they are equal to two decimals, whatever their type; a text that is written as a number is one. Rows
are compared as multisets, and in order where the reference orders. Rows that the reference's order leaves level, and
rows its LIMIT could have chosen instead, are as good as its own (`ReferenceRows.groups`).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import Any, Final, Literal

Row = tuple[Any, ...]
Match = Literal["exact", "soft"]

_UNIT: Final = Decimal("0.01")
_FINE: Final = Decimal("0.00000001")  # what a floating-point sum may be off does not decide how a half is rounded
_WIDE: Final = Context(prec=400)
_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?")
_MOST_MAPPINGS: Final = 5000
_PERCENT: Final = Decimal(100)


@dataclass(frozen=True)
class Group:
    """Rows that the reference leaves level: `count` of them, any of `among`, stand here."""

    count: int
    among: Sequence[Row]


@dataclass(frozen=True)
class ReferenceRows:
    """The reference's rows as groups in their order; a reference without ORDER BY is a single group."""

    rows: Sequence[Row]
    groups: Sequence[Group]

    @property
    def width(self) -> int:
        """Columns; 0 when there are no rows."""
        return len(self.rows[0]) if self.rows else 0


def unordered(rows: Sequence[Row]) -> ReferenceRows:
    """A reference whose rows may come in any order."""
    return ReferenceRows(rows, [Group(len(rows), rows)])


def comparable(value: Any) -> Any:
    """The form in which values are compared: numbers as Decimal with two decimals, days as ISO text, None as None."""
    number = _number(value)
    if number is not None:
        return _rounded(number)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        whole = value.hour == value.minute == value.second == value.microsecond == 0
        return value.date().isoformat() if whole else value.isoformat(" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    return None if value is None else str(value).rstrip()


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float | Decimal):
        number = Decimal(str(value))
        return number if number.is_finite() else None
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return Decimal(value.strip())
    return None


def _rounded(number: Decimal) -> Decimal:
    try:
        fine = number.quantize(_FINE, ROUND_HALF_UP, context=_WIDE)
        return fine.quantize(_UNIT, ROUND_HALF_UP, context=_WIDE) + 0
    except InvalidOperation:
        return number


def match(reference: ReferenceRows, ours: Sequence[Row]) -> Match | None:
    """`exact` with the same columns, `soft` with the reference's columns among ours, None when the rows differ."""
    if len(reference.rows) != len(ours):
        return None
    if not ours:
        return "exact"
    width, our_width = reference.width, len(ours[0])
    if our_width < width or not _is_mappable(reference, ours):
        return None
    return "exact" if our_width == width else "soft"


def _is_mappable(reference: ReferenceRows, ours: Sequence[Row]) -> bool:
    """Whether some choice of our columns gives the reference's rows."""
    groups = [(group.count, Counter(map(_row, group.among))) for group in reference.groups]
    our_columns = _columns([_row(row) for row in ours])
    pools = _columns([row for _, among in groups for row in among.elements()])
    candidates = [_candidates(pool, our_columns, len(ours)) for pool in pools]
    if not all(candidates):
        return False
    for number, chosen in enumerate(_injections(candidates, our_columns)):
        if number >= _MOST_MAPPINGS:
            return False
        picked = list(zip(*(our_columns[index] for index in chosen), strict=True))
        if _stands_in_groups(picked, groups):
            return True
    return False


def _stands_in_groups(rows: Sequence[Row], groups: Sequence[tuple[int, Counter[Row]]]) -> bool:
    start = 0
    for count, among in groups:
        if not Counter(rows[start : start + count]) <= among:
            return False
        start += count
    return start == len(rows)


def _candidates(pool: Row, our_columns: Sequence[Row], length: int) -> list[int]:
    values = Counter(pool)
    is_whole = len(pool) == length
    found = ((index, Counter(column)) for index, column in enumerate(our_columns))
    return [index for index, column in found if (column == values if is_whole else column <= values)]


def _injections(candidates: Sequence[list[int]], columns: Sequence[Row]) -> Iterator[tuple[int, ...]]:
    """Every choice of different columns; of our columns with equal contents only one order is tried."""

    def extend(chosen: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        if len(chosen) == len(candidates):
            yield chosen
            return
        seen: set[Row] = set()
        for index in candidates[len(chosen)]:
            if index not in chosen and columns[index] not in seen:
                seen.add(columns[index])
                yield from extend((*chosen, index))

    return extend(())


def _row(row: Row) -> Row:
    return tuple(comparable(value) for value in row)


def _columns(rows: Sequence[Row]) -> list[Row]:
    return list(zip(*rows, strict=True))


def figures_agree(reference: ReferenceRows, ours: Sequence[Row]) -> bool:
    """Whether every numeric column of the reference stands among ours, whatever labels and further rows there are.

    A share may be written as 0..1 or in percent. Ours may have at most ten times the reference's rows, or fifty more:
    among thousands of numbers any small one would be found. A reference without numbers has no figures to agree with.
    """
    if not reference.rows or len(ours) > max(10 * len(reference.rows), len(reference.rows) + 50):
        return False
    wanted = [column for column in map(_numbers, _columns(reference.rows)) if column]
    given = [column for column in map(_numbers, _columns(ours)) if column]
    if not wanted:
        return False
    options = [[index for index, ours in enumerate(given) if _is_among(column, ours)] for column in wanted]
    as_columns = [tuple(column) for column in given]
    return next(_injections(options, as_columns), None) is not None


def _numbers(column: Row) -> list[Decimal]:
    return [number for value in column if (number := _number(value)) is not None]


def _is_among(wanted: Sequence[Decimal], given: Sequence[Decimal]) -> bool:
    """As they are, or as shares against percent."""
    is_share = all(0 <= number <= 1 for number in wanted) and any(number % 1 for number in wanted)
    factors = (Decimal(1), _PERCENT) if is_share else (Decimal(1),)
    ours = Counter(map(_rounded, given))
    return any(Counter(_rounded(number * factor) for number in wanted) <= ours for factor in factors)
