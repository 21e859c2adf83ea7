"""What a FROM clause makes visible, and PostgreSQL's rules for finding a name in it (parse_relation.c); used by scopes.

A lookup has the server's outcome or none: a name the server could read in two ways is never decided here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Final

from core.sql_guard.refusal import Refusal

# A target list of the server has at most 1,664 entries (MaxTupleAttributeNumber).
MAX_COLUMNS: Final = 1664
SYSTEM_COLUMNS: Final = frozenset({"tableoid", "ctid", "xmin", "xmax", "cmin", "cmax", "oid"})


@dataclass(frozen=True)
class ColumnList:
    """The columns of a query or FROM item, in order.

    Attributes:
        names: None stands for a column whose name depends on the server's version.
        is_open: further columns with names only the server knows may stand among them.
        unexpanded: columns that can be named, but that a star leaves out.
    """

    names: tuple[str | None, ...] = ()
    is_open: bool = False
    unexpanded: tuple[str, ...] = ()

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """How many columns have a name."""
        return Counter(name for name in (*self.names, *self.unexpanded) if name is not None)

    @cached_property
    def has_unnamed(self) -> bool:
        """Whether a column may have a name that is not among `names`."""
        return self.is_open or None in self.names

    def renamed(self, aliases: Sequence[str], offset: int | None) -> ColumnList:
        """The list under a column alias list, which renames from the left.

        Raises:
            Refusal: there are more aliases than columns.
        """
        if not aliases:
            return self
        if self.is_open:
            return ColumnList(tuple(aliases), is_open=True)
        if len(aliases) > len(self.names) + len(self.unexpanded):
            raise Refusal("column.unknown", offset, aliases[-1])
        everything = (*aliases, *(*self.names, *self.unexpanded)[len(aliases) :])
        return ColumnList(everything[: len(self.names)], unexpanded=tuple(map(str, everything[len(self.names) :])))


@dataclass(frozen=True)
class Place:
    """One column a star makes: its name, and `schema.relation.column` when it is read directly from a relation."""

    name: str | None
    origin: str | None = None


class Found(Enum):
    """Outcome of a lookup in one item."""

    ABSENT = "absent"
    ONE = "one"
    SEVERAL = "several"
    POSSIBLE = "possible"
    SYSTEM = "system"


@dataclass(frozen=True, eq=False)
class Item:
    """One entry of a FROM clause: a relation, a derived table, a function, or a join with an alias.

    Attributes:
        alias: what it is called; empty when nothing can refer to it by name.
        denied: names of columns no query may touch.
        origins: visible name -> `schema.relation.column`, for columns read directly from a relation.
        everything: those of all its columns, also where two of them have one name.
        relation: `schema.name` of the relation this item is, if it is one.
        schema: of a relation without alias, which alone can be named `schema.relation`.
        own_places: the columns of a join with an alias, of which several may have one name; empty for other items.
    """

    alias: str
    columns: ColumnList
    denied: frozenset[str] = frozenset()
    origins: Mapping[str, str] = field(default_factory=dict)
    everything: Collection[str] = ()
    schema: str = ""
    relation: str = ""
    own_places: tuple[Place, ...] = ()

    def find(self, name: str) -> Found:
        """scanNSItemForColumn: declared columns first, then those every table has."""
        count = self.columns.counts.get(name, 0)
        if count:
            return Found.ONE if count == 1 else Found.SEVERAL
        if self.relation and name in SYSTEM_COLUMNS:
            return Found.SYSTEM
        return Found.POSSIBLE if self.columns.has_unnamed else Found.ABSENT

    def leaves(self) -> Iterator[Item]:
        yield self

    @property
    def expanded(self) -> tuple[str | None, ...]:
        """Column names a star makes."""
        return self.columns.names

    @property
    def places(self) -> tuple[Place, ...]:
        """The columns a star makes."""
        if self.own_places:
            return self.own_places
        return tuple(Place(name, self.origins.get(name) if name else None) for name in self.columns.names)

    @property
    def is_open(self) -> bool:
        """Whether a star may make further columns."""
        return self.columns.is_open or bool(self.columns.unexpanded)


@dataclass(frozen=True, eq=False)
class Joined:
    """A join without alias: its sides, and the columns USING or NATURAL merged into one."""

    left: Item | Joined
    right: Item | Joined
    merged: tuple[str, ...] = ()

    def find(self, name: str) -> Found:
        """The one column, merged or of one side; system columns of the sides are not visible through a join."""
        node: Item | Joined = self
        outcome = Found.ABSENT
        while isinstance(node, Joined):
            if name in node.merged:
                return _both(outcome, Found.ONE)
            outcome = _both(outcome, _without_system(node.right.find(name)))
            node = node.left
        return _both(outcome, _without_system(node.find(name)))

    def leaves(self) -> Iterator[Item]:
        node: Item | Joined = self
        rest: list[Item | Joined] = []
        while isinstance(node, Joined):
            rest.append(node.right)
            node = node.left
        yield node
        for part in reversed(rest):
            yield from part.leaves()

    @property
    def expanded(self) -> tuple[str | None, ...]:
        """Column names a star makes; raises what `places` raises."""
        return tuple(place.name for place in self.places)

    @property
    def places(self) -> tuple[Place, ...]:
        """Merged columns first, then the others of the left and of the right side, each by its position.

        Raises:
            Refusal: there are more of them than a target list can hold.
        """
        spine: list[Joined] = []
        node: Item | Joined = self
        while isinstance(node, Joined):
            spine.append(node)
            node = node.left
        places = list(node.places)
        for join in reversed(spine):
            merged = frozenset(join.merged)
            right = join.right.places
            if merged:
                places = [*map(Place, join.merged), *(place for place in places if place.name not in merged)]
                right = tuple(place for place in right if place.name not in merged)
            places.extend(right)
            if len(places) > MAX_COLUMNS:
                raise Refusal("tree.columns")
        return tuple(places)

    @property
    def is_open(self) -> bool:
        """Whether a star may make further columns."""
        return any(leaf.is_open for leaf in self.leaves())


Node = Item | Joined


def _without_system(found: Found) -> Found:
    return Found.ABSENT if found is Found.SYSTEM else found


def _both(first: Found, second: Found) -> Found:
    """The outcome over two sides: two hits are ambiguous, a hit wins over a possibility."""
    if Found.SEVERAL in (first, second):
        return Found.SEVERAL
    if first is Found.ONE and second is Found.ONE:
        return Found.SEVERAL
    if Found.ONE in (first, second):
        return Found.ONE
    return Found.POSSIBLE if Found.POSSIBLE in (first, second) else Found.ABSENT


@dataclass(frozen=True, eq=False)
class Visible:
    """What one FROM item adds: the node bare column names are looked up in, and the items with names.

    `may_refer` is False for the left side of a RIGHT or FULL join while its right side is read: the server finds names
    there and then reports an error.
    """

    node: Node
    named: Mapping[str, tuple[Item, ...]]
    may_refer: bool = True


@dataclass(eq=False)
class Level:
    """One query's names as an expression at some place of it sees them, and the query around it."""

    outer: Level | None = None
    visible: list[Visible] = field(default_factory=list)
    resolved: set[str] = field(default_factory=set)

    def chain(self) -> Iterator[Level]:
        """This level and those around it, from the inside."""
        level: Level | None = self
        while level is not None:
            yield level
            level = level.outer

    def find(self, name: str) -> tuple[Found, Visible | None]:
        """colNameToVar at this level: the outcome, and where the one hit is."""
        outcome, place = Found.ABSENT, None
        for part in self.visible:
            found = part.node.find(name)
            if found is Found.SYSTEM:
                return found, part
            if found is Found.ONE:
                place = part
            outcome = _both(outcome, found)
        return outcome, place

    def find_item(self, alias: str, schema: str, offset: int | None) -> tuple[Item, Visible] | None:
        """refnameNamespaceItem at this level.

        Raises:
            Refusal: two items have the name.
        """
        hits = [
            (item, part)
            for part in self.visible
            for item in part.named.get(alias, ())
            if not schema or item.schema == schema
        ]
        if len(hits) > 1:
            raise Refusal("column.ambiguous", offset, alias)
        return hits[0] if hits else None


def column_leaf(node: Node, name: str) -> Item | None:
    """The leaf a column found once in `node` belongs to; None for one that a join merged (its sides were read)."""
    while isinstance(node, Joined):
        if name in node.merged:
            return None
        node = node.right if node.right.find(name) is Found.ONE else node.left
    return node


def merge_named(
    left: Mapping[str, tuple[Item, ...]], right: Mapping[str, tuple[Item, ...]], offset: int | None
) -> dict[str, tuple[Item, ...]]:
    """Items of both sides by name (checkNameSpaceConflicts).

    Raises:
        Refusal: one name for two of them, unless they are relations of different schemas without alias.
    """
    names = dict(left)
    for alias, items in right.items():
        if known := names.get(alias):
            schemas = [item.schema for item in (*known, *items)]
            if not all(schemas) or len(set(schemas)) < len(schemas):
                raise Refusal("relation.ambiguous", offset, alias)
            items = (*known, *items)
        names[alias] = items
    return names
