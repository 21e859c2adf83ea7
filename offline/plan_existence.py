"""Things that must or must not exist, and what of the question is left without a use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from offline.joins import JoinGraph
from offline.plan import Absence, Filter, Moment, Plan, Refusal
from offline.plan_rows import RowStep
from offline.plan_time import TimeUse, can_tell
from offline.reading import Mention
from offline.relations import Relation
from offline.resolving import Option, verbs_near

_ASKING_FORMS = ("share", "growth", "decline", "previous", "year_before", "running", "several", "difference", "ratio")


_NEVER = frozenset({"never", "who have never", "从未", "从来没有", "从来没", "从没", "从没有", "从来不"})


class ExistenceStep(RowStep):
    """Adds EXISTS and NOT EXISTS, and keeps the account."""

    def _with_existence(self, plan: Plan, time: TimeUse) -> Plan | Refusal:
        absences: list[Absence] = list(self.both)
        moves_time = False
        for mention in self.reading.mentions:
            option = self.resolution.uses.get(mention)
            if option is None or mention in self.used:
                continue
            target = option.relation
            if self._is_said_of_missing(mention, option):
                self.used.add(mention)
                continue
            if mention.is_negated and option.kind in ("entity", "rows", "measure", "field"):
                if option.kind == "field" and target is self.root and option.field is not None:
                    if self.root.is_event and not self.uses("entity", "rows") and not self.reading.has("null"):
                        return Refusal("unknown_generation_failure", (mention.text,))
                    plan = plan.with_(filters=(*plan.filters, Filter(option.field, "is_null")))
                    self.used.add(mention)
                    continue
                if target is self.root or self.joins.way(self.root, target) is None:
                    return Refusal("unknown_generation_failure", (mention.text,))
                absences.append(self._missing(target, plan, time, mention, option))
                moves_time = moves_time or absences[-1].moment is not None
                self.used.add(mention)
            elif (mention.is_which or mention.is_listed or mention.is_grouped) and not _shows(plan, target):
                continue  # asked for and not shown: it is left over, which is a refusal
            elif option.kind in ("entity", "rows") and target is not self.root:
                self.used.add(mention)
                moves_time = moves_time or mention is self.event_of_period
                found = self._presence(plan, target, mention, time)
                if isinstance(found, Refusal):
                    return found
                absences += found
            elif option.kind in ("entity", "rows", "member") or (
                option.kind == "field" and self._is_named_by_filter(option, plan)
            ):
                self.used.add(mention)
        plan = plan.with_(absences=tuple(absences))
        return plan.with_(periods=(), moment=None) if moves_time else plan

    def _missing(self, target: Relation, plan: Plan, time: TimeUse, mention: Mention, option: Option) -> Absence:
        """No such rows; of a moment that did not come, rows without it: `books that have not been returned`."""
        item = option.field if option.kind == "field" else None
        if item is not None and item.is_moment and not self._says_never(mention):
            return Absence(target, (Filter(item, "is_null"),), is_present=True)
        return self._absence(target, plan, time, mention, is_present=False)

    def _says_never(self, mention: Mention) -> bool:
        """`never opened a ticket`: there is no ticket at all."""
        before = self.reading.tokens[max(0, mention.position - 3) : mention.position]
        return any(token.text in _NEVER for token in before)

    def _presence(self, plan: Plan, target: Relation, mention: Mention, time: TimeUse) -> Sequence[Absence] | Refusal:
        """What another table's noun asks of the root's rows; a noun that would say nothing is a refusal."""
        if mention is self.event_of_period:
            found = self._absence(target, plan, time, mention, is_present=True)
            self.used |= set(self.reading.periods) if found.moment is not None else set()
            return (found,)
        way = self.joins.way(self.root, target)
        if way is None:
            return Refusal("missing_database_info", (mention.text,))
        if mention.is_whole or _touches(plan, target, self.joins, self.root):
            return ()
        if all(edge.is_one for edge in way) or self._is_joined_to_figure(mention):
            return Refusal("unknown_generation_failure", (mention.text,))
        return (Absence(target, is_present=True),)

    def _is_joined_to_figure(self, mention: Mention) -> bool:
        """客流和营收: a table beside a figure stands for a figure of its own, not for rows that must exist."""
        tokens, places = self.reading.tokens, {m.position for m in self.measures}
        before, behind = mention.position - 1, mention.position + 1
        joined_before = before > 0 and tokens[before].has("and") and before - 1 in places
        return joined_before or (behind + 1 in places and tokens[behind].has("and"))

    def _is_said_of_missing(self, mention: Mention, option: Option) -> bool:
        """`never opened a ticket`: verb and noun of one denial, both about the table whose rows must not exist."""
        place = self.reading.mentions.index(mention)
        beside = [self.reading.mentions[n] for n in (place - 1, place + 1) if 0 <= n < len(self.reading.mentions)]
        denied = [self.resolution.uses[m].relation for m in beside if m.is_negated and m in self.resolution.uses]
        return (
            mention.is_plain
            and not mention.is_negated
            and option.kind in ("field", "moment", "entity")
            and option.relation is not self.root
            and any(relation is option.relation or self._is_owner(option.relation, relation) for relation in denied)
        )

    def _is_owner(self, relation: Relation, denied: Relation) -> bool:
        """`never borrowed a book`: each of the denied rows belongs to one of the things named behind the verb."""
        way = self.joins.way(denied, relation)
        return bool(way) and all(edge.is_one for edge in way or ())

    def _is_named_by_filter(self, option: Option, plan: Plan) -> bool:
        """服务区 beside a named service area, or the label of the thing that is counted."""
        filtered = {f.field for f in plan.filters}
        if option.field in filtered or (plan.moment is not None and option.field is plan.moment.field):
            return True  # `sent in 2024`: the word that names the moment the period is about
        own = option.field is not None and option.field in self.index.label_of(option.relation)
        return (own and not option.relation.is_event) or (option.field is not None and option.field.role == "label")

    def _absence(self, target: Relation, plan: Plan, time: TimeUse, mention: Mention, *, is_present: bool) -> Absence:
        """The period belongs to the rows that are missing when they have a time and the root's things have none."""
        moment: Moment | None = None
        if time.periods and (target.is_event or mention is self.event_of_period):
            moment = self.moments.of(target, verbs_near(self.reading, mention.position))
            moment = moment if moment is not None and can_tell(moment, time.periods) else None
        inner = tuple(f for f in plan.filters if f.field.relation == target.number)
        option = self.resolution.uses[mention]
        if option.kind == "measure" and option.field is not None and not is_present:  # 没用过金豆: no row with any
            inner = (*inner, Filter(option.field, ">", number=Decimal(0)))
        return Absence(target, inner, time.periods[0] if moment else None, moment, is_present)

    def _leftover(self) -> Refusal | None:
        left: list[str] = []
        for mention in self.reading.mentions:
            option = self.resolution.uses.get(mention)
            if _totals_no_figure(mention, option) or _groups_no_rows(mention, option):
                left.append(mention.text)
                continue
            if mention.names_value or mention in self.used or mention.token.has("filler"):
                continue
            if mention not in self.resolution.uses and mention.token.has("filler"):
                continue
            left.append(mention.text)
        left += [value.text for value in self.reading.values if value not in self.used]
        left += [self.reading.tokens[c.position].text for c in self.reading.conditions if c not in self.used]
        left += [period.text for period in self.reading.periods if period not in self.used]
        return Refusal("unknown_generation_failure", tuple(left)) if left else None


