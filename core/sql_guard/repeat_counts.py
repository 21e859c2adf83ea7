"""Whether the count of a `repeat` that is no constant stays small because it is scaled down from stored values.

Analysts draw bars: `repeat('█', (amount / 1000)::int)`. The count is bounded by what the tables hold as long as nothing
in the statement makes numbers up: no series, value lists, recursions, powers, products or large constants.
"""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from core.sql_guard.constant_values import constant_number
from core.sql_guard.node_rules import function_name, literal_text

_LONGEST_TEXT: Final = 4
_SMALLEST_DIVISOR: Final = 10.0
_LARGEST_FACTOR: Final = 1_000.0
_LARGEST_CONSTANT: Final = 10_000.0
_ROUNDING: Final = frozenset({"round", "floor", "ceil", "ceiling", "trunc", "abs"})
_NOT_LARGER: Final = frozenset({"sum", "count", "avg", "min", "max", "coalesce", "nullif"}) | _ROUNDING
_PLAIN: Final = (
    exp.Column, exp.Identifier, exp.Literal, exp.Paren, exp.Cast, exp.DataType, exp.Window, exp.Add, exp.Sub, exp.Star,
    exp.Order, exp.Ordered, exp.DataTypeParam, exp.Null,
)  # fmt: skip


def is_scaled_down(call: exp.Expr) -> bool:
    """Whether `repeat(text, count)` repeats a text of at most four characters as often as scaled stored values say."""
    text, count = call.expressions[0], call.expressions[1]
    written = literal_text(text)
    return (
        written is not None
        and len(written) <= _LONGEST_TEXT
        and _is_quotient(_unrounded(count))
        and _only_stored_values(call.root(), count)
    )


def _unrounded(node: exp.Expr) -> exp.Expr:
    while True:
        if isinstance(node, exp.Paren | exp.Cast):
            node = node.this
        elif isinstance(node, exp.Anonymous) and function_name(node) in _ROUNDING and len(node.expressions) == 1:
            node = node.expressions[0]
        else:
            return node


def _is_quotient(node: exp.Expr) -> bool:
    if not isinstance(node, exp.Div) or not _is_plain(node.expression):
        return False
    divisor = constant_number(node.expression)
    if divisor is not None and divisor < _SMALLEST_DIVISOR:
        return False
    dividend = _unrounded(node.this)
    if not isinstance(dividend, exp.Mul):
        return _is_plain(dividend)
    # A share: `100.0 * part / whole`.
    factors = [dividend.this, dividend.expression]
    constants = [value for value in map(constant_number, factors) if value is not None]
    return (
        divisor is None
        and len(constants) == 1
        and abs(constants[0]) <= _LARGEST_FACTOR
        and all(map(_is_plain, factors))
    )


def _is_plain(node: exp.Expr) -> bool:
    for part in node.walk():
        if isinstance(part, exp.Anonymous):
            if function_name(part) not in _NOT_LARGER:
                return False
        elif not isinstance(part, _PLAIN):
            return False
    return True


def _only_stored_values(root: exp.Expr, count: exp.Expr) -> bool:
    products, has_derived_table = 0, False
    for node in root.walk():
        if isinstance(node, exp.Values | exp.Unnest | exp.Lateral | exp.Pow | exp.SetOperation):
            return False
        if isinstance(node, exp.Table) and not isinstance(node.this, exp.Identifier):
            return False
        if isinstance(node, exp.With) and node.args.get("recursive"):
            return False
        if isinstance(node, exp.Literal | exp.RawString) and abs(constant_number(node) or 0.0) > _LARGEST_CONSTANT:
            return False
        has_derived_table = has_derived_table or isinstance(node, exp.CTE | exp.Subquery)
        products += isinstance(node, exp.Mul)
    own_products = sum(isinstance(node, exp.Mul) for node in count.walk())
    return not has_derived_table or products == own_products
