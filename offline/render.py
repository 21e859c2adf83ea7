"""From a plan to one PostgreSQL SELECT. The plan has decided everything; this only writes it down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import partial

from sqlglot import exp

from offline import sql_text as build
from offline.joins import JoinGraph
from offline.moment_sql import bucket, within
from offline.outer_sql import best_of_each, both_ends, means, ordered
from offline.periods import Period
from offline.plan import Absence, AnyPlan, CombinedPlan, Condition, Dimension, Filter, Measure, Ordering, Plan
from offline.relations import Field, Member
from offline.sources import Needs, Source
from offline.titles import Titles

_FUNCTIONS: dict[str, type[exp.AggFunc]] = {"sum": exp.Sum, "avg": exp.Avg, "max": exp.Max, "min": exp.Min}


class Renderer:
    """Renders plans against one schema on one day."""

    def __init__(self, joins: JoinGraph, today: date, titles: Titles, *, holds_chinese: bool = True) -> None:
        self._joins = joins
        self._today = today
        self._titles = titles
        self._holds_chinese = holds_chinese

    def sql(self, plan: AnyPlan) -> str:
        """The statement as text, without a semicolon."""
        query = self._combined(plan) if isinstance(plan, CombinedPlan) else self._any(plan)
        return (query if self._holds_chinese else build.without_wide_titles(query)).sql(dialect="postgres")

    def _any(self, plan: Plan) -> exp.Query:
        if not plan.measures:
            return self._finished(self._rows(plan), plan)
        if plan.measures[0].siblings[1]:
            return self._siblings(plan)
        if any(measure.per for measure in plan.measures):
            return self._finished(self._averages(plan), plan)
        return self._finished(self._groups(plan), plan)

    def _siblings(self, plan: Plan) -> exp.Query:
        """One row for each column of a kind, under its own name; shares are taken of all of them together."""
        measure = plan.measures[0]
        title, siblings = measure.siblings
        plain = replace(measure, siblings=("", ()), share_of="")
        selects = []
        for name, item in siblings:
            part = plan.with_(measures=(replace(plain, field=item),), ordering=(), limit=None, conditions=())
            query = self._groups(part)
            query.set("expressions", [build.titled(build.text(name), title), *query.expressions])
            selects.append(query)
        union: exp.Query = selects[0]
        for select in selects[1:]:
            union = exp.union(union, select, distinct=False, copy=False)
        groups = [build.column(t) for d in plan.dimensions for t in d.titles]
        value = build.column(measure.title)
        outer = exp.Select().select(build.column(title), *[g.copy() for g in groups], value.copy())
        if measure.share_of:
            whole = exp.Window(this=exp.Sum(this=value.copy()), partition_by=[g.copy() for g in groups])
            share = build.rounded(build.divided(value.copy(), whole, 100))
            outer = outer.select(build.titled(share, self._titles.form("share", measure.title)), copy=False)
        ordering = plan.ordering if not plan.dimensions else ()
        ordering = ordering or (Ordering(measure.title, is_descending=True),)
        return ordered(outer.from_(union.subquery("g"), copy=False), ordering, plan.limit, plan.offset)

    # listing rows

    def _rows(self, plan: Plan) -> exp.Select:
        source = self._source(plan, Needs(self._shown(plan), plan.filters, is_aggregated=False))
        query = exp.Select()
        if plan.part_title:
            query = query.select(build.titled(source.part(), plan.part_title), copy=False)
        for item in plan.attributes:
            query = query.select(
                build.titled(shown(item, source), item.title if self._is_single_title(plan, item) else item.name),
                copy=False,
            )
        query = self._restricted(source.attach(query), plan, source)
        return query.distinct(copy=False) if plan.is_distinct else query

    @staticmethod
    def _is_single_title(plan: Plan, item: Field) -> bool:
        return sum(other.title == item.title for other in plan.attributes) == 1

    # figures by groups

    def _groups(self, plan: Plan, *, conditions: bool = True) -> exp.Select:
        source = self._source(plan, Needs(self._shown(plan), plan.filters))
        query = exp.Select()
        groups: list[exp.Expr] = []
        for dimension in plan.dimensions:
            for expression, title in self._dimension(dimension, plan, source):
                groups.append(expression)
                query = query.select(build.titled(expression.copy(), title), copy=False)
            if dimension.key is not None:
                groups.append(source.column(dimension.key))
        for measure in plan.measures:
            value = self._measure(measure, plan, source)
            query = query.select(build.titled(value, measure.title), copy=False)
            query = self._with_change(query, value, measure, plan, groups)
        query = self._restricted(source.attach(query), plan, source)
        if groups:
            query = query.group_by(*groups, copy=False)
        if conditions:
            for condition in plan.conditions:
                query = query.having(self._having(condition, plan, source), copy=False)
        return query

    def _with_change(
        self, query: exp.Select, value: exp.Expr, measure: Measure, plan: Plan, groups: Sequence[exp.Expr]
    ) -> exp.Select:
        """Beside a figure over buckets of time: its growth against the bucket before, or its running total."""
        if not (plan.change or plan.running) or not measure.is_addable or measure.share_of:
            return query
        place = next(i for i, dimension in enumerate(plan.dimensions) if dimension.grain)
        others = [group.copy() for i, group in enumerate(groups) if i != place]
        order = exp.Order(expressions=[exp.Ordered(this=groups[place].copy(), nulls_first=False)])
        if plan.running:
            total = exp.Window(this=exp.Sum(this=value.copy()), partition_by=others, order=order)
            return query.select(build.titled(total, self._titles.form("running", measure.title)), copy=False)
        before = exp.Window(this=exp.Lag(this=value.copy()), partition_by=others, order=order)
        growth = build.rounded(build.divided(exp.Sub(this=value.copy(), expression=before), before.copy(), 100))
        return query.select(build.titled(growth, self._titles.form("growth", measure.title)), copy=False)

    def _averages(self, plan: Plan) -> exp.Select:
        """Sums of days, months or years first, then their average."""
        grain = next(measure.per for measure in plan.measures if measure.per)
        title = "bucket_"
        inner_measures = tuple(
            replace(_in_bucket(measure), title=f"m{place}") if measure.per else replace(measure, title=f"m{place}")
            for place, measure in enumerate(plan.measures)
        )
        per_bucket = Dimension(title, grain=grain)
        inner = plan.with_(
            measures=inner_measures, dimensions=(*plan.dimensions, per_bucket), conditions=(), ordering=(), limit=None
        )
        query = exp.Select()
        groups = [t for dimension in plan.dimensions for t in dimension.titles]
        for group in groups:
            query = query.select(build.column(group), copy=False)
        for measure, within_bucket in zip(plan.measures, inner_measures, strict=True):
            query = query.select(
                build.titled(exp.Avg(this=build.column(within_bucket.title)), measure.title), copy=False
            )
        query = query.from_(self._groups(inner, conditions=False).subquery("buckets"), copy=False)
        if groups:
            query = query.group_by(*[build.column(group) for group in groups], copy=False)
        for condition in plan.conditions:
            place = next((i for i, m in enumerate(plan.measures) if m == condition.measure), 0)
            query = query.having(_compared(exp.Avg(this=build.column(f"m{place}")), condition, None), copy=False)
        return query

    def _dimension(self, dimension: Dimension, plan: Plan, source: Source) -> list[tuple[exp.Expr, str]]:
        if dimension.is_member:
            return [(source.part(), dimension.title)]
        if dimension.grain and plan.moment is not None:
            return [(bucket(plan.moment, source.column(plan.moment.field), dimension.grain), dimension.title)]
        titles = dimension.titles
        return [(shown(item, source), title) for item, title in zip(dimension.fields, titles, strict=True)]

    def _measure(self, measure: Measure, plan: Plan, source: Source) -> exp.Expr:
        value = self._aggregate(measure, source, plan)
        for other in measure.plus:
            value = exp.Add(this=value, expression=self._aggregate(other, source, plan))
        if measure.minus is not None:
            value = exp.Sub(this=value, expression=self._aggregate(measure.minus, source, plan))
            value = exp.Abs(this=value) if measure.is_absolute else value
        if measure.over is not None:
            return build.rounded(build.divided(value, self._aggregate(measure.over, source, plan), measure.scale))
        if measure.share_of:
            partition = []
            if measure.share_of == "outer":
                partition = [e for e, _ in self._dimension(plan.dimensions[0], plan, source)]
            total = exp.Window(this=exp.Sum(this=value.copy()), partition_by=partition)
            return build.rounded(build.divided(value, total, 100))
        return value

    def _aggregate(self, measure: Measure, source: Source, plan: Plan) -> exp.Expr:
        value: exp.Expr
        if measure.function == "count" and measure.field is None:
            value = exp.Count(this=source.counted)
        elif measure.function in ("count", "count_distinct") and measure.field is not None:
            inner: exp.Expr = source.column(measure.field)
            value = exp.Count(this=exp.Distinct(expressions=[inner]))
        else:
            assert measure.field is not None  # noqa: S101 - only counts have no field
            column: exp.Expr = source.column(measure.field)
            if measure.field.kind == "text":
                column = build.cast(column, "numeric")
            value = _FUNCTIONS[measure.function](this=column)
        if measure.only or measure.during is not None:
            condition = build.both(
                [
                    *(self.filter(entry, source.column(entry.field)) for entry in measure.only),
                    *(self._during(measure.during, plan, source) if measure.during is not None else ()),
                ]
            )
            value = exp.Filter(this=value, expression=exp.Where(this=condition))
        return value

    def _during(self, period: Period, plan: Plan, source: Source) -> list[exp.Expr]:
        assert plan.moment is not None  # noqa: S101 - compared periods have a moment
        month = source.column(plan.moment.month) if plan.moment.month is not None else None
        return within(plan.moment, source.column(plan.moment.field), month, period, self._today)

    def _having(self, condition: Condition, plan: Plan, source: Source) -> exp.Expr:
        value = self._measure(condition.measure, plan, source)
        if condition.other is not None:
            return build.OPERATORS[condition.test](this=value, expression=self._measure(condition.other, plan, source))
        average: exp.Expr | None = None
        if condition.against_average:
            groups = plan.with_(
                measures=(replace(condition.measure, title="v"),), conditions=(), ordering=(), limit=None
            )
            inner = self._groups(groups).subquery("g")
            average = exp.Select().select(exp.Avg(this=build.column("v", "g"))).from_(inner).subquery()
        return _compared(value, condition, average)

    # conditions

    def _source(self, plan: Plan, needs: Needs) -> Source:
        return Source(
            plan.root, needs, self._joins, plan.members, self.filter,
            only_deleted=plan.only_deleted, keeps_all=plan.keeps_all,
        )  # fmt: skip

    def _shown(self, plan: Plan) -> tuple[Field, ...]:
        fields = [*plan.attributes, *(f for d in plan.dimensions for f in (*d.fields, *((d.key,) if d.key else ())))]
        for measure in (*plan.measures, *(c.measure for c in plan.conditions)):
            for part in (measure, measure.over, measure.minus, *measure.plus):
                if part is not None:
                    fields += [part.field] if part.field is not None else []
                    fields += [f.field for f in part.only]
        if plan.moment is not None:
            fields += [plan.moment.field] + ([plan.moment.month] if plan.moment.month else [])
        fields += [f.field for group in plan.either for f in group]
        return tuple(dict.fromkeys(fields))

    def _restricted(self, query: exp.Select, plan: Plan, source: Source) -> exp.Select:
        conditions = list(source.conditions)
        for group in plan.either:
            conditions.append(exp.paren(exp.or_(*(self.filter(f, source.column(f.field)) for f in group)), copy=False))
        conditions += self._time(plan, source)
        for absence in plan.absences:
            found = source.existence(absence.target, partial(self._absence_time, absence), absence.filters)
            conditions.append(found if absence.is_present else exp.Not(this=found))
        condition = build.both(conditions)
        return query.where(condition, copy=False) if condition is not None else query

    def _absence_time(self, absence: Absence, inner: Source) -> list[exp.Expr]:
        moment, period = absence.moment, absence.period
        if moment is None or period is None:
            return []
        month = inner.column(moment.month) if moment.month is not None else None
        return within(moment, inner.column(moment.field), month, period, self._today)

    def _time(self, plan: Plan, source: Source) -> list[exp.Expr]:
        if plan.moment is None:
            return []
        found: list[exp.Expr] = []
        choices = [self._period(period, plan, source) for period in plan.periods]
        if len(choices) == 1:
            found += choices[0]
        elif choices:
            found.append(exp.paren(exp.or_(*(build.both(choice) for choice in choices)), copy=False))
        if plan.weekdays:
            day = exp.Extract(this=exp.var("ISODOW"), expression=source.column(plan.moment.field))
            found.append(build.one_of(day, [exp.Literal.number(n) for n in plan.weekdays]))
        return found

    def _period(self, period: Period, plan: Plan, source: Source) -> list[exp.Expr]:
        assert plan.moment is not None  # noqa: S101 - the caller checked
        if not period.is_latest:
            return self._during(period, plan, source)
        latest = Plan(plan.root, moment=plan.moment, members=plan.members)
        inner = self._source(latest, Needs((plan.moment.field,), is_aggregated=False))
        newest = inner.attach(exp.Select().select(exp.Max(this=inner.column(plan.moment.field)), copy=False))
        if condition := build.both(inner.conditions):
            newest = newest.where(condition, copy=False)
        column: exp.Expr = source.column(plan.moment.field)
        value: exp.Expr = newest.subquery()
        if plan.moment.is_timestamp:
            column, value = build.cast(column, "date"), build.cast(value, "date")
        return [exp.EQ(this=column, expression=value)]

    def filter(self, condition: Filter, column: exp.Expr) -> exp.Expr:
        """A row condition over the column given for its field."""
        found = self._test(condition, column)
        return (
            exp.Not(this=exp.paren(found, copy=False))
            if condition.is_negated and condition.test not in ("is_null", "not_null")
            else found
        )

    def _test(self, condition: Filter, column: exp.Expr) -> exp.Expr:
        item = condition.field
        if condition.test == "flag":
            return _flag(item, column, is_true=condition.is_true)
        if condition.test in ("is_null", "not_null"):
            null = exp.Is(this=column, expression=exp.Null())
            return exp.Not(this=null) if (condition.test == "not_null") != condition.is_negated else null
        if condition.test == "any":
            return exp.or_(
                *(
                    exp.EQ(this=build.text(value), expression=exp.Any(this=exp.paren(column.copy(), copy=False)))
                    for value in condition.values
                )
            )
        if condition.test in ("contains", "starts", "ends"):
            patterns = [build.text(_pattern(condition.test, value)) for value in condition.values]
            return exp.or_(*(exp.ILike(this=column.copy(), expression=pattern) for pattern in patterns))
        if condition.test == "in":
            return build.one_of(column, [_literal(item, value) for value in condition.values])
        value: exp.Expr = column
        if item.kind == "text":
            value = build.cast(column, "numeric")
        if condition.against_average:
            average = (
                exp.Select()
                .select(exp.Avg(this=build.column(item.name)))
                .from_(_plain_table(self._joins.relation(item.relation).members[0]))
            )
            return build.OPERATORS[condition.test](this=value, expression=average.subquery())
        if condition.test == "between":
            return exp.Between(
                this=value, low=build.number(condition.number), high=build.number(condition.upper or Decimal(0))
            )
        return build.OPERATORS[condition.test](this=value, expression=build.number(condition.number))

    # around the query

    def _finished(self, query: exp.Select, plan: Plan) -> exp.Query:
        if plan.count_groups:
            return (
                exp.Select()
                .select(build.titled(exp.Count(this=exp.Star()), plan.count_groups))
                .from_(query.subquery("g"))
            )
        if plan.mean_over:
            return means(query, plan)
        if plan.best_of_each:
            return best_of_each(query, plan)
        if plan.both_ends and plan.ordering:
            return both_ends(query, plan)
        return ordered(query, plan.ordering, plan.limit, plan.offset)

    def _combined(self, plan: CombinedPlan) -> exp.Query:
        """The parts side by side, joined on what they are grouped by; a group that only one has is kept."""
        query = exp.Select()
        queries = [self._any(part) for part in plan.parts]
        groups = [[t for d in part.dimensions for t in d.titles] for part in plan.parts]
        for place, title in enumerate(groups[0]):
            both = [build.column(names[place], f"p{number}") for number, names in enumerate(groups)]
            query = query.select(build.titled(exp.Coalesce(this=both[0], expressions=both[1:]), title), copy=False)
        for number, part in enumerate(plan.parts):
            for measure in part.measures:
                query = query.select(build.titled(build.column(measure.title, f"p{number}"), measure.title), copy=False)
        if plan.ratio:
            first, second = (
                build.column(part.measures[0].title, f"p{number}") for number, part in enumerate(plan.parts[:2])
            )
            query = query.select(
                build.titled(build.rounded(build.divided(first, second, plan.scale)), plan.ratio), copy=False
            )
        query = query.from_(queries[0].subquery("p0"), copy=False)
        for number in range(1, len(queries)):
            ties = [
                exp.EQ(this=build.column(a, "p0"), expression=build.column(b, f"p{number}"))
                for a, b in zip(groups[0], groups[number], strict=True)
            ]
            kind = "full" if ties else "cross"
            query = query.join(queries[number].subquery(f"p{number}"), on=build.both(ties), join_type=kind, copy=False)
        return ordered(query, plan.ordering, plan.limit, 0)


def _in_bucket(measure: Measure) -> Measure:
    """The total of a day, month or year whose mean is asked for."""
    minus = _in_bucket(measure.minus) if measure.minus is not None else None
    return replace(measure, function="count" if measure.field is None else "sum", per="", minus=minus)


def _compared(value: exp.Expr, condition: Condition, average: exp.Expr | None) -> exp.Expr:
    if average is not None:
        return build.OPERATORS[condition.test](this=value, expression=average)
    if condition.test == "between":
        return exp.Between(
            this=value, low=build.number(condition.number), high=build.number(condition.upper or Decimal(0))
        )
    return build.OPERATORS[condition.test](this=value, expression=build.number(condition.number))


def _flag(item: Field, column: exp.Expr, *, is_true: bool) -> exp.Expr:
    """A flag is true or false by the values its column has."""
    if item.kind == "flag":
        return column if is_true else exp.Not(this=column)
    if item.is_numeric:
        return exp.EQ(this=column, expression=exp.Literal.number(1 if is_true else 0))
    truths = {value for value in item.values if value.casefold() in ("y", "yes", "true", "t", "1", "是", "有", "国有")}
    wanted = truths if is_true else set(item.values) - truths
    return build.one_of(column, [build.text(value) for value in sorted(wanted)] or [build.text("")])


def shown(item: Field, source: Source) -> exp.Expr:
    """A column as people read it: with the words of its codes where its comment has them."""
    column = source.column(item)
    if not item.legend:
        return column
    cases = [
        exp.If(this=exp.EQ(this=column.copy(), expression=_literal(item, code)), true=build.text(label))
        for code, label in item.legend.items()
    ]
    return exp.Case(ifs=cases, default=build.cast(column, "text"))


def _plain_table(member: Member) -> exp.Table:
    return exp.Table(this=build.name(member.name), db=build.name(member.schema) if member.is_qualified else None)


def _literal(item: Field, value: str) -> exp.Expr:
    if item.is_numeric:
        try:
            return build.number(Decimal(value))
        except InvalidOperation:
            return build.text(value)
    return build.text(value)


def _pattern(test: str, value: str) -> str:
    """A pattern for LIKE: the value at the start, at the end or anywhere."""
    return ("" if test == "starts" else "%") + _escaped(value) + ("" if test == "ends" else "%")


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
