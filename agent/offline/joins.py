"""How tables hang together without foreign keys: `<x>_id` to a table's id, and equal codes. Used by the planner."""

from __future__ import annotations

import heapq
import itertools
from collections import defaultdict
from dataclasses import dataclass

from agent.offline.column_roles import strip_suffix
from agent.offline.schema_index import IndexedColumn, IndexedTable, SchemaIndex


@dataclass(frozen=True)
class Edge:
    """One equality that joins two tables."""

    left: str
    left_column: str
    right: str
    right_column: str
    cost: float = 1.0

    def reversed(self) -> Edge:
        return Edge(self.right, self.right_column, self.left, self.left_column, self.cost)


class JoinGraph:
    """All ways from table to table; the cheapest path wins."""

    def __init__(self, index: SchemaIndex) -> None:
        self._edges: defaultdict[str, list[Edge]] = defaultdict(list)
        for edge in [*_key_edges(index), *_code_edges(index), *_shared_key_edges(index)]:
            self._edges[edge.left].append(edge)
            self._edges[edge.right].append(edge.reversed())

    def path(self, start: str, goal: str) -> tuple[Edge, ...] | None:
        """The edges from `start` to `goal`, empty when they are the same table, None when there is no way."""
        order = itertools.count()
        queue: list[tuple[float, int, str, tuple[Edge, ...]]] = [(0.0, next(order), start, ())]
        seen: set[str] = set()
        while queue:
            cost, _, table, edges = heapq.heappop(queue)
            if table == goal:
                return edges
            if table in seen:
                continue
            seen.add(table)
            for edge in self._edges[table]:
                if edge.right not in seen:
                    heapq.heappush(queue, (cost + edge.cost, next(order), edge.right, (*edges, edge)))
        return None

    def distance(self, start: str, goal: str) -> float:
        """Cost of the path, or infinity."""
        path = self.path(start, goal)
        return float("inf") if path is None else sum(edge.cost for edge in path)


def _target_of(index: SchemaIndex, column: IndexedColumn) -> IndexedTable | None:
    stem = column.name.lower().removesuffix("_id")
    if not stem or not column.name.lower().endswith("_id"):
        return None
    candidates = [table for table in index.tables if table.column("id") or table.column(column.name)]
    for table in candidates:
        if table.name != column.table and table.stem.lower().removesuffix("s") == stem.removesuffix("s"):
            return table
    for table in candidates:
        if table.name != column.table and table.name.lower().endswith("_" + stem):
            return table
    return None


def _key_edges(index: SchemaIndex) -> list[Edge]:
    edges = []
    for table in index.tables:
        for column in table.columns:
            if (column.role in ("key", "category")) and (target := _target_of(index, column)):
                goal = "id" if target.column("id") else column.name
                edges.append(Edge(table.name, column.name, target.name, goal))
    return edges


def _shared_key_edges(index: SchemaIndex) -> list[Edge]:
    """Two tables that point at the same third one can meet there without it."""
    pointing: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for edge in _key_edges(index):
        pointing[edge.right].append((edge.left, edge.left_column))
    return [
        Edge(left[0], left[1], right[0], right[1], 1.5)
        for group in pointing.values()
        for left, right in itertools.combinations(group, 2)
        if left[0] != right[0]
    ]


def _code_edges(index: SchemaIndex) -> list[Edge]:
    """Columns with the same code noun; one side must be the table whose rows the code numbers."""
    codes = [
        (strip_suffix(column.names.main, index.vocabulary.code_suffixes), column)
        for table in index.tables
        for column in table.with_role("code")
    ]
    edges = []
    for (left_noun, left), (right_noun, right) in itertools.combinations(codes, 2):
        same = left.name == right.name or (left_noun and left_noun == right_noun)
        if left.table == right.table or not same:
            continue
        owner = index.owner(left_noun) or index.owner(right_noun)
        if owner is not None and owner.name in (left.table, right.table):
            edges.append(Edge(left.table, left.name, right.table, right.name))
        elif owner is None:
            edges.append(Edge(left.table, left.name, right.table, right.name, 2.0))
    return edges
