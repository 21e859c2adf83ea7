"""Builds the plan of one resolution: figures, groups, rows, filters, time and order; and keeps account of what is used."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from offline.joins import JoinGraph
from offline.links import LinkIndex
from offline.moments import Moments
from offline.plan import Absence, Condition, Dimension, Filter, Function, Measure, Moment, Ordering, Plan, Refusal
from offline.plan_filters import Filters, filters_of
from offline.plan_time import TimeUse, time_use
from offline.reading import Mention, Reading
from offline.relations import Field, Relation
from offline.resolving import Option, Resolution, verbs_near
from offline.text import base_form, key
from offline.time_grammar import Clock
from offline.titles import Titles

_ASKING_FORMS = ("share", "growth", "decline", "previous", "year_before", "running", "several", "difference", "ratio")


class PlanBuilder:
    """One resolution of one reading; make a new one for each."""

    def __init__(
        self, reading: Reading, resolution: Resolution, clock: Clock, index: LinkIndex, joins: JoinGraph, moments: Moments
    ) -> None:
        self.reading = reading
        self.resolution = resolution
        self.clock = clock
        self.index = index
        self.joins = joins
        self.moments = moments
        self.root = resolution.root
        self.titles = Titles(is_english=reading.is_english)
        self.used: set[object] = set()
        self.measures: dict[Mention, Measure] = {}

    def build(self) -> Plan | Refusal:
        """The plan, or what of the question it could not use."""
        filters = filters_of(self.reading, self.resolution, self.index)
        self.used |= filters.used
        time = time_use(self)
        if isinstance(time, Refusal):
            return time
        plan = self._aggregated(filters, time) if self._is_aggregated(time) else self._listing(filters, time)
        if isinstance(plan, Refusal):
            return plan
        plan = plan.with_(
            filters=(*plan.filters, *filters.rows, *time.filters), either=filters.either, members=filters.members_with(time.members),
            periods=time.periods, moment=time.moment, weekdays=time.weekdays, titles={},
        )  # fmt: skip
        plan = self._with_existence(plan, time)
        if isinstance(plan, Refusal):
            return plan
        return self._leftover() or plan

    def option(self, mention: Mention) -> Option | None:
        return self.resolution.uses.get(mention)

    def uses(self, *kinds: str) -> list[tuple[Mention, Option]]:
        """Mentions in order whose meaning is of these kinds and that are not denied."""
        return [
            (mention, option)
            for mention in self.reading.mentions
            if (option := self.resolution.uses.get(mention)) is not None and option.kind in kinds and not mention.is_negated
        ]

    def _is_aggregated(self, time: TimeUse) -> bool:
        reading = self.reading
        figures = self.uses("measure", "rows", "values")
        if reading.per or (reading.has("records") and not figures):
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
            return any(mention.aggregate for mention, _ in self.uses("moment")) and not self.uses("entity")
        if any(option.relation is not self.root for _, option in figures):
            return True
        if any(mention.is_grouped and not self._is_own_row(option) for mention, option in self.uses("entity", "field")):
            return True
        return not self._names_rows()

    def _names_rows(self) -> bool:
        """Whether a row of the root is a thing of its own that people name, not one of many records."""
        label = self.index.label_of(self.root)
        is_named = bool(label) and label[0].role not in ("key", "reference") and (not self.root.is_event or label[0].is_unique)
        lists_rows = any(
            option.kind == "entity" and option.relation is self.root and (mention.is_listed or mention.is_which)
            for mention, option in self.uses("entity")
        )
        return is_named or lists_rows

    def _is_own_row(self, option: Option) -> bool:
        if option.relation is not self.root:
            return False
        return option.kind == "entity" or (option.field is not None and option.field in self.index.label_of(self.root))

    # figures by groups

    def _aggregated(self, filters: Filters, time: TimeUse) -> Plan | Refusal:
        dimensions = self._dimensions(time)
        if isinstance(dimensions, Refusal):
            return dimensions
        measures = self._measures()
        if not measures and self.reading.has("records", "count"):
            measures = [Measure("count", self.root.number, self.titles.count(None))]
        if not measures:
            return Refusal("ambiguous_question")
        plan = Plan(self.root, measures=tuple(dict.fromkeys(measures)), dimensions=tuple(dimensions))
        if self._counts_itself(plan):
            return Refusal("unknown_generation_failure", tuple(m.text for m in self.reading.counted))
        plan = self._with_conditions(plan)
        return plan if isinstance(plan, Refusal) else self._ordered(plan, time)

    def _measures(self) -> list[Measure]:
        found: list[Measure] = []
        for mention, option in self.uses("measure", "rows", "values", "moment"):
            if option.kind == "moment" and not mention.aggregate:
                continue
            measure = self._known_measure(mention, option) or self._measure(mention, option)
            self.measures[mention] = measure
            self.used.add(mention)
            is_bound = any(c.subject is mention for c in self.reading.conditions)
            if not (is_bound and len(self.uses("measure", "rows", "values")) > 1 and self._is_only_bound(mention)):
                found.append(measure)
        return found

    def _known_measure(self, mention: Mention, option: Option) -> Measure | None:
        """The same figure said again."""
        for other, measure in self.measures.items():
            known = self.resolution.uses[other]
            same = known.kind == option.kind and known.relation is option.relation and known.field is option.field
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
                return Measure("avg", self.root.number, self.titles.aggregate(f"{reading.per}_avg", title), per=reading.per)
            if option.relation is self.root:
                return Measure("count", self.root.number, title)
            counted = option.relation.key or next(iter(self.index.label_of(option.relation)), None)
            return Measure("count_distinct", option.relation.number, title, counted)
        assert item is not None  # noqa: S101 - only rows have no field
        if option.kind == "values":
            return Measure("count_distinct", option.relation.number, self.titles.count(None, item.title), item)
        if option.kind == "moment":
            function: Function = "max" if mention.aggregate == "max" else "min"
            return Measure(function, option.relation.number, self.titles.aggregate("newest" if function == "max" else "oldest", item.title), item)
        if reading.per and item.role != "rate":
            return Measure("avg", option.relation.number, self.titles.aggregate(f"{reading.per}_avg", item.title), item, per=reading.per)
        function = self._function(mention, item)
        return Measure(function, option.relation.number, self.titles.aggregate(function, item.title), item)

    @staticmethod
    def _stored_count(relation: Relation) -> Field | None:
        """A column `count`: each row stands for that many."""
        return next((f for f in relation.fields if f.is_measure and key(" ".join(f.stem)) in ("count", "cnt")), None)

    @staticmethod
    def _function(mention: Mention, item: Field) -> Function:
        """What was said; else levels are averaged and amounts added up. `total price` of levels is an average too far."""
        if mention.aggregate:
            return mention.aggregate
        return "avg" if item.role in ("rate", "ordinal") else "sum"

    def _dimensions(self, time: TimeUse) -> list[Dimension] | Refusal:
        mentions = self._grouping()
        found: list[tuple[int, Dimension]] = [(time.position, dimension) for dimension in time.dimensions]
        for mention in mentions:
            option = self.resolution.uses[mention]
            dimension = self.dimension(option)
            if dimension is None:
                return Refusal("missing_database_info", (mention.text,))
            self.used.add(mention)
            found.append((mention.position, dimension))
        found.sort(key=lambda pair: pair[0])
        unique: list[Dimension] = []
        for _, dimension in found:
            if not any(dimension.fields and dimension.fields == other.fields for other in unique):
                unique.append(dimension)
        return unique

    def dimension(self, option: Option) -> Dimension | None:
        """Groups by an entity's label, with its key where names repeat, or by a field's values."""
        if option.kind == "flag" and option.field is not None:
            return Dimension(self.titles.of_field(option.field), (option.field,))
        if option.kind == "field" and option.field is not None:
            owner = self._owner(option.field, option.relation)
            return Dimension(self.titles.of_field(option.field), (option.field,), owner)
        label = self.index.label_of(option.relation)
        if not label:
            return None
        identity = option.relation.key
        needs_key = identity is not None and identity not in label and not (len(label) == 1 and label[0].is_unique)
        return Dimension(self.titles.of_field(label[0]), label, identity if needs_key else None)

    def _owner(self, item: Field, relation: Relation) -> Field | None:
        """The key of the thing a label names, where two things may have the same name."""
        if item.is_unique or relation.is_event or item not in self.index.label_of(relation) or item.role != "label":
            return None
        if relation.key is None or relation.key is item:
            return None
        own = key(" ".join(relation.stem))
        return relation.key if key(" ".join(item.stem)) in ("name", "title", own + "name", own + "title") else None

    def _grouping(self) -> list[Mention]:
        """The nouns rows are grouped by: those after 各, each, by; else those that are asked for."""
        candidates = [m for m, o in self.uses("entity", "field", "flag") if o.kind != "flag" or m.is_grouped or m.is_which]
        grouped = [mention for mention in candidates if mention.is_grouped]
        others = [mention for mention in candidates if not mention.is_grouped and not self._is_path(mention)]
        asked = [mention for mention in others if mention.is_which or mention.is_listed or mention.is_whole]
        ranks = self._rank_places()
        if grouped:
            later = [m for m in others if ranks and m.position > max(ranks) and m not in asked]
            beside = [m for m in asked if self._adds_to(m, grouped)]
            return [*grouped, *beside, *(later if not self.reading.is_english else [])]
        if asked and any(m.is_which or m.is_whole or not self._is_beside(m) for m in asked):
            return asked
        wants = ranks or self.reading.limit is not None or self.reading.conditions or self.reading.has(
            "share", "direction", "order", "spread", "list", "several", "contrast", "growth", "decline", "previous", "year_before"
        )  # fmt: skip
        found = self._subjects(others, ranks) if wants else [m for m in others if self._is_bare_column(m) or self._is_paired(m)]
        return sorted({*found, *asked}, key=lambda m: m.position)

    def _is_beside(self, mention: Mention) -> bool:
        """Only shown beside what is asked for: 及对应公司, `along with the company`."""
        return self.reading.has("back") and any(place < mention.position for place in self.reading.forms["back"])

    def _is_paired(self, mention: Mention) -> bool:
        """服务区名称及车辆数量: a label joined with a figure is shown with it."""
        tokens = self.reading.tokens
        place = mention.position + 1
        item = self.resolution.uses[mention].field
        joined = place < len(tokens) and (tokens[place].has("and") or tokens[place].text in ("及", "和", "及其", "以及"))
        return joined and item is not None and item.role in ("label", "category", "code")

    def _adds_to(self, mention: Mention, grouped: Sequence[Mention]) -> bool:
        """A listed noun beside grouped ones is shown too, unless it is the same thing."""
        option = self.resolution.uses[mention]
        fields = set(self.index.label_of(option.relation)) if option.kind == "entity" else {option.field}
        for other in grouped:
            known = self.resolution.uses[other]
            if known.relation is option.relation and (known.kind == "entity" or known.field in fields):
                return False
        return True

    def _is_path(self, mention: Mention) -> bool:
        """The counted thing itself, or a noun some value already stands for."""
        option = self.resolution.uses[mention]
        if option.kind == "entity" and any(
            o.kind == "rows" and o.relation is option.relation and m is not mention for m, o in self.uses("rows")
        ):
            return True
        named = [link for links in self.resolution.values.values() for link in links[:1]]
        return any(link.field is not None and (link.field is option.field or (option.kind == "entity" and link.field in self.index.label_of(option.relation))) for link in named) and not (
            mention.is_which or mention.is_listed
        )

    def _is_bare_column(self, mention: Mention) -> bool:
        """A kind of thing named without a value: 车型 in 2023年车型车流量."""
        item = self.resolution.uses[mention].field
        return item is not None and item.role in ("category", "flag") and self.resolution.uses[mention].kind == "field"

    def _rank_places(self) -> list[int]:
        places = [*self.reading.forms.get("rank_word", ())]
        if self.reading.limit_position >= 0:
            places.append(self.reading.limit_position)
        return places

    def _subjects(self, others: list[Mention], ranks: list[int]) -> list[Mention]:
        """Chinese names the thing after the superlative, else before it; English names it first."""
        if not others:
            return []
        if self.reading.is_english:
            first = others[0]
            return [m for m in others if m is first or self.resolution.uses[m].kind == "field"]
        places = ranks or [c.position for c in self.reading.conditions]
        after = [m for m in others if places and m.position > min(places)]
        if after:
            return after
        before = [m for m in others if not places or m.position < min(places)]
        return before[-1:] if len(before) > 1 and not self.reading.has("spread") else before

    def _counts_itself(self, plan: Plan) -> bool:
        """One row for each thing counted, by its own name: every count would be one."""
        own = set(self.index.label_of(self.root)) | ({self.root.key} if self.root.key else set())
        for measure in plan.measures:
            if measure.function == "count" and measure.relation == self.root.number and not self.root.is_event:
                if any(set(d.fields) <= own and d.fields and d.fields[0].is_unique for d in plan.dimensions):
                    return True
        return False

    # conditions on groups

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
            if subject is not None and measure is None and option is not None and option.field is not None and option.field.is_numeric:
                rows.append(number_filter(option.field, condition))
                self.used |= {condition, subject}
                continue
            if measure is None:
                measure = next(iter(plan.measures), None) if subject is None else None
            if measure is None:
                return Refusal("unknown_generation_failure", (self.reading.tokens[condition.position].text,))
            self.used.add(condition)
            is_row = measure.field is not None and measure.relation == self.root.number and not measure.per
            counts_rows = any(m.function == "count" and m is not measure for m in plan.measures)
            if is_row and counts_rows and not self.root.is_event and not condition.against_average and measure.field is not None:
                rows.append(number_filter(measure.field, condition))
                plan = plan.with_(measures=tuple(m for m in plan.measures if m is not measure))
                continue
            conditions.append(Condition(measure, condition.operator, _scaled(condition, measure), condition.upper, condition.against_average))
        if conditions and not plan.dimensions:
            plan = self._grouped_for_conditions(plan, conditions)
            if isinstance(plan, Refusal):
                return plan
        return plan.with_(conditions=tuple(conditions), filters=(*plan.filters, *rows))

    def _grouped_for_conditions(self, plan: Plan, conditions: Sequence[Condition]) -> Plan | Refusal:
        """昨天营收超过2万的服务区有几个: the things that pass are counted, so they are what is grouped by."""
        counted = [(m, o) for m, o in self.uses("rows", "values") if self.measures.get(m) not in [c.measure for c in conditions]]
        if len(counted) == 1:
            mention, option = counted[0]
            dimension = self.dimension(option if option.kind == "values" and option.field is None else replace_kind(option))
            if dimension is not None:
                title = self.measures[mention].title
                kept = tuple(c.measure for c in conditions)
                return plan.with_(dimensions=(dimension,), measures=kept, count_groups=title)
        return Refusal("ambiguous_question")

    # rows

    def _listing(self, filters: Filters, time: TimeUse) -> Plan | Refusal:
        rows: list[Filter] = []
        for condition in self.reading.conditions:
            subject = condition.subject
            option = self.resolution.uses.get(subject) if subject is not None else None
            if option is None or option.field is None or not option.field.is_numeric or condition.against_average:
                if not (condition.against_average and option is not None and option.field is not None):
                    return Refusal("unknown_generation_failure", (self.reading.tokens[condition.position].text,))
            assert option is not None and option.field is not None  # noqa: S101, PT018 - checked above
            rows.append(number_filter(option.field, condition))
            self.used |= {condition, subject}
        if time.dimensions and time.attribute is None and not any(d.is_member for d in time.dimensions):
            return Refusal("ambiguous_question")
        attributes = self._attributes(filters) if time.attribute is None else [*self._optional_attributes(filters), time.attribute]
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
        return [*label, *found] if several or ((ranked or is_own) and only_figures and not self._is_single(filters)) else found

    def _is_single(self, filters: Filters) -> bool:
        return any(f.field.is_unique and f.test == "in" and len(f.values) == 1 and not f.is_negated for f in filters.rows)

    def _is_shown(self, mention: Mention, option: Option, wanted: Sequence[Mention]) -> bool:
        """Whether a thing's own name is asked for, or the noun only says whose columns are."""
        if mention.is_which or mention.is_grouped or (mention.is_listed and option.relation is self.root):
            return True
        if option.relation is not self.root:
            return mention.is_listed
        if any(self.resolution.uses[m].relation is self.root and not m.rank and not m.order for m in wanted):
            return bool(mention.rank)
        return True

    def _is_distinct(self, plan: Plan) -> bool:
        """Equal rows say nothing twice unless each is a thing of its own."""
        if any(mention.is_distinct for mention in self.reading.mentions):
            return True
        return not any(
            item.is_unique or item.column.is_primary_key or item in self.index.label_of(self.root)
            for item in plan.attributes
            if item.relation == self.root.number
        )

    # order

    def _ordered(self, plan: Plan, time: TimeUse) -> Plan:
        reading = self.reading
        ordering = self._said_order(plan)
        self.used |= {m for m in reading.mentions if m.order or m.rank if m in self.resolution.uses}
        both = reading.has("both_ends")
        is_ranked = any(m.rank for m in reading.mentions) or reading.has("rank_word")
        if not ordering:
            ordering = self._default_order(plan, time, is_ranked=is_ranked)
        limit = reading.limit
        if limit is None and is_ranked and ordering and not both and self._asks_for_one():
            limit = 1
        best = 0
        grouped = [d for d in plan.dimensions if d.grain or self._is_grouped_dimension(d)]
        if is_ranked and limit is not None and not plan.dimensions and time.dimensions and reading.has("respective"):
            best = 1
        if is_ranked and limit is not None and len(plan.dimensions) > 1 and 0 < len(grouped) < len(plan.dimensions):
            best = len(grouped)
        return plan.with_(ordering=tuple(ordering), limit=limit, offset=reading.offset, best_of_each=best, both_ends=both)

    def _is_grouped_dimension(self, dimension: Dimension) -> bool:
        for mention in self.reading.mentions:
            option = self.resolution.uses.get(mention)
            if not mention.is_grouped or option is None:
                continue
            if option.field in dimension.fields or (option.kind == "entity" and dimension.fields == self.index.label_of(option.relation)):
                return True
        return False

    def _asks_for_one(self) -> bool:
        """A superlative takes one row, unless an order was said too or several were asked for."""
        reading = self.reading
        if reading.has("direction") or reading.has("list") and not reading.is_english:
            return False
        if reading.is_english:
            subject = next((m for m in reading.mentions if m.is_which or m.is_listed), None) or next(iter(reading.mentions), None)
            words = subject.text.split() if subject is not None else []
            return not any(base_form(word) != word for word in words[-1:]) or reading.has("order")
        return True

    def _said_order(self, plan: Plan) -> list[Ordering]:
        found: list[Ordering] = []
        for mention in sorted(self.reading.mentions, key=lambda m: (not m.order, m.position)):
            option = self.resolution.uses.get(mention)
            if option is None or not (mention.order or mention.rank):
                continue
            title = self._title_of(mention, option, plan)
            if title is None:
                continue
            is_figure = option.kind in ("measure", "rows", "values", "moment")
            is_high = mention.rank == "high" or mention.order == "high" or (mention.order == "plain" and not mention.rank and is_figure)
            found.append(Ordering(title, is_high))
            if mention.rank:
                break
        return found[:2]

    def _title_of(self, mention: Mention, option: Option, plan: Plan) -> str | None:
        if mention in self.measures:
            return self.measures[mention].title
        if option.kind == "entity":
            label = self.index.label_of(option.relation)
            return self._column_title(label[0], plan) if label else None
        return self._column_title(option.field, plan) if option.field is not None else None

    @staticmethod
    def _column_title(item: Field, plan: Plan) -> str | None:
        for dimension in plan.dimensions:
            if item in dimension.fields:
                return dimension.title
        return item.title if item in plan.attributes else None

    def _default_order(self, plan: Plan, time: TimeUse, *, is_ranked: bool) -> list[Ordering]:
        """Time runs forward; a ranking without a named figure ranks by the first; groups go from most to least."""
        reading = self.reading
        if reading.has("alphabetical") and (plan.attributes or plan.dimensions):
            title = plan.attributes[0].title if plan.attributes else plan.dimensions[0].title
            return [Ordering(title, is_descending=False)]
        descending = reading.direction != "low"
        figures = [item.title for item in plan.attributes if item.is_measure]
        if plan.dimensions:
            bucket = next((d.title for d in plan.dimensions if d.grain or d.is_member or (d.fields and d.fields[0].role == "ordinal")), None)
            says_order = is_ranked or reading.limit is not None or reading.direction
            if bucket and not says_order:
                return [Ordering(bucket, is_descending=False)]
            return [Ordering(plan.measures[0].title, descending)] if plan.measures else []
        if is_ranked or reading.limit is not None or reading.direction or reading.has("order"):
            if figures:
                return [Ordering(figures[0], descending)]
        return []

    # things that must or must not exist

    def _with_existence(self, plan: Plan, time: TimeUse) -> Plan | Refusal:
        absences: list[Absence] = []
        moves_time = False
        for mention in self.reading.mentions:
            option = self.resolution.uses.get(mention)
            if option is None or mention in self.used:
                continue
            target = option.relation
            if mention.is_negated and option.kind in ("entity", "rows", "measure", "field"):
                if option.kind == "field" and target is self.root and option.field is not None:
                    plan = plan.with_(filters=(*plan.filters, Filter(option.field, "is_null")))
                    self.used.add(mention)
                    continue
                if target is self.root or self.joins.way(self.root, target) is None:
                    return Refusal("unknown_generation_failure", (mention.text,))
                absences.append(self._absence(target, plan, time, mention, is_present=False))
                moves_time = moves_time or absences[-1].moment is not None
                self.used.add(mention)
            elif option.kind in ("entity", "rows") and target is not self.root:
                self.used.add(mention)
                way = self.joins.way(self.root, target)
                if way is None:
                    return Refusal("missing_database_info", (mention.text,))
                if not all(edge.is_one for edge in way) and not _touches(plan, target, self.joins, self.root):
                    absences.append(Absence(target, is_present=True))
            elif option.kind in ("entity", "rows", "member"):
                self.used.add(mention)
            elif option.kind == "field" and self._is_named_by_filter(option, plan):
                self.used.add(mention)
        plan = plan.with_(absences=tuple(absences))
        return plan.with_(periods=(), moment=None) if moves_time else plan

    def _is_named_by_filter(self, option: Option, plan: Plan) -> bool:
        """服务区 beside a named service area, or the label of the thing that is counted."""
        filtered = {f.field for f in plan.filters}
        if option.field in filtered:
            return True
        own = option.field is not None and option.field in self.index.label_of(option.relation)
        return own and not option.relation.is_event or (option.field is not None and option.field.role == "label")

    def _absence(self, target: Relation, plan: Plan, time: TimeUse, mention: Mention, *, is_present: bool) -> Absence:
        """The period belongs to the rows that are missing when they have a time and the root's things have none."""
        moment: Moment | None = None
        if time.periods and target.is_event:
            moment = self.moments.of(target, verbs_near(self.reading, mention.position))
        inner = tuple(f for f in plan.filters if f.field.relation == target.number)
        return Absence(target, inner, time.periods[0] if moment else None, moment, is_present)

    def _leftover(self) -> Refusal | None:
        left: list[str] = []
        for mention in self.reading.mentions:
            if mention.names_value or mention in self.used or mention.token.has("filler"):
                continue
            if mention not in self.resolution.uses and mention.token.has("filler"):
                continue
            left.append(mention.text)
        left += [value.text for value in self.reading.values if value not in self.used]
        left += [self.reading.tokens[c.position].text for c in self.reading.conditions if c not in self.used]
        left += [period.text for period in self.reading.periods if period not in self.used]
        return Refusal("unknown_generation_failure", tuple(left)) if left else None


def number_filter(item: Field, condition: object) -> Filter:
    """A comparison of a row's own figure."""
    from offline.reading import ConditionMention

    assert isinstance(condition, ConditionMention)  # noqa: S101
    return Filter(item, condition.operator, number=condition.number, upper=condition.upper)


def replace_kind(option: Option) -> Option:
    """The thing that is counted, as what rows are grouped by."""
    return replace(option, kind="field" if option.field is not None else "entity")


def _scaled(condition: object, measure: Measure) -> object:
    return condition.number  # type: ignore[attr-defined]


def _touches(plan: Plan, target: Relation, joins: JoinGraph, root: Relation) -> bool:
    """Whether the plan's own joins pass through a relation, so that its rows exist anyway."""
    needed: Iterable[int] = {
        *(m.field.relation for m in plan.measures if m.field), *(f.relation for d in plan.dimensions for f in d.fields),
        *(f.field.relation for f in plan.filters), *(f.relation for f in plan.attributes),
    }  # fmt: skip
    for number in needed:
        way = joins.way(root, _relation(joins, number))
        if number == target.number or any(edge.end == target.number for edge in way or ()):
            return True
    return False


def _relation(joins: JoinGraph, number: int) -> Relation:
    return joins.relation(number)
