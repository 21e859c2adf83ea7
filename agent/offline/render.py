"""From a plan to one PostgreSQL SELECT, built as a sqlglot tree: names and literals are nodes, never pasted text."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from decimal import Decimal
from typing import TypeVar

from sqlglot import exp

from agent.offline.joins import JoinGraph
from agent.offline.periods import Moment, Period
from agent.offline.plan import CombinedPlan, Condition, Filter, Measure, Ordering, Plan
from agent.offline.planner import BUCKET_TITLES
from agent.offline.schema_index import IndexedColumn, SchemaIndex
from agent.offline.sources import Source
from common import messages

_OPERATORS: dict[str, type[exp.Binary]] = {">": exp.GT, ">=": exp.GTE, "<": exp.LT, "<=": exp.LTE, "=": exp.EQ}
_ADDABLE = ("sum", "avg", "count", "count_distinct")
_AGGREGATES: dict[str, type[exp.AggFunc]] = {
    "sum": exp.Sum,
    "avg": exp.Avg,
    "max": exp.Max,
    "min": exp.Min,
    "count": exp.Count,
}
_Query = TypeVar("_Query", exp.Select, exp.Query)


class Renderer:
    """Renders plans against one schema."""

    def __init__(self, *, index: SchemaIndex, joins: JoinGraph) -> None:
        self._index = index
        self._joins = joins

    def sql(self, plan: Plan | CombinedPlan) -> str:
        """The statement as text, without a semicolon."""
        tree = self._combined(plan) if isinstance(plan, CombinedPlan) else self._any(plan)
        return tree.sql(dialect="postgres")

    def _any(self, plan: Plan) -> exp.Query:
        if plan.family_title:
            return self._family(plan)
        comparable = any(measure.aggregate in _ADDABLE for measure in plan.measures)
        if plan.compared and plan.period and plan.date_column and comparable and not plan.bucket:
            return self._compared(plan)
        return self._of_days(plan) if plan.is_of_days else self._select(plan)

    def _of_days(self, plan: Plan) -> exp.Select:
        """The measures over the totals of days instead of over rows."""
        totals = {m.column.key: Measure("sum", m.column, m.column.title) for m in plan.measures if m.column}
        inner = plan.with_(is_of_days=False, bucket="day", measures=tuple(totals.values()), ordering=(), limit=None)
        query = exp.Select()
        keys = [exp.column(exp.to_identifier(d.title, quoted=True)) for d in plan.dimensions]
        for key in keys:
            query = query.select(key, copy=False)
        for measure in plan.measures:
            title = measure.column.title if measure.column else ""
            value = exp.column(exp.to_identifier(title, quoted=True))
            query = query.select(_as(_AGGREGATES[measure.aggregate](this=value), measure.title), copy=False)
        query = query.from_(self._select(inner).subquery("days"), copy=False)
        query = query.group_by(*[key.copy() for key in keys], copy=False) if keys else query
        return _ordered(query, plan.ordering, plan.limit)

    def _select(self, plan: Plan) -> exp.Select:
        source = self._source(plan)
        query = exp.Select()
        groups = self._group_columns(plan, source)
        for expression, title in groups:
            query = query.select(_as(expression, title), copy=False)
        for measure in plan.measures:
            query = query.select(_as(self._measure(measure, source, plan), measure.title), copy=False)
            if plan.has_growth and plan.bucket and measure.aggregate in _ADDABLE and not measure.is_share:
                change = _change(self._measure(measure, source, plan), groups[0][0])
                query = query.select(_as(change, measure.title + messages.OFFLINE_TITLE_CHANGE), copy=False)
        query = source.attach(query)
        query = _restricted(query, self._where(plan, source))
        if plan.measures or any(not condition.on_rows for condition in plan.conditions) or plan.above_mean:
            query = query.group_by(*[expression.copy() for expression, _ in groups], copy=False) if groups else query
        elif groups:
            query = query.distinct(copy=False)
        for condition in plan.conditions:
            if not condition.on_rows:
                query = query.having(self._condition(condition, source, plan), copy=False)
        if plan.above_mean and plan.measures and plan.dimensions:
            query = self._above_mean(query, plan, source)
        if plan.counted_title:
            counted = exp.Select().select(_as(exp.Count(this=exp.Star()), plan.counted_title), copy=False)
            return counted.from_(query.subquery("grouped"), copy=False)
        if plan.is_best_of_each:
            return self._best_of_each(query, plan)
        return _ordered(query, plan.ordering, plan.limit)

    @staticmethod
    def _best_of_each(query: exp.Select, plan: Plan) -> exp.Select:
        """Of the rows of each bucket, else of each first dimension, the first in the plan's order."""
        by_time = plan.bucket is not None and len(plan.dimensions) == 1
        title = BUCKET_TITLES[plan.bucket] if by_time and plan.bucket else plan.dimensions[0].title
        first = exp.column(exp.to_identifier(title, quoted=True))
        every = exp.Select().select(exp.Star(), copy=False).from_(query.subquery("grouped"), copy=False)
        every.set("distinct", exp.Distinct(on=exp.Tuple(expressions=[first])))
        every = every.order_by(first.copy(), copy=False)
        return _ordered(every, plan.ordering[:1], None)

    def _source(self, plan: Plan) -> Source:
        columns = [dimension.column for dimension in plan.dimensions]
        columns += [condition.column for condition in plan.filters]
        for measure in plan.measures:
            columns += [m.column for m in (measure, measure.denominator) if m and m.column]
        columns += [c.measure.column for c in plan.conditions if c.measure.column]
        tables = [column.table for column in columns]
        return Source(plan.base, tables, index=self._index, joins=self._joins, is_qualified=plan.absence is not None)

    def _group_columns(self, plan: Plan, source: Source) -> list[tuple[exp.Expr, str]]:
        groups: list[tuple[exp.Expr, str]] = [(source.column(d.column), d.title) for d in plan.dimensions]
        if plan.bucket and plan.date_column:
            groups.insert(
                0, (_bucket(plan, source.column(plan.date_column), plan.date_column), BUCKET_TITLES[plan.bucket])
            )
        return groups

    def _where(self, plan: Plan, source: Source, period: bool = True) -> list[exp.Expr]:
        shared = {m.only.column.key for m in plan.measures if m.only}
        conditions: list[exp.Expr] = [
            _filter(condition, source) for condition in plan.filters if condition.column.key not in shared
        ]
        if period and plan.period and plan.date_column and plan.absence is None:
            conditions += self.period_conditions(plan.period, plan.date_column, source.column(plan.date_column))
        if plan.weekdays and plan.date_column:
            day = _weekday(source.column(plan.date_column))
            conditions.append(exp.In(this=day, expressions=[exp.Literal.number(n) for n in plan.weekdays]))
        if plan.updated_only and (updated := self._index.updated_column(plan.base)):
            conditions.append(exp.Not(this=exp.Is(this=source.column(updated), expression=exp.Null())))
            if created := self._index.created_column(plan.base):
                conditions.append(exp.NEQ(this=source.column(updated), expression=source.column(created)))
        conditions += [self._row_condition(c, source) for c in plan.conditions if c.on_rows and c.measure.column]
        conditions += source.not_deleted()
        if plan.absence:
            conditions.append(exp.Not(this=exp.Exists(this=self._missing(plan, source))))
        return conditions

    def _missing(self, plan: Plan, outer: Source) -> exp.Select:
        """The rows that must not exist: the way from the base to the missing table, tied to the outer row."""
        assert plan.absence is not None  # noqa: S101 - checked by the caller
        path = self._joins.path(plan.base, plan.absence.table) or ()
        first = path[0]
        inner = Source(
            first.right,
            [plan.absence.table],
            index=self._index,
            joins=self._joins,
            taken=set(outer.aliases.values()),
            avoid=plan.base,
        )
        query = inner.attach(exp.Select().select(exp.Literal.number(1), copy=False))
        tie = exp.EQ(
            this=exp.column(first.right_column, table=inner.aliases[first.right]),
            expression=exp.column(first.left_column, table=outer.aliases[plan.base]),
        )
        conditions: list[exp.Expr] = [tie, *inner.not_deleted()]
        if plan.period and plan.date_column:
            conditions += self.period_conditions(plan.period, plan.date_column, inner.column(plan.date_column))
        return _restricted(query, conditions)

    def period_conditions(self, period: Period, column: IndexedColumn, expression: exp.Expr) -> list[exp.Expr]:
        if period.is_latest:
            return [exp.EQ(this=_as_date(expression, column), expression=self._latest(column))]
        start, end = period.start, period.end
        if start and end and not column.is_timestamp and end == start.moved(days=1):
            return [exp.EQ(this=expression, expression=moment(start))]
        result: list[exp.Expr] = []
        if start and end and start.day and end.day and not column.is_timestamp:
            last = end.moved(days=-1)
            return [exp.Between(this=expression, low=moment(start), high=moment(last))]
        if start:
            result.append(exp.GTE(this=expression, expression=moment(start)))
        if end:
            result.append(exp.LT(this=expression.copy(), expression=moment(end)))
        return result

    def _latest(self, column: IndexedColumn) -> exp.Expr:
        source = Source(column.table, [], index=self._index, joins=self._joins)
        query = exp.Select().select(exp.Max(this=_as_date(source.column(column), column)), copy=False)
        query = source.attach(query)
        return exp.Subquery(this=_restricted(query, source.not_deleted()))

    def _measure(self, measure: Measure, source: Source, plan: Plan) -> exp.Expr:
        if measure.is_share:
            date_column = plan.date_column if plan.bucket and plan.dimensions else None
            within = _bucket(plan, source.column(date_column), date_column) if date_column else None
            return _share(_aggregate(measure, source), within)
        top = _aggregate(measure, source)
        if measure.denominator is None:
            return top
        bottom = exp.Anonymous(
            this="NULLIF", expressions=[_aggregate(measure.denominator, source), exp.Literal.number(0)]
        )
        return _times(top, measure.scale, bottom)

    def _condition(self, condition: Condition, source: Source, plan: Plan) -> exp.Expr:
        left = self._measure(condition.measure, source, plan)
        return _OPERATORS[condition.operator](this=left, expression=_number(condition.number))

    @staticmethod
    def _row_condition(condition: Condition, source: Source) -> exp.Expr:
        assert condition.measure.column is not None  # noqa: S101 - checked by the caller
        return _OPERATORS[condition.operator](
            this=source.column(condition.measure.column), expression=_number(condition.number)
        )

    def _above_mean(self, query: exp.Select, plan: Plan, source: Source) -> exp.Select:
        """Keep groups above (or below) the mean of all groups."""
        assert plan.above_mean is not None  # noqa: S101 - checked by the caller
        measure = plan.measures[0]
        inner = self._select(
            plan.with_(above_mean=None, ordering=(), limit=None, conditions=(), measures=(measure,), counted_title="")
        )
        mean = exp.Select().select(exp.Avg(this=exp.column(exp.to_identifier(measure.title, quoted=True))), copy=False)
        mean = mean.from_(inner.subquery("grouped"), copy=False)
        comparison = _OPERATORS[plan.above_mean](
            this=self._measure(measure, source, plan), expression=exp.Subquery(this=mean)
        )
        return query.having(comparison, copy=False)

    def _family(self, plan: Plan) -> exp.Query:
        """Siblings as rows (one SELECT each), or as columns when there is something to group by."""
        if plan.dimensions or plan.bucket:
            return self._select(plan.with_(family_title=""))
        selects: list[exp.Select] = []
        for measure in plan.measures:
            inner = plan.with_(measures=(measure,), family_title="", ordering=(), limit=None)
            source = self._source(inner)
            query = exp.Select().select(_as(exp.Literal.string(measure.title), plan.family_title), copy=False)
            query = query.select(_as(self._measure(measure, source, inner), messages.OFFLINE_TITLE_VALUE), copy=False)
            query = source.attach(query)
            selects.append(_restricted(query, self._where(inner, source)))
        union: exp.Query = selects[0]
        for query in selects[1:]:
            union = exp.Union(this=union, expression=query, distinct=False)
        return _ordered(union, plan.ordering, plan.limit) if plan.ordering else union

    def _compared(self, plan: Plan) -> exp.Select:
        """Each measure in the period, in the period compared with, and the change in per cent."""
        source = self._source(plan)
        groups = self._group_columns(plan.with_(bucket=None), source)
        query = exp.Select()
        for expression, title in groups:
            query = query.select(_as(expression, title), copy=False)
        for measure in [m for m in plan.measures if m.aggregate in _ADDABLE][:2]:
            now, then = (self._within(measure, period, plan, source) for period in (plan.period, plan.compared))
            change = exp.Paren(this=exp.Sub(this=now.copy(), expression=then.copy()))
            bottom = exp.Anonymous(this="NULLIF", expressions=[then.copy(), exp.Literal.number(0)])
            rate = exp.Round(this=_times(change, 100, bottom), decimals=exp.Literal.number(2))
            for expression, title in (
                (now, ""),
                (then, messages.OFFLINE_TITLE_PREVIOUS),
                (rate, messages.OFFLINE_TITLE_CHANGE),
            ):
                query = query.select(_as(expression, measure.title + title), copy=False)
        query = source.attach(query)
        both = exp.Or(
            this=_all(self._in(plan.period, plan, source)), expression=_all(self._in(plan.compared, plan, source))
        )
        query = _restricted(query, [exp.Paren(this=both), *self._where(plan, source, period=False)])
        if groups:
            query = query.group_by(*[expression.copy() for expression, _ in groups], copy=False)
        return _ordered(query, [order for order in plan.ordering if not plan.bucket], plan.limit)

    def _in(self, period: Period | None, plan: Plan, source: Source) -> list[exp.Expr]:
        assert period is not None and plan.date_column is not None  # noqa: S101, PT018 - checked by the caller
        return self.period_conditions(period, plan.date_column, source.column(plan.date_column))

    def _within(self, measure: Measure, period: Period | None, plan: Plan, source: Source) -> exp.Expr:
        """The measure over the rows of one period only."""
        condition = _all(self._in(period, plan, source))
        return _aggregate(measure, source, condition)

    def _combined(self, plan: CombinedPlan) -> exp.Select:
        """Each part as a derived table, joined on the shared dimensions."""
        first, second = plan.parts
        keys = [BUCKET_TITLES[first.bucket]] if first.bucket else []
        keys += [dimension.title for dimension in first.dimensions]
        query = exp.Select()
        for key in keys:
            query = query.select(_as(exp.column(exp.to_identifier(key, quoted=True), table="a"), key), copy=False)
        for alias, part in () if plan.quotient else (("a", first), ("b", second)):
            for measure in part.measures:
                query = query.select(
                    _as(exp.column(exp.to_identifier(measure.title, quoted=True), table=alias), measure.title),
                    copy=False,
                )
        if plan.quotient:
            top = exp.column(exp.to_identifier(first.measures[0].title, quoted=True), table="a")
            bottom = exp.column(exp.to_identifier(second.measures[0].title, quoted=True), table="b")
            nullif = exp.Anonymous(this="NULLIF", expressions=[bottom, exp.Literal.number(0)])
            scaled = exp.Mul(this=top, expression=_number(plan.quotient_scale))
            query = query.select(
                _as(exp.Div(this=_times(scaled, 1), expression=nullif, typed=True), plan.quotient), copy=False
            )
        query = query.from_(self._select(first).subquery("a"), copy=False)
        right = self._select(second).subquery("b")
        if not keys:
            return query.join(right, join_type="cross", copy=False)
        renamed = [dimension.title for dimension in second.dimensions]
        on = exp.and_(
            *[
                exp.EQ(
                    this=exp.column(exp.to_identifier(key, quoted=True), table="a"),
                    expression=exp.column(exp.to_identifier(other, quoted=True), table="b"),
                )
                for key, other in zip(
                    keys, ([BUCKET_TITLES[first.bucket]] if first.bucket else []) + renamed, strict=True
                )
            ]
        )
        query = query.join(right, on=on, join_type="" if plan.quotient else "left", copy=False)
        return _ordered(query, plan.ordering, plan.limit)


