"""Links from words to what they may mean in the schema, each with a score and a reason; and the index that finds them.

The index is built once per schema. A phrase is looked up by its key; what comes back is every table, column and value
that goes by it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from common.business_schema import BusinessSchema
from offline.naming import COUNT_OF, column_names, read_comment, table_names
from offline.relation_builder import build_relations
from offline.relations import Field, Member, Relation
from offline.text import fold, has_cjk, key, key_of, words_of
from offline.vocabulary import Vocabulary

LinkKind = Literal["table", "column", "value", "member", "flag"]
_LONGEST_VALUE_WORDS = 40
_MOST_PARTIAL = 60_000
_SHARED_ENDING = 0.3
_LEAST_WORD = 4
_SURE_NAME = 0.97
_MONEY, _COUNTS = ("额", "钱", "收入", "价"), ("数", "数量", "人次", "笔数")
ENDS_SO = "a kind that the endings of names say"


@dataclass(frozen=True, eq=False)
class Link:
    """One meaning of a phrase.

    `value` is a stored value; `is_partial` says that only a part of it was said. `needs_column` marks a value that is
    too short or too common to be meant without its column's name beside it. `is_true` is the flag's value.
    """

    kind: LinkKind
    relation: Relation
    score: float
    reason: str
    field: Field | None = None
    value: str = ""
    is_partial: bool = False
    needs_column: bool = False
    member: Member | None = None
    is_true: bool = True


class LinkIndex:
    """Everything a phrase may mean in one schema."""

    def __init__(self, schema: BusinessSchema, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.relations: list[Relation] = build_relations(schema, vocabulary)
        self.names: dict[str, list[Link]] = defaultdict(list)
        self.values: dict[str, list[Link]] = defaultdict(list)
        owners = {member.schema for relation in self.relations for member in relation.members}
        self.schemas = {key(owner): owner for owner in owners} if len(owners) > 1 else {}
        self._labels: dict[int, tuple[Field, ...]] = {}
        self._partial_count = 0
        for relation in self.relations:
            self._index_relation(relation)
        for relation in self.relations:
            for item in relation.fields:
                self._index_values(relation, item)
        self.longest = max(map(len, (*self.names, *self.values, *vocabulary.tags)), default=1)

    def relation_of(self, item: Field) -> Relation:
        """The relation a field belongs to."""
        return self.relations[item.relation]

    def label_of(self, relation: Relation) -> tuple[Field, ...]:
        """The columns that name a row to people, as key of last resort; empty when there is none at all."""
        if relation.number not in self._labels:
            self._labels[relation.number] = self._found_label(relation)
        return self._labels[relation.number]

    def _found_label(self, relation: Relation) -> tuple[Field, ...]:
        by_key = {key(" ".join(item.stem)): item for item in relation.fields}
        by_title = {key(item.title): item for item in relation.fields}
        for first, last in self.vocabulary.naming["person_names"]:
            if key(first) in by_key and key(last) in by_key:
                return by_key[key(first)], by_key[key(last)]
        named = key(" ".join(relation.stem))
        preferred = [named + "name", named, *map(key, self.vocabulary.naming["label_names"])]
        preferred += [named + "名称", named + "姓名", named + "title"]
        for wanted in preferred:
            for found in (by_key.get(wanted), by_title.get(wanted)):
                if found is not None and found.kind == "text" and found.role not in ("audit", "key", "reference"):
                    return (found,)
        own_code = next((item for item in relation.with_role("code") if self._is_own_code(item, named)), None)
        if own_code is not None and not relation.is_event:
            return (own_code,)
        labels = list(relation.with_role("label"))
        unique = [item for item in labels if item.is_unique]
        if unique or labels:
            return ((unique or labels)[0],)
        if relation.has_composite_key:
            return tuple(item for item in relation.fields if item.column.is_primary_key)
        code = next((item for item in relation.with_role("code") if item.is_unique and item.kind == "text"), None)
        has_plain_key = relation.key is not None and relation.key.is_numeric
        fallback = (code if has_plain_key else None) or relation.key or next(relation.with_role("code"), None)
        return (fallback,) if fallback else ()

    @staticmethod
    def _is_own_code(item: Field, named: str) -> bool:
        """`house_no` of a house: what people call it by, also where the same number stands in another building."""
        return item.kind == "text" and len(item.stem) > 1 and key(" ".join(item.stem[:-1])) == named

    def _index_relation(self, relation: Relation) -> None:
        comment = read_comment(relation.comment)
        name = relation.name if not relation.is_family else " ".join(relation.stem)
        found = table_names(relation.stem, name, comment, self.vocabulary)
        if all(item.role in ("key", "reference", "audit", "deleted") for item in relation.fields):
            found.found = {phrase: how for phrase, how in found.found.items() if how[0] >= _SURE_NAME}
        for phrase, score, reason in found.items():
            self.names[phrase].append(Link("table", relation, score, reason))
        owners = {" ".join(relation.stem), comment.headline, *comment.synonyms[:3]} - {""}
        for item in relation.fields:
            self._index_field(relation, item, owners)
        if relation.is_family:
            self._index_members(relation)

    def _index_field(self, relation: Relation, item: Field, owners: Iterable[str]) -> None:
        if item.role == "deleted":
            return
        comment = read_comment(item.column.comment)
        damping = 0.6 if item.role == "audit" else 1.0
        found = column_names(item.name, item.stem, owners, comment, self.vocabulary)
        for phrase, score, reason in found.items():
            if (reason != COUNT_OF or item.is_numeric) and not (phrase.endswith(_MONEY) and _is_count(item)):
                self.names[phrase].append(Link("column", relation, score * damping, reason, item))
        for phrase in self.vocabulary.names("product_names") if item.factors else ():
            self.names[phrase].append(Link("column", relation, 0.85, "quantity times price", item))
        if item.role == "flag":
            self._index_flag(relation, item)

    def _index_flag(self, relation: Relation, item: Field) -> None:
        """`is_open` is said as open; its contrary, when the language has one, as its being false."""
        texts = [" ".join(item.stem[1:]) if len(item.stem) > 1 else item.stem[0], fold(item.title).removeprefix("是否")]
        for text in texts:
            if len(key(text)) < 2:
                continue
            self.names[key(text)].append(Link("flag", relation, 0.84, "what it says is so", item))
            for contrary, word in self.vocabulary.naming["antonyms"].items():
                if key(str(word)) == key(text):
                    self.names[key(str(contrary))].append(
                        Link("flag", relation, 0.82, "the contrary of what it says", item, is_true=False)
                    )

    def _index_members(self, relation: Relation) -> None:
        tails: dict[str, list[Member]] = defaultdict(list)
        for member in relation.members:
            whole = key(member.part)
            self.names[key(member.name)].append(Link("member", relation, 1.0, "its name", member=member))
            if whole.isdigit():
                continue
            self.names[whole].append(Link("member", relation, 1.0, "the part its name has of its own", member=member))
            for start in range(2, len(whole) - 1):
                if has_cjk(whole):
                    tails[whole[start:]].append(member)
        for tail, members in tails.items():
            if len(members) == 1 and len(tail) >= 3:
                self.names[tail].append(
                    Link("member", relation, 0.8, "the end of the part its name has of its own", member=members[0])
                )

    def _index_values(self, relation: Relation, item: Field) -> None:
        for code, label in item.legend.items():
            whole = key(label)
            link = Link(
                "value", relation, 0.97, "what its comment says a code means", item, code,
                needs_column=self._is_common(whole, item),
            )  # fmt: skip
            self.values[whole].append(link)
        if item.role in ("audit", "deleted", "coordinate", "measure", "rate") or not item.values or item.date_format:
            return
        endings = _shared_endings(item.values) if item.role in ("label", "category", "text") else ()
        for value in item.values:
            self._index_value(relation, item, value, endings)
        self._index_states(relation, item)
        if item in self.label_of(relation):
            self._index_kinds(relation, item)

    def _index_value(self, relation: Relation, item: Field, value: str, endings: Sequence[str]) -> None:
        words = words_of(fold(value))
        whole = key_of(words) if len(words) <= _LONGEST_VALUE_WORDS else ""
        if not whole or (len(whole) > 20 and item.role in ("key", "reference")):
            return
        is_common = self._is_common(whole, item)
        link = Link("value", relation, 1.0, "a stored value", item, value, needs_column=is_common)
        self.values[whole].append(link)
        if item.role in ("label", "category", "text"):
            self._index_parts(link, words, whole, endings)
        if item.role == "category":
            self._index_synonyms(link, whole)

    def _index_synonyms(self, link: Link, whole: str) -> None:
        """closed for 关闭: a stored word in another language, or another word for it."""
        for other, strength in self.vocabulary.synonyms.get(whole, {}).items():
            if other not in self.names:
                found = replace(link, score=strength, reason="a word that means the same", is_partial=True)
                self.values[other].append(replace(found, needs_column=self._is_common(other, item_of(link))))

    def _index_kinds(self, relation: Relation, item: Field) -> None:
        """停车区 in a table of 服务区: a noun that some names end with, where all others end with the table's own."""
        comment = read_comment(relation.comment)
        own = key(comment.headline)
        for noun in filter(has_cjk, map(key, comment.synonyms)):
            ending = [value for value in item.values if key(value).endswith(noun)]
            others = [value for value in item.values if key(value) not in set(map(key, ending))]
            if ending and others and all(key(value).endswith(own) for value in others):
                self.values[noun] += [
                    Link("value", relation, 1.0, ENDS_SO, item, value, is_partial=True) for value in ending
                ]

    def _is_common(self, whole: str, item: Field) -> bool:
        if whole.isdigit() or len(whole) == 1 or whole in self.vocabulary.tags:
            return True
        return (item.role in ("key", "reference") and len(whole) < _LEAST_WORD) or (
            len(whole) < 3 and not has_cjk(whole)
        )

    def _index_parts(self, link: Link, words: Sequence[object], whole: str, endings: Sequence[str]) -> None:
        """A name without what all names of its column end with, without its legal form, or one long word of it."""
        if self._partial_count > _MOST_PARTIAL:
            return
        for ending in (*endings, *map(key, self.vocabulary.endings("value_endings"))):
            bare = whole.removesuffix(ending)
            if bare != whole and len(bare) >= 2 and bare not in self.vocabulary.tags:
                self._add_part(bare, replace_score(link, 0.85, "a stored value without its ending"))
        texts = [word for word in fold(link.value).split() if len(word) >= _LEAST_WORD and not has_cjk(word)]
        if link.field is not None and link.field.role in ("label", "category") and 1 < len(texts) <= 5:
            for text in texts:
                if key(text) not in self.vocabulary.tags:
                    self._add_part(key(text), replace_score(link, 0.5, "a word of a stored value"))

    def _add_part(self, phrase: str, link: Link) -> None:
        self._partial_count += 1
        self.values[phrase].append(link)

    def _index_states(self, relation: Relation, item: Field) -> None:
        """`California` is stored as CA where a column holds the codes of states."""
        codes = {str(code): str(name) for name, code in self.vocabulary.naming["states_of_us"].items()}
        values = [value.strip() for value in item.values]
        if not values or not all(value in codes or len(value) == 2 for value in values):
            return
        for value in item.values:
            if value.strip() in codes:
                name = key(codes[value.strip()])
                self.values[name].append(Link("value", relation, 0.95, "the state whose code is stored", item, value))


