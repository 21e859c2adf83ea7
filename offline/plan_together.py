"""Several figures that are said together: parts of one whole, each as its share, and amounts to be added up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from offline.figure_pairs import is_part_of
from offline.plan import Measure, Plan
from offline.plan_builder import PlanBuilder
from offline.relations import Field


def shares_of_whole(plan: Plan, builder: PlanBuilder) -> Plan | None:
    """现金和微信各占多少: each of several parts beside its share of the whole that they are parts of.

    None when the figures are no such parts, or one of them is the whole.
    """
    items = [measure.field for measure in plan.measures]
    whole = _common_whole([item for item in items if item is not None], builder)
    if len(items) < 2 or None in items or whole is None or not all(m.is_addable for m in plan.measures):
        return None
    first = plan.measures[0]
    total = replace(first, field=whole, title=builder.titles.aggregate("sum", whole.title))
    shown: list[Measure] = []
    for part in plan.measures:
        share = replace(part, title=builder.titles.form("share", part.title), over=total, scale=100)
        shown += [part, share]
    return plan.with_(measures=tuple(shown))


def added_up(plan: Plan, builder: PlanBuilder) -> Plan:
    """支付宝和微信合计: amounts of one kind that are joined by a word for adding up have their sum beside them."""
    amounts = plan.measures
    if len(amounts) < 2 or not _are_of_one_kind(amounts) or _holds_part(amounts):
        return plan
    first, *others = amounts
    title = builder.titles.form("together", "、".join(m.title.removeprefix("总") for m in amounts))
    total = replace(first, title=title, plus=tuple(others))
    ordering = tuple(replace(one, title=title) for one in plan.ordering)
    return plan.with_(measures=(*amounts, total), ordering=ordering)


def _common_whole(items: Sequence[Field], builder: PlanBuilder) -> Field | None:
    wholes = [other for other in builder.root.fields if items and all(is_part_of(item, other) for item in items)]
    return wholes[0] if len(wholes) == 1 else None


def _are_of_one_kind(measures: Sequence[Measure]) -> bool:
    """Whether all are sums of one table's columns of one type: money is not added to counts."""
    kinds = {(m.relation, m.field.kind) for m in measures if m.field is not None and m.function == "sum"}
    return len(kinds) == 1 and all(m.field is not None and m.function == "sum" and m.is_addable for m in measures)


def _holds_part(amounts: Sequence[Measure]) -> bool:
    """Whether one amount is already in another, so that adding them up would count it twice."""
    fields = [m.field for m in amounts if m.field is not None]
    return any(is_part_of(one, other) for one in fields for other in fields if one is not other)


def part_beside_ratio(plan: Plan, builder: PlanBuilder) -> str:
    """微信支付的客单价: a part said right before a ratio of wholes is neither of them; the part's title, or empty."""
    ratios = [m for m in plan.measures if m.over is not None and m.scale == 1]
    if not ratios or any(token.has("and") for token in builder.reading.tokens):
        return ""
    return next((m.title for m in plan.measures if m.over is None and _is_part(m, ratios[0])), "")


def _is_part(part: Measure, whole: Measure) -> bool:
    return part.field is not None and whole.field is not None and is_part_of(part.field, whole.field)
