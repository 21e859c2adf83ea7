"""What is put around a query: order, limit, the first rows of each group, both ends of a ranking, means of groups."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from offline import sql_text as build
from offline.plan import Ordering, Plan


def means(query: exp.Select, plan: Plan) -> exp.Query:
    """The mean of each figure over the groups of one dimension, for each group of the others."""
    others = [t for d in plan.dimensions if d.title != plan.mean_over for t in d.titles]
    outer = exp.Select().select(*[build.column(title) for title in others])
    for measure in plan.measures:
        mean = exp.Avg(this=build.column(measure.title))
        outer = outer.select(build.titled(mean, measure.title), copy=False)
    outer = outer.from_(query.subquery("g"), copy=False)
    if others:
        outer = outer.group_by(*[build.column(title) for title in others], copy=False)
    return ordered(outer, plan.ordering if others else (), plan.limit if others else None, 0)


def best_of_each(query: exp.Select, plan: Plan) -> exp.Query:
    """The first rows of each first dimension, in the plan's order."""
    titles = [projection.alias_or_name for projection in query.expressions]
    outer = (
        [plan.part_title]
        if plan.part_title
        else [t for d in plan.dimensions if d.grain or d in plan.dimensions[: plan.best_of_each] for t in d.titles]
    )
    row = exp.Window(
        this=exp.RowNumber(), partition_by=[build.column(title) for title in outer],
        order=exp.Order(expressions=[_order(entry) for entry in plan.ordering]),
    )  # fmt: skip
    ranked = (
        exp.Select()
        .select(*[build.column(title) for title in titles], build.titled(row, "place_"))
        .from_(query.subquery("g"))
    )
    result = exp.Select().select(*[build.column(title) for title in titles]).from_(ranked.subquery("r"))
    result = result.where(exp.LTE(this=build.column("place_"), expression=exp.Literal.number(plan.limit or 1)))
    first = [Ordering(title, is_descending=False) for title in outer]
    return ordered(result, (*first, *plan.ordering), None, 0)


def both_ends(query: exp.Select, plan: Plan) -> exp.Query:
    """The first and the last rows of a ranking."""
    limit = plan.limit or 1
    ends = []
    for is_descending in (True, False):
        end = exp.Select().select(exp.Star()).from_(query.copy().subquery("g"))
        ends.append(ordered(end, (Ordering(plan.ordering[0].title, is_descending),), limit, 0).subquery())
    return exp.union(
        exp.Select().select(exp.Star()).from_(_aliased(ends[0], "high_")),
        exp.Select().select(exp.Star()).from_(_aliased(ends[1], "low_")),
        distinct=False,
    )


def ordered(query: exp.Select, ordering: Sequence[Ordering], limit: int | None, offset: int) -> exp.Select:
    """The query in an order and cut."""
    if ordering:
        query = query.order_by(*[_order(entry) for entry in ordering], copy=False)
    if limit is not None:
        query = query.limit(limit, copy=False)
    return query.offset(offset, copy=False) if offset else query


def _order(entry: Ordering) -> exp.Ordered:
    return exp.Ordered(this=build.column(entry.title), desc=entry.is_descending, nulls_first=False)


def _aliased(subquery: exp.Subquery, alias: str) -> exp.Subquery:
    subquery.set("alias", exp.TableAlias(this=exp.to_identifier(alias)))
    return subquery