def moment(value: Moment) -> exp.Expr:
    """A day as an expression: DATE '2023-04-01', or CURRENT_DATE moved."""
    if value.day is not None:
        return exp.Cast(this=exp.Literal.string(value.day.isoformat()), to=exp.DataType.build("date"))
    expression: exp.Expr = exp.CurrentDate()
    if value.trunc:
        expression = exp.Cast(
            this=exp.Anonymous(this="DATE_TRUNC", expressions=[exp.Literal.string(value.trunc), expression]),
            to=exp.DataType.build("date"),
        )
    if value.months:
        step = exp.Interval(this=exp.Literal.string(f"{abs(value.months)} months"))
        expression = (exp.Sub if value.months < 0 else exp.Add)(this=expression, expression=step)
    if value.days:
        step_days = exp.Literal.number(abs(value.days))
        if value.months:
            expression = exp.Cast(this=exp.Paren(this=expression), to=exp.DataType.build("date"))
        expression = (exp.Sub if value.days < 0 else exp.Add)(this=expression, expression=step_days)
    return expression


def _all(conditions: Sequence[exp.Expr]) -> exp.Expr:
    """All conditions joined by AND; each one is simple or carries its own brackets."""
    return functools.reduce(lambda left, right: exp.And(this=left, expression=right), conditions)


