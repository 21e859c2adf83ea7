"""Forms that turn a plain plan into a share, a ratio, a difference, a growth or a running total.

A form that was said and cannot be carried out is a refusal; nothing is dropped.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from offline.figure_pairs import is_part_of
from offline.periods import Period
from offline.plan import AnyPlan, Condition, Dimension, Filter, Measure, Ordering, Plan, Refusal, Test
from offline.plan_builder import PlanBuilder
from offline.plan_together import added_up, part_beside_ratio, shares_of_whole
from offline.relations import Field
from offline.text import key

_FALLING: dict[Test, Test] = {">": "<", ">=": "<="}
"""A decline of more than a share is a growth of less than its negative."""
_CHANGES = ("growth", "decline", "previous", "year_before")


def apply_forms(plan: Plan, builder: PlanBuilder) -> AnyPlan | Refusal:
    """The plan with every form that was said."""
    reading = builder.reading
    if part := part_beside_ratio(plan, builder):
        return Refusal("unknown_generation_failure", (part,))
    for tags, apply in (
        (("ratio",), _ratio), (("share",), _share), (_CHANGES, _change), (("difference",), _difference),
        (("running",), _running), (("contrast",), _contrast), (("higher", "lower"), _compared_things),
        (("together",), added_up), (("mean_over",), _mean_over), (("several",), _several), (("rank",), _unsupported),
        (("second_grain",), _second_grain),
    ):  # fmt: skip
        if reading.has(*tags):
            outcome = apply(plan, builder)
            if isinstance(outcome, Refusal):
                return outcome
            plan = outcome
    if reading.has("contrast") and _leaves_contrast_out(plan):
        return Refusal("unknown_generation_failure", tuple(p.text for p in reading.periods))
    return plan


def _leaves_contrast_out(plan: Plan) -> bool:
    """Whether periods that were to be put side by side would be one sum."""
    is_one = len(plan.periods) > 1 and bool(plan.measures) and not plan.dimensions
    return is_one and plan.compared is None and not any(m.during for m in plan.measures)


def _words(builder: PlanBuilder, *tags: str) -> Refusal:
    reading = builder.reading
    places = [place for tag in tags for place in reading.forms.get(tag, ())]
    return Refusal(
        "unknown_generation_failure",
        tuple(reading.tokens[place].text for place in places if place < len(reading.tokens)),
    )


def _share(plan: Plan, builder: PlanBuilder) -> Plan | Refusal:
    """A part of a whole in per cent: of two figures, of a value within all values, of each group within all groups."""
    if not plan.measures:
        return _words(builder, "share")
    first = plan.measures[0]
    if first.siblings[1]:
        return plan.with_(measures=(replace(first, share_of="groups"),))
    if len(plan.measures) > 1 and (parts := shares_of_whole(plan, builder)):
        return parts
    if len(plan.measures) == 2 and all(m.is_addable for m in plan.measures):
        part, whole = _part_and_whole(*plan.measures)
        if builder.reading.has("of_total") and part.field and whole.field and not is_part_of(part.field, whole.field):
            return _words(builder, "share")
        share = replace(part, title=builder.titles.form("share", part.title), over=whole, scale=100)
        return _reordered(plan.with_(measures=(*plan.measures, share)), share, builder)
    if not first.is_addable:
        return _words(builder, "share")
    if sides := _part_in_whole(plan, builder):
        part = replace(first, only=sides[0])
        share = replace(part, title=builder.titles.form("share", first.title), over=first, scale=100)
        return plan.with_(filters=sides[1], measures=(part, first_of_whole(first, builder), share))
    restricted = [
        f
        for f in plan.filters
        if not f.is_negated
        and f.test in ("in", "flag", "contains")
        and not f.field.is_unique
        and f.field.role != "label"
    ]
    inner = [f for f in restricted if not any(f.field in d.fields for d in plan.dimensions)]
    if inner and not (plan.dimensions and _shares_among_groups(plan, builder)):
        filters = tuple(f for f in plan.filters if f not in inner)
        part = replace(first, only=tuple(inner))
        share = replace(part, title=builder.titles.form("share", first.title), over=first, scale=100)
        return _reordered(plan.with_(filters=filters, measures=(part, share)), share, builder)
    if not plan.dimensions:
        return _share_of_all(plan, builder)
    if _names_one_of_a_group(plan, builder):
        return _words(builder, "share")
    sibling = _whole_of(first, builder)
    if sibling is not None and _says_family_part(first, builder):
        share = replace(first, title=builder.titles.form("share", first.title), over=sibling, scale=100)
        return _reordered(plan.with_(measures=(first, sibling, share)), share, builder)
    share = replace(
        first,
        title=builder.titles.form("share", first.title),
        share_of="outer" if len(plan.dimensions) > 1 else "groups",
    )
    return _reordered(plan.with_(measures=(*plan.measures, share)), share, builder)


def _names_one_of_a_group(plan: Plan, builder: PlanBuilder) -> bool:
    """宜春服务区占公司营收的比例: within a group that is only said as the whole, what is named would be all of it."""
    said_of_each = any(mention.is_grouped or mention.is_which for mention in builder.reading.mentions)
    named = any(f.test == "in" and len(f.values) == 1 and f.field.role == "label" for f in plan.filters)
    return named and not said_of_each and not any(d.grain for d in plan.dimensions)


def _share_of_all(plan: Plan, builder: PlanBuilder) -> Plan | Refusal:
    """One figure: what is named within all there is, or a part within the column that holds the total."""
    first = plan.measures[0]
    sibling = _whole_of(first, builder)
    if named := _named_part(plan, builder, has_whole=sibling is not None):
        share = replace(first, only=named, title=builder.titles.form("share", first.title), over=first, scale=100)
        part = replace(first, only=named)
        others = tuple(f for f in plan.filters if f not in named)
        return plan.with_(filters=others, measures=(part, first_of_whole(first, builder), share))
    if sibling is None:
        return _words(builder, "share")
    share = replace(first, title=builder.titles.form("share", first.title), over=sibling, scale=100)
    return plan.with_(measures=(first, sibling, share))


def first_of_whole(measure: Measure, builder: PlanBuilder) -> Measure:
    """The figure of the whole, under a title of its own."""
    return replace(measure, title=builder.titles.form("whole", measure.title))


def _part_in_whole(plan: Plan, builder: PlanBuilder) -> tuple[tuple[Filter, ...], tuple[Filter, ...]] | None:
    """庐山服务区占九江分公司的多少: what is named before the word is the part, what is named behind it the whole."""
    place = min(builder.reading.forms["share"])
    if not builder.reading.tokens[place].text.startswith("占") or plan.dimensions:
        return None
    before, behind = _named_around(builder, place)
    if not before or not behind or before & behind:
        return None
    part = tuple(f for f in plan.filters if f.field in before)
    return part, tuple(f for f in plan.filters if f not in part)


def _named_around(builder: PlanBuilder, place: int) -> tuple[set[Field], set[Field]]:
    """The columns of the values that are named before and behind a place."""
    named = [(value.position, links[0].field) for value, links in builder.resolution.values.items() if links]
    fields = [(position, item) for position, item in named if item is not None]
    return {f for position, f in fields if position < place}, {f for position, f in fields if position > place}


def _named_part(plan: Plan, builder: PlanBuilder, *, has_whole: bool) -> tuple[Filter, ...]:
    """南昌分公司营收占比, 庐山服务区占全省的比例: the share of what is named in all there is."""
    if has_whole and not builder.reading.has("of_total"):
        return ()
    return tuple(f for f in plan.filters if f.test in ("in", "ends") and not f.is_negated)


def _part_and_whole(first: Measure, second: Measure) -> tuple[Measure, Measure]:
    """As said, unless the first is the column of which the second is a part: what share of revenue was cash."""
    is_turned = first.field is not None and second.field is not None and is_part_of(second.field, first.field)
    return (second, first) if is_turned else (first, second)


def _shares_among_groups(plan: Plan, builder: PlanBuilder) -> bool:
    return any(
        mention.is_grouped and mention.position > max(builder.reading.forms.get("share", [0]))
        for mention in builder.reading.mentions
    )


def _says_family_part(measure: Measure, builder: PlanBuilder) -> bool:
    """微信支付金额占比 of each area: the part of one of several sibling columns within their sum."""
    return measure.field is not None and bool(_stem_of(measure))


def _stem_of(measure: Measure) -> str:
    return (
        measure.field.title
        if measure.field is not None and len(measure.field.title) > 4 and not measure.field.title.startswith("总")
        else ""
    )


def _whole_of(measure: Measure, builder: PlanBuilder) -> Measure | None:
    """The column of the same table that holds the total of which this is a part: 支付总金额 for 微信支付金额."""
    item = measure.field
    if item is None:
        return None
    title = key(item.title)
    best = None
    for other in builder.root.fields:
        if other is item or not other.is_measure:
            continue
        name = key(other.title)
        bare = name.replace("总", "").replace("total", "")
        if bare != name and len(bare) >= 2 and title.endswith(bare[-2:]) and len(title) > len(bare):
            best = other
            break
    if best is None:
        return None
    return Measure(measure.function, measure.relation, builder.titles.aggregate("sum", best.title), best)


def _reordered(plan: Plan, measure: Measure, builder: PlanBuilder) -> Plan:
    """Shares are what is ranked and compared when a ranking or a percentage was said after them."""
    conditions = tuple(
        replace(condition, measure=measure) if said.is_percent else condition
        for condition, said in zip(plan.conditions, builder.reading.conditions, strict=False)
    )
    ordering = plan.ordering
    if plan.dimensions and not any(d.grain for d in plan.dimensions) and ordering:
        ranks = (
            builder.reading.forms.get("rank_word", [])
            + builder.reading.forms.get("direction", [])
            + builder.reading.forms.get("order", [])
        )
        if not ranks or max(ranks) > min(builder.reading.forms["share"]):
            ordering = (Ordering(measure.title, ordering[0].is_descending),)
    return plan.with_(conditions=conditions, ordering=ordering)


def _ratio(plan: Plan, builder: PlanBuilder) -> Plan | Refusal:
    """`ratio of A to B`: two figures, or one figure under two conditions."""
    reading = builder.reading
    if len(plan.measures) == 2:
        first, second = plan.measures
        return plan.with_(
            measures=(first, second, replace(first, title=builder.titles.form("ratio"), over=second, scale=1))
        )
    if len(plan.measures) != 1:
        return _words(builder, "ratio")
    halves = _two_sides(plan)
    if halves is None or reading.has("share"):
        return _words(builder, "ratio")
    upper, lower = (replace(plan.measures[0], only=side) for side in halves)
    ratio = replace(upper, title=builder.titles.form("ratio"), over=lower, scale=1)
    used = {f for side in halves for f in side}
    return plan.with_(
        measures=(ratio,),
        filters=tuple(f for f in plan.filters if f not in used and f.field not in {u.field for u in used}),
    )


def _two_sides(plan: Plan) -> tuple[tuple[Filter, ...], tuple[Filter, ...]] | None:
    """One filter of two values, or two comparisons of one column, as two conditions."""
    for entry in plan.filters:
        if entry.test in ("in", "contains") and len(entry.values) == 2:
            first, second = (replace(entry, values=(value,)) for value in entry.values)
            return (first,), (second,)
    for tests in ((">", ">=", "<", "<="), ("flag",)):
        pair = [entry for entry in plan.filters if entry.test in tests]
        if len(pair) == 2 and pair[0].field is pair[1].field:
            return (pair[0],), (pair[1],)
    return None


def _change(plan: Plan, builder: PlanBuilder) -> Plan | Refusal:
    """Growth over buckets of time, or between two periods: the later against the earlier, whichever is named first."""
    reading = builder.reading
    if plan.moment is None or not _has_one_figure(plan, builder):
        return _words(builder, *_CHANGES)
    bucket = next((d for d in plan.dimensions if d.grain), None)
    if bucket is not None and len(plan.periods) <= 1:
        change = "year_before" if reading.has("year_before") else "previous"
        if change == "year_before":
            return _words(builder, *_CHANGES)
        return plan.with_(change=change, ordering=(Ordering(bucket.title, is_descending=False),), limit=None)
    periods = _periods_of_change(plan, builder)
    if periods is None:
        return _words(builder, *_CHANGES)
    changed = _between_periods(plan, builder, *periods)
    if isinstance(changed, Refusal) or not _says_which_changed(builder):
        return changed
    return _only_changed(changed, is_growth=not reading.has("decline"))


def _has_one_figure(plan: Plan, builder: PlanBuilder) -> bool:
    """Whether there is a figure whose change is asked for; 下降的服务区有几个 asks for a number of things."""
    return bool(plan.measures) and not (builder.reading.counted and len(plan.measures) > 1)


def _says_which_changed(builder: PlanBuilder) -> bool:
    """同比下降的服务区: the word qualifies the things, so the others are left out."""
    reading = builder.reading
    if reading.conditions or reading.is_english or reading.has("rank_word") or any(m.rank for m in reading.mentions):
        return False
    places = [place for tag in ("growth", "decline") for place in reading.forms.get(tag, ())]
    following = [reading.tokens[place + 1 : place + 3] for place in places]
    return any(len(two) > 1 and two[0].text == "的" and bool(two[1].names) for two in following)


def _more_than_before(plan: Plan, builder: PlanBuilder, *, is_growth: bool) -> Plan | Refusal:
    """哪些服务区的营收比2024年少: the things whose figure fell, or grew, from one period to the other."""
    bounds = _periods_of_change(plan, builder)
    changed = _between_periods(plan, builder, *bounds) if bounds else _words(builder, "higher", "lower")
    return changed if isinstance(changed, Refusal) else _only_changed(changed, is_growth=is_growth)


def _only_changed(plan: Plan, *, is_growth: bool) -> Plan:
    """Only the groups whose figure grew, or fell."""
    if not plan.dimensions:
        return plan
    growth = plan.measures[-1]
    condition = Condition(growth, ">" if is_growth else "<", Decimal(0))
    ordering = (Ordering(growth.title, is_descending=is_growth),)
    return plan.with_(conditions=(*plan.conditions, condition), ordering=ordering, limit=None)


def _periods_of_change(plan: Plan, builder: PlanBuilder) -> tuple[Period, Period] | None:
    reading, today = builder.reading, builder.clock.today
    if len(plan.periods) == 2:
        first, second = sorted(plan.periods, key=lambda p: p.bounds(today)[0] or today)
        return first, second
    if len(plan.periods) != 1 or plan.periods[0].is_latest or plan.periods[0].start is None:
        return None
    later = plan.periods[0]
    if reading.has("year_before"):
        return later.year_before(), later
    return later.just_before(today), later


def _between_periods(plan: Plan, builder: PlanBuilder, earlier: Period, later: Period) -> Plan | Refusal:
    reading = builder.reading
    first = plan.measures[0]
    if not first.is_addable:
        return _words(builder, *_CHANGES)
    now = replace(first, during=later)
    before = replace(first, during=earlier, title=builder.titles.form("previous", first.title))
    growth = replace(now, title=builder.titles.form("growth", first.title), minus=before, over=before, scale=100)
    dimensions = tuple(d for d in plan.dimensions if not d.grain)
    descending = not (reading.has("decline") and not reading.has("growth"))
    ranks = any(m.rank for m in reading.mentions) or reading.has("rank_word")
    if ranks and plan.ordering and descending:
        descending = plan.ordering[0].is_descending
    conditions = []
    for condition, said in zip(plan.conditions, reading.conditions, strict=False):
        number = -condition.number if reading.has("decline") and said.is_percent else condition.number
        flipped: Test = _FALLING.get(condition.test, condition.test) if reading.has("decline") else condition.test
        conditions.append(
            replace(condition, measure=growth if said.is_percent else condition.measure, number=number, test=flipped)
        )
    ordering = (Ordering(growth.title, descending),) if dimensions else ()
    return plan.with_(
        measures=(now, before, growth),
        dimensions=dimensions,
        periods=(earlier, later),
        compared=(earlier, later),
        ordering=ordering,
        conditions=tuple(conditions),
    )


def _difference(plan: Plan, builder: PlanBuilder) -> Plan | Refusal:
    """The gap between two named things, two periods, or two figures of one row."""
    if not plan.measures:
        return _row_difference(plan, builder)
    if len(plan.measures) == 2 and not plan.dimensions:
        first, second = plan.measures
        return plan.with_(
            measures=(first, second, replace(first, title=builder.titles.form("difference", first.title), minus=second))
        )
    if len(plan.periods) == 2 and plan.moment is not None and len(plan.measures) == 1:
        earlier, later = sorted(plan.periods, key=lambda p: p.bounds(builder.clock.today)[0] or builder.clock.today)
        now, before = (
            replace(plan.measures[0], during=later),
            replace(plan.measures[0], during=earlier, title=builder.titles.form("previous", plan.measures[0].title)),
        )
        gap = replace(now, title=builder.titles.form("difference", now.title), minus=before)
        dimensions = tuple(d for d in plan.dimensions if not d.grain)
        return plan.with_(measures=(now, before, gap), dimensions=dimensions, compared=(earlier, later), ordering=())
    halves = _two_sides(plan)
    if halves is None or len(plan.measures) != 1:
        return _words(builder, "difference")
    first, second = (replace(plan.measures[0], only=side) for side in halves)
    dimensions = tuple(d for d in plan.dimensions if halves[0][0].field not in d.fields)
    filters = tuple(f for f in plan.filters if f.field is not halves[0][0].field)
    gap = replace(first, title=builder.titles.form("difference", first.title), minus=second)
    return plan.with_(measures=(gap,), dimensions=dimensions, filters=filters, ordering=(), limit=None)


def _row_difference(plan: Plan, builder: PlanBuilder) -> Plan | Refusal:
    """Of two rows that are named: the figure of the first less that of the second, without sign."""
    halves = _two_sides(plan)
    figures = [item for item in plan.attributes if item.is_measure]
    if halves is None or len(figures) != 1:
        return _words(builder, "difference")
    total = Measure("sum", figures[0].relation, figures[0].title, figures[0])
    first, second = (replace(total, only=side) for side in halves)
    gap = replace(first, title=builder.titles.form("difference", figures[0].title), minus=second, is_absolute=True)
    filters = tuple(f for f in plan.filters if f.field is not halves[0][0].field)
    return plan.with_(attributes=(), measures=(gap,), filters=filters, ordering=(), limit=None, is_distinct=False)


def _running(plan: Plan, builder: PlanBuilder) -> Plan | Refusal:
    bucket = next((d for d in plan.dimensions if d.grain), None)
    if bucket is None or not plan.measures or not plan.measures[0].is_addable:
        return _words(builder, "running")
    return plan.with_(running=True, ordering=(Ordering(bucket.title, is_descending=False),))


def _contrast(plan: Plan, builder: PlanBuilder) -> Plan | Refusal:
    """Things put side by side need groups: the values compared become one, two periods become two columns."""
    reading = builder.reading
    if plan.compared is not None or not plan.measures or reading.has("difference", "ratio"):
        return plan
    if (
        len(plan.periods) == 2
        and len(plan.measures) == 1
        and plan.measures[0].is_addable
        and not any(d.grain for d in plan.dimensions)
    ):
        bounds = _periods_of_change(plan, builder)
        return _between_periods(plan, builder, *bounds) if bounds else plan
    if plan.dimensions or len(plan.measures) > 1:
        return _beside_values(plan, builder)
    return _beside_values(plan, builder)


def _beside_values(plan: Plan, builder: PlanBuilder) -> Plan | Refusal:
    several = [
        f
        for f in plan.filters
        if f.test == "in"
        and len(f.values) > 1
        and not f.is_negated
        and not any(f.field in d.fields for d in plan.dimensions)
    ]
    added = tuple(Dimension(builder.titles.of_field(f.field), (f.field,)) for f in several)
    if not added and not plan.dimensions and len(plan.measures) == 1:
        return _words(builder, "contrast") if not _is_joining(builder) else plan
    ordering = plan.ordering or ((Ordering(plan.measures[0].title, is_descending=True),) if added else ())
    return plan.with_(dimensions=(*plan.dimensions, *added), ordering=ordering)


def _is_joining(builder: PlanBuilder) -> bool:
    """与 joins as often as it compares."""
    return all(builder.reading.tokens[place].has("and") for place in builder.reading.forms["contrast"])


def _compared_things(plan: Plan, builder: PlanBuilder) -> Plan | Refusal:
    """哪家的营收更高: the first of the named things by the figure."""
    reading = builder.reading
    descending = reading.has("higher")
    if reading.has("than") and len(plan.periods) == 2:
        return _more_than_before(plan, builder, is_growth=descending)
    if any(
        reading.tokens[place + 1].period for place in reading.forms.get("than", ()) if place + 1 < len(reading.tokens)
    ):
        return _words(builder, "than", "higher", "lower")
    figures = [item for item in plan.attributes if item.is_measure]
    several = [f for f in plan.filters if len(f.values) > 1]
    if plan.measures and (plan.dimensions or several):
        beside = _beside_values(plan, builder) if not plan.dimensions else plan
        if isinstance(beside, Refusal):
            return beside
        return beside.with_(ordering=(Ordering(beside.measures[0].title, descending),), limit=1)
    if figures and several:
        label = builder.index.label_of(plan.root)
        attributes = tuple(dict.fromkeys((*label, *plan.attributes)))
        return plan.with_(attributes=attributes, ordering=(Ordering(figures[0].title, descending),), limit=1)
    return _words(builder, "higher", "lower")


def _mean_over(plan: Plan, builder: PlanBuilder) -> Plan | Refusal:
    """平均每个服务区的营收: the figure of each thing, then the mean over the things."""
    meant = _meant_dimension(plan, builder)
    is_plain = bool(plan.measures) and not plan.conditions and not any(m.per or m.share_of for m in plan.measures)
    if meant is None or not is_plain:
        return _words(builder, "mean_over")
    measures = tuple(replace(m, title=builder.titles.aggregate("avg", m.title)) for m in plan.measures)
    ordering = (Ordering(measures[0].title, is_descending=True),) if len(plan.dimensions) > 1 else ()
    return plan.with_(measures=measures, mean_over=meant.title, ordering=ordering)


def _meant_dimension(plan: Plan, builder: PlanBuilder) -> Dimension | None:
    """The dimension of the noun behind 平均每个."""
    start = builder.reading.forms["mean_over"][0]
    mention = next((m for m in builder.reading.mentions if m.position > start and m.is_grouped), None)
    option = builder.option(mention) if mention is not None else None
    shown = builder.dimension(option) if option is not None else None
    return next((d for d in plan.dimensions if shown is not None and d.fields == shown.fields), None)


def _several(plan: Plan, builder: PlanBuilder) -> Plan | Refusal:
    return _words(builder, "several")


def _unsupported(plan: Plan, builder: PlanBuilder) -> Refusal:
    return _words(builder, "rank")


def _second_grain(plan: Plan, builder: PlanBuilder) -> Refusal:
    return _words(builder, "second_grain")
