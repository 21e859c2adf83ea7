"""How relations belong together: declared foreign keys first, then names, then values that agree.

An edge knows for each direction whether it leads to one row or to many; what is counted or summed must never be
multiplied by a step to many. Ways are searched once per start and kept.
"""

from __future__ import annotations

import heapq
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from common.business_schema import Join
from offline.links import LinkIndex
from offline.relation_builder import shared_prefix
from offline.relations import Field, Relation
from offline.text import fold, key

_GENERIC_TEXT = """
id name code no key type status state title number description text version category value uuid 名称
编号 编码 类型 状态
"""
_GENERIC = frozenset(_GENERIC_TEXT.split())
_MOST_OWNERS = 4
_MOST_ALIKE = 60
_LEAST_VALUES = 3
_AGREEING = 0.9
_FARTHEST = 6.0
_STEP_TO_MANY = 0.3
_SHARED_OWNER = 1.5
"""What it costs to come from a row to others that only belong to the same thing: readers whose home is the branch that
has a copy are not those who borrowed it. Over a table that only links others it costs nothing."""
_NARROW = 3
_MOST_SEARCHES = 128


@dataclass(frozen=True, eq=False)
class Edge:
    """`left` fields equal `right` fields, pair by pair. `is_one` says that a left row meets at most one right row."""

    left: tuple[Field, ...]
    right: tuple[Field, ...]
    is_one: bool
    cost: float

    @property
    def start(self) -> int:
        return self.left[0].relation

    @property
    def end(self) -> int:
        return self.right[0].relation

    def reversed(self, *, is_one: bool) -> Edge:
        return Edge(self.right, self.left, is_one, self.cost)


class _Search:
    """The cheapest ways from one relation, looked for only as far as they are asked for; threads take turns."""

    def __init__(
        self,
        start: int,
        edges: Mapping[int, Sequence[Edge]],
        farthest: float,
        *,
        links: frozenset[int] = frozenset(),
        only_to_one: bool = False,
    ) -> None:
        self._edges = edges
        self._links = links
        self._farthest = farthest
        self._only_to_one = only_to_one
        self._found: dict[int, tuple[float, Edge | None]] = {}
        self._queue: list[tuple[float, int, int, Edge | None]] = [(0.0, 0, start, None)]
        self._count = 0
        self._lock = threading.Lock()

    def cost(self, end: int) -> float | None:
        """The cost of the way to a relation; None when there is none."""
        with self._lock:
            while self._queue and end not in self._found:
                self._step()
            return self._found[end][0] if end in self._found else None

    def way(self, end: int) -> tuple[Edge, ...] | None:
        """The chain of edges to a relation; None when there is none."""
        if self.cost(end) is None:
            return None
        way: list[Edge] = []
        while (edge := self._found[end][1]) is not None:
            way.append(edge)
            end = edge.start
        return tuple(reversed(way))

    def all_costs(self) -> dict[int, float]:
        """The cost of the way to each relation that can be reached."""
        while self._queue:
            self._step()
        return {number: cost for number, (cost, _) in self._found.items()}

    def _step(self) -> None:
        cost, _, here, last = heapq.heappop(self._queue)
        if here in self._found:
            return
        self._found[here] = (cost, last)
        for edge in self._edges.get(here, ()):
            total = cost + edge.cost + (0.0 if edge.is_one else _STEP_TO_MANY)
            if last is not None and last.is_one and not edge.is_one and edge.end not in self._links:
                total += _SHARED_OWNER
            if edge.end not in self._found and total <= self._farthest and (edge.is_one or not self._only_to_one):
                self._count += 1
                heapq.heappush(self._queue, (total, self._count, edge.end, edge))


