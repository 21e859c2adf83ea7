"""Periods and buckets of time as SQL, for real dates, dates written as text or number, and years with months."""

from __future__ import annotations

from datetime import date, timedelta

from sqlglot import exp

from offline import sql_text as build
from offline.periods import Moment as PointInTime
from offline.periods import Period
from offline.plan import Moment
from offline.plan_time import month_names
from offline.reading import Grain

_LENGTHS = {
    "%Y年%m月%d日": (11, 8, 4),
    "%Y年%m月": (8, 8, 4),
    "%Y-%m-%d": (10, 7, 4),
    "%Y/%m/%d": (10, 7, 4),
    "%Y-%m": (7, 7, 4),
    "%Y%m%d": (8, 6, 4),
    "%Y%m": (6, 6, 4),
    "%Y年": (5, 5, 4),
}


def point(moment: PointInTime) -> exp.Expr:
    """A day: a date literal, or CURRENT_DATE moved."""
    if moment.day is not None:
        return build.text(moment.day.isoformat())
    result: exp.Expr = exp.CurrentDate()
    if moment.trunc:
        result = build.call("DATE_TRUNC", build.text(moment.trunc), result)
    if moment.months:
        step = exp.Interval(this=build.text(f"{abs(moment.months)} months"))
        result = exp.Sub(this=result, expression=step) if moment.months < 0 else exp.Add(this=result, expression=step)
    if moment.trunc or moment.months:
        result = build.cast(exp.paren(result, copy=False) if isinstance(result, exp.Binary) else result, "date")
    if moment.days:
        days = exp.Literal.number(abs(moment.days))
        result = exp.Sub(this=result, expression=days) if moment.days < 0 else exp.Add(this=result, expression=days)
    return result


def within(moment: Moment, column: exp.Expr, month: exp.Expr | None, period: Period, today: date) -> list[exp.Expr]:
    """The conditions that a row lies in a period; the period of the latest day is the caller's."""
    if moment.written == "year":
        return _within_years(moment, column, month, period, today)
    if moment.written:
        return _within_written(moment, column, period, today)
    start, end = period.start, period.end
    if start and end and start.day and end.day and not moment.is_timestamp:
        last = end.day - timedelta(days=1)
        if last == start.day:
            return [exp.EQ(this=column, expression=point(start))]
        return [exp.Between(this=column, low=point(start), high=build.text(last.isoformat()))]
    if start and end and not moment.is_timestamp and end == start.moved(days=1):
        return [exp.EQ(this=column, expression=point(start))]
    found: list[exp.Expr] = []
    if start:
        found.append(exp.GTE(this=column, expression=point(start)))
    if end:
        found.append(exp.LT(this=column.copy(), expression=point(end)))
    return found


def _within_written(moment: Moment, column: exp.Expr, period: Period, today: date) -> list[exp.Expr]:
    first, end = period.bounds(today)
    found: list[exp.Expr] = []
    for edge, operator in ((first, exp.GTE), (end, exp.LT)):
        if edge is None:
            continue
        written = edge.strftime(moment.written)
        literal = exp.Literal.number(written) if moment.field.is_numeric else build.text(written)
        found.append(operator(this=column.copy(), expression=literal))
    return found


def _within_years(
    moment: Moment, column: exp.Expr, month: exp.Expr | None, period: Period, today: date
) -> list[exp.Expr]:
    """Whole years by the year alone; parts of years by year and month."""
    first, end = period.bounds(today)
    numeric = moment.field.is_numeric

    def literal(year: int) -> exp.Expr:
        return exp.Literal.number(year) if numeric else build.text(str(year))

    if first is None or end is None:
        found: list[exp.Expr] = []
        if first is not None:
            found.append(exp.GTE(this=column, expression=literal(first.year)))
        if end is not None:
            found.append(exp.LT(this=column.copy(), expression=literal(end.year)))
        return found
    parts = _year_parts(first, end)
    if all(months == (1, 12) for months in parts.values()):
        if len(parts) == 1:
            return [exp.EQ(this=column, expression=literal(first.year))]
        return [exp.Between(this=column, low=literal(min(parts)), high=literal(max(parts)))]
    assert month is not None  # noqa: S101 - the planner refused parts of years without months
    names = month_names(moment)
    numeric_month = moment.month is not None and moment.month.is_numeric
    choices = []
    for year, (low, high) in parts.items():
        wanted = [exp.Literal.number(name) if numeric_month else build.text(name) for name in names[low - 1 : high]]
        choices.append(
            exp.and_(exp.EQ(this=column.copy(), expression=literal(year)), build.one_of(month.copy(), wanted))
        )
    return [choices[0] if len(choices) == 1 else exp.or_(*choices)]


def _year_parts(first: date, end: date) -> dict[int, tuple[int, int]]:
    last = end - timedelta(days=1)
    return {
        year: (first.month if year == first.year else 1, last.month if year == last.year else 12)
        for year in range(first.year, last.year + 1)
    }


def bucket(moment: Moment, column: exp.Expr, grain: Grain) -> exp.Expr:
    """The bucket a row falls into: a date, a text like 2025-10 or 2025Q4, a year as a number."""
    if moment.written:
        day, month, year = _LENGTHS.get(moment.written, (10, 7, 4))
        length = {"day": day, "month": month, "year": year}.get(grain, month)
        plain = build.cast(column, "text") if moment.field.is_numeric else column
        return build.call("LEFT", plain, exp.Literal.number(length))
    if grain == "day":
        return build.cast(column, "date") if moment.is_timestamp else column
    if grain == "week":
        return build.cast(build.call("DATE_TRUNC", build.text("week"), column), "date")
    if grain in ("month", "quarter"):
        return build.call("TO_CHAR", column, build.text("YYYY-MM" if grain == "month" else 'YYYY"Q"Q'))
    if grain == "weekend":
        weekday = exp.Extract(this=exp.var("ISODOW"), expression=column)
        is_late = exp.GTE(this=weekday, expression=exp.Literal.number(6))
        return exp.Case(ifs=[exp.If(this=is_late, true=build.text("周末"))], default=build.text("工作日"))
    part = {"year": "YEAR", "weekday": "ISODOW", "hour": "HOUR"}[grain]
    return build.cast(exp.Extract(this=exp.var(part), expression=column), "int")
