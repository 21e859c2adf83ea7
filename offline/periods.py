"""Periods of time as typed values: what a question's date words mean, never text that goes into SQL.

`TimeGrammar` makes them, the renderer turns them into expressions, trained questions have theirs exchanged.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal

Unit = Literal["week", "month", "quarter", "year"]


@dataclass(frozen=True)
class Moment:
    """A day: `day` itself, or CURRENT_DATE, cut down to the start of `trunc`; then moved by months and days."""

    day: date | None = None
    trunc: Unit | None = None
    months: int = 0
    days: int = 0

    def moved(self, *, months: int = 0, days: int = 0) -> Moment:
        if self.day is not None:
            return Moment(day=add_months(self.day, months) + timedelta(days=days))
        return replace(self, months=self.months + months, days=self.days + days)

    def resolve(self, today: date) -> date:
        """The day this is when it is `today`."""
        day = self.day or today
        if self.trunc == "week":
            day -= timedelta(days=day.weekday())
        elif self.trunc == "month":
            day = day.replace(day=1)
        elif self.trunc == "quarter":
            day = day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        elif self.trunc == "year":
            day = day.replace(month=1, day=1)
        return add_months(day, self.months) + timedelta(days=self.days)


@dataclass(frozen=True)
class Period:
    """Half-open: from `start` (included) to `end` (excluded); a missing side is open.

    `is_latest` means the last day that has data; then both sides are None. `months` is the length of a period made of
    whole months, 0 when it is counted in days. `stated_year` is the year that was said with it, None when it was not.
    """

    start: Moment | None = None
    end: Moment | None = None
    is_latest: bool = False
    months: int = 0
    stated_year: int | None = None

    def bounds(self, today: date) -> tuple[date | None, date | None]:
        """First day and the day after the last one, when it is `today`."""
        return (
            self.start.resolve(today) if self.start else None,
            self.end.resolve(today) if self.end else None,
        )

    def is_day(self, today: date) -> bool:
        """True for a single day."""
        first, end = self.bounds(today)
        return first is not None and end is not None and (end - first).days == 1

    def year_before(self) -> Period:
        """The same days a year earlier; one that is still running ends at the same day."""
        return replace(self, end=self.end or Moment(days=1)).moved(months=-12)

    def just_before(self, today: date) -> Period:
        """The period of the same length that ends where this one starts."""
        if self.months:
            return replace(self, end=self.end or Moment(days=1)).moved(months=-self.months)
        if self.start is None:
            return self
        end = self.end or Moment(days=1)
        length = (end.resolve(today) - self.start.resolve(today)).days
        return Period(start=self.start.moved(days=-length), end=self.start, months=0)

    def moved(self, *, months: int) -> Period:
        """The same period, whole months earlier or later."""
        return replace(
            self,
            start=self.start.moved(months=months) if self.start else None,
            end=self.end.moved(months=months) if self.end else None,
        )


def add_months(day: date, months: int) -> date:
    """`day` moved by whole months, the day of the month cut to what the month has."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def days_between(first: date, last: date) -> Period:
    """From `first` to `last`, both included."""
    return Period(Moment(day=first), Moment(day=last + timedelta(days=1)))


def whole_months(year: int, month: int, count: int = 1) -> Period:
    """`count` calendar months from the first of `month`."""
    first = date(year, month, 1)
    return Period(Moment(day=first), Moment(day=add_months(first, count)), months=count)


def current(unit: Unit, shift: int = 0) -> Period:
    """This week, month, quarter or year; `shift` -1 is the previous one. The current one is open to the future."""
    months = {"week": 0, "month": 1, "quarter": 3, "year": 12}[unit]
    start = Moment(trunc=unit, months=months * shift, days=7 * shift if unit == "week" else 0)
    end = None if shift == 0 else start.moved(months=months, days=7 if unit == "week" else 0)
    return Period(start, end, months=months)


def single_day(shift: int) -> Period:
    """The day `shift` days from today."""
    return Period(Moment(days=shift), Moment(days=shift + 1))


def last_days(count: int) -> Period:
    """The last `count` whole days: today, which is not over, is left out."""
    return Period(Moment(days=-count), Moment())


def last_months(count: int) -> Period:
    """The days of the last `count` months up to yesterday."""
    return Period(Moment(months=-count), Moment())
