"""Chooses what each noun and value means, together: the choice whose tables lie nearest to one another wins.

For every relation that could be the root, each noun takes its best option seen from there; the root with the highest
total is kept. That is linear in roots and options, so a wide schema costs no more than its words.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from offline.figure_pairs import siblings_of
from offline.joins import JoinGraph
from offline.links import Link, LinkIndex
from offline.moments import is_birth
from offline.reading import Mention, Reading, ValueMention
from offline.relations import Field, Member, Relation
from offline.text import key
from offline.weights import WEIGHTS

_FIGURE = 0.6
_GENERIC = frozenset({"name", "id", "title", "code", "type", "status", "date", "名称", "编号", "编码", "状态", "类型"})
OptionKind = Literal["rows", "values", "measure", "entity", "field", "flag", "member", "moment"]


@dataclass(frozen=True, eq=False)
class Option:
    """One thing a noun may mean, in the role the question gives it."""

    kind: OptionKind
    relation: Relation
    score: float
    field: Field | None = None
    member: Member | None = None
    is_true: bool = True
    over: Field | None = None


@dataclass(eq=False)
class Resolution:
    """A root with the option of every mention and the links of every value; `missing` found nothing reachable."""

    root: Relation
    score: float = 0.0
    uses: dict[Mention, Option] = field(default_factory=dict)
    values: dict[ValueMention, tuple[Link, ...]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)


class Resolver:
    """Resolves readings against one schema."""

    def __init__(self, index: LinkIndex, joins: JoinGraph) -> None:
        self._index = index
        self._joins = joins
        self._amounts = index.vocabulary.names("amount_words")
        endings = ("key_endings", "code_endings")
        self._keys = tuple(word for section in endings for word in index.vocabulary.names(section))

    def resolve(self, reading: Reading) -> list[Resolution]:
        """Resolutions by all likely roots, the best first."""
        options = {mention: self.options(mention, reading) for mention in reading.mentions if not mention.names_value}
        found = [self.at(root, reading, options) for root in self._roots(reading, options)]
        found.sort(key=lambda resolution: (-resolution.score, resolution.root.number))
        return found

    def at(self, root: Relation, reading: Reading, options: dict[Mention, list[Option]]) -> Resolution:
        """Every mention's best option and every value's best links, seen from `root`."""
        resolution = Resolution(root)
        subjects = self._things_said(reading, options) | _named_things(reading)
        said = frozenset(key(mention.text) for mention in options)
        figure = next((m for m in options if m.is_counted or m.aggregate), None) or _ranked_rows(options)
        for mention, choices in options.items():
            if mention is figure:
                choices = [o for o in choices if o.relation is root] or choices
            if key(mention.text) in _GENERIC:
                choices = [self._of_subject(option, subjects, said) for option in choices]
            best = self._best(root, choices)
            if best is None or best[0] <= WEIGHTS.unreachable:
                if not mention.token.has("filler"):
                    resolution.missing.append(mention.text)
                    resolution.score -= WEIGHTS.missing
                continue
            resolution.uses[mention] = best[1]
            resolution.score += best[0]
        self._count_rows(resolution)
        self._said_again(resolution, reading)
        for value in reading.values:
            self._resolve_value(resolution, value)
        if root in self._subject_relations(reading, options):
            resolution.score += WEIGHTS.subject_root
        if root.is_event and not any(mention.is_counted for mention in options):
            resolution.score += (
                WEIGHTS.event_root if any(o.kind == "measure" for o in resolution.uses.values()) else 0.0
            )
        return resolution

    @staticmethod
    def _things_said(reading: Reading, options: dict[Mention, list[Option]]) -> set[int]:
        """The tables that are named as such and not denied."""
        sure = [o for m, found in options.items() for o in found if o.kind == "entity" and not m.is_negated]
        return {o.relation.number for o in sure if o.score >= WEIGHTS.sure}

    @staticmethod
    def _of_subject(option: Option, subjects: set[int], said: frozenset[str]) -> Option:
        """`type` after `car traffic` is the type of car, `name` that of the thing that is asked about."""
        stem = option.field.stem if option.field is not None else ()
        is_of_word = len(stem) > 1 and key(stem[0]) in said
        if option.relation.number not in subjects and not is_of_word:
            return option
        return replace(option, score=option.score + WEIGHTS.generic_of_subject)

    @staticmethod
    def _said_again(resolution: Resolution, reading: Reading) -> None:
        """`scores` after `easiness scores` is the same figure, unless a joining word says that it is another."""
        mentions = sorted(resolution.uses, key=lambda mention: mention.position)
        for place, mention in enumerate(mentions):
            if mention.position and reading.tokens[mention.position - 1].has("and"):
                continue
            for earlier in mentions[:place]:
                longer, shorter = key(earlier.text), key(mention.text)
                same_kind = resolution.uses[earlier].kind == "measure" and not mention.is_counted
                same_kind = same_kind or (mention.is_grouped and earlier.is_grouped)
                if same_kind and longer != shorter and longer.endswith(shorter):
                    resolution.uses[mention] = resolution.uses[earlier]

    @staticmethod
    def _count_rows(resolution: Resolution) -> None:
        """各来源的编码记录数: the rows counted are those of the table that is grouped."""
        root = resolution.root
        if not any(m.is_grouped and option.relation is root for m, option in resolution.uses.items()):
            return
        for mention in [m for m in resolution.uses if m.counts_rows]:
            resolution.uses[mention] = Option("rows", root, resolution.uses[mention].score)
            resolution.score += WEIGHTS.subject_root

    @staticmethod
    def _subject_relations(reading: Reading, options: dict[Mention, list[Option]]) -> list[Relation]:
        """The relations of the thing a listing is about; empty when figures are asked for.

        It is what 哪些 or which asks for, else the first noun in English and the last in Chinese.
        """
        if any(m.is_counted or m.aggregate for m in options) or _ranked_rows(options) is not None:
            return []
        if any(m.order and any(o.kind == "measure" and o.score >= _FIGURE for o in options[m]) for m in options):
            return []
        things = [m for m in options if not m.is_negated and any(o.kind in ("entity", "field") for o in options[m])]
        asked = [m for m in things if m.is_which or m.is_listed or m.is_whole]
        chosen = asked[:1] or (things[:1] if reading.is_english else things[-1:])
        return [
            o.relation for m in chosen for o in options[m] if o.kind in ("entity", "field") and o.score >= WEIGHTS.sure
        ]

    def options(self, mention: Mention, reading: Reading) -> list[Option]:
        """What the mention may mean in its role."""
        found: list[Option] = []
        derived = mention.token.derived
        for link in mention.names:
            if derived is not None and derived.upper:
                found += self._of_derived(link, derived.lower)
            else:
                found += self._of_link(mention, link)
        if mention.rank and mention.token.adjectives:
            found += self._by_adjective(mention, reading)
        return found

    def _of_derived(self, link: Link, lower: Sequence[str]) -> Iterable[Option]:
        """客单价: the figure that is divided, with the figure of the same table that it is divided by."""
        for phrase in lower:
            for other in self._index.names.get(phrase, ()):
                if other.relation is link.relation and other.field is not None and other.field.is_measure:
                    yield Option("measure", link.relation, link.score * other.score, link.field, over=other.field)

    def _of_link(self, mention: Mention, link: Link) -> Iterable[Option]:
        relation, item, score = link.relation, link.field, link.score
        if link.kind == "member":
            yield Option("member", relation, score, member=link.member)
        elif link.kind == "flag" and item is not None:
            yield Option("flag", relation, score, item, is_true=link.is_true)
        elif link.kind == "table":
            yield from self._of_table(mention, relation, score)
        elif item is not None:
            yield from self._of_column(mention, relation, item, score)

    def _of_table(self, mention: Mention, relation: Relation, score: float) -> Iterable[Option]:
        if mention.is_counted:
            yield self._rows_of(mention, relation, score)
            return
        if (mention.aggregate or mention.rank) and not mention.is_grouped:
            yield from self._of_only_amount(mention, relation, score)
        if mention.order or (mention.rank and not mention.ranks_size):
            yield self._rows_of(mention, relation, score)
        if not mention.rank:
            is_other = self._is_other_column(mention, relation, score)
            yield Option("entity", relation, score - (WEIGHTS.other_column if is_other else 0.0))
        if mention.aggregate:
            yield Option("rows", relation, score * WEIGHTS.rows_when_aggregated)

    def _rows_of(self, mention: Mention, relation: Relation, score: float) -> Option:
        names_column = mention.is_counted and _names_its_column(mention, relation, self._index)
        damping = WEIGHTS.counted_column if names_column else 1.0
        return Option("rows", relation, score * (damping if mention.is_counted else WEIGHTS.rows_when_ranked))

    def _of_only_amount(self, mention: Mention, relation: Relation, score: float) -> Iterable[Option]:
        """`total fines`, `highest fine`: the one figure of a table of fines, where it is an amount.

        A noun that begins the amount's name stands for it with 最多, too: 回款 in 回款金额.
        """
        figures = [item for item in relation.fields if item.is_measure and not item.factors]
        if len(figures) != 1:
            return
        is_amount = key(" ".join(figures[0].stem)) in self._amounts or figures[0].title.endswith("金额")
        is_sized = bool(mention.aggregate) or mention.ranks_size
        if is_amount and (is_sized or figures[0].title.startswith(relation.title)):
            yield Option("measure", relation, score * WEIGHTS.only_amount, figures[0])

    def _is_other_column(self, mention: Mention, relation: Relation, score: float) -> bool:
        """Whether the noun names a column of the table that is not its label just as well."""
        label = self._index.label_of(relation)
        own = [n for n in mention.names if n.field is not None and n.relation is relation and n.score >= score - 0.05]
        return bool(label) and any(n.field not in label for n in own)

    def _of_column(self, mention: Mention, relation: Relation, item: Field, score: float) -> Iterable[Option]:
        is_figure = item.is_measure or (item.role == "ordinal" and bool(mention.aggregate))
        if (owner := self._referred_to(mention, item)) is not None:
            yield Option("entity", owner, score)
            return
        if mention.counts_rows or (mention.is_counted and item.is_moment):
            yield Option("rows", relation, score, item)
        elif mention.is_counted:
            if item.is_measure and not mention.is_distinct:
                yield Option("measure", relation, score * WEIGHTS.counted_measure, item)
            elif item in self._index.label_of(relation) or item is relation.key:
                kind: OptionKind = "values" if relation.is_event and not item.is_unique else "rows"
                damping = WEIGHTS.counted_column if _is_anothers(mention, relation, item) else 1.0
                yield Option(kind, relation, score * WEIGHTS.counted_label * damping, item)
            else:
                yield Option("values", relation, score * WEIGHTS.counted_values, item)
        elif mention.is_newest and item.is_moment:
            yield Option("moment", relation, score / (0.6 if item.role == "audit" else 1.0), item)
        elif mention.is_grouped:
            yield Option("field", relation, score * (WEIGHTS.grouped_measure if item.is_measure else 1.0), item)
        elif mention.aggregate or mention.rank or mention.order:
            yield from self._of_figure(mention, relation, item, score, is_figure=is_figure)
        elif item.is_measure:
            yield Option("measure", relation, score, item)
        else:
            yield Option("field", relation, score, item)

    def _referred_to(self, mention: Mention, item: Field) -> Relation | None:
        """每个业务员: the table of the people that the numbers in a column of references stand for."""
        says_more = mention.is_counted or mention.aggregate or mention.rank or mention.order or mention.is_newest
        best = mention.names[0].score - 0.05
        is_best = any(name.field is item and name.score >= best for name in mention.names)
        says_key = key(mention.text).endswith(self._keys)  # `ticker ids` asks for the ids
        is_asked = is_best and not says_more and not mention.is_negated and not says_key
        return self._joins.owner_by(item) if is_asked and item.role == "reference" else None

    def _of_figure(
        self, mention: Mention, relation: Relation, item: Field, score: float, *, is_figure: bool
    ) -> Iterable[Option]:
        if is_figure:
            yield Option("measure", relation, score, item)
        elif item.is_moment and (mention.rank or mention.order or mention.aggregate in ("max", "min")):
            yield Option("moment", relation, score * WEIGHTS.ranked_moment, item)
        elif mention.order:
            yield Option("field", relation, score, item)
        elif mention.rank and item in self._index.label_of(relation) and not relation.is_event:
            yield Option("rows", relation, score * WEIGHTS.ranked_label, item)
        else:
            yield from self._of_ranked_column(mention, relation, item, score)

    @staticmethod
    def _of_ranked_column(mention: Mention, relation: Relation, item: Field, score: float) -> Iterable[Option]:
        """档口最多, 哪个医生接诊最多: how many different ones there are, or the rows in which a reference stands."""
        if item.role in ("key", "reference"):
            if mention.ranks_number:
                yield Option("rows", relation, score * WEIGHTS.ranked_label, item)
        elif mention.ranks_number and not mention.is_which:
            yield Option("values", relation, score * WEIGHTS.ranked_label, item)
        else:
            yield Option("field", relation, score * WEIGHTS.ranked_field, item)

    def _by_adjective(self, mention: Mention, reading: Reading) -> Iterable[Option]:
        """`most expensive products` ranks products by the first of their columns that goes by the adjective."""
        for link in mention.names:
            if link.kind != "table" and not (link.field is not None and link.field.role == "label"):
                continue
            for place, adjective in enumerate(name for a in mention.token.adjectives for name in a.names):
                for named in self._index.names.get(adjective, ()):
                    item = named.field
                    if named.relation is link.relation and item is not None and item.is_measure and named.score >= 0.5:
                        score = link.score * named.score * (1.15 - 0.02 * place)
                        yield Option("measure", link.relation, score, item)
            if any("age" in adjective.names for adjective in mention.token.adjectives):
                born = next((item for item in link.relation.fields if item.is_moment and is_birth(item)), None)
                if born is not None:
                    yield Option("moment", link.relation, link.score, born, is_true=False)

    def _roots(self, reading: Reading, options: dict[Mention, list[Option]]) -> list[Relation]:
        """Relations of the first figure, else of any noun or value."""
        figures = [m for m in reading.mentions if m in options and not m.is_negated and (m.is_counted or m.aggregate)]
        ranked = _ranked_rows(options)
        figures = figures or ([ranked] if ranked is not None else [])
        figures = figures or [
            m for m in reading.mentions
            if m in options and not m.is_negated and any(o.kind == "measure" and o.score > 0.6 for o in options[m][:1])
        ]  # fmt: skip
        found: dict[int, Relation] = {}
        if any(m.counts_rows for m in figures):
            figures = [*figures[:1], *(m for m in options if m.is_grouped)]
        for mention in (
            (figures if len(figures) > 1 and figures[0].counts_rows else figures[:1])
            or [m for m in options if not m.is_negated]
            or list(options)
        ):
            for option in options[mention]:
                if option.kind != "member" or len(options) == 1 or option.relation.is_family:
                    found.setdefault(option.relation.number, option.relation)
        if reading.has("siblings") and not found:
            found = {r.number: r for r in self._index.relations if siblings_of(r, "number")}
        if not figures[:1]:
            for value in reading.values:
                for link in value.links:
                    found.setdefault(link.relation.number, link.relation)
        named = {
            option.relation.number
            for choices in options.values()
            for option in choices
            if option.kind in ("entity", "rows") and option.score >= WEIGHTS.sure
        }
        most = WEIGHTS.most_roots_beside_named if named & set(found) else WEIGHTS.most_roots
        return sorted(found.values(), key=lambda relation: relation.number not in named)[:most]

    def _best(self, root: Relation, choices: Sequence[Option]) -> tuple[float, Option] | None:
        """The choice of most worth seen from a root; the root's own first, since no way makes another worth more."""
        best: tuple[float, Option] | None = None
        for option in sorted(choices, key=lambda option: (option.relation is not root, -option.score)):
            if best is not None and option.relation is not root and option.score <= best[0]:
                break
            worth = self._worth(root, option)
            if best is None or worth > best[0]:
                best = (worth, option)
        return best

    def _worth(self, root: Relation, option: Option) -> float:
        if option.relation is root:
            return option.score + WEIGHTS.at_root
        cost = self._joins.cost(root, option.relation)
        if cost is None:
            return WEIGHTS.unreachable
        return option.score - WEIGHTS.distance * cost

    def _resolve_value(self, resolution: Resolution, value: ValueMention) -> None:
        links = list(value.links)
        if not links and value.named is not None:
            links = [self._literal(link, value) for link in self._named_columns(value.named)]
        if len(links) > WEIGHTS.most_places:
            near = {resolution.root.number, *(option.relation.number for option in resolution.uses.values())}
            links.sort(key=lambda link: (link.relation.number not in near, -link.score))
            del links[WEIGHTS.most_places :]
        ranked = sorted(((self._value_worth(resolution, link), link) for link in links), key=lambda pair: -pair[0])
        ranked = [(worth, link) for worth, link in ranked if worth > WEIGHTS.unreachable]
        if not ranked:
            resolution.missing.append(value.text)
            resolution.score -= WEIGHTS.missing
            return
        best = ranked[0][1]
        same = tuple(
            link
            for _, link in ranked
            if link.field is best.field and link.is_partial == best.is_partial and link.score == best.score
        )
        resolution.values[value] = same
        resolution.score += ranked[0][0]

    def _value_worth(self, resolution: Resolution, link: Link) -> float:
        named = [option for option in resolution.uses.values() if option.relation is link.relation]
        base = self._worth(resolution.root, Option("field", link.relation, link.score, link.field))
        if base <= WEIGHTS.unreachable:
            return base
        is_label = link.field is not None and link.field.role == "label"
        grouped = any(
            m.is_grouped
            and (o.field is link.field or (o.kind == "entity" and link.field in self._index.label_of(o.relation)))
            for m, o in resolution.uses.items()
        )
        base += WEIGHTS.value_of_group if grouped else 0.0
        return base + (WEIGHTS.value_beside if named else 0.0) + (WEIGHTS.label_value if is_label else 0.0)

    def _named_columns(self, mention: Mention) -> Iterable[Link]:
        for link in mention.names:
            if link.field is not None:
                yield link
            elif link.kind == "table":
                for item in self._index.label_of(link.relation)[:1]:
                    yield Link("column", link.relation, link.score * 0.95, "the name of its rows", item)

    @staticmethod
    def _literal(link: Link, value: ValueMention) -> Link:
        text = value.token.literal or (
            str(value.token.number.normalize()) if value.token.number is not None else value.text
        )
        if value.token.number is not None and not value.token.literal:
            text = (
                value.token.text
                if link.field is not None and not link.field.is_numeric
                else f"{value.token.number.normalize():f}"
            )
        score = link.score * (
            0.7 if value.token.number is None and link.field is not None and link.field.is_numeric else 1.0
        )
        return Link("value", link.relation, score, "a value for the column named beside it", link.field, text)