def _totals_no_figure(mention: Mention, option: Option | None) -> bool:
    """A total or mean of what cannot be added up."""
    return mention.aggregate in ("sum", "avg") and option is not None and option.kind in ("field", "entity")


def _groups_no_rows(mention: Mention, option: Option | None) -> bool:
    """What is said to be grouped by is no figure that is added up."""
    return mention.is_grouped and option is not None and option.kind in ("measure", "rows")


def _shows(plan: Plan, relation: Relation) -> bool:
    """Whether a plan shows something of a relation."""
    shown = {item.relation for dimension in plan.dimensions for item in dimension.fields}
    return relation.number in shown | {item.relation for item in plan.attributes} | {m.relation for m in plan.measures}


def _touches(plan: Plan, target: Relation, joins: JoinGraph, root: Relation) -> bool:
    """Whether the plan's own joins pass through a relation, so that its rows exist anyway."""
    for number in _needed(plan):
        way = joins.way(root, _relation(joins, number))
        if number == target.number or any(edge.end == target.number for edge in way or ()):
            return True
    return False


def _needed(plan: Plan) -> Iterable[int]:
    """The relations whose columns a plan uses."""
    moments = (plan.moment.field.relation,) if plan.moment is not None else ()
    return {
        *moments, *(m.field.relation for m in plan.measures if m.field),
        *(f.relation for d in plan.dimensions for f in d.fields), *(f.field.relation for f in plan.filters),
        *(f.relation for f in plan.attributes),
    }  # fmt: skip


def _relation(joins: JoinGraph, number: int) -> Relation:
    return joins.relation(number)