class JoinGraph:
    """The edges between the relations of an index, and the cheapest ways along them."""

    def __init__(self, index: LinkIndex, declared: Sequence[Join]) -> None:
        self._index = index
        self._prefix = key(shared_prefix([relation.name for relation in index.relations]))
        self._edges: dict[int, list[Edge]] = defaultdict(list)
        self._searches: OrderedDict[int, _Search] = OrderedDict()
        self._lock = threading.Lock()
        self._pairs: set[tuple[int, str, int, str]] = set()
        self._links = frozenset(relation.number for relation in index.relations if _only_links(relation))
        self._add_declared(declared)
        self._add_named()
        self._add_agreeing()

    def way(self, start: Relation, end: Relation) -> tuple[Edge, ...] | None:
        """The cheapest chain of edges from one relation to another; empty for itself, None when there is none."""
        return self._search_from(start).way(end.number)

    def cost(self, start: Relation, end: Relation) -> float | None:
        """The cost of the way, 0 for the relation itself."""
        return self._search_from(start).cost(end.number)

    def shares_owner(self, way: Sequence[Edge]) -> bool:
        """Whether a way comes to an owner and from there to other rows of that owner, over no table that links them."""
        return any(a.is_one and not b.is_one and b.end not in self._links for a, b in pairwise(way))

    def owners_of(self, start: Relation, farthest: float) -> list[Relation]:
        """The relations of which each row of `start` has at most one, the nearest first."""
        search = _Search(start.number, self._edges, farthest, only_to_one=True)
        costs = {number: cost for number, cost in search.all_costs().items() if number != start.number}
        return [self.relation(number) for number in sorted(costs, key=lambda number: (costs[number], number))]

    def is_referred_to(self, item: Field) -> bool:
        """Whether another table's rows name this field's rows: its table is one of things, not of their details."""
        return any(edge.left[0] is item and not edge.is_one for edge in self._edges[item.relation])

    def owner_by(self, item: Field) -> Relation | None:
        """The relation that a reference leads to, where it is the only column of its table that leads there."""
        edges = [edge for edge in self._edges[item.relation] if edge.is_one]
        ends = {edge.end for edge in edges if edge.left == (item,)}
        if len(ends) != 1 or sum(edge.end in ends for edge in edges) != 1:
            return None
        return self.relation(ends.pop())

    def relation(self, number: int) -> Relation:
        """The relation of this number."""
        return self._index.relations[number]

    def edges_of(self, relation: Relation) -> Sequence[Edge]:
        """All edges that start at a relation."""
        return self._edges[relation.number]

    def _search_from(self, start: Relation) -> _Search:
        """The search from a relation; the latest are kept, so that many tables cost no memory."""
        with self._lock:
            found = self._searches.get(start.number)
            if found is None:
                found = self._searches[start.number] = _Search(start.number, self._edges, _FARTHEST, links=self._links)
                while len(self._searches) > _MOST_SEARCHES:
                    self._searches.popitem(last=False)
            self._searches.move_to_end(start.number)
            return found

    def _connect(self, left: Sequence[Field], right: Sequence[Field], cost: float, *, is_unique: bool) -> None:
        """Add both directions. `is_unique`: the right fields identify their row."""
        place = (left[0].relation, left[0].name, right[0].relation, right[0].name)
        mirrored = (place[2], place[3], place[0], place[1])
        if place in self._pairs or mirrored in self._pairs or (place[0] == place[2] and left[0] is right[0]):
            return
        self._pairs.add(place)
        edge = Edge(tuple(left), tuple(right), is_unique, cost)
        self._edges[edge.start].append(edge)
        if edge.start != edge.end:
            back_to_one = len(left) == 1 and (
                left[0].is_unique or (left[0].column.is_primary_key and self._is_single(left[0]))
            )
            self._edges[edge.end].append(edge.reversed(is_one=back_to_one))

    def _is_single(self, item: Field) -> bool:
        return not self._index.relation_of(item).has_composite_key

    def _add_declared(self, declared: Iterable[Join]) -> None:
        by_name: dict[tuple[str, str], Relation] = {}
        for relation in self._index.relations:
            for member in relation.members:
                by_name.setdefault((member.schema, member.name), relation)
                by_name.setdefault(("", member.name), relation)
        for join in declared:
            table = by_name.get((join.schema, join.table))
            target = by_name.get((join.target_schema, join.target))
            if table is None or target is None:
                continue
            pairs = [(join.column, join.target_column), *join.more]
            left = [table.field(source) for source, _ in pairs]
            right = [target.field(found) for _, found in pairs]
            if all(left) and all(right):
                self._connect([f for f in left if f], [f for f in right if f], 1.0, is_unique=True)

    def _add_named(self) -> None:
        owners: dict[str, list[Field]] = defaultdict(list)
        for relation in self._index.relations:
            for item in relation.fields:
                if self._names_rows(item, relation):
                    for name in self._owner_names(item, relation):
                        owners[name].append(item)
        for name, found in owners.items():
            found.sort(key=lambda item: self._rank(name, item))
            del found[_MOST_ALIKE:]
        for relation in self._index.relations:
            for item in relation.fields:
                if item.role in ("audit", "deleted", "measure", "rate", "flag", "date", "coordinate"):
                    continue
                for target in self._targets(item, relation, owners):
                    self._connect([item], [target], 1.1, is_unique=True)

    def _names_rows(self, item: Field, relation: Relation) -> bool:
        if item.column.is_primary_key:
            return not relation.has_composite_key
        stem = key(" ".join(relation.stem))
        if item.role == "code" and not item.is_unique:
            return not item.values and len(stem) > 2 and key(" ".join(item.stem)).startswith(stem)
        return item.is_unique and item.role in ("key", "reference", "code", "label")

    def _owner_names(self, item: Field, relation: Relation) -> set[str]:
        """The names under which other tables refer to this column."""
        own, stem = key(item.name), key(" ".join(relation.stem))
        names = {own, own.removeprefix(self._prefix)}
        if relation.key is item:
            names |= {
                name + ending for name in (key(relation.name), stem) for ending in ("id", key(" ".join(item.stem)))
            }
        return {name for name in names if name not in _GENERIC and len(name) > 1}

    def _targets(self, item: Field, relation: Relation, owners: dict[str, list[Field]]) -> list[Field]:
        own = key(item.name)
        candidates = owners.get(own, [])
        is_foreign = item.role in ("reference", "key") and not own.startswith(key(" ".join(relation.stem)))
        if own not in _GENERIC and is_foreign and not any(t.relation != relation.number for t in candidates):
            ending = [name for name in (own[start:] for start in range(1, max(1, len(own) - 4))) if name in owners]
            candidates = [target for name in ending[:1] for target in owners[name]]
        found = [t for t in candidates if t.relation != relation.number and _comparable(item, t)]
        best = min((self._rank(own, t) for t in found), default=0)
        found = [t for t in found if self._rank(own, t) == best][:_MOST_OWNERS]
        is_own_key = self._rank(own, item) <= best and self._names_rows(item, relation)
        return [t for t in found if not is_own_key or t.relation < relation.number]

    def _rank(self, name: str, owner: Field) -> int:
        """How surely a table is the one whose rows a column's name names: by its own name, its initial, or alone."""
        relation = self._index.relation_of(owner)
        stem = key(" ".join(relation.stem))
        if owner.column.is_primary_key or name.removeprefix(self._prefix).startswith(stem):
            return 0
        if len(relation.stem) == 1 and name == stem[:1] + "id":
            return 1
        references = sum(item.role in ("key", "reference") for item in relation.fields)
        return 2 if references == 1 else 3

    def _add_agreeing(self) -> None:
        """Codes and names whose stored values are those of a unique column with a word in common."""
        named: dict[str, list[tuple[Field, frozenset[str]]]] = defaultdict(list)
        for relation in self._index.relations:
            for item in relation.fields:
                if item.role in ("code", "label") and item.is_unique and len(item.values) >= _LEAST_VALUES:
                    for word in _telling_words(item):
                        named[word].append((item, frozenset(item.values)))
        for relation in self._index.relations:
            for item in relation.fields:
                if item.role not in ("code", "label", "reference") or len(item.values) < _LEAST_VALUES:
                    continue
                values = set(item.values)
                alike = {target: known for word in _telling_words(item) for target, known in named[word][:_MOST_ALIKE]}
                for target, known in alike.items():
                    if target.relation != relation.number and len(values & known) >= _AGREEING * len(values):
                        self._connect([item], [target], 1.3 if item.role == "code" else 1.5, is_unique=True)


def _comparable(left: Field, right: Field) -> bool:
    whole = ("integer", "number")
    return left.kind == right.kind or (left.kind in whole and right.kind in whole)


def _telling_words(item: Field) -> list[str]:
    """The words of a column's name that say what it is about, and its title: what columns that agree have in common."""
    return sorted({key(word) for word in item.stem} - _GENERIC | {fold(item.title)})


def _only_links(relation: Relation) -> bool:
    """Whether a table only says which rows of others belong together: it has keys, or two names side by side."""
    own = [item for item in relation.fields if item.role not in ("audit", "deleted")]
    if all(item.role in ("key", "reference", "code") or item.column.is_primary_key for item in own):
        return True
    return len(own) <= _NARROW and not any(item.is_measure or item.is_moment for item in own)
