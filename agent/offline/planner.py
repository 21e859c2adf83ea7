"""From a reading to a plan: which table, which columns, what to compute, filter, group and order by.

Called by the composer with an interpreted question; returns a `Plan`, a `CombinedPlan` or an honest `Refusal`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from agent.offline.absence import absence_table
from agent.offline.base_choice import BaseChooser
from agent.offline.joins import JoinGraph
from agent.offline.measures import MeasureResolver
from agent.offline.periods import Period, last_days, last_months
from agent.offline.plan import (
    Absence,
    Bucket,
    CombinedPlan,
    Condition,
    Dimension,
    Filter,
    Measure,
    Ordering,
    Plan,
    Refusal,
)
from agent.offline.reading import ConceptMention, Reading
from agent.offline.schema_index import SchemaIndex
from agent.offline.understanding import plan_confidence, reading_confidence, refusal_of, says_each_bucket
from common import messages

_WEEKEND, _WORKDAYS = (6, 7), (1, 2, 3, 4, 5)
_EXTREMES = ("agg_max", "agg_min")
BUCKET_TITLES: dict[Bucket, str] = {
    "day": messages.OFFLINE_TITLE_DAY,
    "week": messages.OFFLINE_TITLE_WEEK,
    "month": messages.OFFLINE_TITLE_MONTH,
    "quarter": messages.OFFLINE_TITLE_QUARTER,
    "year": messages.OFFLINE_TITLE_YEAR,
    "weekday": messages.OFFLINE_TITLE_WEEKDAY,
}


class Planner:
    """Plans questions against one schema."""

    def __init__(self, *, index: SchemaIndex, joins: JoinGraph) -> None:
        self._index = index
        self._joins = joins
        self._bases = BaseChooser(index=index, joins=joins)
        self._measures = MeasureResolver(index)

    def plan(self, reading: Reading) -> Plan | CombinedPlan | Refusal:
        """The plan with a confidence 0..1, or why there is none."""
        if refusal := refusal_of(reading, self._index):
            return refusal
        facts = self._measures.tables_of(reading)
        if facts is None:
            return Refusal("missing_database_info")
        if not facts and any(token.kind == "family" for token in reading.tokens):
            facts = [table.name for table in self._index.tables if self._measures.family(table.name, reading)][:1]
        if reading.absent >= 0 and (plan := self._absent_plan(reading)):
            return plan
        if len(facts) > 1:
            return self._combined(reading, facts)
        base = facts[0] if facts else self._bases.choose(reading)
        if base is None:
            return Refusal("missing_database_info", "、".join(reading.unknown))
        return self._single(reading, base)

    def _single(self, reading: Reading, base: str, only: set[str] | None = None) -> Plan | Refusal:
        plan = Plan(base=base)
        filtered = self._with_filters(plan, reading)
        if isinstance(filtered, Refusal):
            return filtered
        grouped = self._with_dimensions(filtered, reading)
        if isinstance(grouped, Refusal):
            return grouped
        dated = self._with_time(grouped, reading)
        measured = self._with_measures(dated, reading, only)
        if isinstance(measured, Refusal):
            return measured
        measured = self._counting_groups(measured, reading)
        finished = self._with_order(self._with_conditions(measured, reading), reading)
        return self._with_confidence(finished, reading)

    def _with_filters(self, plan: Plan, reading: Reading) -> Plan | Refusal:
        filters: dict[tuple[str, str, bool], Filter] = {}
        for mention in self._bases.agreeing(plan.base, reading.values):
            found = self._bases.filter(plan.base, mention)
            if found is None:
                return Refusal("missing_database_info", mention.text)
            key = (*found.column.key, mention.is_excluded)
            known = filters.get(key)
            values = (*known.values, *(v for v in found.values if v not in known.values)) if known else found.values
            filters[key] = replace(found, values=values, is_excluded=mention.is_excluded)
        for noun, is_excluded in reading.nulls:
            empty = self._bases.column(plan.base, noun.columns)
            if empty is None:
                return Refusal("missing_database_info", noun.text)
            filters[(*empty.key, is_excluded)] = Filter(empty, (), is_excluded=is_excluded)
        for concept, numbers in reading.numbers_in:
            column = self._bases.column(plan.base, concept.columns)
            if column is not None:
                filters[(*column.key, False)] = Filter(column, numbers)
        plan = plan.with_(filters=tuple(filters.values()))
        if "weekend" in reading.tags or "workday" in reading.tags:
            both = {"weekend", "workday"} <= reading.tags
            plan = plan.with_(weekdays=() if both else _WEEKEND if "weekend" in reading.tags else _WORKDAYS)
        return plan

    def _with_dimensions(self, plan: Plan, reading: Reading) -> Plan | Refusal:
        dimensions: list[Dimension] = []
        several = self._several_of(reading) if reading.multiple >= 0 else None
        for mention in [*(m for m in reading.dimensions if m != several), *self._promoted(plan, reading)]:
            column = self._bases.column(plan.base, mention.columns)
            if column is None:
                return Refusal("missing_database_info", mention.text)
            if column.key not in [dimension.column.key for dimension in dimensions]:
                dimensions.append(Dimension(column, column.title))
        for condition in plan.filters:
            keys = [dimension.column.key for dimension in dimensions]
            is_listed = len(condition.values) > 1 and not condition.is_excluded
            if is_listed and condition.column.key not in keys and self._is_aggregate(reading):
                dimensions.append(Dimension(condition.column, condition.column.title))
        return plan.with_(dimensions=tuple(dimensions))

    @staticmethod
    def _is_aggregate(reading: Reading) -> bool:
        return (
            bool(reading.measures or reading.counted or {"count", "records", "share"} & reading.tags)
            and "agg_sum" not in reading.tags
        )

    def _promoted(self, plan: Plan, reading: Reading) -> list[ConceptMention]:
        """Nouns without a mark of their own that are asked for all the same."""
        loose = [m for m in reading.loose if not reading.tokens[m.position].is_aside]
        if reading.multiple >= 0:
            several = self._several_of(reading)
            things = [m for m in loose if any(column.role != "code" for column in m.columns)]
            return [m for m in things if m.position != reading.multiple + 1 and m != several]
        measured = bool(reading.measures or reading.counted)
        if not measured and not ({"count", "records"} & reading.tags and not reading.loose):
            if {"count", "records"} & reading.tags:
                return []
            free = [m for m in loose if m.position not in reading.scoped]
            return free if free or reading.dimensions else reading.loose
        filtered = {condition.column.concept for condition in plan.filters if not condition.is_excluded}
        last = max((i for i, token in enumerate(reading.tokens) if token.kind != "unknown"), default=-1)
        result = []
        for mention in loose:
            if mention.position in reading.scoped and (
                reading.dimensions or not (reading.comparisons or reading.rank_position >= 0)
            ):
                continue
            about = {column.concept for column in mention.columns}
            wants = (
                (bool(reading.comparisons) or bool({"above_average", "below_average"} & reading.tags))
                and not reading.dimensions
                and mention.position in (last, last - 1)
            )
            contrast = (
                bool({"contrast", "rank", "share", "rank_desc", "rank_asc"} & reading.tags)
                and not reading.dimensions
                and reading.bucket is None
            )
            follows_rank = reading.rank_position >= 0 and mention.position > reading.rank_position
            joins_in = (
                reading.tokens[mention.position - 1].is_word("and")
                and mention.position > 0
                and bool(reading.dimensions)
            )
            if not about & filtered and (joins_in or wants or follows_rank or contrast):
                result.append(mention)
        return result

    def _with_time(self, plan: Plan, reading: Reading) -> Plan:
        index = self._index
        date_column = index.date_column(plan.base)
        if "created" in reading.tags or (date_column is None and "newest" not in reading.tags):
            date_column = index.created_column(plan.base) or date_column
        if "updated" in reading.tags:
            date_column = index.updated_column(plan.base) or date_column
            plan = plan.with_(updated_only="newest" not in reading.tags and not reading.periods)
        bucket = reading.bucket
        best_day = (
            "single_day" in reading.tags and reading.is_superlative and reading.dimensions and not reading.comparisons
        )
        wants_days = "trend" in reading.tags or best_day or ("date" in reading.tags and reading.measures)
        if bucket is None and wants_days and date_column is not None:
            bucket = "day"
        if {"newest", "oldest"} & reading.tags and not reading.measures and bucket == "day":
            bucket = None
        period = reading.periods[0] if reading.periods else None
        if bucket is not None and period and len(reading.periods) == 2 and period.end == reading.periods[1].start:
            period = Period(period.start, reading.periods[1].end)
        if period is not None and date_column is not None:
            period = _fitted(period, reading, by_day=bucket == "day", is_timestamp=date_column.is_timestamp)
        if date_column is None:
            bucket = None
        has_growth = bucket is not None and bool({"growth", "mom"} & reading.tags) and "yoy" not in reading.tags
        compared = None if bucket is not None else self._compared(reading)
        return plan.with_(
            date_column=date_column, bucket=bucket, period=period, compared=compared, has_growth=has_growth
        )

    @staticmethod
    def _compared(reading: Reading) -> Period | None:
        """The second period of a comparison: named, a year earlier, or the one just before."""
        if not reading.periods:
            return None
        if "yoy" in reading.tags:
            return reading.periods[0].year_before()
        if len(reading.periods) > 1:
            return reading.periods[1]
        if "mom" in reading.tags or "growth" in reading.tags:
            return reading.periods[0].just_before(reading.today)
        return None

    def _with_measures(self, plan: Plan, reading: Reading, only: set[str] | None) -> Plan | Refusal:
        resolver = self._measures
        mentions = [m for m in reading.measures if only is None or resolver.is_in(m, only)]
        if "family" in {token.kind for token in reading.tokens}:
            family = resolver.family(plan.base, reading)
            if family:
                title = next(token.text for token in reading.tokens if token.kind == "family")
                return plan.with_(measures=tuple(family), family_title=title)
        measures = resolver.measures(plan, reading, mentions)
        if isinstance(measures, Refusal):
            return measures
        if not measures and not plan.dimensions and not plan.bucket:
            return self._lookup(plan, reading)
        if _are_of_days(plan, measures, reading):
            plan = plan.with_(is_of_days=True)
        if any(measure.only for measure in measures):
            plan = plan.with_(dimensions=tuple(d for d in plan.dimensions if not self._names_base(d, plan.base)))
        return plan.with_(measures=tuple(measures))

    def _counting_groups(self, plan: Plan, reading: Reading) -> Plan:
        """昨天营收超过2万的服务区有几个: how many groups pass the condition on their measure."""
        compares = bool(reading.comparisons) or bool({"above_average", "below_average"} & reading.tags)
        subjects = {comparison.subject for comparison in reading.comparisons}
        measured = [m for m in reading.measures if not reading.comparisons or m.position in subjects]
        if not compares or not measured or len(reading.counted) != 1 or plan.dimensions or plan.bucket:
            return plan
        column = self._bases.column(plan.base, reading.counted[0].columns)
        if column is None:
            return plan
        title = column.concept + messages.OFFLINE_TITLE_COUNT
        return plan.with_(dimensions=(Dimension(column, column.title),), counted_title=title)

    def _names_base(self, dimension: Dimension, base: str) -> bool:
        owner = self._index.owner(dimension.column.concept)
        return dimension.column.table == base and owner is not None and owner.name == base

    def _lookup(self, plan: Plan, reading: Reading) -> Plan | Refusal:
        """A question for the things themselves: their name column, or an attribute of a named thing."""
        if not reading.values and not reading.tables:
            return Refusal("ambiguous_question")
        label = self._index.label_of(self._index.table(plan.base))
        if label is None:
            return Refusal("ambiguous_question")
        return plan.with_(dimensions=(Dimension(label, label.title),))

    def _with_conditions(self, plan: Plan, reading: Reading) -> Plan:
        conditions: list[Condition] = []
        measures = list(plan.measures)
        for comparison in reading.comparisons:
            subject = self._measures.subject(plan, reading, comparison, measures)
            if subject is None:
                continue
            is_number = subject.column is not None and subject.column.role == "measure"
            by_day = plan.bucket == "day" and not plan.dimensions
            on_rows = "single_day" in reading.tags and is_number and not subject.denominator and not by_day
            number = comparison.number
            if comparison.is_percent and subject.scale == 1:
                number /= 100
            conditions.append(
                Condition(
                    subject,
                    comparison.operator,
                    number,
                    on_rows=on_rows or (is_number and not plan.dimensions and plan.bucket is None),
                )
            )
        if reading.multiple >= 0:
            several = self._multiple(plan, reading)
            conditions.extend(several)
            lists = [
                Measure(
                    "listing",
                    c.measure.column,
                    (c.measure.column.title if c.measure.column else "") + messages.OFFLINE_TITLE_LIST,
                )
                for c in several
            ]
            if not plan.measures:
                plan = plan.with_(measures=(*(c.measure for c in several), *lists))
        above = ">" if "above_average" in reading.tags else "<" if "below_average" in reading.tags else None
        plan = plan.with_(conditions=tuple(conditions), above_mean=above)
        rows_only = bool(conditions) and all(c.on_rows for c in conditions) and "single_day" in reading.tags
        return plan.with_(measures=()) if rows_only and plan.dimensions and not reading.limit else plan

    def _multiple(self, plan: Plan, reading: Reading) -> list[Condition]:
        mention = self._several_of(reading)
        column = self._bases.column(plan.base, mention.columns) if mention else None
        if column is None:
            return []
        return [
            Condition(Measure("count_distinct", column, column.title + messages.OFFLINE_TITLE_COUNT), ">", Decimal(1))
        ]

    @staticmethod
    def _several_of(reading: Reading) -> ConceptMention | None:
        """What there are several of: the noun after 多个, or a noun said to be 不同 beside it."""
        mentions = sorted((*reading.loose, *reading.dimensions, *reading.counted), key=lambda m: m.position)
        different = [
            m
            for m in mentions
            if m.position > reading.multiple + 1 and reading.tokens[m.position - 1].text in ("不同", "不同的")
        ]
        return next(iter(different), None) or next((m for m in mentions if m.position == reading.multiple + 1), None)

    def _with_order(self, plan: Plan, reading: Reading) -> Plan:
        ordering: list[Ordering] = []
        if plan.family_title and not (plan.dimensions or plan.bucket) and reading.rank_position >= 0:
            order = Ordering(messages.OFFLINE_TITLE_VALUE, bool(reading.is_descending))
            return plan.with_(ordering=(order,), limit=reading.limit)
        if plan.family_title or not (plan.dimensions or plan.bucket):
            return plan
        if not plan.measures and plan.bucket is None and not plan.conditions:
            return plan.with_(ordering=(Ordering(plan.dimensions[0].title, is_descending=False),), limit=reading.limit)
        ranked = self._ranked_measure(plan, reading)
        if reading.rank_position >= 0 and ranked is not None:
            ordering.append(Ordering(ranked.title, bool(reading.is_descending)))
        else:
            ordering = _unranked_order(plan, reading)
        limit = reading.limit if reading.limit and (ranked or plan.dimensions) else None
        best = self._is_best_of_each(plan, reading)
        return plan.with_(ordering=tuple(ordering), limit=limit, is_best_of_each=best)

    @staticmethod
    def _is_best_of_each(plan: Plan, reading: Reading) -> bool:
        """每个公司营收最高的服务区: one row for each of the first, chosen among the second."""
        if not reading.is_superlative or reading.limit not in (None, 1) or not plan.measures or not reading.dimensions:
            return False
        if says_each_bucket(plan, reading):
            return True
        first = reading.dimensions[0]
        marked = first.position > 0 and reading.tokens[first.position - 1].is_word("group")
        later = [
            t
            for t in reading.tokens[reading.rank_position + 1 :]
            if t.kind == "concept" or t.is_word("date", "single_day", "day", "month")
        ]
        several = len(plan.dimensions) + (plan.bucket is not None) > 1
        return marked and first.position < reading.rank_position and bool(later) and several

    @staticmethod
    def _ranked_measure(plan: Plan, reading: Reading) -> Measure | None:
        """The measure nearest before the ranking word, else the first; shares outrank what they are made of."""
        if not plan.measures:
            return None
        shares = [m for m in plan.measures if m.is_share or m.denominator]
        if shares and "share" in reading.tags:
            return shares[0]
        before = [m for m in reading.measures if m.position < reading.rank_position]
        if before:
            text = before[-1].text
            return next((m for m in plan.measures if text in m.title), plan.measures[0])
        return plan.measures[0]

    def _with_confidence(self, plan: Plan, reading: Reading) -> Plan | Refusal:
        if (reading.periods or reading.bucket) and plan.date_column is None:
            return Refusal("missing_database_info", messages.OFFLINE_TITLE_DAY)
        return plan.with_(confidence=plan_confidence(plan, reading, self._index))

    def _absent_plan(self, reading: Reading) -> Plan | None:
        """没有经营数据的公司, 哪些路段没有关联任何服务区: things of one table without rows in another."""
        found = absence_table(reading, self._index, self._joins)
        if found is None:
            return None
        subject, target = found
        base = self._index.owner(subject.concept)
        if base is None:
            return None
        filtered = self._with_filters(Plan(base=base.name), reading)
        if isinstance(filtered, Refusal):
            return None
        date_column = self._index.date_column(target)
        plan = filtered.with_(
            dimensions=(Dimension(subject, subject.title),),
            absence=Absence(target),
            period=reading.periods[0] if reading.periods else None,
            date_column=date_column,
            confidence=reading_confidence(reading) - (0.5 if filtered.weekdays else 0),
            weekdays=(),
        )
        if "count" in reading.tags and not {"which_many", "list"} & reading.tags:
            plan = plan.with_(
                dimensions=(), measures=(Measure("count", None, subject.concept + messages.OFFLINE_TITLE_COUNT),)
            )
        return plan

    def _combined(self, reading: Reading, facts: list[str]) -> CombinedPlan | Refusal:
        parts: list[Plan] = []
        for fact in facts[:2]:
            part = self._single(reading, fact, only={fact})
            if isinstance(part, Refusal):
                return part
            parts.append(part.with_(ordering=(), limit=None, conditions=(), measures=part.measures[:2]))
        if len({len(part.dimensions) for part in parts}) > 1 or len({part.bucket for part in parts}) > 1:
            return Refusal("unknown_generation_failure")
        if len(facts) > 2 or any(part.compared or part.family_title for part in parts) or reading.comparisons:
            return Refusal("unknown_generation_failure")
        derived = next((m for m in reading.measures if m.derived or m.per_unit), None)
        first = parts[0].measures[0].title if parts[0].measures else ""
        quotient = (derived.derived or derived.per_unit + derived.text) if derived else ""
        unit = self._index.vocabulary.per_units.get(derived.per_unit, ("", 1))[1] if derived else 1
        ordering: tuple[Ordering, ...] = ()
        if parts[0].dimensions or parts[0].bucket:
            ordering = (Ordering(quotient or first, reading.is_descending is not False),)
            if parts[0].bucket and reading.rank_position < 0:
                ordering = (Ordering(BUCKET_TITLES[parts[0].bucket], is_descending=False),)
        confidence = min(part.confidence for part in parts)
        return CombinedPlan(tuple(parts), quotient, Decimal(unit), ordering, reading.limit, confidence)


def _fitted(period: Period, reading: Reading, *, by_day: bool, is_timestamp: bool) -> Period:
    """过去N天 leaves today out only where a day that is not over would count as one: averages and days side by side.

    最近一个月 is 30 days of dates and a calendar month of timestamps.
    """
    text = next(token.text for token in reading.tokens if token.kind == "period")
    if is_timestamp and text.endswith(("月", "月内", "月里")) and period == last_days(30):
        return last_months(1)
    days = -period.start.days if period.start else 0
    averages = "agg_avg" in reading.tags or any(m.aggregate == "avg" for m in reading.measures)
    if days > 1 and period == last_days(days, is_complete=True) and not (by_day or averages):
        return last_days(days)
    return period


def _unranked_order(plan: Plan, reading: Reading) -> list[Ordering]:
    """Time goes forward, with groups beside it the newest first when the period is up to now; groups of two kinds stand
    together; a single kind goes from most to least."""
    rates = [m for m in plan.measures if m.denominator and "share" in reading.tags]
    most = [Ordering((rates or plan.measures)[0].title, is_descending=True)] if plan.measures else []
    if plan.bucket is not None:
        title = BUCKET_TITLES[plan.bucket]
        is_recent = plan.period is not None and plan.period.start is not None and plan.period.start.day is None
        if plan.dimensions and not is_recent:
            return [Ordering(title, is_descending=False), Ordering(plan.dimensions[0].title, is_descending=False)]
        return [Ordering(title, is_descending=bool(plan.dimensions)), *most]
    if len(plan.dimensions) > 1 and most:
        listed = {f.column.key for f in plan.filters if len(f.values) > 1}
        major = next((d for d in plan.dimensions if d.column.key in listed), plan.dimensions[0])
        if "distribution" in reading.tags and not listed:
            major = plan.dimensions[-1]
        return [Ordering(major.title, is_descending=False), *most]
    return most


def _are_of_days(plan: Plan, measures: Sequence[Measure], reading: Reading) -> bool:
    """单日营收的最大值: the greatest total of a day, not the greatest row."""
    says_day = "single_day" in reading.tags or any(t.is_word(*_EXTREMES) and "单日" in t.text for t in reading.tokens)
    kinds = {measure.aggregate for measure in measures}
    is_plain = all(measure.column and not measure.denominator for measure in measures)
    free = plan.bucket is None and plan.date_column is not None and not reading.comparisons and plan.compared is None
    return says_day and is_plain and free and bool(kinds & {"max", "min"}) and kinds <= {"max", "min", "avg"}
