"""Builds what a FROM clause makes visible (transformFromClauseItem in parse_clause.c), item by item; part of scopes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from sqlglot import exp

from core.sql_guard.admitted_names import (
    ARRAY_RESULTS,
    FUNCTIONS,
    ONE_TYPE_OF_ALL,
    POLYMORPHIC_RESULTS,
    SET_RETURNING_COLUMNS,
)
from core.sql_guard.namespaces import (
    MAX_COLUMNS,
    ColumnList,
    Item,
    Joined,
    Level,
    Node,
    Place,
    Visible,
    merge_named,
)
from core.sql_guard.node_rules import function_name, identifier_name, offset_of
from core.sql_guard.output_names import output_name
from core.sql_guard.policy import RelationRule
from core.sql_guard.refusal import Refusal
from core.sql_guard.statements import alias_of, parts_of

if TYPE_CHECKING:
    from core.sql_guard.scopes import Ctes, ScopeChecker

_SIDES: Final = frozenset({"", "LEFT", "RIGHT", "FULL"})
_KINDS: Final = frozenset({"", "INNER", "OUTER", "CROSS"})
_METHODS: Final = frozenset({"", "NATURAL"})
# Read by the server as calls where a FROM item is expected, even where a relation has that name.
_CALLS_WITHOUT_PARENTHESES: Final = frozenset(
    {
        "current_date", "current_time", "current_timestamp", "localtime", "localtimestamp", "current_role",
        "current_user", "session_user", "system_user", "user", "current_catalog", "current_schema",
    }
)  # fmt: skip


class FromClause:
    """Builds FROM clauses for one `ScopeChecker`, which resolves the expressions and queries in them."""

    def __init__(self, checker: ScopeChecker) -> None:
        self._checker = checker

    def visible(self, node: exp.Select, ctes: Ctes, outer: Level | None) -> list[Visible]:
        """The FROM items of a query, left to right; each sees those before it where LATERAL lets it."""
        if node.args.get("laterals"):
            raise Refusal("parse.syntax", offset_of(node))  # another server's `LATERAL VIEW`
        items: list[Visible] = []
        start = node.args.get("from_")
        if start is None:
            return items
        current = self._item(start.this, ctes, outer, [])
        for join in node.args.get("joins") or ():
            if _is_comma(join):
                _add(items, current)
                current = self._item(join.this, ctes, outer, items)
            else:
                current = self._join(current, join, ctes, outer, items)
        _add(items, current)
        return items

    def _item(self, node: exp.Expr, ctes: Ctes, outer: Level | None, left: Sequence[Visible]) -> Visible:
        current = self._single(node, ctes, outer, left)
        for join in node.args.get("joins") or ():
            if _is_comma(join):
                raise Refusal("parse.syntax", offset_of(join))
            current = self._join(current, join, ctes, outer, left)
        return current

    def _join(
        self, before: Visible, join: exp.Expr, ctes: Ctes, outer: Level | None, left: Sequence[Visible]
    ) -> Visible:
        side, kind, method = (str(join.args.get(part) or "").upper() for part in ("side", "kind", "method"))
        condition, using = join.args.get("on"), join.args.get("using") or ()
        _check_kind(join, side, kind, method)
        may_refer = side in ("", "LEFT")
        after = self._item(join.this, ctes, outer, [*left, Visible(before.node, before.named, may_refer)])
        sides = (before, after)
        named = merge_named(before.named, after.named, offset_of(join.this))
        merged: list[str] = []
        if method:
            for leaf in (*before.node.leaves(), *after.node.leaves()):
                if leaf.denied:  # which names are common would tell of columns nobody may know
                    raise Refusal("column.star", offset_of(join.this), leaf.alias)
            merged = _common_names(before.node, after.node, join)
        for column in using:
            self._checker.mark_seen(column)
            merged.append(identifier_name(column.this if isinstance(column, exp.Column) else column))
        if len(set(merged)) < len(merged):
            raise Refusal("column.ambiguous", offset_of(join))
        for name in merged:
            self._checker.read_merged(sides, name, join)
        if condition is not None:
            self._checker.expression(condition, ctes, Level(outer, list(sides)))
        return Visible(Joined(before.node, after.node, tuple(merged)), named)

    def _single(self, node: exp.Expr, ctes: Ctes, outer: Level | None, left: Sequence[Visible]) -> Visible:
        alias, aliases = alias_of(node)
        if isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier):
            return _visible_by_alias(self._relation(node, alias, aliases, ctes, outer))
        if isinstance(node, exp.Subquery) and _is_from_item(node.this):
            return self._parenthesised(node, alias, aliases, ctes, outer, left)
        if isinstance(node, exp.Subquery | exp.Values):
            return _derived(self._query(node, ctes, outer), node, alias, aliases)
        level = Level(outer, list(left))
        if isinstance(node, exp.Lateral) and isinstance(node.this, exp.Subquery | exp.Select | exp.Values):
            return _derived(self._checker.query(node.this, ctes, level), node, alias, aliases)
        if isinstance(node, exp.Table) and isinstance(node.this, exp.Values):
            return _derived(self._query(node.this, ctes, outer), node, alias, aliases)
        if isinstance(node, exp.Lateral | exp.Table | exp.Unnest):
            return _visible_by_alias(self._function(node, alias, aliases, ctes, level))
        raise Refusal("relation.unknown", offset_of(node), type(node).__name__)

    def _query(self, node: exp.Expr, ctes: Ctes, outer: Level | None) -> ColumnList:
        return self._checker.query(node, ctes, outer)

    def _parenthesised(
        self,
        node: exp.Expr,
        alias: str,
        aliases: tuple[str, ...],
        ctes: Ctes,
        outer: Level | None,
        left: Sequence[Visible],
    ) -> Visible:
        """A join in parentheses; an alias hides what is in it."""
        for part in ("with_", "order", "limit", "offset"):
            if node.args.get(part):
                raise Refusal("parse.syntax", offset_of(node))
        inner = self._item(node.this, ctes, outer, left)
        return _visible_by_alias(_aliased_join(inner.node, node, alias, aliases)) if alias else inner

    def _relation(self, node: exp.Table, alias: str, aliases: tuple[str, ...], ctes: Ctes, outer: Level | None) -> Item:
        self._checker.mark_seen(node)
        for part in parts_of(node, ("sample",)):
            self._checker.expression(part, ctes, outer or Level())
        name = identifier_name(node.this)
        schema_node = node.args.get("db")
        schema = identifier_name(schema_node) if schema_node is not None else ""
        if not schema:
            if name in _CALLS_WITHOUT_PARENTHESES and not node.this.args.get("quoted"):
                raise Refusal("relation.unknown", offset_of(node), name)
            if (entry := ctes.get(name)) is not None:
                columns = self._checker.cte_columns(entry, node).renamed(aliases, offset_of(node))
                return Item(alias or name, columns)
        rule = self._checker.policy.find_relation(schema, name)
        if rule is None:
            raise Refusal("relation.unknown", offset_of(node), f"{schema}.{name}" if schema else name)
        self._checker.reads.relations[rule.full_name] = None
        return _relation_item(rule, node, alias, aliases)

    def _function(self, node: exp.Expr, alias: str, aliases: tuple[str, ...], ctes: Ctes, level: Level) -> Item:
        """A function in FROM, which always sees the items before it."""
        if isinstance(node.this, exp.Unnest):  # behind LATERAL
            node = node.this
        for part in parts_of(node, ("this", "expressions", "sample", "rows_from")):
            self._checker.expression(part, ctes, level)
        has_ordinality = bool(node.args.get("ordinality") or node.args.get("offset"))
        if isinstance(node, exp.Unnest):
            if isinstance(extra := node.args.get("offset"), exp.Identifier):
                aliases = (*aliases, identifier_name(extra))
            name: str | None = "unnest"
            columns: ColumnList | None = _unnest_columns(node.expressions, alias)
        elif parallel := node.args.get("rows_from"):
            name, columns = _rows_from(parallel)
        else:
            name, columns = _call(node, alias)
        if columns is None:  # a column definition list says what there is
            columns, aliases = ColumnList(aliases), ()
        if has_ordinality:
            columns = ColumnList((*columns.names, "ordinality"), columns.is_open)
        return Item(alias or name or "", columns.renamed(aliases, offset_of(node)))


def _is_comma(join: exp.Expr) -> bool:
    return not any(join.args.get(part) for part in ("side", "kind", "method", "using")) and join.args.get("on") is None


def _check_kind(join: exp.Expr, side: str, kind: str, method: str) -> None:
    """Refuse joins the server does not have, and conditions that it attaches to another join than the parser does."""
    has_condition = join.args.get("on") is not None or bool(join.args.get("using"))
    is_known = side in _SIDES and kind in _KINDS and method in _METHODS
    is_unconditional = kind == "CROSS" or bool(method)
    if not is_known or is_unconditional == has_condition or (kind == "CROSS" and (side or method)):
        raise Refusal("parse.syntax", offset_of(join.this))


def _add(items: list[Visible], current: Visible) -> None:
    for part in items:
        if not part.named.keys().isdisjoint(current.named):
            merge_named(part.named, current.named, None)
    items.append(current)


def _visible_by_alias(item: Item) -> Visible:
    return Visible(item, {item.alias: (item,)} if item.alias else {})


def _derived(columns: ColumnList, node: exp.Expr, alias: str, aliases: tuple[str, ...]) -> Visible:
    return _visible_by_alias(Item(alias, columns.renamed(aliases, offset_of(node))))


def _relation_item(rule: RelationRule, node: exp.Expr, alias: str, aliases: tuple[str, ...]) -> Item:
    columns, origins = rule.column_list, rule.origins
    if aliases:
        if rule.denied:  # which column has which place is not known for certain
            raise Refusal("column.star", offset_of(node), rule.name)
        columns = columns.renamed(aliases, offset_of(node))
        origins = {shown: rule.origins[real] for shown, real in zip(columns.names, rule.columns, strict=True) if shown}
    schema = "" if alias else rule.schema
    return Item(alias or rule.name, columns, rule.denied, origins, rule.origins.values(), schema, rule.full_name)


def _aliased_join(inner: Node, node: exp.Expr, alias: str, aliases: tuple[str, ...]) -> Item:
    """A join whose alias hides what is in it.

    Its columns keep where they come from by position, for both sides may have a column of one name. A column that no
    query may touch stays denied although another has its name: the name is ambiguous, the row and the star contain it.
    """
    leaves = tuple(inner.leaves())
    denied = frozenset(name for leaf in leaves for name in leaf.denied)
    if aliases and denied:
        raise Refusal("column.star", offset_of(node), alias)
    if aliases and inner.is_open:  # which column an alias renames is known to the server alone
        raise Refusal("column.unsettled", offset_of(node), alias)
    inside = inner.places
    columns = ColumnList(tuple(place.name for place in inside), inner.is_open).renamed(aliases, offset_of(node))
    places = tuple(Place(shown, place.origin) for shown, place in zip(columns.names, inside, strict=True))
    origins = {place.name: place.origin for place in places if place.name is not None and place.origin is not None}
    everything = [name for leaf in leaves for name in leaf.everything]
    return Item(alias, columns, denied, origins, everything, own_places=places)


def _is_from_item(node: exp.Expr) -> bool:
    """Whether parentheses hold a FROM item, not a query."""
    while isinstance(node, exp.Subquery):
        if node.args.get("alias") or node.args.get("joins"):
            return True
        node = node.this
    is_values = isinstance(node, exp.Values) and bool(node.args.get("alias"))
    return is_values or isinstance(node, exp.Table | exp.Lateral | exp.Unnest)


def _common_names(left: Node, right: Node, join: exp.Expr) -> list[str]:
    first, second = left.expanded, right.expanded
    if left.is_open or right.is_open or len(first) > MAX_COLUMNS or None in first or None in second:
        raise Refusal("column.unsettled", offset_of(join))
    others = frozenset(second)
    return [name for name in dict.fromkeys(first) if name in others and name is not None]


def _unnest_columns(arguments: Sequence[exp.Expr], alias: str) -> ColumnList:
    """One column for each plain array; `unnest` of a row or of a tsvector has several, named by the server."""
    name = alias if alias and len(arguments) == 1 else "unnest"
    is_plain = all(is_array(argument) and not may_be_row(argument) for argument in arguments)
    return ColumnList((name,) * len(arguments)) if is_plain else ColumnList(is_open=True)


def _rows_from(functions: Sequence[exp.Expr]) -> tuple[str | None, ColumnList]:
    """ROWS FROM: the columns of all its functions, each named after its function; the first one names the item."""
    names: list[str | None] = []
    is_open = False
    found: list[str | None] = []
    for function in functions:
        name, columns = _call(function, "")
        if columns is None or alias_of(function) != ("", ()):
            raise Refusal("parse.syntax", offset_of(function))
        found.append(name)
        names.extend(columns.names)
        is_open = is_open or columns.is_open
    return found[0], ColumnList(() if is_open else tuple(names), is_open)


def _call(node: exp.Expr, alias: str) -> tuple[str | None, ColumnList | None]:
    """What a call in FROM is called, and its columns; None when its own definition list gives them."""
    call = node.this
    if not isinstance(call, exp.Func | exp.Cast | exp.Dot):
        raise Refusal("relation.unknown", offset_of(node), type(call).__name__)
    name = output_name(call, lambda _: None)
    return name, _call_columns(call, alias, name, is_qualified=node.args.get("db") is not None)


def _call_columns(call: exp.Expr, alias: str, name: str | None, *, is_qualified: bool) -> ColumnList | None:
    if isinstance(call, exp.JSONTable):
        return ColumnList(tuple(_json_table_columns(call.args["schema"])))
    if not isinstance(call, exp.Anonymous | exp.Dot):
        return ColumnList((alias or name,))
    target = call.expression if isinstance(call, exp.Dot) else call
    own = function_name(target)
    if own == "unnest" and target is call and not is_qualified:
        return _unnest_columns(target.expressions, alias)
    known = SET_RETURNING_COLUMNS.get(own)
    if known is not None:
        return ColumnList(known) if known else None
    is_foreign = is_qualified or target is not call or own not in FUNCTIONS
    return ColumnList(is_open=True) if is_foreign or _may_return_row(target, own) else ColumnList((alias or name,))


def _may_return_row(call: exp.Expr, name: str) -> bool:
    return name in POLYMORPHIC_RESULTS and any(map(may_be_row, call.expressions))


def _json_table_columns(schema: exp.Expr) -> Iterator[str]:
    """The columns of JSON_TABLE, those of nested paths where they stand."""
    for column in schema.expressions:
        if (nested := column.args.get("nested_schema")) is not None:
            yield from _json_table_columns(nested)
        else:
            yield identifier_name(column.this)


def may_be_row(node: exp.Expr) -> bool:
    """Whether a value may be a row or an array of rows, whose fields the server makes columns of in FROM."""
    pending = [node]
    while pending:
        current = pending.pop()
        if isinstance(current, exp.Paren | exp.Array | exp.DPipe):
            pending.extend(parts_of(current))
        elif isinstance(current, exp.Cast):
            if getattr(current.args["to"].this, "name", "USERDEFINED") == "USERDEFINED":
                return True
        elif isinstance(current, exp.Anonymous) and not isinstance(current.parent, exp.Dot):
            name = function_name(current)
            if name not in FUNCTIONS or name in SET_RETURNING_COLUMNS or name == "row":
                return True
            if name in POLYMORPHIC_RESULTS:
                pending.extend(current.expressions)
        elif not isinstance(current, exp.Literal | exp.Null | exp.Boolean | exp.Interval):
            return True
    return False


def is_array(node: exp.Expr) -> bool:
    """Whether the server is certain to read a value as an array, whatever its elements are."""
    pending = [node]
    while pending:
        current = pending.pop()
        if isinstance(current, exp.Paren | exp.DPipe):  # of `||` one array makes the other side an element or an array
            pending.extend(parts_of(current))
        elif isinstance(current, exp.Array):
            return True
        elif isinstance(current, exp.Cast):
            if getattr(current.args["to"].this, "name", "") == "ARRAY":
                return True
        elif isinstance(current, exp.Anonymous) and not isinstance(current.parent, exp.Dot):
            name = function_name(current)
            if name in ARRAY_RESULTS:
                return True
            if name in ONE_TYPE_OF_ALL:  # all their arguments have one type
                pending.extend(current.expressions)
    return False
