"""What a plan groups by: the nouns after 各, each or by; else the things that are asked for."""

from __future__ import annotations

from collections.abc import Sequence

from offline.links import ENDS_SO
from offline.plan import Dimension, Refusal
from offline.plan_order import OrderStep
from offline.plan_time import TimeUse
from offline.reading import Mention
from offline.relations import Field, Relation
from offline.resolving import Option
from offline.text import key

_ASKING_FORMS = ("share", "growth", "decline", "previous", "year_before", "running", "several", "difference", "ratio")

_KINDS = frozenset({"各类", "各种", "每种", "每类", "不同种类的", "不同类型的"})
_KIND_ENDINGS = ("类型", "类别", "种类", "kind", "type", "category")
_TOGETHER = (*_ASKING_FORMS, "sum", "or", "count", "negation", "except", "contrast")
"""Forms in which several values of one field are taken together, or are the two sides of a figure."""


class GroupStep(OrderStep):
    """Finds the dimensions."""

    def dimension(self, option: Option, *, is_said: bool = True) -> Dimension | None:
        """Groups by an entity's label, with its key where names repeat, or by a field's values."""
        if option.kind == "flag" and option.field is not None:
            return Dimension(self.titles.of_field(option.field), (option.field,))
        if option.kind == "field" and option.field is not None:
            owner = self._owner(option.field, option.relation)
            return Dimension(self.titles.of_field(option.field), (option.field,), owner)
        if option.relation is self.root and is_said and self.root.is_event and self._names_kinds(option):
            return self._kinds()
        label = self.index.label_of(option.relation)
        if not label or (option.relation.is_event and label[0] is option.relation.key and not is_said):
            return None
        identity = option.relation.key
        needs_key = (
            identity is not None
            and identity not in label
            and not (len(label) == 1 and label[0].is_unique)
            and self.joins.is_referred_to(identity)
        )
        return Dimension(self.titles.of_field(label[0]), label, identity if needs_key else None)

    def _names_kinds(self, option: Option) -> bool:
        """各类费用: the kinds of the rows are meant, not each row."""
        said = [m.position for m, other in self.uses("entity") if other is option and m.position]
        return any(self.reading.tokens[place - 1].text in _KINDS for place in said)

    def _kinds(self) -> Dimension | None:
        kinds = [f for f in self.root.with_role("category") if f.title.endswith(_KIND_ENDINGS)]
        return Dimension(self.titles.of_field(kinds[0]), (kinds[0],)) if len(kinds) == 1 else None

    def _owner(self, item: Field, relation: Relation) -> Field | None:
        """The key of the thing a label names, where two things may have the same name."""
        if item.is_unique or relation.is_event or item not in self.index.label_of(relation) or item.role != "label":
            return None
        if relation.key is None or relation.key is item or not self.joins.is_referred_to(relation.key):
            return None
        own = key(" ".join(relation.stem))
        return relation.key if key(" ".join(item.stem)) in ("name", "title", own + "name", own + "title") else None

    def _dimensions(self, time: TimeUse) -> list[Dimension] | Refusal:
        mentions = self._grouping()
        found: list[tuple[int, Dimension]] = [(time.position, dimension) for dimension in time.dimensions]
        for mention in mentions:
            option = self.resolution.uses[mention]
            dimension = self.dimension(option, is_said=mention.is_grouped)
            if dimension is None and option.relation is self.root and not mention.is_grouped:
                continue
            if dimension is None:
                return Refusal("missing_database_info", (mention.text,))
            self.used.add(mention)
            found.append((mention.position, dimension))
        found += self._ranked_by_adjective()
        found.sort(key=lambda pair: pair[0])
        unique: list[Dimension] = []
        for _, dimension in found:
            if not any(dimension.fields and dimension.fields == other.fields for other in unique):
                unique.append(dimension)
        return unique or self._listed_values()

    def _ranked_by_adjective(self) -> list[tuple[int, Dimension]]:
        """哪个服务区最赚钱: what a superlative ranks by a figure it does not name, where a thing has many rows."""
        found: list[tuple[int, Dimension]] = []
        for mention, option in self.uses("measure"):
            if not mention.rank or not mention.token.adjectives or not self.root.is_event:
                continue
            labels = [n.field for n in mention.names if n.relation is self.root and n.field is not None]
            label = next((item for item in labels if item.role == "label"), None)
            if label is not None and option.relation is self.root:
                found.append((mention.position, Dimension(self.titles.of_field(label), (label,))))
        return found

    def _listed_values(self) -> list[Dimension]:
        """上饶和宜春的营收: two values of one field, joined by and, are shown apart unless a total is said."""
        if self.reading.has(*_TOGETHER) or any("总" in mention.text for mention in self.reading.mentions):
            return []
        fields = [links[0].field for links in self.resolution.values.values() if links]
        item = next((one for one in fields if one is not None and fields.count(one) > 1), None)
        if item is None:
            return []
        return [Dimension(self.titles.of_field(item), (item,), self._owner(item, self.index.relations[item.relation]))]

    def _grouping(self) -> list[Mention]:
        """The nouns rows are grouped by: those after 各, each, by; else those that are asked for."""
        candidates = [
            m
            for m, o in self.uses("entity", "field", "flag")
            if m.is_grouped or m.is_which or (o.kind != "flag" and not self._is_used_flag(m, o))
        ]
        grouped = [mention for mention in candidates if mention.is_grouped]
        others = [mention for mention in candidates if not mention.is_grouped and not self._is_path(mention)]
        whole = not self._totals_all()
        asked = [mention for mention in others if mention.is_which or mention.is_listed or (whole and mention.is_whole)]
        ranks = self._rank_places()
        if grouped:
            later = [m for m in others if ranks and m.position > max(ranks) and m not in asked]
            beside = [m for m in asked if self._adds_to(m, grouped)]
            return [*grouped, *beside, *(later if not self.reading.is_english else [])]
        if asked and any(m.is_which or (whole and m.is_whole) or not self._is_beside(m) for m in asked):
            return [*self._ranked_before(asked, others, ranks), *asked]
        wants = (
            ranks
            or self.reading.limit is not None
            or self.reading.conditions
            or self.reading.has(
                "share",
                "direction",
                "order",
                "spread",
                "list",
                "several",
                *(() if self._contrasts_values() else ("contrast",)),
                "growth",
                "decline",
                "previous",
                "year_before",
                "respective",
            )
        )
        found = (
            self._subjects(others, ranks)
            if wants
            else [m for m in others if self._is_bare_column(m) or self._is_paired(m)]
        )
        return sorted({*found, *asked}, key=lambda m: m.position)

    def _ranked_before(
        self, asked: Sequence[Mention], others: Sequence[Mention], ranks: Sequence[int]
    ) -> list[Mention]:
        """营收最高的服务区属于哪个公司: the thing that is ranked, of which something else is asked."""
        if not ranks or self.reading.is_english:
            return []
        between = [m for m in others if max(ranks) < m.position < asked[0].position and m not in asked]
        return [mention for mention in between if mention.is_plain]

    def _is_used_flag(self, mention: Mention, option: Option) -> bool:
        """`fines that are paid`: the flag restricts, so it does not group."""
        return mention in self.used and option.field is not None and option.field.role == "flag"

    def _contrasts_values(self) -> bool:
        """开放的服务区与关闭的对比: the two values are the groups, not each thing that has them."""
        fields = [links[0].field for links in self.resolution.values.values() if links]
        return any(fields.count(item) > 1 for item in fields)

    def _totals_all(self) -> bool:
        """所有服务区的总营收 is one total, unless the things are ordered, compared or counted one by one."""
        reading = self.reading
        one_by_one = ("direction", "order", "rank_word", "list", "which", "respective", "first", "last", "share")
        if reading.has(*one_by_one) or reading.conditions or reading.limit is not None:
            return False
        totals = ("总", "合计", "一共", "total")
        return reading.has("sum", "how_much") or any(
            m.text.startswith(totals) or "总" in m.text for m in reading.mentions
        )

    def _is_beside(self, mention: Mention) -> bool:
        """Only shown beside what is asked for: 及对应公司, `along with the company`."""
        return self.reading.has("back") and any(place < mention.position for place in self.reading.forms["back"])

    def _is_paired(self, mention: Mention) -> bool:
        """服务区名称及车辆数量: a label joined with a figure is shown with it."""
        tokens = self.reading.tokens
        place = mention.position + 1
        item = self.resolution.uses[mention].field
        joined = place < len(tokens) and (
            tokens[place].has("and") or tokens[place].text in ("及", "和", "及其", "以及")
        )
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
        return self._is_value_of(option) and not (mention.is_which or mention.is_listed)

    def _is_value_of(self, option: Option) -> bool:
        """Whether a value that is named stands for the thing: its own name or its column."""
        named = [link for links in self.resolution.values.values() for link in links[:1] if link.reason != ENDS_SO]
        own = {option.field} | set(self.index.label_of(option.relation) if option.kind == "entity" else ())
        return any(link.field is not None and link.field in own for link in named)

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
        if not others or (self.reading.has("which_grain") and ranks):
            return []  # days are ranked, not things
        if self.reading.is_english:
            first = others[0]
            return [m for m in others if m is first or self.resolution.uses[m].kind == "field"]
        places = ranks or [c.position for c in self.reading.conditions]
        after = [m for m in others if places and m.position > min(places)]
        if after:
            return after
        before = [m for m in others if not places or m.position < min(places)]
        return before[-1:] if len(before) > 1 and not self.reading.has("spread") else before
