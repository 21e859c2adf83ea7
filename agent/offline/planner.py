"""From a reading to a plan: which table, which columns, what to compute, filter, group and order by.

Called by the composer with an interpreted question; returns a `Plan`, a `CombinedPlan` or an honest `Refusal`.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from agent.offline.absence import absence_table
from agent.offline.base_choice import BaseChooser
from agent.offline.interpret import ConceptMention, Reading
from agent.offline.joins import JoinGraph
from agent.offline.measures import MeasureResolver
from agent.offline.periods import Period
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
from agent.offline.schema_index import SchemaIndex
from common import messages

_WEEKEND, _WORKDAYS = (6, 7), (1, 2, 3, 4, 5)
_UNKNOWN_COST, _ASIDE_COST, _UNUSED_COST = 0.12, 0.02, 0.3
_MOST_ASIDE = 0.2
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
        if "blocking" in reading.tags:
            return Refusal("unknown_generation_failure", _words(reading, "blocking"))
        if reading.is_empty:
            return Refusal("missing_database_info", "、".join(reading.unknown))
        facts = self._measures.tables_of(reading)
        if facts is None:
            return Refusal("missing_database_info")
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
        finished = self._with_order(self._with_conditions(measured, reading), reading)
        return self._with_confidence(finished, reading)

    def _with_filters(self, plan: Plan, reading: Reading) -> Plan | Refusal:
        filters: dict[tuple[str, str], Filter] = {}
        for mention in reading.values:
            found = self._bases.filter(plan.base, mention)
            if found is None:
                return Refusal("missing_database_info", mention.text)
            known = filters.get(found.column.key)
            values = (*known.values, *(v for v in found.values if v not in known.values)) if known else found.values
            filters[found.column.key] = replace(found, values=values)
        for concept, numbers in reading.numbers_in:
            column = self._bases.column(plan.base, concept.columns)
            if column is not None:
                filters[column.key] = Filter(column, numbers)
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
            if len(condition.values) > 1 and condition.column.key not in keys and self._is_aggregate(reading):
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
            return [m for m in loose if m.position != reading.multiple + 1 and m != several]
        measured = bool(reading.measures or reading.counted)
        if not measured and not ({"count", "records"} & reading.tags and not reading.loose):
            if {"count", "records"} & reading.tags:
                return []
            free = [m for m in loose if m.position not in reading.scoped]
            return free if free or reading.dimensions else reading.loose
        filtered = {condition.column.concept for condition in plan.filters}
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
        period = reading.periods[0] if reading.periods else None
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
        return plan.with_(measures=tuple(measures))

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
            on_rows = "single_day" in reading.tags and is_number and not subject.denominator
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
        if plan.family_title or not (plan.dimensions or plan.bucket):
            return plan
        if not plan.measures and plan.bucket is None and not plan.conditions:
            return plan.with_(ordering=(Ordering(plan.dimensions[0].title, is_descending=False),), limit=reading.limit)
        ranked = self._ranked_measure(plan, reading)
        if reading.rank_position >= 0 and ranked is not None:
            ordering.append(Ordering(ranked.title, bool(reading.is_descending)))
        elif plan.bucket is not None:
            ordering.append(Ordering(BUCKET_TITLES[plan.bucket], is_descending=False))
        if plan.measures and reading.rank_position < 0:
            ordering.append(Ordering(plan.measures[0].title, is_descending=True))
        limit = reading.limit if reading.limit and (ranked or plan.dimensions) else None
        best = self._is_best_of_each(plan, reading)
        return plan.with_(ordering=tuple(ordering), limit=limit, is_best_of_each=best)

    @staticmethod
    def _is_best_of_each(plan: Plan, reading: Reading) -> bool:
        """每个公司营收最高的服务区: one row for each of the first, chosen among the second."""
        if not reading.is_superlative or reading.limit not in (None, 1) or not plan.measures or not reading.dimensions:
            return False
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
        confidence = reading_confidence(reading)
        if (reading.periods or reading.bucket) and plan.date_column is None:
            return Refusal("missing_database_info", messages.OFFLINE_TITLE_DAY)
        if (
            reading.periods
            and plan.date_column
            and plan.date_column.role == "audit"
            and not {"created", "updated"} & reading.tags
        ):
            confidence -= 0.4
        if {"weekend", "workday"} <= reading.tags:
            confidence -= 0.5
        if len(reading.periods) > 2:
            confidence -= 0.5
        if len(plan.conditions) < len(reading.comparisons) + (reading.multiple >= 0):
            confidence -= 0.5
        if "share" in reading.tags and not any(m.is_share or m.denominator for m in plan.measures):
            confidence -= 0.3
        if reading.absent >= 0:
            confidence -= 0.5
        wants_comparison = bool({"growth", "mom", "yoy"} & reading.tags)
        if wants_comparison and (not (plan.compared or plan.has_growth) or not plan.measures):
            confidence -= 0.5
        return plan.with_(confidence=max(0.0, confidence))

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


def reading_confidence(reading: Reading) -> float:
    """How much of the question was understood: unknown text and numbers without a use cost."""
    unknown = sum(len(text) for text in reading.unknown)
    aside = sum(len(text) for text in reading.aside)
    return 0.95 - _UNKNOWN_COST * unknown - min(_MOST_ASIDE, _ASIDE_COST * aside) - _UNUSED_COST * len(reading.unused)


def _words(reading: Reading, tag: str) -> str:
    return "、".join(token.text for token in reading.tokens if token.is_word(tag))
