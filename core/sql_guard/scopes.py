"""Resolves every relation and column name by PostgreSQL's own rules and refuses what the policy hides (the guard).

The rules are those of the server's analyser: parse_relation.c, parse_clause.c, parse_target.c and parse_cte.c. A name
they do not settle here is refused; so is a name that the server would take for a function call in attribute notation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlglot import exp

from core.sql_guard.from_clause import FromClause
from core.sql_guard.namespaces import ColumnList, Found, Item, Level, Visible, column_leaf
from core.sql_guard.node_rules import identifier_name, offset_of
from core.sql_guard.output_names import UNNAMED, output_name
from core.sql_guard.policy import GuardPolicy
from core.sql_guard.refusal import Refusal
from core.sql_guard.statements import QUERIES, Statement, alias_of, parts_of, unwrapped
from core.sql_parsing import Work

Ctes = Mapping[str, "Cte"]
_UNFOUND: Final = {Found.SEVERAL: "column.ambiguous", Found.POSSIBLE: "column.unsettled"}


@dataclass(eq=False)
class Cte:
    """One common table expression; in WITH RECURSIVE it is read when a name first leads to it.

    Attributes:
        columns: None until they are known, which for a recursive one is after its first arm.
        read: reads it; None once that has begun.
    """

    columns: ColumnList | None = None
    read: Callable[[], None] | None = None


@dataclass(eq=False)
class Reads:
    """What a statement reads: `schema.name` of relations in order, and `schema.relation.column`.

    `whole_rows` are the relations read as a row, which is more than each column of it.
    """

    relations: dict[str, None] = field(default_factory=dict)
    columns: set[str] = field(default_factory=set)
    whole_rows: set[str] = field(default_factory=set)


class ScopeChecker:
    """Walks one statement, each part of it once; `reads` fills with what it reads."""

    def __init__(self, policy: GuardPolicy, work: Work) -> None:
        self.policy = policy
        self._work = work
        self.reads = Reads()
        self._from_clause = FromClause(self)
        self._seen: set[int] = set()
        self._outputs: dict[int, ColumnList] = {}
        self._aliases: frozenset[str] | None = None if policy.dialect == "postgres" else frozenset()
        self._denied = frozenset(name for rule in policy.relations for name in rule.denied)

    def check(self, statement: exp.Expr) -> tuple[str, ...]:
        """Refuse what the policy hides; returns the output column names.

        Raises:
            Refusal: `relation.*` or `column.*`.
        """
        if self._aliases is not None:
            self._aliases = frozenset(identifier_name(node.args["alias"]) for node in statement.find_all(exp.Alias))
        columns = self.query(statement, {}, None)
        return tuple(UNNAMED if name is None else name for name in columns.names)

    def require_all_seen(self, nodes: Iterable[exp.Expr]) -> None:
        """Refuse when a relation or column stands where `check` did not look: a construct it does not know.

        Raises:
            Refusal: `internal.unvisited`.
        """
        for node in nodes:
            is_name = isinstance(node, exp.Column) or (
                isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier)
            )
            if is_name and id(node) not in self._seen:
                raise Refusal("internal.unvisited", offset_of(node))

    def mark_seen(self, node: exp.Expr) -> None:
        self._seen.add(id(node))

    # queries

    def query(self, node: exp.Expr, ctes: Ctes, outer: Level | None) -> ColumnList:
        """The output columns of a query whose names may also come from `outer`."""
        self._work.spend()
        columns = self._statement(unwrapped(node), ctes, outer)
        self._outputs[id(node)] = columns
        return columns

    def _statement(
        self,
        statement: Statement,
        ctes: Ctes,
        outer: Level | None,
        on_first: Callable[[ColumnList], None] | None = None,
    ) -> ColumnList:
        if statement.with_ is not None:
            ctes = self._with(statement.with_, ctes, outer)
        if isinstance(statement.core, exp.Select):
            columns = self._select(statement, statement.core, ctes, outer)
        elif isinstance(statement.core, exp.SetOperation):
            return self._set_operation(statement, statement.core, ctes, outer, on_first)
        elif isinstance(statement.core, exp.Values):
            columns = self._values(statement, statement.core, ctes, outer)
        else:
            raise Refusal("statement.kind", offset_of(statement.core))
        if on_first is not None:
            on_first(columns)
        return columns

    def _with(self, clause: exp.Expr, ctes: Ctes, outer: Level | None) -> Ctes:
        known = dict(ctes)
        expressions = clause.expressions
        marks = (*_mark_columns(clause.args.get("search")), *_mark_columns(clause.args.get("cycle")))
        names = [alias_of(cte)[0] for cte in expressions]
        if len(set(names)) < len(names):
            raise Refusal("relation.ambiguous", offset_of(clause))
        if not clause.args.get("recursive"):
            for name, cte in zip(names, expressions, strict=True):
                columns = self.query(cte.this, known, outer)
                known[name] = Cte(columns.renamed(alias_of(cte)[1], offset_of(cte)))
            return known
        entries = {name: Cte() for name in names}
        known.update(entries)
        for name, cte in zip(names, expressions, strict=True):
            extra = marks if cte is expressions[-1] else ()
            entries[name].read = self._reader(entries[name], cte, extra, known, outer)
        for entry in entries.values():
            if entry.read is not None:
                entry.read()
        return known

    def _reader(
        self, entry: Cte, cte: exp.Expr, extra: tuple[str, ...], ctes: Ctes, outer: Level | None
    ) -> Callable[[], None]:
        def settle(columns: ColumnList) -> None:
            named = columns.renamed(alias_of(cte)[1], offset_of(cte))
            entry.columns = ColumnList(named.names, named.is_open, (*named.unexpanded, *extra))

        def read() -> None:
            entry.read = None
            columns = self._statement(unwrapped(cte.this), ctes, outer, settle)
            if entry.columns is None:
                settle(columns)

        return read

    def cte_columns(self, entry: Cte, node: exp.Expr) -> ColumnList:
        """Columns of a common table expression at a reference to it.

        Raises:
            Refusal: it refers to itself where the server forbids that.
        """
        if entry.read is not None:
            entry.read()
        if entry.columns is None:
            raise Refusal("relation.unknown", offset_of(node), node.name)
        return entry.columns

    def _set_operation(
        self,
        statement: Statement,
        node: exp.SetOperation,
        ctes: Ctes,
        outer: Level | None,
        on_first: Callable[[ColumnList], None] | None,
    ) -> ColumnList:
        arms: list[exp.Expr] = []
        current: exp.Expr = node
        while isinstance(current, exp.SetOperation) and (current is node or _is_bare(current)):
            arms.append(current.expression)
            current = current.this
        columns = self._statement(unwrapped(current), ctes, outer, on_first)
        for arm in reversed(arms):
            self.query(arm, ctes, outer)
        for ordered in statement.ordered:
            self._ordered_by_output(ordered, columns)
        for value in statement.limits:
            self.expression(value, ctes, outer or Level())
        return columns

    def _ordered_by_output(self, node: exp.Expr, columns: ColumnList) -> None:
        """After UNION, INTERSECT and EXCEPT only output names and positions can be sorted by."""
        node = _without_parentheses(node)
        if isinstance(node, exp.Literal):
            return
        if (name := _bare_name(node)) is None or not (name in columns.counts or columns.has_unnamed):
            raise Refusal("column.unknown", offset_of(node), name or "ORDER BY")
        self.mark_seen(node)

    def _values(self, statement: Statement, node: exp.Values, ctes: Ctes, outer: Level | None) -> ColumnList:
        inside = outer or Level()
        for row in node.expressions:
            self.expression(row, ctes, inside)
        first = node.expressions[0]
        width = len(first.expressions) if isinstance(first, exp.Tuple) else 1
        columns = ColumnList(tuple(f"column{number}" for number in range(1, width + 1)))
        item = Item("*VALUES*", columns)
        level = Level(outer, [Visible(item, {"*VALUES*": (item,)})])
        for value in (*statement.ordered, *statement.limits):
            self.expression(value, ctes, level)
        return columns

    def _select(self, statement: Statement, node: exp.Select, ctes: Ctes, outer: Level | None) -> ColumnList:
        level = Level(outer, self._from_clause.visible(node, ctes, outer))
        columns = self._target_list(node.expressions, ctes, level)
        for part in ("where", "having"):
            if (value := node.args.get(part)) is not None:
                self.expression(value, ctes, level)
        if (group := node.args.get("group")) is not None:
            for item in _grouped(group):
                self._output_or_input(item, columns, ctes, level, is_group=True)
        for item in (*_distinct_on(node), *statement.ordered):
            self._output_or_input(item, columns, ctes, level, is_group=False)
        for window in node.args.get("windows") or ():
            for item in parts_of(window, ("partition_by", "order", "spec")):
                self.expression(item, ctes, level)
        for value in statement.limits:
            self.expression(value, ctes, level)
        return columns

    def _target_list(self, projections: Sequence[exp.Expr], ctes: Ctes, level: Level) -> ColumnList:
        names: list[str | None] = []
        is_open = False
        for projection in projections:
            target = _without_parentheses(projection)
            if isinstance(target, exp.Star):
                for part in level.visible:
                    for leaf in part.node.leaves():
                        self._read_all(leaf, target, "column.star")
                    names.extend(part.node.expanded)
                    is_open = is_open or part.node.is_open
            elif isinstance(target, exp.Column) and isinstance(target.this, exp.Star):
                self.mark_seen(target)
                item = self._item(target, level)
                self._read_all(item, target, "column.star")
                names.extend(item.expanded)
                is_open = is_open or item.is_open
            else:
                self.expression(target, ctes, level)
                names.append(output_name(target, self._first_output))
            if len(names) > self.policy.max_columns:
                raise Refusal("tree.columns", offset_of(target))
        return ColumnList(tuple(names), is_open)

    def _first_output(self, node: exp.Expr) -> str | None:
        columns = self._outputs.get(id(node))
        return columns.names[0] if columns is not None and columns.names and not columns.is_open else None

    def _output_or_input(
        self, node: exp.Expr, outputs: ColumnList, ctes: Ctes, level: Level, *, is_group: bool
    ) -> None:
        """findTargetlistEntrySQL92: a bare name may mean an output column; GROUP BY asks the FROM clause first."""
        node = _without_parentheses(node)
        name = _bare_name(node)
        if name is None:
            self.expression(node, ctes, level)
            return
        if is_group and level.find(name)[0] not in (Found.ABSENT, Found.POSSIBLE):
            self._column(node, level)
        elif name in outputs.counts:
            self.mark_seen(node)
        else:
            self._column(node, level, is_possible=outputs.has_unnamed)

    # expressions

    def expression(self, node: exp.Expr, ctes: Ctes, level: Level) -> None:
        """Resolve every name of an expression that stands at `level`."""
        pending: list[exp.Expr] = [node]
        while pending:
            self._work.spend()
            current = pending.pop()
            if isinstance(current, QUERIES):
                self.query(current, ctes, level)
            elif isinstance(current, exp.Column):
                self._column(current, level)
            elif isinstance(current, exp.Dot):
                pending.append(current.expression if isinstance(current.this, exp.Identifier) else current.this)
            elif isinstance(current, exp.Kwarg):
                pending.append(current.expression)
            else:
                pending.extend(parts_of(current))

    def _column(self, node: exp.Expr, level: Level, *, is_possible: bool = False) -> None:
        self.mark_seen(node)
        if isinstance(node.this, exp.Star):
            self._read_row(self._item(node, level), node)
            return
        name = identifier_name(node.this)
        if node.args.get("table") is None:
            if name not in level.resolved:
                self._bare(node, name, level, is_possible)
                if not is_possible:
                    level.resolved.add(name)
            return
        item = self._item(node, level)
        if (found := item.find(name)) is not Found.ONE:
            # A system column, or a function called through attribute notation.
            raise Refusal(_UNFOUND.get(found, "column.unknown"), offset_of(node), f"{item.alias}.{name}")
        self._read(item, name, node)

    def _bare(self, node: exp.Expr, name: str, level: Level, is_possible: bool) -> None:
        """transformColumnRef for one name: a column of the nearest level that has it, else a row of that name."""
        if self._aliases is not None and name in self._denied:
            raise Refusal("column.denied", offset_of(node), name)
        for current in level.chain():
            self._work.spend(len(current.visible))
            found, part = current.find(name)
            _require_settled(found, part, node, name, is_possible=is_possible)
            if part is not None:
                if (leaf := column_leaf(part.node, name)) is not None:
                    self._read(leaf, name, node)
                return
            is_possible = is_possible or found is Found.POSSIBLE
        if not self._whole_row(node, name, level) and not is_possible and not (self._aliases and name in self._aliases):
            raise Refusal("column.unknown", offset_of(node), name)

    def _whole_row(self, node: exp.Expr, name: str, level: Level) -> bool:
        """Read the FROM item of that name as a row; False when there is none."""
        for current in level.chain():
            if (hit := current.find_item(name, "", offset_of(node))) is not None:
                self._require_reference(hit, node)
                self._read_row(hit[0], node)
                return True
        return False

    def _item(self, node: exp.Expr, level: Level) -> Item:
        """The FROM item a qualified name or star means."""
        table = identifier_name(node.args["table"])
        schema_node = node.args.get("db")
        schema = identifier_name(schema_node) if schema_node is not None else ""
        for current in level.chain():
            self._work.spend(len(current.visible))
            if (hit := current.find_item(table, schema, offset_of(node))) is not None:
                self._require_reference(hit, node)
                return hit[0]
        raise Refusal("column.unknown", offset_of(node), f"{table}.{node.name}")

    def _require_reference(self, hit: tuple[Item, Visible], node: exp.Expr) -> None:
        if not hit[1].may_refer:
            raise Refusal("column.unknown", offset_of(node), hit[0].alias)

    def _read(self, item: Item, name: str, node: exp.Expr) -> None:
        if name in item.denied:
            raise Refusal("column.denied", offset_of(node), name)
        if (origin := item.origins.get(name)) is not None:
            self.reads.columns.add(origin)

    def _read_row(self, item: Item, node: exp.Expr) -> None:
        self._read_all(item, node, "column.whole_row")
        self.reads.whole_rows.update(name.rpartition(".")[0] for name in item.everything)

    def _read_all(self, item: Item, node: exp.Expr, rule: str) -> None:
        if item.denied:
            raise Refusal(rule, offset_of(node), item.alias)
        self.reads.columns.update(item.everything)

    def read_merged(self, sides: Iterable[Visible], name: str, node: exp.Expr) -> None:
        """Read a column of USING or NATURAL JOIN on both sides of the join.

        Raises:
            Refusal: a side has not exactly one such column, or one that is denied.
        """
        for side in sides:
            found = side.node.find(name)
            if found is not Found.ONE:
                rule = _UNFOUND.get(found, "column.unknown")
                raise Refusal(rule, offset_of(node), name)
            if (leaf := column_leaf(side.node, name)) is not None:
                self._read(leaf, name, node)


def _require_settled(found: Found, part: Visible | None, node: exp.Expr, name: str, *, is_possible: bool) -> None:
    """Refuse what the server reports: two columns, a system column, one it may not refer to from here."""
    if found in (Found.SEVERAL, Found.SYSTEM) or (part is not None and not part.may_refer):
        # Behind an item that may have the name, only the server knows whether it looks as far as here.
        rule = "column.unsettled" if is_possible else _UNFOUND.get(found, "column.unknown")
        raise Refusal(rule, offset_of(node), name)


def _mark_columns(search: exp.Expr | None) -> tuple[str, ...]:
    """The columns SEARCH and CYCLE add: visible by name, left out of stars below the query."""
    marks = [] if search is None else [search.args.get("expression"), search.args.get("using")]
    return tuple(identifier_name(mark) for mark in marks if isinstance(mark, exp.Identifier))


def _is_bare(node: exp.SetOperation) -> bool:
    return not any(node.args.get(part) for part in ("with_", "order", "limit", "offset"))


def _without_parentheses(node: exp.Expr) -> exp.Expr:
    while isinstance(node, exp.Paren):
        node = node.this
    return node


def _bare_name(node: exp.Expr) -> str | None:
    is_bare = isinstance(node, exp.Column) and not node.args.get("table") and isinstance(node.this, exp.Identifier)
    return identifier_name(node.this) if is_bare else None


def _grouped(group: exp.Expr) -> Iterable[exp.Expr]:
    """The expressions of GROUP BY, out of grouping sets and implicit rows (flatten_grouping_sets)."""
    pending: list[exp.Expr] = list(parts_of(group))
    while pending:
        current = pending.pop()
        if isinstance(current, exp.Tuple | exp.GroupingSets | exp.Cube | exp.Rollup):
            pending.extend(current.expressions)
        elif isinstance(current, exp.Paren):
            pending.append(current.this)
        else:
            yield current


def _distinct_on(node: exp.Select) -> Sequence[exp.Expr]:
    distinct = node.args.get("distinct")
    on = distinct.args.get("on") if distinct is not None else None
    if on is None:
        return ()
    return on.expressions if isinstance(on, exp.Tuple) else (on,)