def _restricted(query: exp.Select, conditions: Sequence[exp.Expr]) -> exp.Select:
    if conditions:
        query.set("where", exp.Where(this=_all(conditions)))
    return query


def _as(expression: exp.Expr, title: str) -> exp.Expr:
    return exp.alias_(expression, exp.to_identifier(title, quoted=True))


def _as_date(expression: exp.Expr, column: IndexedColumn) -> exp.Expr:
    return exp.Cast(this=expression, to=exp.DataType.build("date")) if column.is_timestamp else expression


def _weekday(expression: exp.Expr) -> exp.Expr:
    return exp.Extract(this=exp.var("ISODOW"), expression=expression)


def _bucket(plan: Plan, expression: exp.Expr, column: IndexedColumn) -> exp.Expr:
    bucket = plan.bucket or "day"
    if bucket == "day":
        return _as_date(expression, column)
    if bucket == "weekday":
        return _weekday(expression)
    if bucket == "week":
        trunc = exp.Anonymous(this="DATE_TRUNC", expressions=[exp.Literal.string("week"), expression])
        return exp.Cast(this=trunc, to=exp.DataType.build("date"))
    if bucket == "year":
        return exp.Extract(this=exp.var("YEAR"), expression=expression)
    if bucket in ("month", "quarter") and not plan.has_growth and _is_in_one_year(plan.period):
        return exp.Extract(this=exp.var(bucket.upper()), expression=expression)
    pattern = {"month": "YYYY-MM", "quarter": 'YYYY"Q"Q'}[bucket]
    return exp.Anonymous(this="TO_CHAR", expressions=[expression, exp.Literal.string(pattern)])


