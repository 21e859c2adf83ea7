"""Order and number of rows of a plan: what was said, else what suits the question."""

from __future__ import annotations

from offline.plan import Dimension, Ordering, Plan
from offline.plan_state import PlanState
from offline.plan_time import TimeUse
from offline.reading import Mention
from offline.relations import Field
from offline.resolving import Option
from offline.text import base_form

_ASKING_FORMS = ("share", "growth", "decline", "previous", "year_before", "running", "several", "difference", "ratio")


class OrderStep(PlanState):
    """Orders and cuts."""

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
        takes_first = is_ranked or reading.has("first", "last")
        if takes_first and limit is not None and len(plan.dimensions) > 1 and 0 < len(grouped) < len(plan.dimensions):
            best = len(grouped)
        return plan.with_(
            ordering=tuple(ordering), limit=limit, offset=reading.offset, best_of_each=best, both_ends=both
        )

    def _is_grouped_dimension(self, dimension: Dimension) -> bool:
        for mention in self.reading.mentions:
            option = self.resolution.uses.get(mention)
            if not mention.is_grouped or option is None:
                continue
            if option.field in dimension.fields or (
                option.kind == "entity" and dimension.fields == self.index.label_of(option.relation)
            ):
                return True
        return False

    def _asks_for_one(self) -> bool:
        """A superlative takes one row, unless an order was said too or several were asked for."""
        reading = self.reading
        if reading.has("direction", "order") or self._asks_for_several():
            return False
        if reading.is_english and not self._asks_for_a_day():
            subject = next((m for m in reading.mentions if m.is_which or m.is_listed), None) or next(
                iter(reading.mentions), None
            )
            words = subject.text.split() if subject is not None else []
            return not any(base_form(word) != word for word in words[-1:])
        return True

    def _asks_for_a_day(self) -> bool:
        """`which day`, not `which days`."""
        return any(token.has("which_day") and not token.text.endswith("s") for token in self.reading.tokens)

    def _asks_for_several(self) -> bool:
        """哪些 asks for several, 是谁 for one."""
        tokens, places = self.reading.tokens, self.reading.forms.get("list", ())
        if self.reading.is_english:
            return False
        return any("谁" not in tokens[place].text for place in places if place < len(tokens))

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
            is_high = (
                mention.rank == "high"
                or mention.order == "high"
                or (mention.order == "plain" and not mention.rank and is_figure)
            )
            is_turned = option.kind == "moment" and not option.is_true  # the oldest were born first
            found.append(Ordering(title, is_high != is_turned))
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
            bucket = next(
                (
                    d.title
                    for d in plan.dimensions
                    if d.grain or d.is_member or (d.fields and (d.fields[0].role == "ordinal" or d.fields[0].is_moment))
                ),
                None,
            )
            says_order = is_ranked or reading.limit is not None or reading.direction
            if bucket and not says_order:
                return [Ordering(bucket, is_descending=False)]
            return [Ordering(plan.measures[0].title, descending)] if plan.measures else []
        if figures and (is_ranked or reading.limit is not None or reading.direction or reading.has("order")):
            return [Ordering(figures[0], descending)]
        return []
