"""How large a number of a statement can become, for calls whose result is as long as one of their arguments.

`repeat('█', (revenue / 1000)::int)` is ordinary analysis, `repeat('x', id * 1000000)` is not. A stored number counts
as `_STORED`, whatever it holds; arithmetic is done on bounds of absolute values. A name of a derived table, a common
table expression, a series or a list of values has the largest bound of everything in the statement that has this name,
so that no scope has to be resolved; a name that is stored as well counts as stored, and a recursion as unbounded.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Final

from sqlglot import exp

from core.sql_guard.constant_values import constant_number
from core.sql_guard.node_rules import function_name, identifier_name
from core.sql_guard.policy import GuardPolicy

_STORED: Final = 1e6
_ROWS: Final = 1e6
_STORED_LENGTH: Final = 1e3
_PART_OF_A_DATE: Final = 9_999.0
_KEEPING: Final = frozenset(
    {"max", "min", "avg", "any_value", "lag", "lead", "first_value", "last_value", "nth_value", "abs", "round", "ceil",
     "ceiling", "floor", "trunc", "nullif", "sqrt"}
)  # fmt: skip
_LARGEST_OF: Final = frozenset({"greatest", "coalesce"})
_COUNTING: Final = frozenset({"count", "row_number", "rank", "dense_rank"})
_LENGTHS: Final = frozenset({"length", "char_length", "character_length"})
_TOTALS: Final = frozenset({"max", "sum"})
_DEEPEST: Final = 40


class NumberBounds:
    """The bounds of one statement.

    Args:
        nodes: every node of its tree.
        policy: names the stored columns.
    """

    def __init__(self, nodes: Iterable[exp.Expr], policy: GuardPolicy) -> None:
        self._given = nodes
        self._policy = policy
        self._open: set[str] = set()
        self._known: dict[str, float] = {}

    def of(self, node: exp.Expr | None, depth: int = 0) -> float:
        """The largest absolute value of a numeric expression, infinite when nothing bounds it."""
        if node is None or depth > _DEEPEST:
            return math.inf
        value = constant_number(node)
        if value is not None:
            return abs(value)
        depth += 1
        if isinstance(node, exp.Paren | exp.Cast | exp.Neg | exp.Window | exp.Filter | exp.Alias):
            return self.of(node.this, depth)
        if isinstance(node, exp.Column):
            return self._of_name(identifier_name(node.this), depth)
        if isinstance(node, exp.Add | exp.Sub):
            return self.of(node.this, depth) + self.of(node.expression, depth)
        if isinstance(node, exp.Mul):
            return _product(self.of(node.this, depth), self.of(node.expression, depth))
        if isinstance(node, exp.Div):
            return self._quotient(node, depth)
        if isinstance(node, exp.Mod):
            return min(self.of(node.this, depth), self.of(node.expression, depth))
        if isinstance(node, exp.Case):
            branches = [branch.args.get("true") for branch in node.args.get("ifs") or ()]
            default = node.args.get("default")
            return self._largest([*branches, *([default] if default is not None else [])], depth)
        if isinstance(node, exp.Extract):
            return math.inf if node.name.lower() == "epoch" else _PART_OF_A_DATE
        if isinstance(node, exp.Subquery):
            inner = node.unnest()
            return self.of(inner.expressions[0], depth) if isinstance(inner, exp.Select) else math.inf
        return self._of_call(node, depth) if isinstance(node, exp.Anonymous) else math.inf

    def _of_call(self, node: exp.Anonymous, depth: int) -> float:
        name, arguments = function_name(node), node.expressions
        if name in _COUNTING:
            return _ROWS
        if not arguments:
            return math.inf
        if name in _KEEPING:
            return self.of(arguments[0], depth) + 1
        if name in _LARGEST_OF:
            return self._largest(arguments, depth)
        if name == "least":
            return min(self.of(argument, depth) for argument in arguments)
        if name == "sum":
            return _product(self.of(arguments[0], depth), _ROWS)
        if name in ("ntile", "width_bucket", "mod"):
            return self.of(arguments[-1], depth) + 1
        if name in _LENGTHS and isinstance(arguments[0], exp.Column):
            return self._of_length(identifier_name(arguments[0].this))
        return math.inf

    def _of_length(self, name: str) -> float:
        return math.inf if self._definitions.get(name) else _STORED_LENGTH

    def _largest(self, nodes: Sequence[exp.Expr | None], depth: int) -> float:
        return max((self.of(node, depth) for node in nodes), default=math.inf)

    def _quotient(self, node: exp.Div, depth: int) -> float:
        """Dividing by a constant, or a part by its whole: `n * 40 / max(n) OVER ()` is at most 40."""
        divisor = constant_number(node.expression)
        if divisor is not None:
            return self.of(node.this, depth) / abs(divisor) if divisor else math.inf
        whole = _total_of(node.expression)
        if whole is None:
            return math.inf
        bound, is_part = 1.0, False
        for factor in _factors(node.this):
            if not is_part and factor == whole:
                is_part = True
            else:
                bound = _product(bound, self.of(factor, depth))
        return bound if is_part else math.inf

    def _of_name(self, name: str, depth: int) -> float:
        if name in self._known:
            return self._known[name]
        if name in self._open:
            return math.inf  # defined by itself: a recursion
        definitions = self._definitions.get(name, [])
        self._open.add(name)
        bound = max((self.of(definition, depth) for definition in definitions), default=0.0)
        self._open.discard(name)
        if not definitions or name in self._stored:
            bound = max(bound, _STORED)
        self._known[name] = bound
        return bound

    @cached_property
    def _nodes(self) -> list[exp.Expr]:
        return list(self._given)

    @cached_property
    def _stored(self) -> frozenset[str]:
        named = {identifier_name(node.this) for node in self._nodes if _is_relation(node)}
        return frozenset(column for rule in self._policy.relations if rule.name in named for column in rule.columns)

    @cached_property
    def _definitions(self) -> dict[str, list[exp.Expr | None]]:
        """Every expression that some part of the statement gives a name to; None for one that cannot be read."""
        found: dict[str, list[exp.Expr | None]] = {}
        for node in self._nodes:
            if isinstance(node, exp.Alias):
                found.setdefault(identifier_name(node.args["alias"]), []).append(node.this)
            elif isinstance(node, exp.TableAlias):
                _note_columns(node, found)
        return found


def _is_relation(node: exp.Expr) -> bool:
    return isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier)


def _note_columns(alias: exp.TableAlias, found: dict[str, list[exp.Expr | None]]) -> None:
    """The columns an alias of a FROM item or of a common table expression names."""
    names = [identifier_name(column.this if isinstance(column, exp.ColumnDef) else column) for column in alias.columns]
    source = alias.parent
    call = source.this if source is not None else None
    if isinstance(call, exp.Anonymous):
        is_series = function_name(call) == "generate_series"
        values = list(call.expressions[:2]) if is_series else [None]
        for name in names or ([identifier_name(alias.this)] if alias.this else []):
            found.setdefault(name, []).extend(values)
        return
    for position, name in enumerate(names):
        found.setdefault(name, []).extend(_outputs(source, position))


def _outputs(source: exp.Expr | None, position: int) -> list[exp.Expr | None]:
    """The expressions that give column `position` of a derived table."""
    if isinstance(source, exp.Values):
        rows = [row.expressions if isinstance(row, exp.Tuple) else [row] for row in source.expressions]
        return [row[position] if position < len(row) else None for row in rows]
    if isinstance(source, exp.CTE | exp.Subquery):
        return _outputs(source.this, position)
    if isinstance(source, exp.SetOperation):
        return _outputs(source.this, position) + _outputs(source.expression, position)
    if isinstance(source, exp.Select) and position < len(source.expressions):
        return [source.expressions[position]]
    return [None]


def _total_of(node: exp.Expr) -> exp.Expr | None:
    """What a divisor is the sum or the maximum of; None for any other."""
    while isinstance(node, exp.Paren | exp.Cast | exp.Window | exp.Filter) or (
        isinstance(node, exp.Anonymous) and function_name(node) in ("nullif", "greatest", "coalesce")
    ):
        node = node.expressions[0] if isinstance(node, exp.Anonymous) else node.this
    if isinstance(node, exp.Anonymous) and function_name(node) in _TOTALS and len(node.expressions) == 1:
        return _bare(node.expressions[0])
    return None


def _factors(node: exp.Expr) -> list[exp.Expr]:
    node = _bare(node)
    if isinstance(node, exp.Mul):
        return [*_factors(node.this), *_factors(node.expression)]
    return [node]


def _bare(node: exp.Expr) -> exp.Expr:
    while isinstance(node, exp.Paren | exp.Cast):
        node = node.this
    return node


def _product(left: float, right: float) -> float:
    return 0.0 if 0.0 in (left, right) else left * right
