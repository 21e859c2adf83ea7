"""Listings: which columns of which rows are shown."""

from __future__ import annotations

from collections.abc import Sequence

from offline.plan import Filter, Plan, Refusal
from offline.plan_conditions import ConditionStep, number_filter
from offline.plan_filters import Filters
from offline.plan_time import TimeUse
from offline.reading import Mention
from offline.relations import Field
from offline.resolving import Option

_ASKING_FORMS = ("share", "growth", "decline", "previous", "year_before", "running", "several", "difference", "ratio")


class RowStep(ConditionStep):
    """Lists rows."""

    def _listing(self, filters: Filters, time: TimeUse) -> Plan | Refusal:
        rows: list[Filter] = []
        for condition in self.reading.conditions:
            subject = condition.subject
            option = self.resolution.uses.get(subject) if subject is not None else None
            if option is None or option.field is None or not (option.field.is_numeric or condition.against_average):
                return Refusal("unknown_generation_failure", (self.reading.tokens[condition.position].text,))
            rows.append(number_filter(option.field, condition))
            self.used |= {condition, subject}
        if time.dimensions and time.attribute is None and not any(d.is_member for d in time.dimensions):
            return Refusal("ambiguous_question")
        attributes = (
            self._attributes(filters)
            if time.attribute is None
            else [*self._optional_attributes(filters), time.attribute]
        )
        if isinstance(attributes, Refusal):
            return attributes
        part = next((d.title for d in time.dimensions if d.is_member), "")
        plan = Plan(self.root, attributes=tuple(attributes), filters=tuple(rows), part_title=part)
        plan = self._ordered(plan, time)
        return plan.with_(is_distinct=self._is_distinct(plan))

    def _attributes(self, filters: Filters) -> list[Field] | Refusal:
        """The columns asked for, in order; the label of the things when they are what is asked for."""
        found: list[Field] = []
        entities = self.uses("entity")
        wanted = self.uses("field", "measure", "moment")
        bounds = [c.subject for c in self.reading.conditions]
        for mention, option in self.uses("entity", "field", "measure", "moment", "flag"):
            if option.kind == "flag":
                if mention not in filters.used:
                    found += [option.field] if option.field else []
                    self.used.add(mention)
                continue
            if option.kind == "entity":
                if self._is_shown(mention, option, [m for m, _ in wanted]):
                    found += self.index.label_of(option.relation)
                    self.used.add(mention)
                continue
            self.used.add(mention)
            is_only_bound = mention in bounds and not mention.is_listed and not mention.rank
            if option.field is not None and not (is_only_bound and (entities or len(wanted) > 1)):
                found.append(option.field)
        if not found:
            label = self.index.label_of(self.root)
            if not label or not (entities or wanted or filters.rows):
                return Refusal("ambiguous_question")
            found += label
        return list(dict.fromkeys(self._with_names(found, filters)))

    def _optional_attributes(self, filters: Filters) -> list[Field]:
        found = self._attributes(filters)
        return [] if isinstance(found, Refusal) else found

    def _with_names(self, found: list[Field], filters: Filters) -> list[Field]:
        """Figures of several things are told with the names of the things."""
        label = self.index.label_of(self.root)
        if not label or any(item in found for item in label):
            return found
        several = any(f.field in label and (len(f.values) > 1) for f in filters.rows)
        ranked = self.reading.limit is not None or any(m.rank or m.order for m in self.reading.mentions)
        only_figures = all(item.is_measure or item.kind in ("date", "timestamp") for item in found)
        is_own = any(o.kind == "entity" and o.relation is self.root for _, o in self.uses("entity"))
        return (
            [*label, *found]
            if several or ((ranked or is_own) and only_figures and not self._is_single(filters))
            else found
        )

    def _is_single(self, filters: Filters) -> bool:
        return any(
            f.field.is_unique and f.test == "in" and len(f.values) == 1 and not f.is_negated for f in filters.rows
        )

    def _is_shown(self, mention: Mention, option: Option, wanted: Sequence[Mention]) -> bool:
        """Whether a thing's own name is asked for, or the noun only says whose columns are."""
        if mention.is_which or mention.is_grouped or (mention.is_listed and option.relation is self.root):
            return True
        if option.relation is not self.root:
            return mention.is_listed
        return not self._is_identified()

    def _is_identified(self) -> bool:
        """One thing was named: its name need not be told again."""
        named = [links[0] for links in self.resolution.values.values() if links]
        return any(link.relation is self.root and link.field is not None and link.field.is_unique for link in named)

    def _is_distinct(self, plan: Plan) -> bool:
        """Equal rows say nothing twice unless each is a thing of its own."""
        if any(mention.is_distinct for mention in self.reading.mentions):
            return True
        return not any(
            item.is_unique or item.column.is_primary_key or item in self.index.label_of(self.root)
            for item in plan.attributes
            if item.relation == self.root.number
        )
