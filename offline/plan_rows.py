"""Listings: which columns of which rows are shown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from offline.moments import is_birth
from offline.plan import Filter, Ordering, Plan, Refusal
from offline.plan_conditions import ConditionStep, number_filter
from offline.plan_filters import Filters
from offline.plan_time import TimeUse
from offline.reading import Mention
from offline.relations import Field, Relation
from offline.resolving import Option

_ASKING_FORMS = ("share", "growth", "decline", "previous", "year_before", "running", "several", "difference", "ratio")


_DETAILS = frozenset({"明细", "详细", "详情", "记录", "流水", "明细数据"})
_MOST_FIGURES = 12
_HOW_MUCH = frozenset({"多少", "是多少", "为多少", "多少钱", "how much"})
_DONE = frozenset({"who", "that", "which", "已", "已经"})
_WHETHER = frozenset({"有没有", "是否", "是不是", "存在", "吗", "exist", "exists", "is", "are"})
"""Asks whether there is such a row, which the row itself answers."""


def _is_one_day(time: TimeUse, today: date) -> bool:
    return len(time.periods) == 1 and (time.periods[0].is_latest or time.periods[0].is_day(today))


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
        rows += self._done()
        details = self.wants_details()
        if time.dimensions and time.attribute is None and not details and not any(d.is_member for d in time.dimensions):
            return Refusal("ambiguous_question")
        attributes = (
            self._attributes(filters)
            if time.attribute is None
            else [*self._optional_attributes(filters), time.attribute]
        )
        if isinstance(attributes, Refusal):
            return attributes
        if details:
            attributes = self._with_details(attributes, time)
        part = next((d.title for d in time.dimensions if d.is_member), "")
        plan = Plan(self.root, attributes=tuple(attributes), filters=tuple(rows), part_title=part)
        newest = self._newest_first(self._ordered(plan, time))
        if isinstance(newest, Refusal):
            return newest
        plan = newest
        if details and not plan.ordering and plan.attributes and plan.attributes[0].is_moment:
            plan = plan.with_(ordering=(Ordering(plan.attributes[0].title, is_descending=False),))
        if unranked := self._unranked(plan):
            return unranked
        if self._says_only_what_was_said(plan, filters) or self._asks_unshown_figure(plan):
            return Refusal("ambiguous_question")
        return plan.with_(is_distinct=self._is_distinct(plan) and not details)

    def _says_only_what_was_said(self, plan: Plan, filters: Filters) -> bool:
        """`who manages Omar Reed` is not answered by Omar Reed: all that is shown is what was named."""
        named = {f.field for f in filters.rows if f.test == "in" and len(f.values) == 1 and not f.is_negated}
        asks = any(token.text in _WHETHER for token in self.reading.tokens)
        return bool(plan.attributes) and set(plan.attributes) <= named and not plan.part_title and not asks

    def _done(self) -> list[Filter]:
        """`customers who cancelled`, 已完成的报修: what has happened has its moment; such a noun is not shown."""
        found: list[Filter] = []
        for mention, option in self.uses("field", "moment"):
            item = option.field
            if item is None or not item.is_moment or not item.column.is_nullable or not self._is_done(mention):
                continue
            found.append(Filter(item, "not_null"))
            self.used.add(mention)
        return found

    def _is_done(self, mention: Mention) -> bool:
        """Whether who, that or 已 stands right before, and nothing else is said of the noun."""
        says_more = mention.rank or mention.order or mention.is_newest or mention.aggregate or self.reading.periods
        before = self.reading.tokens[max(0, mention.position - 2) : mention.position]
        return not says_more and any(token.text in _DONE for token in before)

    def _asks_unshown_figure(self, plan: Plan) -> bool:
        """宜春卖了多少: a figure is asked for and the rows show none."""
        asks = any(token.text in _HOW_MUCH for token in self.reading.tokens)
        names = {*self.index.label_of(self.root), self.root.key}
        return asks and all(item in names for item in plan.attributes)

    def _newest_first(self, plan: Plan) -> Plan | Refusal:
        """入职最早的员工, `oldest book`: rows in the order of their time; a word for time ranks only what has one."""
        mention = next((m for m in self.reading.mentions if m.is_newest and m in self.resolution.uses), None)
        if mention is None or plan.ordering:
            return plan
        named = self.resolution.uses[mention].field
        item = named if named is not None and named.is_moment else self._time_of_rows()
        is_newest = mention.is_newest == "high"
        if item is None or item.relation != self.root.number or (is_newest and is_birth(item)):
            return Refusal("unknown_generation_failure", (mention.text,))
        return self._in_order_of(plan, item, is_descending=is_newest)

    def _in_order_of(self, plan: Plan, item: Field, *, is_descending: bool) -> Plan:
        attributes = plan.attributes if item in plan.attributes else (*plan.attributes, item)
        limit = 1 if plan.limit is None and self._asks_for_one() else plan.limit
        return plan.with_(attributes=attributes, ordering=(Ordering(item.title, is_descending),), limit=limit)

    def _time_of_rows(self) -> Field | None:
        moment = self.moments.first_of(self.root)
        return moment.field if moment is not None else None

    def wants_details(self) -> bool:
        """明细, 记录: the rows themselves of a table of events, unless figures of groups are asked for."""
        reading = self.reading
        says_so = any(t.text in _DETAILS and not t.is_link for t in reading.tokens)
        if not says_so or not self.root.is_event or reading.counted or reading.per:
            return False
        return not (reading.has("sum", "avg", "max", "min", "share", "records", "count", "siblings", "trend")) and not (
            any(m.is_grouped and not self._is_row_name(m) for m in reading.mentions)
        )

    def _is_row_name(self, mention: Mention) -> bool:
        """各档口 in a table with a row for each shop and day: the group is the row."""
        option = self.resolution.uses.get(mention)
        names = sorted(self.root.with_role("label"), key=lambda item: len(item.values))
        return option is not None and bool(names) and option.field is names[-1]

    def _with_details(self, found: Sequence[Field], time: TimeUse) -> list[Field]:
        """The rows' day where they are of several, their names, and their figures where none was named."""
        days = [] if time.moment is None or _is_one_day(time, self.clock.today) else [time.moment.field]
        names = list(self.root.with_role("label"))
        figures = [item for item in found if item.is_measure] or [f for f in self.root.fields if f.is_measure]
        return list(dict.fromkeys((*days, *names, *found, *figures[:_MOST_FIGURES])))

    def _unranked(self, plan: Plan) -> Refusal | None:
        """A superlative needs a figure or a time to rank by: 最多 of nothing else ranks nothing."""
        places = self.reading.forms.get("rank_word", ())
        ranking = {item.title for item in plan.attributes if item.is_numeric or item.is_moment or item.role == "flag"}
        if not places or (plan.ordering and plan.ordering[0].title in ranking):
            return None
        return Refusal("unknown_generation_failure", tuple(self.reading.tokens[place].text for place in places))

    def _attributes(self, filters: Filters) -> list[Field] | Refusal:
        """The columns asked for, in order; the label of the things when they are what is asked for."""
        found: list[Field] = []
        compared: list[Field] = []
        entities = self.uses("entity")
        wanted = self.uses("field", "measure", "moment")
        bounds = [c.subject for c in self.reading.conditions]
        for mention, option in self.uses("entity", "field", "measure", "moment", "flag"):
            if option.kind == "field" and mention in self.used:
                continue
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
            if option.field is not None and self._is_far_detail(option):
                return Refusal("missing_database_info", (mention.text,))
            is_only_bound = mention in bounds and not mention.is_listed and not mention.rank
            if option.field is not None and is_only_bound and (entities or len(wanted) > 1):
                compared.append(option.field)
            elif option.field is not None:
                found.append(option.field)
        if not found:
            label = self.index.label_of(self.root)
            if not label or not (entities or wanted or filters.rows):
                return Refusal("ambiguous_question")
            found += label
        return list(dict.fromkeys((*self._with_names(found, filters), *compared)))

    def _is_far_detail(self, option: Option) -> bool:
        """`publishers and their cities`: a column of rows that each thing has many of, whose table nobody named."""
        item, relation = option.field, option.relation
        if item is None or relation is self.root or relation.is_event:
            return False
        bears_name = item.title.startswith(relation.title) or bool(set(item.stem[:-1]) & set(relation.stem))
        is_of_many = not all(edge.is_one for edge in self.joins.way(self.root, relation) or ())
        return is_of_many and not bears_name and not self._is_spoken_of(relation)

    def _is_spoken_of(self, relation: Relation) -> bool:
        named = [option.relation for _, option in self.uses("entity", "rows")]
        named += [links[0].relation for links in self.resolution.values.values() if links]
        return relation in named

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
        """Equal rows say nothing twice unless each is a thing of its own; what happened has no name of its own."""
        names = self.index.label_of(self.root)
        if any(mention.is_distinct for mention in self.reading.mentions):
            return True
        return not any(
            item.is_unique or item.column.is_primary_key or (item in names and not self.root.is_event)
            for item in plan.attributes
            if item.relation == self.root.number
        )
