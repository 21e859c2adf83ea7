"""The figures that rows and texts give, and those that follow from rows by simple arithmetic."""

from __future__ import annotations

import calendar
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import Any, Final

from common.answering import ResultSet
from common.figures.stated import Day, Figure, Moment, Number, Position, figures
from common.messages import figure_words as words

_NEAR: Final = Decimal("0.05")
_COMPARED_ROWS: Final = 12
_COMPARED_COLUMNS: Final = 6
_LEADING: Final = (2, 3, 4, 5, 10)
_LONGEST: Final = 40
_YEARS: Final = range(1900, 2101)


class KnownFigures:
    """What a text may state.

    Args:
        results: rows that were returned.
        said: the question, earlier turns, statements: whose figures may be said again.
    """

    def __init__(self, results: Sequence[ResultSet], said: Iterable[str]) -> None:
        self._results = results
        self._values: list[Decimal] = []
        self._days: set[tuple[int | None, int | None, int | None]] = set()
        self._minutes: set[int] = set()
        self._words = ""
        self._most_rows = max((_rows_of(result) for result in results), default=0)
        self._derived: tuple[list[Decimal], list[Decimal]] | None = None
        for text in said:
            self._add_text(text)
        for result in results:
            self._add_result(result)
        self._values.sort()

    def has(self, figure: Figure) -> bool:
        """Whether the figure is among the known ones or follows from the rows."""
        if isinstance(figure, Number):
            return self._has_number(figure)
        if isinstance(figure, Position):
            return figure.number <= self._most_rows or self._is_value(Decimal(figure.number))
        if isinstance(figure, Moment):
            return figure.minutes in self._minutes or (figure.minutes == 0 and bool(self._days))
        return self._has_day(figure)

    def _has_number(self, number: Number) -> bool:
        if number.parts and self._are_values(number.parts, number.scale):
            return True
        if any(_has(self._values, low, high) for low, high in self._ranges(number)):
            return True
        values, ratios = self._derivations()
        if any(_has(values, low, high) for low, high in self._ranges(number)):
            return True
        divisor = {"percent": 100, "mille": 1000, "tenths": 10}.get(number.kind, 1)
        if divisor == 1 and number.kind != "times" and not number.decimals:
            return False
        low, high = _bounds(number)
        return _has(ratios, low / divisor, high / divisor)

    def _ranges(self, number: Number) -> Iterator[tuple[Decimal, Decimal]]:
        """Between which values a known one must lie to be written like this."""
        low, high = _bounds(number)
        yield low * number.scale, high * number.scale
        if number.scale_word and number.scale_word in self._words:
            yield low, high
        if number.kind in ("percent", "mille"):
            divisor = 100 if number.kind == "percent" else 1000
            yield low / divisor, high / divisor

    def _has_day(self, stated: Day) -> bool:
        if any(_is_within(stated, known) for known in self._days):
            return True
        parts = [part for part in (stated.month, stated.day) if part is not None]
        years = {known[0] for known in self._days}
        if stated.year is not None and stated.year not in years and not self._is_value(Decimal(stated.year)):
            return False
        return all(self._is_value(Decimal(part)) for part in parts)

    def _are_values(self, parts: Sequence[Decimal], scale: Decimal) -> bool:
        """Whether what looks like thousands is a list of known numbers, the last one with the scale."""
        return all(map(self._is_value, parts[:-1])) and self._is_value(parts[-1] * scale)

    def _is_value(self, value: Decimal) -> bool:
        return _has(self._values, value, value)

    def _add_text(self, text: str) -> None:
        self._words += text.lower()
        for figure in figures(text):
            self._add(figure)

    def _add(self, figure: Figure) -> None:
        if isinstance(figure, Number):
            self._values += {figure.value, figure.value * figure.scale, *figure.parts}
            if figure.kind == "percent":
                self._values.append(figure.value / 100)
            if len(figure.text) == 8 and figure.text.isdigit():
                self._days.update(_compact_day(figure.text))
        elif isinstance(figure, Day):
            self._days.add((figure.year, figure.month, figure.day))
        elif isinstance(figure, Moment):
            self._minutes.add(figure.minutes)
        else:
            self._values.append(Decimal(figure.number))

    def _add_result(self, result: ResultSet) -> None:
        self._values += map(Decimal, {len(result.rows), result.total_row_count})
        texts: set[str] = set(result.columns)
        for name in result.columns:
            cells = Counter(_hashable(row.get(name)) for row in result.rows)
            self._values += map(Decimal, {len(cells), *cells.values()})
            texts |= self._add_cells(cells, _column_scale(name))
        for text in texts:
            if not text.isascii() or any(map(str.isdigit, text)):
                for figure in figures(text):
                    self._add(figure)
        self._words += " ".join(result.columns).lower()

    def _add_cells(self, cells: Iterable[Any], scale: int) -> set[str]:
        """Adds the numbers of a column; returns its texts."""
        texts: set[str] = set()
        for cell in cells:
            if (number := number_of(cell)) is not None:
                self._values += {abs(number), abs(number) * scale}
            if cell is not None and (number is None or isinstance(cell, str)):
                texts.add(str(cell))
        return texts

    def _derivations(self) -> tuple[list[Decimal], list[Decimal]]:
        if self._derived is None:
            values: list[Decimal] = []
            ratios: list[Decimal] = []
            for result in self._results:
                _derive(result, values, ratios)
            self._derived = sorted(map(abs, values)), sorted(map(abs, ratios))
        return self._derived


