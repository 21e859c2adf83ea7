"""When the rows of a relation are: the column a period is about, also when it writes dates as text or in parts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from offline.joins import JoinGraph
from offline.links import LinkIndex
from offline.plan import Moment
from offline.relations import Field, Relation
from offline.text import key
from offline.vocabulary import Vocabulary

_LEAST_STEM = 4
_FARTHEST = 2.6
_BIRTH = frozenset({"birth", "birthday", "birthdate", "born", "dob", "出生", "生日"})


class Moments:
    """Finds moments in one schema."""

    def __init__(self, index: LinkIndex, joins: JoinGraph) -> None:
        self._index = index
        self._joins = joins
        self._vocabulary: Vocabulary = index.vocabulary

    def of(self, relation: Relation, words: Sequence[str] = (), *, needs_days: bool = False) -> Moment | None:
        """The moment of a relation's own rows; `words` near the period may name one of several.

        `needs_days` passes over columns that only hold months or years when there is a finer one.
        """
        found = self._own(relation)
        named = [moment for moment in found if is_named(moment.field, words)]
        if named:
            return named[0]
        found = [moment for moment in found if not self._needs_name(moment.field)]
        if needs_days:
            found = [m for m in found if m.written not in ("%Y-%m", "%Y年%m月", "%Y%m", "%Y年", "year")] or found
        return found[0] if found else None

    def near(self, relation: Relation, words: Sequence[str] = (), *, needs_days: bool = False) -> Moment | None:
        """The moment of the rows, else of the one row each belongs to that is nearest."""
        own = self.of(relation, words, needs_days=needs_days)
        reachable = self._reachable(relation)
        for other in reachable:
            found = [m for m in self._own(other) if is_named(m.field, words)]
            if found and (own is None or not is_named(own.field, words)):
                return found[0]
        if own is not None:
            return own
        owners = [other for other in reachable if self._gives_time(relation, other)]
        return next((moment for other in owners if (moment := self.of(other, words, needs_days=needs_days))), None)

    def _gives_time(self, relation: Relation, owner: Relation) -> bool:
        """Whether the time of a row is that of its owner: positions happen with their order, and a thing with a name
        of its own does not happen when somebody it belongs to was hired."""
        way = self._joins.way(relation, owner) or ()
        if way and any(item.column.is_primary_key for item in way[0].left):
            return True
        label = self._index.label_of(relation)
        is_thing = bool(label) and label[0].role == "label" and not relation.is_event
        return not is_thing and any(self._is_main(moment.field, owner) for moment in self._own(owner)[:1])

    def first_of(self, relation: Relation) -> Moment | None:
        """The likeliest moment of a relation's own rows, also one that a period would have to name."""
        return next(iter(self._own(relation)), None)

    def created(self, relation: Relation, *, is_update: bool = False) -> Moment | None:
        """When a row was entered or last changed, from the columns that keep the books."""
        names = self._vocabulary.names("updated_columns" if is_update else "created_columns")
        found = next(
            (item for item in relation.fields if key(item.name) in names and item.kind in ("date", "timestamp")), None
        )
        return Moment(found) if found else None

    def _reachable(self, relation: Relation) -> list[Relation]:
        """The owners of a row, first those whose key is part of its own."""
        owners = self._joins.owners_of(relation, _FARTHEST)
        return sorted(owners, key=lambda owner: not self._is_part_of(relation, owner))

    def _is_part_of(self, relation: Relation, owner: Relation) -> bool:
        way = self._joins.way(relation, owner) or ()
        return len(way) == 1 and any(item.column.is_primary_key for item in way[0].left)

    def _own(self, relation: Relation) -> list[Moment]:
        """Candidates, the likeliest first: real dates, written dates, years."""
        dates = [item for item in relation.fields if item.role == "date" and item.kind in ("date", "timestamp")]
        dates.sort(key=lambda item: (not self._is_main(item, relation), relation.fields.index(item)))
        written = [item for item in relation.fields if item.role == "date" and item.date_format]
        written.sort(key=lambda item: "%d" not in item.date_format)
        moments = [Moment(item) for item in dates] + [Moment(item, item.date_format) for item in written]
        moments += [Moment(item, "year") for item in relation.fields if self._is_named_year(item)]
        year = self._part(relation.fields, "year_names")
        if year is not None and (year.is_numeric or year.kind == "text"):
            moments.append(Moment(year, "year", self._part(relation.fields, "month_names")))
        if not moments:
            created = self.created(relation)
            moments = [created] if created and relation.is_event else []
        return moments

    def _needs_name(self, item: Field) -> bool:
        """The year of one thing that happened, and a birth: the words near a period must name them."""
        return self._is_named_year(item) or is_birth(item)

    def _is_named_year(self, item: Field) -> bool:
        """`published_year`, 出版年份."""
        years = self._vocabulary.names("year_names")
        last = key(item.stem[-1]) if len(item.stem) > 1 else ""
        ends_so = last in years or (
            not item.title.isascii() and item.title.endswith(("年份", "年度")) and len(item.title) > 2
        )
        return item.kind == "integer" and ends_so and key(" ".join(item.stem)) not in years

    def _is_main(self, item: Field, relation: Relation) -> bool:
        """`order_date` of orders, `date`, 日期: the date a row is about, not one of its later stages."""
        stem = key(" ".join(item.stem))
        singular = key(relation.stem[-1]) if relation.stem else ""
        return stem in ("date", "day", "time", "datetime", "日期", "时间") or (
            bool(singular) and stem.startswith(singular)
        )

    def _part(self, fields: Iterable[Field], section: str) -> Field | None:
        names = self._vocabulary.names(section)
        return next((item for item in fields if key(" ".join(item.stem)) in names or key(item.title) in names), None)


def is_birth(item: Field) -> bool:
    """Whether a column holds when people were born."""
    words = {key(word) for word in item.stem} | {item.title.removesuffix("日期").removesuffix("年份")}
    return bool(words & _BIRTH) and (item.is_moment or item.kind == "integer")


def is_named(item: Field, words: Sequence[str]) -> bool:
    """Whether one of the words begins like a word of the column's name: joined and `join_date`."""
    if is_birth(item) and not _BIRTH.isdisjoint(words):
        return True
    stems = [
        key(word)
        for word in item.stem
        if key(word) not in ("date", "time", "day", "term", "datetime", "dt", "at", "on")
    ]
    stems += [item.title] if not item.title.isascii() else []
    return any(_is_alike(word, stem) for word in words for stem in stems)


def _is_alike(word: str, stem: str) -> bool:
    if not stem.isascii():
        return len(word) >= 2 and word in stem
    shared = next((i for i, (a, b) in enumerate(zip(word, stem, strict=False)) if a != b), min(len(word), len(stem)))
    return shared >= _LEAST_STEM and shared >= min(len(word), len(stem)) - 3
