"""Builds the plan of one resolution: figures by groups or rows, filters and time, each step using what was said."""

from __future__ import annotations

from offline.figure_pairs import siblings_of, stored_counts
from offline.plan import Absence, Condition, Dimension, Function, Measure, Plan, Refusal
from offline.plan_existence import ExistenceStep
from offline.plan_filters import Filters, filters_of
from offline.plan_time import TimeUse, time_use
from offline.reading import Mention
from offline.relations import Field, Relation
from offline.resolving import Option
from offline.text import has_cjk, key

_NO_NOUNS = ("收", "总共", "一共", "多少", "几", "有多少", "how", "卖", "赚", "挣", "did", "we")
_ASKING_FORMS = ("share", "growth", "decline", "previous", "year_before", "running", "several", "difference", "ratio")


class PlanBuilder(ExistenceStep):
    """One resolution of one reading; make a new one for each."""

    def build(self) -> Plan | Refusal:
        """The plan, or what of the question it could not use."""
        filters = filters_of(self.reading, self.resolution, self.index)
        self.used |= filters.used
        if refusal := self._take_both(filters):
            return refusal
        time = time_use(self)
        if isinstance(time, Refusal):
            return time
        if self.reading.has("vague") and not self.uses("measure", "rows", "values"):
            return Refusal("ambiguous_question")
        plan = self._aggregated(filters, time) if self._is_aggregated(time) else self._listing(filters, time)
        if isinstance(plan, Refusal):
            return plan
        plan = plan.with_(
            filters=(*plan.filters, *filters.rows, *time.filters),
            either=filters.either,
            members=filters.members_with(time.members),
            periods=time.periods,
            moment=time.moment,
            weekdays=time.weekdays,
            titles={},
        )
        if self.reading.has("deleted"):
            if self.root.deleted is None:
                return self._words("deleted")
            plan = plan.with_(only_deleted=True)
        plan = self._with_existence(plan, time)
        if isinstance(plan, Refusal):
            return plan
        plan = plan.with_(keeps_all=self._counts_of_all(plan, time))
        return self._leftover() or self._crossing(plan) or plan

    def _crossing(self, plan: Plan) -> Refusal | None:
        """Rows that only belong to the same thing stand not side by side: members of a branch and its copies."""
        shown = {item.relation for item in plan.attributes}
        shown |= {item.relation for dimension in plan.dimensions for item in dimension.fields}
        crossed = {number for number in shown - {self.root.number} if self._shares_owner(number)}
        words = [m.text for m, option in self.resolution.uses.items() if option.relation.number in crossed]
        return Refusal("missing_database_info", tuple(words)) if crossed else None

    def _shares_owner(self, number: int) -> bool:
        return self.joins.shares_owner(self.joins.way(self.root, self.joins.relation(number)) or ())

    def _take_both(self, filters: Filters) -> Refusal | None:
        """Values that hold for rows of their own, which the root's row cannot be."""
        if any(f.field.relation == self.root.number for f in filters.both):
            return Refusal("unknown_generation_failure", tuple(v for f in filters.both for v in f.values))
        self.both = [Absence(self.joins.relation(f.field.relation), (f,), is_present=True) for f in filters.both]
        return None

    def _is_aggregated(self, time: TimeUse) -> bool:
        reading = self.reading
        figures = self.uses("measure", "rows", "values")
        if self.wants_details():
            return False
        if reading.per or (reading.has("records", "count") and not figures):
            return True
        if reading.has("siblings") or any(option.over is not None for _, option in figures):
            return True
        if any(option.kind in ("rows", "values") for _, option in figures):
            return True
        if reading.has(*_ASKING_FORMS) and figures:
            return not (reading.has("difference") and self._names_rows() and not time.dimensions)
        if time.dimensions and figures:
            return True
        if any(mention.aggregate for mention, _ in figures):
            return True
        if not figures:
            return any(mention.aggregate or mention.is_newest for mention, _ in self.uses("moment")) and not self.uses(
                "entity"
            )
        if any(option.relation is not self.root for _, option in figures):
            return True
        if self._ranks_others() or self._asks_for_total():
            return True
        if any(mention.is_grouped and not self._is_own_row(option) for mention, option in self.uses("entity", "field")):
            return True
        return not self._names_rows()

    def _has_names(self) -> bool:
        """Whether each row of the root is a thing with a name of its own, which can be counted without being named."""
        label = self.index.label_of(self.root)
        return bool(label) and label[0].role == "label" and label[0].is_unique

    def _ranks_others(self) -> bool:
        """总金额最高的5个客户 on the rows of orders: what stands behind the superlative is another table's thing."""
        places = self._rank_places()
        return not self.reading.is_english and any(
            places and mention.position > max(places) and option.relation is not self.root
            for mention, option in self.uses("entity")
        )

    def _asks_for_total(self) -> bool:
        """订单总金额是多少: one figure of all rows, where the column's own name has the word for adding up."""
        if not self.root.is_event or not any(token.has("how_much") for token in self.reading.tokens):
            return False
        if any(mention.is_which or mention.is_listed or mention.rank for mention in self.reading.mentions):
            return False
        if any(links and links[0].relation is self.root for links in self.resolution.values.values()):
            return False
        return any(o.relation is self.root and m.text.startswith(("总", "total ")) for m, o in self.uses("measure"))

    def _aggregated(self, filters: Filters, time: TimeUse) -> Plan | Refusal:
        done = tuple(self._done())
        dimensions = self._dimensions(time)
        if isinstance(dimensions, Refusal):
            return dimensions
        measures = self._measures()
        if repeated := self._repeated():
            return repeated
        if reading_siblings := self._sibling_measure(measures):
            measures = [reading_siblings]
        measures = measures or list(self.measures.values()) or self._unnamed_counts()
        if not measures:
            return Refusal("ambiguous_question")
        plan = Plan(self.root, measures=tuple(dict.fromkeys(measures)), dimensions=tuple(dimensions), filters=done)
        if self._counts_itself(plan):
            return Refusal("unknown_generation_failure", tuple(m.text for m in self.reading.counted))
        denied = [m.text for m in self.reading.mentions if m.is_negated and self._is_figure_use(m)]
        if denied and not plan.dimensions and not self.reading.counted:
            return Refusal("unknown_generation_failure", tuple(denied))
        plan = self._apart(plan, filters)
        ranks = self.reading.has("rank_word", "direction") or self.reading.limit is not None
        if (ranks and not plan.dimensions) or self._is_vague():
            return Refusal("ambiguous_question")
        compared = self._with_conditions(plan)
        return compared if isinstance(compared, Refusal) else self._ordered(compared, time)

    def _counts_of_all(self, plan: Plan, time: TimeUse) -> bool:
        """每个部门的员工数: things that have no row of what is counted are shown with 0, when no time is said."""
        if len(plan.dimensions) != 1 or time.periods or not _is_plain_count(plan):
            return False
        shown = {item.relation for item in plan.dimensions[0].fields}
        owner = self.index.relations[shown.pop()] if len(shown) == 1 else self.root
        filtered = {f.field.relation for f in plan.filters}
        return self._is_owner_asked_for(owner, plan.dimensions[0]) and filtered <= {self.root.number, owner.number}

    def _is_owner_asked_for(self, owner: Relation, dimension: Dimension) -> bool:
        """Whether each row of the root belongs to a thing that is named as such: not only as 业务员, a role of some."""
        if owner is self.root or owner.is_event or dimension.fields != self.index.label_of(owner):
            return False
        return self._names_table(owner) and all(edge.is_one for edge in self.joins.way(self.root, owner) or ())

    def _names_table(self, relation: Relation) -> bool:
        """Whether a noun of the question names a table, and not only a column that refers to it."""
        used = [mention for mention, option in self.uses("entity", "field") if option.relation is relation]
        return any(name.kind == "table" and name.relation is relation for mention in used for name in mention.names)

    def _unnamed_counts(self) -> list[Measure]:
        """What 数量 or `how many` counts where no noun says it: a number that is kept, else rows; events need 次."""
        if not self.reading.has("count", "records"):
            return []
        if counts := self._stored_counts() if self.reading.has("count") else []:
            return counts
        if self._counts_events():
            return [Measure("count", self.root.number, self.titles.count(self.root))]
        if self.reading.has("count") and self.root.is_event and not self._has_names():
            return []
        return [Measure("count", self.root.number, self.titles.count(None))]

    def _counts_events(self) -> bool:
        """急诊有多少次 counts the rows of visits: 次 is said of what happens."""
        places = self.reading.forms.get("count", ())
        return self.root.is_event and any(
            self.reading.tokens[place].text.endswith(("次", "量", "times")) for place in places
        )

    def _stored_counts(self) -> list[Measure]:
        """各车型的数量 where each row stands for a number of vehicles: that number is added up."""
        counts = stored_counts(self.root)
        if len(counts) != 1:
            return []
        return [Measure("sum", self.root.number, self.titles.aggregate("sum", counts[0].title), counts[0])]

    def _is_vague(self) -> bool:
        """最好 of nothing; 营收最好 ranks by the figure that is named."""
        ranked = [self.option(m) for m in self.reading.mentions if m.rank]
        return self.reading.has("vague") and not any(o is not None and o.kind in ("measure", "rows") for o in ranked)

    def _repeated(self) -> Refusal | None:
        """A figure of another table than the root's would be added up once for each of the root's rows."""
        repeated = [
            mention.text
            for mention, measure in self.measures.items()
            if measure.relation != self.root.number and measure.function in ("sum", "avg", "count")
        ]
        return Refusal("unknown_generation_failure", tuple(repeated)) if repeated else None

    def _sibling_measure(self, measures: list[Measure]) -> Measure | None:
        """各支付方式的金额: the columns of one kind of figure, each a row of its own."""
        if not self.reading.has("siblings"):
            return None
        kind = measures[0].field.kind if measures and measures[0].field is not None else "number"
        siblings = siblings_of(self.root, kind)
        if not siblings:
            return None
        text = self.reading.tokens[self.reading.forms["siblings"][0]].text
        ending = siblings[0][1].title.removeprefix(siblings[0][0])
        title = self.titles.aggregate("sum", ending)
        return Measure("sum", self.root.number, title, siblings[0][1], siblings=(self.titles.unique(text), siblings))

    def _is_figure_use(self, mention: Mention) -> bool:
        option = self.option(mention)
        return option is not None and option.kind in ("measure", "rows")

    def _apart(self, plan: Plan, filters: Filters) -> Plan:
        """A和B各有多少: several values that were named are groups of their own."""
        repeated = len(self.reading.counted) > len(plan.measures)
        if not (self.reading.has("respective") or (repeated and not plan.dimensions and not self.reading.has("ratio"))):
            return plan
        known = {item for dimension in plan.dimensions for item in dimension.fields}
        several = [f for f in filters.rows if f.test == "in" and len(f.values) > 1 and not f.is_negated]
        added = [Dimension(self.titles.of_field(f.field), (f.field,)) for f in several if f.field not in known]
        return plan.with_(dimensions=(*plan.dimensions, *added))

    def _measures(self) -> list[Measure]:
        found: list[Measure] = []
        for mention, option in self.uses("measure", "rows", "values", "moment"):
            if option.kind == "moment" and not (mention.aggregate or mention.is_newest):
                continue
            measure = self._known_measure(mention, option) or self._measure(mention, option)
            self.measures[mention] = measure
            self.used.add(mention)
            is_bound = any(c.subject is mention and c.other is None for c in self.reading.conditions)
            if not (is_bound and len(self.uses("measure", "rows", "values")) > 1 and self._is_only_bound(mention)):
                found.append(measure)
        return found

    def _known_measure(self, mention: Mention, option: Option) -> Measure | None:
        """The same figure said again."""
        for other, measure in self.measures.items():
            known = self.resolution.uses[other]
            same = known.kind == option.kind and known.relation is option.relation and known.field is option.field
            same = same and known.over is option.over
            if same and (not mention.aggregate or not other.aggregate or mention.aggregate == other.aggregate):
                return measure
        return None

    def _is_only_bound(self, mention: Mention) -> bool:
        """A figure that is only compared, while another is asked for."""
        return not (mention.is_listed or mention.rank or mention.order)

    def _measure(self, mention: Mention, option: Option) -> Measure:
        reading, item = self.reading, option.field
        if option.kind == "rows":
            title = self.titles.count(option.relation)
            summed = self._stored_count(option.relation)
            if summed is not None and option.relation is self.root:
                return Measure("avg" if reading.per else "sum", self.root.number, title, summed, per=reading.per)
            if reading.per:
                return Measure(
                    "avg", self.root.number, self.titles.aggregate(f"{reading.per}_avg", title), per=reading.per
                )
            if option.relation is self.root:
                return Measure("count", self.root.number, title)
            counted = option.relation.key or next(iter(self.index.label_of(option.relation)), None)
            return Measure("count_distinct", option.relation.number, title, counted)
        assert item is not None  # noqa: S101 - only rows have no field
        if option.kind == "values":
            return Measure("count_distinct", option.relation.number, self.titles.count(None, item.title), item)
        if option.kind == "moment":
            function: Function = (
                "max" if "max" in (mention.aggregate, {"high": "max"}.get(mention.is_newest)) else "min"
            )
            return Measure(
                function,
                option.relation.number,
                self.titles.aggregate("newest" if function == "max" else "oldest", item.title),
                item,
            )
        if option.over is not None:
            under = Measure("sum", option.relation.number, "", option.over)
            title = self.titles.unique(mention.text)
            return Measure("sum", option.relation.number, title, item, over=under)
        if reading.per and item.role != "rate":
            return Measure(
                "avg",
                option.relation.number,
                self.titles.aggregate(f"{reading.per}_avg", item.title),
                item,
                per=reading.per,
            )
        function = self._function(mention, item)
        title = self.titles.aggregate(function, self._word(mention, item))
        return Measure(function, option.relation.number, title, item)

    def _word(self, mention: Mention, item: Field) -> str:
        """What the question calls a figure, in its own language; else the column's title."""
        if mention.token.taken_for or mention.token.adjectives:
            return item.title
        fits = has_cjk(mention.text) != self.reading.is_english
        return mention.text if fits and not mention.text.startswith(_NO_NOUNS) else item.title

    @staticmethod
    def _stored_count(relation: Relation) -> Field | None:
        """A column `count`: each row stands for that many."""
        return next((f for f in relation.fields if f.is_measure and key(" ".join(f.stem)) in ("count", "cnt")), None)

    @staticmethod
    def _function(mention: Mention, item: Field) -> Function:
        """What was said; else levels are averaged and amounts added up."""
        if mention.aggregate:
            return mention.aggregate
        return "avg" if item.role in ("rate", "ordinal") else "sum"

    def _counts_itself(self, plan: Plan) -> bool:
        """One row for each thing counted, by its own name: every count would be one."""
        own = set(self.index.label_of(self.root)) | ({self.root.key} if self.root.key else set())
        for measure in plan.measures:
            counts_rows = measure.function == "count" and measure.relation == self.root.number
            by_itself = any(set(d.fields) <= own and d.fields and d.fields[0].is_unique for d in plan.dimensions)
            if counts_rows and by_itself and not self.root.is_event:
                return True
        return False


def _is_plain_count(plan: Plan) -> bool:
    """Whether rows are counted and nothing else, and groups without any could be among those shown."""
    takes_most = plan.limit is not None and any(one.is_descending for one in plan.ordering[:1])
    needs_some = any(map(_needs_some, plan.conditions))
    is_more = bool(plan.absences or plan.either or plan.members) or plan.only_deleted
    return not (takes_most or needs_some or is_more) and bool(plan.measures) and all(map(_counts_rows, plan.measures))


def _needs_some(condition: Condition) -> bool:
    return condition.number >= 1 and condition.test in (">", ">=", "=")


def _counts_rows(measure: Measure) -> bool:
    return measure.function == "count" and measure.field is None and not measure.only