def _is_count(item: Field) -> bool:
    """A number of things, which no word for money means: 订单总数 is no 订单金额."""
    return item.is_measure and key(item.title).endswith(_COUNTS)


def item_of(link: Link) -> Field:
    """The column that a value is stored in."""
    assert link.field is not None  # noqa: S101 - every value has its column
    return link.field


def replace_score(link: Link, score: float, reason: str) -> Link:
    """The same link as a weaker one to a part of the value."""
    return replace(link, score=score, reason=reason, is_partial=True, needs_column=False)


def _shared_endings(values: Sequence[str]) -> tuple[str, ...]:
    """Endings of two to four Chinese characters that many values of a column share: 服务区, 分公司."""
    chinese = [key(value) for value in values if has_cjk(value)]
    counts = _ending_counts(chinese)
    least = max(2, int(_SHARED_ENDING * len(chinese)))
    shared = [ending for ending, count in counts.items() if count >= least]
    whole = [e for e in shared if not any(o != e and o.endswith(e) and counts[o] >= 0.8 * counts[e] for o in shared)]
    return tuple(sorted(whole, key=len, reverse=True))


def _ending_counts(names: Sequence[str]) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    for name in names:
        for length in (2, 3, 4):
            if len(name) > length:
                counts[name[-length:]] += 1
    return counts
