"""Resolves every relation and column name as PostgreSQL would and refuses what the policy hides; called by the guard.

Common table expressions, derived tables, lateral references, alias lists, stars and whole-row references are followed
with real scopes, so that neither a shadowing name nor an attribute notation call (`row.function`) slips through.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlglot import exp

from core.sql_guard.admitted_names import SET_RETURNING_COLUMNS
from core.sql_guard.node_rules import function_name, identifier_name, offset_of
from core.sql_guard.policy import GuardPolicy
from core.sql_guard.refusal import Refusal
from core.sql_parsing import Work

Columns = tuple[str, ...]
Ctes = Mapping[str, Columns]

_SYSTEM_COLUMNS: Final = frozenset({"tableoid", "ctid", "xmin", "xmax", "cmin", "cmax", "oid"})
_UNNAMED: Final = "?column?"
_CALL_NAMES: Final[dict[type[exp.Expr], str]] = {
    exp.Extract: "extract", exp.Trim: "btrim", exp.Substring: "substring", exp.Overlay: "overlay",
    exp.StrPosition: "position", exp.CurrentDate: "current_date", exp.CurrentTimestamp: "current_timestamp",
    exp.Exists: "exists", exp.Array: "array", exp.Tuple: "row",
}  # fmt: skip
_QUERIES: Final = (exp.Select, exp.SetOperation, exp.Subquery, exp.Values)


@dataclass(frozen=True, slots=True)
class Source:
    """One item of a FROM clause: its alias, the columns it shows, and those nobody may touch."""

    alias: str
    columns: Columns
    denied: frozenset[str] = frozenset()
    schema: str = ""
    names: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", frozenset(self.columns))


@dataclass(slots=True)
class Scope:
    """The FROM items an expression may name, and the query around it."""

    outer: Scope | None = None
    sources: list[Source] = field(default_factory=list)

    def chain(self) -> Iterable[Scope]:
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.outer


class ScopeChecker:
    """Walks one statement; `relations` fills with `schema.name` of every relation read."""

    def __init__(self, policy: GuardPolicy, work: Work) -> None:
        self._policy = policy
        self._work = work
        self._first_arms: dict[int, Columns] = {}
        self.relations: dict[str, None] = {}
        self._seen: set[int] = set()

    def check(self, statement: exp.Expr) -> Columns:
        """Refuse what the policy hides; returns the output column names.

        Raises:
            Refusal: `relation.*` or `column.*`.
        """
        return self._query(statement, {}, None)

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

    # queries

    def _query(self, node: exp.Expr, ctes: Ctes, outer: Scope | None) -> Columns:
        self._work.spend()
        if (known := self._first_arms.get(id(node))) is not None:
            return known
        ctes = self._with(node, ctes, outer)
        if isinstance(node, exp.Select):
            return self._select(node, ctes, outer)
        if isinstance(node, exp.SetOperation):
            return self._set_operation(node, ctes, outer)
        if isinstance(node, exp.Subquery):
            columns = self._query(node.this, ctes, outer)
            self._trailing(node, columns, ctes, outer)
            return columns
        if isinstance(node, exp.Values):
            return self._values(node, ctes, Scope(outer))
        raise Refusal("statement.kind", offset_of(node))

    def _with(self, node: exp.Expr, ctes: Ctes, outer: Scope | None) -> Ctes:
        clause = node.args.get("with_")
        if clause is None:
            return ctes
        known = dict(ctes)
        for cte in clause.expressions:
            name, aliases = _alias(cte)
            body = cte.this
            if clause.args.get("recursive"):
                first = body
                while isinstance(first, exp.SetOperation | exp.Subquery) and not first.args.get("with_"):
                    first = first.this
                # A first arm that names itself finds no such relation here, as on the server.
                arm = self._query(first, {key: value for key, value in known.items() if key != name}, outer)
                columns = _renamed(arm, aliases)
                self._first_arms[id(first)] = arm  # so that the walk over the whole body does not check it again
                if body is not first:
                    self._query(body, {**known, name: columns}, outer)
            else:
                columns = _renamed(self._query(body, known, outer), aliases)
            known[name] = columns
        if (search := clause.args.get("search")) is not None:  # its columns are those of the last expression
            marks = [search.args.get("expression"), search.args.get("using")]
            known[name] = (*known[name], *(identifier_name(mark) for mark in marks if isinstance(mark, exp.Identifier)))
        return known

    def _set_operation(self, node: exp.SetOperation, ctes: Ctes, outer: Scope | None) -> Columns:
        arms: list[exp.Expr] = []
        current: exp.Expr = node
        trailers: list[exp.Expr] = []
        while isinstance(current, exp.SetOperation):
            if current is not node and current.args.get("with_"):
                break
            trailers.append(current)
            arms.append(current.expression)
            current = current.this
        columns = self._query(current, ctes, outer)
        for arm in arms:
            self._query(arm, ctes, outer)
        for trailer in trailers:
            self._trailing(trailer, columns, ctes, outer)
        return columns

    def _trailing(self, node: exp.Expr, columns: Columns, ctes: Ctes, outer: Scope | None) -> None:
        scope = Scope(outer, [Source("", columns)])
        for part in ("order", "limit", "offset"):
            if (value := node.args.get(part)) is not None:
                self._expression(value, ctes, scope)

    def _values(self, node: exp.Values, ctes: Ctes, scope: Scope) -> Columns:
        for row in node.expressions:
            self._expression(row, ctes, scope)
        first = node.expressions[0]
        width = len(first.expressions) if isinstance(first, exp.Tuple) else 1
        return tuple(f"column{number}" for number in range(1, width + 1))

    def _select(self, node: exp.Select, ctes: Ctes, outer: Scope | None) -> Columns:
        scope = Scope(outer)
        if (from_ := node.args.get("from_")) is not None:
            self._from_item(from_.this, ctes, scope)
        self._joins([*node.args.get("joins", ()), *(node.args.get("laterals") or ())], ctes, scope)
        columns: list[str] = []
        for projection in node.expressions:
            columns.extend(self._projection(projection, ctes, scope))
            if len(columns) > self._policy.max_columns:
                raise Refusal("tree.columns", offset_of(projection))
        for part in ("where", "group", "having", "limit", "offset"):
            if (value := node.args.get(part)) is not None:
                self._expression(value, ctes, scope)
        for window in node.args.get("windows") or ():
            self._window(window, ctes, scope)
        self._output_named(node, columns, ctes, scope)
        return tuple(columns)

    def _output_named(self, node: exp.Select, columns: Sequence[str], ctes: Ctes, scope: Scope) -> None:
        """ORDER BY and DISTINCT ON: a bare output name wins over an input column of that name.

        Names the server makes up for unnamed expressions are left out, in case it makes up others than we do.
        """
        if not any(isinstance(item, exp.Star) or isinstance(item.this, exp.Star) for item in node.expressions):
            named = (exp.Alias, exp.Column)
            columns = [name for name, item in zip(columns, node.expressions, strict=True) if isinstance(item, named)]
        items: list[exp.Expr] = []
        if (order := node.args.get("order")) is not None:
            items.extend(ordered.this for ordered in order.expressions)
        if (distinct := node.args.get("distinct")) is not None and (on := distinct.args.get("on")) is not None:
            items.extend(on.expressions if isinstance(on, exp.Tuple) else [on])
        for item in items:
            is_bare = isinstance(item, exp.Column) and not item.args.get("table")
            if is_bare and isinstance(item.this, exp.Identifier) and identifier_name(item.this) in columns:
                self._seen.add(id(item))
                continue
            self._expression(item, ctes, scope)

    def _window(self, window: exp.Expr, ctes: Ctes, scope: Scope) -> None:
        for part in ("partition_by", "order", "spec"):
            value = window.args.get(part)
            for item in value if isinstance(value, list) else [value]:
                if item is not None:
                    self._expression(item, ctes, scope)

    def _projection(self, node: exp.Expr, ctes: Ctes, scope: Scope) -> Columns:
        if isinstance(node, exp.Star):
            for source in scope.sources:
                _refuse_hidden("column.star", source, node)
            return tuple(column for source in scope.sources for column in source.columns)
        if isinstance(node, exp.Column) and isinstance(node.this, exp.Star):
            self._seen.add(id(node))
            source = self._qualifier(node, scope)
            _refuse_hidden("column.star", source, node)
            return source.columns
        self._expression(node, ctes, scope)
        return (_output_name(node),)

    # FROM

    def _joins(self, joins: Iterable[exp.Expr], ctes: Ctes, scope: Scope) -> None:
        for join in joins:
            if isinstance(join, exp.Lateral):
                self._from_item(join, ctes, scope)
                continue
            self._from_item(join.this, ctes, scope)
            if str(join.args.get("method") or "").upper() == "NATURAL":
                for source in scope.sources:
                    _refuse_hidden("column.star", source, join)
            for name in join.args.get("using") or ():
                self._merged_column(name, scope)
            if (condition := join.args.get("on")) is not None:
                self._expression(condition, ctes, scope)

    def _merged_column(self, node: exp.Expr, scope: Scope) -> None:
        self._seen.add(id(node))
        identifier = node.this if isinstance(node, exp.Column) else node
        name = identifier_name(identifier)
        if any(name in source.denied for source in scope.sources):
            raise Refusal("column.denied", offset_of(identifier), name)

    def _from_item(self, node: exp.Expr, ctes: Ctes, scope: Scope) -> None:
        alias, aliases = _alias(node)
        if isinstance(node, exp.Lateral):
            self._lateral(node, alias, aliases, ctes, scope)
        elif isinstance(node, exp.Unnest):
            for argument in node.expressions:
                self._expression(argument, ctes, scope)
            names = [*(aliases or (alias or "unnest",))]
            offset = node.args.get("offset")
            if isinstance(offset, exp.Identifier):
                names.append(identifier_name(offset))
            elif offset:
                names.append("ordinality")
            scope.sources.append(Source(alias or "unnest", tuple(names)))
        elif isinstance(node, exp.Values):
            columns = _renamed(self._values(node, ctes, Scope(scope.outer)), aliases)
            scope.sources.append(Source(alias, columns))
        elif isinstance(node, exp.Subquery):
            self._derived(node, alias, aliases, ctes, scope)
        elif isinstance(node, exp.Table):
            self._table(node, alias, aliases, ctes, scope)
        else:
            raise Refusal("relation.unknown", offset_of(node), type(node).__name__)

    def _lateral(self, node: exp.Expr, alias: str, aliases: Columns, ctes: Ctes, scope: Scope) -> None:
        inner = node.this
        if isinstance(inner, _QUERIES):
            columns = self._query(inner, ctes, scope)
            scope.sources.append(Source(alias, _renamed(columns, aliases)))
        else:
            self._call_source(inner, alias, aliases, bool(node.args.get("ordinality")), ctes, scope)

    def _derived(self, node: exp.Expr, alias: str, aliases: Columns, ctes: Ctes, scope: Scope) -> None:
        inner = node.this
        if isinstance(inner, exp.Table):  # a join in parentheses
            nested = Scope(scope.outer)
            self._from_item(inner, ctes, nested)
            if not alias:
                scope.sources.extend(nested.sources)
                return
            denied = frozenset().union(*(source.denied for source in nested.sources))
            columns = tuple(column for source in nested.sources for column in source.columns)
            if aliases and denied:
                raise Refusal("column.star", offset_of(node), alias)
            scope.sources.append(Source(alias, _renamed(columns, aliases), denied))
            return
        with_ctes = self._with(node, ctes, scope.outer)
        columns = self._query(inner, with_ctes, scope.outer)
        self._trailing(node, columns, with_ctes, scope.outer)
        scope.sources.append(Source(alias, _renamed(columns, aliases)))

    def _table(self, node: exp.Table, alias: str, aliases: Columns, ctes: Ctes, scope: Scope) -> None:
        if isinstance(node.this, exp.Identifier):
            scope.sources.append(self._relation(node, alias, aliases, ctes))
        else:
            self._call_source(node.this, alias, aliases, bool(node.args.get("ordinality")), ctes, scope)
        if (sample := node.args.get("sample")) is not None:
            self._expression(sample, ctes, Scope())
        self._joins([*(node.args.get("joins") or ()), *(node.args.get("laterals") or ())], ctes, scope)

    def _relation(self, node: exp.Table, alias: str, aliases: Columns, ctes: Ctes) -> Source:
        self._seen.add(id(node))
        name = identifier_name(node.this)
        schema_node = node.args.get("db")
        schema = identifier_name(schema_node) if schema_node is not None else ""
        if not schema and name in ctes:
            return Source(alias or name, _renamed(ctes[name], aliases))
        rule = self._policy.find_relation(schema, name)
        if rule is None:
            raise Refusal("relation.unknown", offset_of(node), f"{schema}.{name}" if schema else name)
        if aliases and rule.denied:
            raise Refusal("column.star", offset_of(node), name)
        self.relations[f"{rule.schema}.{rule.name}"] = None
        return Source(alias or name, _renamed(rule.visible, aliases), rule.denied, "" if alias else rule.schema)

    def _call_source(
        self, call: exp.Expr, alias: str, aliases: Columns, has_ordinality: bool, ctes: Ctes, scope: Scope
    ) -> None:
        target = call.expression if isinstance(call, exp.Dot) else call
        if not isinstance(target, exp.Anonymous | exp.Cast | exp.Case) and not isinstance(call, exp.Func):
            raise Refusal("relation.unknown", offset_of(call), type(call).__name__)
        self._expression(call, ctes, scope)
        name = function_name(target) if isinstance(target, exp.Anonymous) else _output_name(target)
        known = SET_RETURNING_COLUMNS.get(name)
        columns = known if known is not None and len(known) != 1 else (alias or name,)
        if known is not None and len(known) == 1 and not alias:
            columns = known
        if has_ordinality:
            columns = (*columns, "ordinality")
        scope.sources.append(Source(alias or name, _renamed(columns, aliases, known == ())))

    # expressions

    def _expression(self, node: exp.Expr, ctes: Ctes, scope: Scope) -> None:
        pending: list[exp.Expr] = [node]
        while pending:
            self._work.spend()
            current = pending.pop()
            if isinstance(current, _QUERIES):
                self._query(current, ctes, scope)
            elif isinstance(current, exp.Column):
                self._column(current, scope)
            elif isinstance(current, exp.Dot):
                pending.append(current.expression if isinstance(current.this, exp.Identifier) else current.this)
            elif isinstance(current, exp.Kwarg):
                pending.append(current.expression)
            else:
                pending.extend(_parts(current))

    def _column(self, node: exp.Column, scope: Scope) -> None:
        self._seen.add(id(node))
        if isinstance(node.this, exp.Star):
            _refuse_hidden("column.star", self._qualifier(node, scope), node)
            return
        name = identifier_name(node.this)
        if node.args.get("table") is not None:
            source = self._qualifier(node, scope)
            if name in source.denied:
                raise Refusal("column.denied", offset_of(node), name)
            if name not in source.names:
                # Not a column: a system column, or a function called through attribute notation.
                raise Refusal("column.unknown", offset_of(node), f"{source.alias}.{name}")
            return
        self._bare_name(node, name, scope)

    def _bare_name(self, node: exp.Column, name: str, scope: Scope) -> None:
        for level in scope.chain():
            self._work.spend(len(level.sources))
            if any(name in source.denied for source in level.sources):
                raise Refusal("column.denied", offset_of(node), name)
            if any(name in source.names for source in level.sources):
                return
        for level in scope.chain():
            for source in level.sources:
                if source.alias == name:
                    _refuse_hidden("column.whole_row", source, node)
                    return
        if name in _SYSTEM_COLUMNS:
            raise Refusal("column.unknown", offset_of(node), name)
        # An unknown bare name can only be an output name or an error the server explains best.

    def _qualifier(self, node: exp.Column, scope: Scope) -> Source:
        table = identifier_name(node.args["table"])
        schema_node = node.args.get("db")
        schema = identifier_name(schema_node) if schema_node is not None else ""
        for level in scope.chain():
            for source in level.sources:
                if source.alias == table and (not schema or source.schema == schema):
                    return source
        raise Refusal("column.unknown", offset_of(node), f"{table}.{node.name}")


def _parts(node: exp.Expr) -> Iterable[exp.Expr]:
    for value in node.args.values():
        if isinstance(value, exp.Expr):
            yield value
        elif isinstance(value, list):
            yield from (item for item in value if isinstance(item, exp.Expr))


def _refuse_hidden(rule: str, source: Source, node: exp.Expr) -> None:
    if source.denied:
        raise Refusal(rule, offset_of(node), source.alias)


def _alias(node: exp.Expr) -> tuple[str, Columns]:
    alias = node.args.get("alias")
    if not isinstance(alias, exp.TableAlias):
        return "", ()
    name = identifier_name(alias.this) if isinstance(alias.this, exp.Identifier) else ""
    columns = alias.args.get("columns") or ()
    return name, tuple(
        identifier_name(column.this if isinstance(column, exp.ColumnDef | exp.Column) else column) for column in columns
    )


def _renamed(columns: Columns, aliases: Columns, is_definition: bool = False) -> Columns:
    if is_definition:
        return aliases
    return (*aliases, *columns[len(aliases) :])


def _output_name(node: exp.Expr) -> str:
    """The column name PostgreSQL gives an unnamed expression (FigureColname)."""
    current: exp.Expr | None = node
    while current is not None:
        if isinstance(current, exp.Alias):
            return identifier_name(current.args["alias"])
        if isinstance(current, exp.Column) and isinstance(current.this, exp.Identifier):
            return identifier_name(current.this)
        if isinstance(current, exp.Dot):
            current = current.expression
        elif isinstance(current, exp.Identifier):
            return identifier_name(current)
        elif isinstance(current, exp.Anonymous):
            return function_name(current)
        elif isinstance(current, exp.Window | exp.Filter | exp.WithinGroup | exp.Paren | exp.Bracket | exp.Collate):
            current = current.this
        elif isinstance(current, exp.Cast):
            inner = _output_name(current.this)
            return inner if inner != _UNNAMED else canonical_type(current)
        elif isinstance(current, exp.Case):
            default = current.args.get("default")
            inner = _output_name(default) if default is not None else _UNNAMED
            return inner if inner != _UNNAMED else "case"
        elif isinstance(current, exp.Subquery):
            current = current.this
        elif isinstance(current, exp.Select) and current.expressions:
            current = current.expressions[0]
        else:
            return _CALL_NAMES.get(type(current), _UNNAMED)
    return _UNNAMED


def canonical_type(node: exp.Cast) -> str:
    """The name an unnamed cast of a literal gets, for the usual types."""
    names = {"INT": "int4", "BIGINT": "int8", "SMALLINT": "int2", "DOUBLE": "float8", "DECIMAL": "numeric",
             "BOOLEAN": "bool"}  # fmt: skip
    kind = node.args["to"].this
    name = kind.name if hasattr(kind, "name") else str(kind)
    return names.get(name, name.lower())