def _is_in_one_year(period: Period | None) -> bool:
    """True for a period whose months need no year to be told apart."""
    if period is None or period.start is None:
        return False
    start, end = period.start, period.end
    if start.day is None:
        return start.trunc == "year" and (end is None or end.months - start.months == 12) and not start.days
    return end is not None and end.day is not None and end.moved(days=-1).resolve(start.day).year == start.day.year


def _filter(condition: Filter, source: Source) -> exp.Expr:
    column = source.column(condition.column)
    if not condition.values:
        result: exp.Expr = exp.Is(this=column, expression=exp.Null())
    else:
        literals = [exp.Literal.number(v) if isinstance(v, int) else exp.Literal.string(v) for v in condition.values]
        result = (
            exp.EQ(this=column, expression=literals[0])
            if len(literals) == 1
            else exp.In(this=column, expressions=literals)
        )
    return exp.Not(this=result) if condition.is_excluded else result


def _aggregate(measure: Measure, source: Source, condition: exp.Expr | None = None) -> exp.Expr:
    """The aggregate over all rows, or over those `condition` (or the measure's own filter) lets through."""
    if condition is None and measure.only:
        condition = _filter(measure.only, source)
    if measure.column is None:
        counted: exp.Expr = exp.Star()
        if condition is not None:
            counted = exp.Case().when(condition, exp.Literal.number(1), copy=False)
        return exp.Count(this=counted)
    column: exp.Expr = source.column(measure.column)
    if condition is not None:
        column = exp.Case().when(condition, column, copy=False)
    if measure.aggregate == "listing":
        text = exp.Cast(this=column, to=exp.DataType.build("text"))
        return exp.GroupConcat(this=exp.Distinct(expressions=[text]), separator=exp.Literal.string(","))
    if measure.aggregate == "count_distinct":
        return exp.Count(this=exp.Distinct(expressions=[column]))
    return _AGGREGATES[measure.aggregate](this=column)