def _named_things(reading: Reading) -> set[int]:
    """The tables of the things that are named: 丰城服务区的编号 is the code of a service area."""
    links = [link for value in reading.values if not value.is_negated for link in value.links]
    return {link.relation.number for link in links if link.field is not None and link.field.role == "label"}


def _is_anothers(mention: Mention, relation: Relation, item: Field) -> bool:
    """服务区 in a table that maps them to other systems: the things have a table of their own, and it is not this."""
    own = any(n.kind == "table" and n.relation is relation for n in mention.names)
    has_table = any(n.kind == "table" and n.score >= WEIGHTS.sure for n in mention.names)
    return has_table and not own and not relation.is_event and not item.is_unique


def _names_its_column(mention: Mention, relation: Relation, index: LinkIndex) -> bool:
    """Whether a counted noun is also a column of the table whose values are counted rather than the rows.

    多少条路线 in a table of sections asks for the routes, 多少辆次 in a table of daily counts for their sum.
    """
    label = index.label_of(relation)
    return any(
        link.relation is relation
        and link.field is not None
        and (link.field.is_measure or (link.field.role in ("label", "category") and not link.field.is_unique))
        and link.field not in label
        and link.score >= WEIGHTS.sure - 0.05
        for link in mention.names
    )


def _ranked_rows(options: dict[Mention, list[Option]]) -> Mention | None:
    """`most orders`: a table whose rows are counted for a ranking, when no column is what is ranked by."""
    for mention, found in options.items():
        kinds = {option.kind for option in found if option.score >= WEIGHTS.sure * WEIGHTS.rows_when_ranked}
        if mention.rank and not mention.is_negated and "rows" in kinds and "measure" not in {o.kind for o in found}:
            return mention
    return None


def verbs_near(reading: Reading, position: int, *, reach: int = 4) -> Sequence[str]:
    """The words before a place, as far as they may say which moment a period is about."""
    tokens = reading.tokens[max(0, position - reach) : position]
    return [key(token.text) for token in tokens if token.period is None]
