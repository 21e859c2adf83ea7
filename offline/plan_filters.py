"""Row conditions of a plan: from values, texts in quotation marks, flags and members of a family."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from offline.links import ENDS_SO, LinkIndex
from offline.plan import Filter, Test
from offline.reading import Mention, Reading, ValueMention
from offline.relations import Field, Member, Relation
from offline.resolving import Resolution

_YES_OR_NO = frozenset({"是否", "是不是", "吗", "都", "均", "whether", "is", "are"})


@dataclass
class Filters:
    """`rows` all hold; each of `either` is a group of which one holds; `both` hold for rows of their own.

    `used` are the mentions they stand for.
    """

    rows: list[Filter] = field(default_factory=list)
    either: tuple[tuple[Filter, ...], ...] = ()
    both: list[Filter] = field(default_factory=list)
    members: dict[int, tuple[Member, ...]] = field(default_factory=dict)
    used: set[object] = field(default_factory=set)

    def members_with(self, chosen: Mapping[int, tuple[Member, ...]]) -> dict[int, tuple[Member, ...]]:
        """The members chosen here, further restricted by those chosen by a period."""
        result = dict(self.members)
        for number, members in chosen.items():
            known = result.get(number)
            result[number] = tuple(m for m in members if known is None or m in known) or members
        return result


def filters_of(reading: Reading, resolution: Resolution, index: LinkIndex) -> Filters:
    """Every value and flag of the reading as conditions, with what they used."""
    found = Filters()
    by_field: dict[tuple[Field, bool], list[tuple[ValueMention, Filter]]] = defaultdict(list)
    for value, links in resolution.values.items():
        item = links[0].field
        if item is None:
            continue
        by_field[item, value.is_negated].append(
            (value, _filter_of(item, value, [link.value for link in links], links[0].reason))
        )
        found.used.add(value)
    groups: list[tuple[int, list[Filter]]] = []
    for (item, is_negated), entries in by_field.items():
        position = entries[0][0].position
        if reading.has("both") and len(entries) > 1 and not is_negated:
            found.both += [entry for _, entry in entries]
        else:
            groups.append((position, [_merged(item, [entry for _, entry in entries])]))
    _join_by_or(found, reading, groups)
    _add_flags(found, reading, resolution, index)
    _add_members(found, reading, resolution)
    return found


def _filter_of(item: Field, value: ValueMention, values: Sequence[str], reason: str) -> Filter:
    if not value.links and value.token.literal and item.kind == "text":
        test: Test = value.token.name_part or ("starts" if value.is_prefix else "contains")
        return Filter(item, test, (value.token.literal,), is_negated=value.is_negated)
    if reason == ENDS_SO:
        return Filter(item, "ends", (value.text,), is_negated=value.is_negated)
    if item.kind == "array":
        return Filter(item, "any", tuple(dict.fromkeys(values)), is_negated=value.is_negated)
    return Filter(item, "in", tuple(dict.fromkeys(values)), is_negated=value.is_negated)


def _merged(item: Field, filters: Sequence[Filter]) -> Filter:
    if len(filters) == 1:
        return filters[0]
    values = tuple(dict.fromkeys(value for entry in filters for value in entry.values))
    test = "contains" if all(entry.test == "contains" for entry in filters) else filters[0].test
    return Filter(item, test, values, is_negated=filters[0].is_negated)


def _join_by_or(found: Filters, reading: Reading, groups: list[tuple[int, list[Filter]]]) -> None:
    """Conditions on two columns with `or` between them hold one or the other; all else holds together."""
    groups.sort(key=lambda pair: pair[0])
    for place in reading.forms.get("or", ()):
        before = [g for g in groups if g[0] < place]
        after = [g for g in groups if g[0] > place]
        if before and after and before[-1][1][0].field is not after[0][1][0].field:
            found.either = (*found.either, (*before[-1][1], *after[0][1]))
            groups = [g for g in groups if g is not before[-1] and g is not after[0]]
    found.rows += [entry for _, entries in groups for entry in entries]


def _add_flags(found: Filters, reading: Reading, resolution: Resolution, index: LinkIndex) -> None:
    for mention, option in resolution.uses.items():
        if option.kind == "field" and option.field is not None and option.field.role == "flag":
            flag = next((link for link in mention.names if link.kind == "flag" and link.field is option.field), None)
            if flag is None or not (mention.is_negated or _is_attribute_of_counted(mention, reading)):
                continue
            found.rows.append(Filter(option.field, "flag", is_true=flag.is_true != mention.is_negated))
            found.used.add(mention)
        elif option.kind == "flag" and option.field is not None and not (mention.is_grouped or mention.is_which):
            if _asks_yes_or_no(reading, resolution, mention):
                continue
            found.rows.append(Filter(option.field, "flag", is_true=option.is_true != mention.is_negated))
            found.used.add(mention)


def _is_attribute_of_counted(mention: Mention, reading: Reading) -> bool:
    if not mention.is_plain or mention.is_listed or mention.is_which:
        return False
    following = next((m for m in reading.mentions if m.position == mention.position + 1), None)
    stands_before = following is not None and any(name.kind == "table" for name in following.names)
    return stands_before or bool(reading.counted)


def _asks_yes_or_no(reading: Reading, resolution: Resolution, mention: Mention) -> bool:
    """Whether named things are so, and nothing else, is asked: the flag is the answer."""
    others = [
        m for m, o in resolution.uses.items() if m is not mention and o.kind in ("field", "measure", "rows", "flag")
    ]
    return bool(resolution.values) and not others and not reading.counted


def _add_members(found: Filters, reading: Reading, resolution: Resolution) -> None:
    chosen: dict[int, list[Member]] = defaultdict(list)
    for mention, option in resolution.uses.items():
        if option.kind == "member" and option.member is not None:
            chosen[option.relation.number].append(option.member)
            found.used.add(mention)
    for number, members in chosen.items():
        found.members[number] = tuple(dict.fromkeys(members))


def root_members(relation: Relation, members: Mapping[int, tuple[Member, ...]]) -> tuple[Member, ...]:
    """The tables a relation stands for in a plan."""
    return members.get(relation.number, relation.members)
