"""How large one value of a statement can grow, estimated from its text alone; the guard refuses what multiplies.

Concatenation, quoting, escaping, encoding, replacing and collecting can each make a value larger than its arguments;
stacked in one expression, in derived tables or round by round in a recursion they reach gigabytes from a few bytes.
Sizes are rough upper bounds in bytes: a stored column counts as `_COLUMN`, whatever it holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sqlglot import exp

from core.sql_guard.call_sizes import COLLECTING, SCALAR, CallSizes, call_size, deepest_json, is_array_subquery
from core.sql_guard.node_rules import function_name, identifier_name, literal_text, offset_of
from core.sql_guard.number_bounds import NumberBounds
from core.sql_guard.policy import GuardPolicy
from core.sql_guard.refusal import Refusal
from core.sql_parsing import Work

_COLUMN: Final = 64.0
_RECURSIVE_GROWTH: Final = 192.0
_PROBE: Final = 1e6  # size given to a recursive reference to see what a round makes of it
_LARGEST_GROWTH: Final = 1.5
_LARGE: Final = 200_000.0
_LARGEST_SUM: Final = 8  # of values of the largest size a statement may make on the way to its result

_TEXT_TYPES: Final = frozenset({"TEXT", "VARCHAR", "CHAR", "BPCHAR", "JSON", "JSONB"})
_COMPARISONS: Final = (
    exp.Predicate, exp.Not, exp.And, exp.Or, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Neg, exp.Pow, exp.Extract,
    exp.StrPosition, exp.Exists, exp.In, exp.Between, exp.Any, exp.All, exp.Interval, exp.Abs, exp.Sqrt, exp.Cbrt,
)  # fmt: skip
_CHAINS: Final = (exp.And, exp.Or, exp.Add, exp.Sub, exp.Mul, exp.DPipe)

Sizes = Mapping[str, float]


def check_value_sizes(statement: exp.Expr, policy: GuardPolicy, work: Work) -> int:
    """Refuse a statement one of whose values may outgrow `policy.max_value`.

    Args:
        work: what the walk may cost.

    Returns:
        the size of the largest value it has collected: by an aggregate, in an array, or to be told from others.

    Raises:
        Refusal: `constant.growth`.
        TooMuchWorkError: the walk costs more than `work`.
    """
    estimate = _Estimate(statement, policy, work)
    estimate.query(statement, {}, {})
    return int(estimate.collected)


def largest_value(statement: exp.Expr, policy: GuardPolicy, work: Work) -> float:
    """The estimated size in bytes of the largest value in the rows of a statement; raises like `check_value_sizes`."""
    return _Estimate(statement, policy, work).query(statement, {}, {})


class _Estimate:
    """One walk over a statement; `collected` is the largest argument of a collecting aggregate so far."""

    def __init__(self, statement: exp.Expr, policy: GuardPolicy, work: Work) -> None:
        self._policy = policy
        self._work = work
        self._bounds = NumberBounds(statement.walk(), policy)
        self._statement = statement
        self._made = 0.0
        self.collected = 0.0

    def query(self, node: exp.Expr, ctes: Sizes, outer: Sizes) -> float:
        """The size of the largest value in the rows of a query."""
        self._work.spend()
        ctes = self._with(node, ctes, outer)
        if isinstance(node, exp.SetOperation):
            size = max(self.query(node.this, ctes, outer), self.query(node.expression, ctes, outer))
            return size if isinstance(node, exp.Union) else self._held(size)
        if isinstance(node, exp.Subquery):
            return self.query(node.this, ctes, outer)
        if not isinstance(node, exp.Select):
            return max((self._value(part, ctes, outer) for part in _parts(node, ("alias",))), default=SCALAR)
        sources = dict(outer)
        if (start := node.args.get("from_")) is not None:
            self._source(start.this, ctes, sources)
        self._joined(node, ctes, sources)
        for name, part in node.args.items():
            if name not in ("expressions", "from_", "joins", "laterals", "with_"):
                for item in part if isinstance(part, list) else [part]:
                    if isinstance(item, exp.Expr):
                        self._value(item, ctes, sources)
        return max(self._value(item, ctes, sources) for item in node.expressions)

    def _with(self, node: exp.Expr, ctes: Sizes, outer: Sizes) -> Sizes:
        clause = node.args.get("with_")
        if clause is None:
            return ctes
        known = dict(ctes)
        for cte in clause.expressions:
            name, body = identifier_name(cte.args["alias"].this), cte.this
            if clause.args.get("recursive") and isinstance(body, exp.SetOperation):
                known[name] = self.query(body.this, known, outer) + _RECURSIVE_GROWTH
                if body.args.get("distinct"):
                    self._held(known[name])
                self._check_round(body.expression, name, {**known, name: _PROBE}, outer)
            else:
                known[name] = self.query(body, known, outer)
        return known

    def _check_round(self, arm: exp.Expr, name: str, ctes: Sizes, outer: Sizes) -> None:
        """Refuse a recursive arm that makes a row's values larger by a factor rather than by a few bytes."""
        collected = self.collected
        if self.query(arm, ctes, outer) > _PROBE * _LARGEST_GROWTH:
            raise Refusal("constant.growth", offset_of(arm), name)
        self.collected = collected

    def _joined(self, node: exp.Expr, ctes: Sizes, sources: dict[str, float]) -> None:
        for join in (*(node.args.get("joins") or ()), *(node.args.get("laterals") or ())):
            self._source(join if isinstance(join, exp.Lateral) else join.this, ctes, sources)
            if isinstance(condition := join.args.get("on"), exp.Expr):
                self._value(condition, ctes, sources)

    def _source(self, node: exp.Expr, ctes: Sizes, sources: dict[str, float]) -> None:
        alias = node.args.get("alias")
        inner = node.this
        name = identifier_name(alias.this) if isinstance(alias, exp.TableAlias) and alias.this else ""
        if isinstance(node, exp.Table) and isinstance(inner, exp.Identifier):
            relation = identifier_name(inner)
            size = _COLUMN if node.args.get("db") else ctes.get(relation, _COLUMN)
            sources[name or relation] = size
        elif isinstance(node, exp.Subquery) and isinstance(inner, exp.Table):
            nested: dict[str, float] = {}
            self._source(inner, ctes, nested)
            sources.update({name: max(nested.values())} if name else nested)
        elif isinstance(node, exp.Subquery | exp.Values):
            sources[name or f"?{id(node)}"] = self.query(node, ctes, sources)
        elif isinstance(node, exp.Lateral | exp.Unnest | exp.Table):
            values = [inner] if isinstance(inner, exp.Expr) else node.expressions
            sizes = [self._value(value, ctes, sources) for value in values]
            target = inner.expression if isinstance(inner, exp.Dot) else inner
            default = function_name(target) if isinstance(target, exp.Anonymous) else f"?{id(node)}"
            sources[name or default] = max(sizes, default=_COLUMN)
        self._joined(node, ctes, sources)

    def _value(self, node: exp.Expr, ctes: Sizes, sources: Sizes) -> float:
        """The size of an expression; refuses one beyond the policy's bound."""
        self._work.spend()
        size = self._sized(node, ctes, sources)
        if size > self._policy.max_value:
            raise Refusal("constant.growth", offset_of(node))
        if size > _LARGE:
            self._made += size
            if self._made > _LARGEST_SUM * self._policy.max_value:
                raise Refusal("constant.growth", offset_of(node))
        return size

    def _sized(self, node: exp.Expr, ctes: Sizes, sources: Sizes) -> float:
        if isinstance(node, exp.Select | exp.SetOperation | exp.Subquery | exp.Values):
            return self.query(node, ctes, sources)
        if isinstance(node, exp.Column):
            return self._column(node, sources)
        if isinstance(node, exp.Star):
            return max(sources.values(), default=_COLUMN)
        if (text := literal_text(node)) is not None:
            return max(SCALAR, float(len(text)))
        parts = _operands(node)
        sizes = [self._value(part, ctes, sources) for part in parts]
        if isinstance(node, exp.Anonymous):
            return self._call(node, function_name(node), sizes)
        return self._composed(node, sizes)

    def _composed(self, node: exp.Expr, sizes: Sequence[float]) -> float:
        """The size of what is neither a call nor a name, from the sizes of its parts."""
        largest = max(sizes, default=SCALAR)
        if isinstance(node, exp.In | exp.Any | exp.All):
            self._held(largest)
        if isinstance(node, _COMPARISONS):
            return SCALAR
        if isinstance(node, exp.Add):  # of numbers, moments and ranges; texts are not added
            return largest + 4.0
        if isinstance(node, exp.Case | exp.WithinGroup):
            return largest
        if isinstance(node, exp.Cast):
            return _cast_size(node, sizes[0])
        if isinstance(node, exp.Window | exp.Filter | exp.Bracket | exp.Substring):
            return sizes[0] if sizes else SCALAR
        return sum(sizes) + 4.0

    def _column(self, node: exp.Column, sources: Sizes) -> float:
        table = node.args.get("table")
        if table is not None:
            return sources.get(identifier_name(table), _COLUMN)
        return max(sources.values(), default=_COLUMN)

    def _call(self, node: exp.Expr, name: str, sizes: Sequence[float]) -> float:
        if name in COLLECTING or is_array_subquery(node, name):
            self.collected = max(self.collected, sum(sizes) + 4.0)
        return call_size(CallSizes(node, name, sizes, self._policy, self._bounds, self._json_depth))

    def _json_depth(self) -> float:
        return deepest_json(self._statement)

    def _held(self, size: float) -> float:
        """Note the size of values that EXCEPT, INTERSECT, IN or a recursive UNION keeps in a hash table."""
        self.collected = max(self.collected, size)
        return size


def _cast_size(node: exp.Cast, size: float) -> float:
    """Composite values are escaped when they become text."""
    kind = getattr(node.args["to"].this, "name", "")
    is_plain = isinstance(node.this, exp.Column | exp.Literal | exp.Cast | exp.Substring)
    return 2.0 * size if kind in _TEXT_TYPES and not is_plain else size


def _operands(node: exp.Expr) -> list[exp.Expr]:
    """What an expression is made of; for `a + b + c + ...` all of it, without a step of recursion for each."""
    if isinstance(node, exp.Anonymous):
        return list(node.expressions)
    if not isinstance(node, _CHAINS):
        return _parts(node)
    operands: list[exp.Expr] = []
    current: exp.Expr = node
    while type(current) is type(node):
        operands.append(current.expression)
        current = current.this
    return [current, *operands]


def _parts(node: exp.Expr, left_out: Sequence[str] = ()) -> list[exp.Expr]:
    found: list[exp.Expr] = []
    for name, value in node.args.items():
        if name in left_out or name == "to":
            continue
        if isinstance(value, exp.Expr):
            found.append(value)
        elif isinstance(value, list):
            found.extend(item for item in value if isinstance(item, exp.Expr))
    return found