def number_of(cell: Any) -> Decimal | None:
    """The cell as a number; None for texts, booleans and what is not finite."""
    if isinstance(cell, bool) or not isinstance(cell, int | float | Decimal | str):
        return None
    if isinstance(cell, str) and (len(cell) > _LONGEST or not cell or cell[-1] not in "0123456789"):
        return None
    try:
        number = Decimal(str(cell))
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) < _LONGEST else None


def _rows_of(result: ResultSet) -> int:
    return max(len(result.rows), result.total_row_count)


def _hashable(cell: Any) -> Any:
    return cell if isinstance(cell, str | int | float | Decimal | type(None)) else str(cell)


def _has(values: Sequence[Decimal], low: Decimal, high: Decimal) -> bool:
    place = bisect_left(values, low)
    return place < len(values) and values[place] <= high


def _bounds(number: Number) -> tuple[Decimal, Decimal]:
    """Between what a value lies that rounds to the number, or that is near it when the text says no more."""
    half = Decimal(5).scaleb(-number.decimals - 1)
    if number.is_about:
        half = max(half, number.value * _NEAR)
    return max(Decimal(0), number.value - half), number.value + half


def _is_within(stated: Day, known: tuple[int | None, int | None, int | None]) -> bool:
    """Whether the day is the known one, a part of it, or the first or last one of a known month or year."""
    return (
        _is_year(stated, known[0])
        and (stated.month is None or _is_part(stated.month, known[1], 12))
        and (stated.day is None or _is_part(stated.day, known[2], _last_day(stated, known)))
    )


def _is_year(stated: Day, year: int | None) -> bool:
    """A year is not known from a day without one, but a day may be said with the year that is known elsewhere."""
    return stated.year is None or stated.year == year or (year is None and stated.month is not None)


def _is_part(stated: int, known: int | None, last: int) -> bool:
    return stated == known if known is not None else stated in (1, last)


def _last_day(stated: Day, known: tuple[int | None, int | None, int | None]) -> int:
    month = known[1] or stated.month
    return calendar.monthrange(known[0] or stated.year or 2024, month)[1] if month else 0


def _column_scale(name: str) -> int:
    return next((words.SCALES[word] for word in words.COLUMN_SCALES if word in name.lower()), 1)


def _compact_day(text: str) -> Iterator[tuple[int, int, int]]:
    year, month, day = int(text[:4]), int(text[4:6]), int(text[6:])
    if year in _YEARS and 1 <= month <= 12 and 1 <= day <= 31:
        yield year, month, day


def _derive(result: ResultSet, values: list[Decimal], ratios: list[Decimal]) -> None:
    """Adds what follows from one result: sums and means of whole columns, shares, differences, ratios."""
    columns = {name: numbers for name in result.columns if (numbers := _numbers(result.rows, name))}
    is_whole = not result.is_limited and len(result.rows) >= result.total_row_count
    for numbers in list(columns.values())[:_COMPARED_COLUMNS]:
        if is_whole:
            _derive_shares(numbers, values, ratios)
        for one, other in _compared(numbers):
            _derive_pair(one, other, values, ratios)
    names = list(columns)[:_COMPARED_COLUMNS]
    for row in result.rows[:_COMPARED_ROWS]:
        cells = [number for name in names if (number := number_of(row.get(name))) is not None]
        for place, one in enumerate(cells):
            for other in cells[place + 1 :]:
                values.append(one + other)
                _derive_pair(one, other, values, ratios)


def _numbers(rows: Sequence[Mapping[str, Any]], name: str) -> list[Decimal]:
    """The column's numbers; empty when it has anything else."""
    found: list[Decimal] = []
    for row in rows:
        if row.get(name) is None:
            continue
        if (number := number_of(row[name])) is None:
            return []
        found.append(number)
    return found


def _derive_shares(numbers: Sequence[Decimal], values: list[Decimal], ratios: list[Decimal]) -> None:
    total = sum(numbers, Decimal(0))
    leading = [sum(numbers[:count], Decimal(0)) for count in _LEADING if count < len(numbers)]
    values += [total, total / len(numbers), *leading]
    if total:
        ratios += [part / total for part in (*numbers, *leading, total)]


def _compared(numbers: Sequence[Decimal]) -> Iterator[tuple[Decimal, Decimal]]:
    """Neighbours as they stand and among the largest, and the extremes."""
    yield from pairwise(numbers[:_COMPARED_ROWS])
    ordered = sorted(numbers, reverse=True)
    yield from pairwise(ordered[:3])
    if len(numbers) > 1:
        yield ordered[0], ordered[-1]
        yield numbers[0], numbers[-1]


def _derive_pair(one: Decimal, other: Decimal, values: list[Decimal], ratios: list[Decimal]) -> None:
    values.append(one - other)
    for base, compared in ((one, other), (other, one)):
        if base:
            ratios += [compared / base, (compared - base) / base]
