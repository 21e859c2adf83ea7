"""The value of an expression made of constants only: numbers, moments and intervals, as far as size rules need them.

Estimates for a bound, not results: today counts as a fixed day, a month as 30 days.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from datetime import date
from typing import Any, Final

from sqlglot import exp

from core.sql_guard.node_rules import function_name, literal_text

_DAY: Final = 86_400.0
_TODAY: Final = date(2026, 1, 1)
_STEP: Final = re.compile(r"\s*([+-]?\d+(?:\.\d+)?)\s*([a-z]+?)s?\s*$", re.IGNORECASE)
_UNIT_SECONDS: Final = {
    "millisecond": 0.001, "second": 1.0, "sec": 1.0, "minute": 60.0, "min": 60.0, "hour": 3600.0, "day": _DAY,
    "week": 7 * _DAY, "month": 30 * _DAY, "mon": 30 * _DAY, "quarter": 90 * _DAY, "year": 365 * _DAY,
    "decade": 3650 * _DAY, "century": 36_500 * _DAY, "millennium": 365_000 * _DAY,
}  # fmt: skip
_NOW: Final = frozenset({"now", "clock_timestamp", "statement_timestamp", "transaction_timestamp"})
_ARITHMETIC: Final[dict[type[exp.Expr], Callable[[Any, Any], Any]]] = {
    exp.Add: operator.add,
    exp.Sub: operator.sub,
    exp.Mul: operator.mul,
    exp.Div: operator.truediv,
    exp.Pow: math.pow,
}


def constant_number(node: exp.Expr | None) -> float | None:
    """The number, infinite when it is too large for a float; None when it is not constant or no number."""
    if isinstance(node, exp.Paren | exp.Cast):
        return constant_number(node.this)
    if isinstance(node, exp.Neg):
        inner = constant_number(node.this)
        return None if inner is None else -inner
    if (text := literal_text(node)) is not None:
        return _number(text)
    if isinstance(node, exp.Anonymous) and function_name(node) in ("power", "pow") and len(node.expressions) == 2:
        return _combined(math.pow, *node.expressions)
    if type(node) in _ARITHMETIC and node is not None:
        return _combined(_ARITHMETIC[type(node)], node.this, node.expression)
    return None


def constant_integer(node: exp.Expr | None) -> int | None:
    """The number cut to an integer, beyond 10^18 as 10^18."""
    value = constant_number(node)
    return None if value is None else int(max(-1e18, min(1e18, value)))


def constant_moment(node: exp.Expr | None) -> float | None:
    """Seconds since year 1 of a date or timestamp; None when it is not constant."""
    if isinstance(node, exp.Paren | exp.Cast):
        return constant_moment(node.this)
    if isinstance(node, exp.CurrentDate | exp.CurrentTimestamp | exp.Localtimestamp):
        return _TODAY.toordinal() * _DAY
    if isinstance(node, exp.Anonymous):
        name = function_name(node)
        if name in _NOW:
            return _TODAY.toordinal() * _DAY
        return constant_moment(node.expressions[1]) if name == "date_trunc" and len(node.expressions) > 1 else None
    if isinstance(node, exp.Add | exp.Sub):
        start, step = constant_moment(node.this), constant_seconds(node.expression)
        days = constant_number(node.expression)
        step = days * _DAY if step is None and days is not None else step
        if start is None or step is None:
            return None
        return start + step if isinstance(node, exp.Add) else start - step
    if (text := literal_text(node)) is None:
        return None
    try:
        return date.fromisoformat(text.strip()[:10]).toordinal() * _DAY
    except ValueError:
        return None


def constant_seconds(node: exp.Expr | None) -> float | None:
    """Length of an interval of one unit; None for any other."""
    while isinstance(node, exp.Cast | exp.Paren):
        node = node.this
    unit = node.args.get("unit") if isinstance(node, exp.Interval) else None
    text = literal_text(node.this if isinstance(node, exp.Interval) else node)
    if text is None:
        return None
    found = _STEP.match(f"{text} {unit}" if unit else text)
    if found is None:
        return None
    seconds = _UNIT_SECONDS.get(found.group(2).lower())
    return float(found.group(1)) * seconds if seconds else None


def constant_text(node: exp.Expr | None) -> str | None:
    """The text of a constant, also one that `||` or `concat` puts together; None when it is not constant."""
    if isinstance(node, exp.Paren | exp.Cast | exp.Collate):
        return constant_text(node.this)
    if isinstance(node, exp.DPipe):
        parts = [constant_text(node.this), constant_text(node.expression)]
    elif isinstance(node, exp.Anonymous) and function_name(node) == "concat":
        parts = [constant_text(part) for part in node.expressions]
    else:
        return literal_text(node)
    return None if None in parts else "".join(part for part in parts if part is not None)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return math.inf if math.isnan(value) else value


def _combined(combine: Callable[[Any, Any], Any], left: exp.Expr, right: exp.Expr) -> float | None:
    first, second = constant_number(left), constant_number(right)
    if first is None or second is None:
        return None
    try:
        value = float(combine(first, second))
    except (OverflowError, ZeroDivisionError, ValueError):
        return math.inf
    return math.inf if math.isnan(value) else value
