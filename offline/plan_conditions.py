"""Comparisons with numbers: of a group (HAVING) or of a row (WHERE)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from offline.plan import Condition, Filter, Plan, Refusal
from offline.plan_groups import GroupStep
from offline.relations import Field
from offline.resolving import Option

_ASKING_FORMS = ("share", "growth", "decline", "previous", "year_before", "running", "several", "difference", "ratio")


class ConditionStep(GroupStep):
    """Places conditions."""

    def _with_conditions(self, plan: Plan) -> Plan | Refusal:
        conditions: list[Condition] = []
        rows: list[Filter] = []
        for condition in self.reading.conditions:
            subject = condition.subject
            option = self.resolution.uses.get(subject) if subject is not None else None
            measure = self.measures.get(subject) if subject is not None else None
            if condition.is_percent and self.reading.has("share", "growth", "decline", "previous", "year_before"):
                measure = measure or next(iter(plan.measures), None)
                subject = None if measure is not None else subject
            if (
                subject is not None
                and measure is None
                and option is not None
                and option.field is not None
                and option.field.is_numeric
            ):
                rows.append(number_filter(option.field, condition))
                self.used |= {condition, subject}
                continue
            if measure is None:
                measure = next(iter(plan.measures), None) if subject is None else None
            if measure is None:
                return Refusal("unknown_generation_failure", (self.reading.tokens[condition.position].text,))
            self.used.add(condition)
            if condition.other is not None:
                other = self.measures.get(condition.other)
                if other is None or other == measure or other.relation != measure.relation:
                    return Refusal("unknown_generation_failure", (self.reading.tokens[condition.position].text,))
                conditions.append(Condition(measure, condition.operator, other=other))
                continue
            is_row = measure.field is not None and measure.relation == self.root.number and not measure.per
            counts_rows = any(m.function == "count" and m is not measure for m in plan.measures)
            if (
                is_row
                and counts_rows
                and not self.root.is_event
                and not condition.against_average
                and measure.field is not None
            ):
                rows.append(number_filter(measure.field, condition))
                plan = plan.with_(measures=tuple(m for m in plan.measures if m is not measure))
                continue
            conditions.append(
                Condition(measure, condition.operator, condition.number, condition.upper, condition.against_average)
            )
        counted = self._with_counted_groups(plan, conditions)
        if isinstance(counted, Refusal):
            return counted
        return counted.with_(conditions=tuple(conditions), filters=(*counted.filters, *rows))

    def _with_counted_groups(self, plan: Plan, conditions: Sequence[Condition]) -> Plan | Refusal:
        """The days, or the things, for which something holds are counted; 最长的是多少天 counts none."""
        if self.reading.has("count_days"):
            if self.reading.has("rank_word") and not conditions:
                return self._words("count_days")
            plan = plan.with_(count_groups=self.titles.form("days"), ordering=())
        return self._grouped_for_conditions(plan, conditions) if conditions and not plan.dimensions else plan

    def _grouped_for_conditions(self, plan: Plan, conditions: Sequence[Condition]) -> Plan | Refusal:
        """昨天营收超过2万的服务区有几个: the things that pass are counted, so they are what is grouped by."""
        counted = [
            (m, o)
            for m, o in self.uses("rows", "values")
            if self.measures.get(m) not in [c.measure for c in conditions]
        ]
        if len(counted) == 1:
            mention, option = counted[0]
            dimension = self.dimension(
                option if option.kind == "values" and option.field is None else replace_kind(option)
            )
            if dimension is not None:
                title = self.measures[mention].title
                kept = tuple(c.measure for c in conditions)
                return plan.with_(dimensions=(dimension,), measures=kept, count_groups=title)
        return Refusal("ambiguous_question")


def number_filter(item: Field, condition: object) -> Filter:
    """A comparison of a row's own figure."""
    from offline.reading import ConditionMention

    assert isinstance(condition, ConditionMention)  # noqa: S101
    return Filter(item, condition.operator, number=condition.number, upper=condition.upper)


def replace_kind(option: Option) -> Option:
    """The thing that is counted, as what rows are grouped by."""
    return replace(option, kind="field" if option.field is not None else "entity")
