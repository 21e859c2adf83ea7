"""Finds SQL that moves a measure by a number of its own: a sum times two, a count plus 9999, a constant in disguise.

The training door asks it. Conversions of units are no such thing: shares times 100, sums divided by ten thousand.
Nothing is run; a number that is computed in another way is not found.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Final

from sqlglot import exp

_FACTORS: Final = frozenset(map(Decimal, (1, 100)))
"""A share in percent, and what makes an integer a decimal number."""

_DIVISORS: Final = frozenset(map(Decimal, (1, 7, 12, 24, 30, 31, 60, 100, 365, 366, 1000, 1024, 3600, 10_000, 86_400,
                                           1_000_000, 100_000_000)))  # fmt: skip
"""Units of time, thousand, ten thousand, million, hundred million, kibibytes."""


_AGGREGATES: Final = frozenset({"count", "sum", "avg", "min", "max", "mode", "percentile_cont", "percentile_disc"})


def moves_a_measure(tree: exp.Expr) -> bool:
    """Whether a column of some SELECT in `tree` combines an aggregate, or multiplies a column, with a number."""
    projections = [one for select in tree.find_all(exp.Select) for one in select.expressions]
    return any(_moves(node) for projection in projections for node in projection.walk())


def _moves(node: exp.Expr) -> bool:
    if isinstance(node, exp.Binary):
        return _moves_by_arithmetic(node)
    if isinstance(node, exp.Case):
        return _decides_by_aggregate(node)
    arguments = node.expressions if isinstance(node, exp.Anonymous) else []
    numbers = [number for one in arguments if (number := _number(one)) is not None]
    if _function(node) == "nullif":
        return bool(arguments) and _number(arguments[0]) is not None and _has_aggregate(node)
    return _function(node) in ("coalesce", "greatest", "least") and any(numbers) and _has_aggregate(node)


def _moves_by_arithmetic(node: exp.Binary) -> bool:
    left, right = _number(node.this), _number(node.expression)
    if (left is None) == (right is None):
        return False
    number = right if left is None else left
    measure = node.this if left is None else node.expression
    if isinstance(node, exp.Mul):
        return number not in _FACTORS and (_has_aggregate(measure) or measure.find(exp.Column) is not None)
    if isinstance(node, exp.Div):
        return (left is not None or number not in _DIVISORS) and _has_aggregate(measure)
    return isinstance(node, exp.Add | exp.Sub) and bool(number) and _has_aggregate(measure)


def _decides_by_aggregate(node: exp.Case) -> bool:
    """A CASE over an aggregate that answers with a number other than 0: `CASE WHEN COUNT(*) >= 0 THEN 9999 END`."""
    branches = node.args.get("ifs") or []
    results = [branch.args.get("true") for branch in branches] + [node.args.get("default")]
    is_over_aggregate = any(_has_aggregate(branch.this) for branch in branches)
    return is_over_aggregate and any(bool(_number(one)) for one in results if one is not None)


def _has_aggregate(node: exp.Expr) -> bool:
    return any(isinstance(one, exp.AggFunc) or _function(one) in _AGGREGATES for one in node.walk())


def _function(node: exp.Expr) -> str:
    """The name of a function call, which the guard's grammar leaves as it is written; empty for anything else."""
    return str(node.this).lower() if isinstance(node, exp.Anonymous) else ""


def _number(node: exp.Expr | None) -> Decimal | None:
    """The value of a numeric literal, with its sign and without parentheses and casts; None for anything else."""
    if isinstance(node, exp.Paren | exp.Cast):
        return _number(node.this)
    if isinstance(node, exp.Neg):
        inner = _number(node.this)
        return None if inner is None else -inner
    if isinstance(node, exp.Literal) and not node.is_string:
        try:
            return Decimal(node.name)
        except InvalidOperation:
            return None
    return None