def _times(top: exp.Expr, scale: int, bottom: exp.Expr | None = None) -> exp.Expr:
    factor = exp.Literal.number("1.0" if scale == 1 else f"{scale}.0")
    product = exp.Mul(this=top, expression=factor)
    return exp.Div(this=product, expression=bottom, typed=True) if bottom is not None else product


def _share(total: exp.Expr, within: exp.Expr | None = None) -> exp.Expr:
    """The part in per cent that a group's total has of all groups, or of those with the same `within`."""
    window = exp.Window(this=exp.Sum(this=total.copy()), partition_by=[within] if within else None)
    bottom = exp.Anonymous(this="NULLIF", expressions=[window, exp.Literal.number(0)])
    return exp.Round(this=_times(total, 100, bottom), decimals=exp.Literal.number(2))


def _change(value: exp.Expr, order: exp.Expr) -> exp.Expr:
    """The change of `value` in per cent against the group before it in `order`."""

    def previous() -> exp.Expr:
        by = exp.Order(expressions=[exp.Ordered(this=order.copy(), nulls_first=False)])
        return exp.Window(this=exp.Lag(this=value.copy()), order=by)

    bottom = exp.Anonymous(this="NULLIF", expressions=[previous(), exp.Literal.number(0)])
    difference = exp.Paren(this=exp.Sub(this=value, expression=previous()))
    return exp.Round(this=_times(difference, 100, bottom), decimals=exp.Literal.number(2))


def _number(value: Decimal) -> exp.Expr:
    return exp.Literal.number(format(value.normalize(), "f"))


def _ordered(query: _Query, ordering: Sequence[Ordering], limit: int | None) -> _Query:
    for order in ordering:
        column = exp.column(exp.to_identifier(order.title, quoted=True))
        query = query.order_by(exp.Ordered(this=column, desc=order.is_descending, nulls_first=False), copy=False)
    return query.limit(limit, copy=False) if limit else query
