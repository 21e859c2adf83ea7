"""The FROM of a query: the root, what is joined to it, and what must not multiply its rows.

Steps to one row are plain joins. What lies behind a step to many rows is joined as its distinct combinations of key and
groups, or asked for by EXISTS when it only restricts, so that no figure is counted twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from offline import sql_text as build
from offline.joins import Edge, JoinGraph
from offline.plan import Filter
from offline.relations import Field, Member, Relation

RenderFilter = Callable[[Filter, exp.Expr], exp.Expr]
PART = "part_"


@dataclass(frozen=True)
class Needs:
    """What a query needs of relations: fields it shows or computes with, and conditions on rows."""

    shown: tuple[Field, ...] = ()
    filters: tuple[Filter, ...] = ()
    is_aggregated: bool = True


@dataclass
class _Branch:
    """Everything behind one step to many rows."""

    start: str
    edge: Edge
    ways: list[tuple[Edge, ...]] = field(default_factory=list)


class Source:
    """The joined relations of one query; give it everything the query needs, then ask for columns and conditions."""

    def __init__(
        self, root: Relation, needs: Needs, joins: JoinGraph, members: Mapping[int, tuple[Member, ...]],
        render_filter: RenderFilter, *, aliases: _Aliases | None = None, only_deleted: bool = False,
        keeps_all: bool = False,
    ) -> None:  # fmt: skip
        self.root = root
        self._joins = joins
        self._members = members
        self._render_filter = render_filter
        self._aliases = aliases or _Aliases()
        self.alias = self._aliases.next()
        self._keeps_all = keeps_all
        self._places: dict[int, str] = {root.number: self.alias}
        self._tables: list[tuple[exp.Expr, exp.Expr | None]] = [(self._relation(root, self.alias), None)]
        self._columns: dict[Field, exp.Column] = {}
        self._tied: Field | None = None
        live = self._live(root, self.alias)
        self.conditions: list[exp.Expr] = [exp.Not(this=exp.paren(one)) for one in live] if only_deleted else live
        self._build(needs)

    def column(self, item: Field) -> exp.Expr:
        """A fresh reference to a field, or the product of those it is made of."""
        if item in self._columns:
            return self._columns[item].copy()
        if item.factors:
            first, second = (self.column(factor) for factor in item.factors)
            return exp.Mul(this=first, expression=second)
        return build.column(item.name, self._places[item.relation])

    def part(self) -> exp.Column:
        """The part of its name that the root's table of a row has."""
        return build.column(PART, self.alias)

    def attach(self, query: exp.Select) -> exp.Select:
        """The query with FROM, joins and conditions."""
        query = query.from_(self._tables[0][0], copy=False)
        for table, condition in self._tables[1:]:
            is_kept = self._keeps_all and table is self._tables[-1][0]
            on = build.both([*([condition] if condition is not None else []), *self._moved()]) if is_kept else condition
            query = query.join(table, on=on, join_type="right" if is_kept else "inner", copy=False)
        return query

    def _moved(self) -> list[exp.Expr]:
        """With all rows of the last table kept, conditions on the others belong to its join; takes them away."""
        last = f"t{self._aliases.count}"
        own = [one for one in self.conditions if {column.table for column in one.find_all(exp.Column)} == {last}]
        moved = [one for one in self.conditions if all(one is not other for other in own)]
        self.conditions = own
        return moved

    @property
    def counted(self) -> exp.Expr:
        """What is counted to count the root's rows: a column that each has, where others may have none."""
        return build.column(self._tied.name, self.alias) if self._keeps_all and self._tied else exp.Star()

    def _build(self, needs: Needs) -> None:
        shown = {item.relation for item in needs.shown}
        filtered = {condition.field.relation for condition in needs.filters}
        branches: dict[tuple[int, int], _Branch] = {}
        for number in sorted(shown | filtered):
            way = self._joins.way(self.root, self._joins.relation(number))
            if way is None:
                raise ValueError("no way to a relation that the plan needs")
            self._tied = self._tied or (way[0].left[0] if way else None)
            self._walk(way, branches, plain=not needs.is_aggregated and number in shown)
        inside = self._inside(branches)
        for branch in branches.values():
            self._add_branch(branch, needs)
        for condition in needs.filters:
            if condition.field.relation not in inside:
                self.conditions.append(self._render_filter(condition, self.column(condition.field)))

    def _walk(self, way: Sequence[Edge], branches: dict[tuple[int, int], _Branch], *, plain: bool) -> None:
        here = self.alias
        for step, edge in enumerate(way):
            if edge.end in self._places:
                here = self._places[edge.end]
                continue
            if not edge.is_one and not plain:
                branch = branches.setdefault((edge.start, edge.end), _Branch(here, edge))
                branch.ways.append(tuple(way[step + 1 :]))
                return
            here = self._join(here, edge)

    def _join(self, start: str, edge: Edge) -> str:
        relation = self._joins.relation(edge.end)
        alias = self._aliases.next()
        self._places[edge.end] = alias
        self._tables.append((self._relation(relation, alias), self._tie(start, alias, edge)))
        self.conditions += self._live(relation, alias)
        return alias

    def _tie(self, start: str, end: str, edge: Edge) -> exp.Expr:
        pairs = zip(edge.left, edge.right, strict=True)
        ties = [
            _equal(left, right, build.column(left.name, start), build.column(right.name, end)) for left, right in pairs
        ]
        return build.both(ties) or exp.true()

    def _inside(self, branches: Mapping[tuple[int, int], _Branch]) -> set[int]:
        """Relations that are only reached inside a branch."""
        found = {edge.end for branch in branches.values() for way in branch.ways for edge in way}
        found |= {branch.edge.end for branch in branches.values()}
        return found - set(self._places)

    def _add_branch(self, branch: _Branch, needs: Needs) -> None:
        start = self._joins.relation(branch.edge.end)
        reached = {start.number, *(edge.end for way in branch.ways for edge in way)}
        shown = tuple(item for item in needs.shown if item.relation in reached and item.relation not in self._places)
        filters = tuple(
            f for f in needs.filters if f.field.relation in reached and f.field.relation not in self._places
        )
        inner = Source(
            start, Needs(shown, filters, is_aggregated=False), self._joins, self._members, self._render_filter,
            aliases=self._aliases,
        )  # fmt: skip
        if not shown:
            self._add_existence(branch, inner)
            return
        self._add_derived(branch, inner, shown)

    def _add_derived(self, branch: _Branch, inner: Source, shown: Sequence[Field]) -> None:
        """Join the distinct combinations of the branch's key and the fields shown."""
        alias = self._aliases.next()
        query = exp.Select().distinct(copy=False)
        ties: list[exp.Expr] = []
        for place, (left, right) in enumerate(zip(branch.edge.left, branch.edge.right, strict=True)):
            title = f"k{place}"
            query = query.select(build.titled(inner.column(right), title), copy=False)
            ties.append(_equal(left, right, build.column(left.name, branch.start), build.column(title, alias)))
        for place, item in enumerate(dict.fromkeys(shown)):
            title = f"c{place}"
            query = query.select(build.titled(inner.column(item), title), copy=False)
            self._columns[item] = build.column(title, alias)
        query = inner.attach(query)
        if condition := build.both(inner.conditions):
            query = query.where(condition, copy=False)
        self._tables.append((query.subquery(alias), build.both(ties)))

    def _add_existence(self, branch: _Branch, inner: Source) -> None:
        ties = [
            _equal(left, right, inner.column(right), build.column(left.name, branch.start))
            for left, right in zip(branch.edge.left, branch.edge.right, strict=True)
        ]
        query = inner.attach(exp.Select().select(exp.Literal.number(1), copy=False))
        condition = build.both([*ties, *inner.conditions])
        self.conditions.append(exp.Exists(this=query.where(condition, copy=False) if condition else query))

    def existence(
        self, target: Relation, conditions: Callable[[Source], Iterable[exp.Expr]], filters: tuple[Filter, ...]
    ) -> exp.Expr:
        """EXISTS over the rows of `target` that belong to a row of the root."""
        way = self._joins.way(self.root, target)
        if not way:
            raise ValueError("no way to the relation whose rows are looked for")
        shown = tuple(target.fields[:1])
        inner = Source(
            self._joins.relation(way[0].end), Needs(shown, filters, is_aggregated=False), self._joins, self._members,
            self._render_filter, aliases=self._aliases,
        )  # fmt: skip
        ties = [
            _equal(left, right, inner.column(right), build.column(left.name, self.alias))
            for left, right in zip(way[0].left, way[0].right, strict=True)
        ]
        query = inner.attach(exp.Select().select(exp.Literal.number(1), copy=False))
        condition = build.both([*ties, *inner.conditions, *conditions(inner)])
        return exp.Exists(this=query.where(condition, copy=False) if condition else query)

    def _relation(self, relation: Relation, alias: str) -> exp.Expr:
        members = self._members.get(relation.number, relation.members)
        if len(members) == 1:
            return build.table(members[0].name, members[0].schema if members[0].is_qualified else "", alias)
        selects = [
            exp.Select()
            .select(
                build.titled(
                    exp.Literal.number(member.part) if member.part.isdigit() else build.text(member.part), PART
                ),
                exp.Star(),
                copy=False,
            )
            .from_(
                exp.Table(this=build.name(member.name), db=build.name(member.schema) if member.is_qualified else None),
                copy=False,
            )
            for member in members
        ]
        union: exp.Query = selects[0]
        for select in selects[1:]:
            union = exp.union(union, select, distinct=False, copy=False)
        return union.subquery(alias)

    @staticmethod
    def _live(relation: Relation, alias: str) -> list[exp.Expr]:
        """Rows marked as deleted are left out."""
        deleted = relation.deleted
        if deleted is None:
            return []
        column = build.column(deleted.name, alias)
        if deleted.kind == "flag":
            return [exp.Not(this=exp.Coalesce(this=column, expressions=[exp.false()]))]
        if deleted.kind == "integer":
            return [
                exp.EQ(
                    this=exp.Coalesce(this=column, expressions=[exp.Literal.number(0)]),
                    expression=exp.Literal.number(0),
                )
            ]
        return [exp.Is(this=column, expression=exp.Null())]


@dataclass
class _Aliases:
    count: int = 0
    given: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def next(self) -> str:
        self.count += 1
        return f"t{self.count}"


def _equal(left: Field, right: Field, first: exp.Expr, second: exp.Expr) -> exp.Expr:
    """Two columns are equal; of different types they are compared as text."""
    if left.kind != right.kind and not (left.is_numeric and right.is_numeric):
        first, second = build.cast(first, "text"), build.cast(second, "text")
    return exp.EQ(this=first, expression=second)
