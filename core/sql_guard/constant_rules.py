"""Bounds what constants in a statement can blow up: repeats, pads, formats, series, powers, type lengths (guard).

The server evaluates such calls while it plans, so the cost check comes too late for them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from sqlglot import exp

from core.sql_guard.node_rules import function_name, offset_of
from core.sql_guard.policy import GuardPolicy
from core.sql_guard.refusal import Refusal

_FORMAT_WIDTH: Final = re.compile(r"%[^%a-zA-Z]*?(\*|\d+)(?!\$)")
_NUMBER_EXPONENT: Final = re.compile(r"[eE]\+?(-?\d+)$")
_STEP: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+?)s?\s*$", re.IGNORECASE)
_STEP_SECONDS: Final = {
    "second": 1, "sec": 1, "minute": 60, "min": 60, "hour": 3600, "day": 86400, "week": 604800, "month": 2592000,
    "mon": 2592000, "year": 31536000, "quarter": 7776000,
}  # fmt: skip
# Calls whose result may be longer than their arguments together.
_GROWING: Final = frozenset({"replace", "regexp_replace", "concat", "concat_ws", "array_cat", "overlay"})
_COLUMN_CHARACTERS: Final = 50
_SIZED: Final = frozenset({"repeat", "lpad", "rpad"})


def check_constants(nodes: Sequence[exp.Expr], policy: GuardPolicy) -> None:
    """Refuse constants (or missing ones, where a size must be constant) beyond the policy's bounds."""
    for node in nodes:
        if isinstance(node, exp.Anonymous):
            _check_call(node, function_name(node), policy)
        elif isinstance(node, exp.Pow):
            _check_exponent(node.expression, policy)
        elif isinstance(node, exp.DataTypeParam):
            if (_integer(node.this) or 0) > policy.max_text:
                raise Refusal("constant.type_length", offset_of(node))
        elif isinstance(node, exp.Literal) and not node.is_string:
            exponent = _NUMBER_EXPONENT.search(str(node.this))
            if exponent and int(exponent.group(1)) > policy.max_exponent:
                raise Refusal("constant.number", offset_of(node))
        elif isinstance(node, exp.CTE):
            _check_recursive_growth(node)
    _check_self_concatenation(nodes)


def _check_call(node: exp.Expr, name: str, policy: GuardPolicy) -> None:
    arguments = node.expressions
    if name in _SIZED:
        size = _sized_result(node, policy)
        if size is None or size > policy.max_text:
            raise Refusal("constant.size", offset_of(node), name)
    elif name == "format":
        _check_format(node, policy)
    elif name == "generate_series" and len(arguments) >= 2:
        rows = _series_rows(arguments)
        if rows is not None and rows > policy.max_series:
            raise Refusal("constant.series", offset_of(node), name)
    elif name == "power" and len(arguments) == 2:
        _check_exponent(arguments[1], policy)
    elif name in ("replace", "regexp_replace"):
        _check_replacement(node, policy)


def _sized_result(node: exp.Expr, policy: GuardPolicy) -> int | None:
    """An upper bound of the characters a sized call makes, None when its size is not a bounded constant."""
    arguments = node.expressions
    if len(arguments) < 2:
        return 0
    count = _bounded_integer(arguments[1], policy)
    if count is None:
        return None
    if function_name(node) != "repeat":
        return count
    return count * _text_bound(arguments[0], policy)


def _text_bound(node: exp.Expr, policy: GuardPolicy) -> int:
    """About how long a text argument is; what is not constant counts as a short column."""
    if isinstance(node, exp.Literal | exp.RawString):
        return max(1, len(str(node.this)))
    parts = [len(str(text.this)) for text in node.find_all(exp.Literal, exp.RawString)]
    calls = [call for call in node.find_all(exp.Anonymous) if function_name(call) in _SIZED]
    return max(_COLUMN_CHARACTERS, sum(parts), *(_sized_result(call, policy) or 0 for call in calls), 0)


def _bounded_integer(node: exp.Expr, policy: GuardPolicy) -> int | None:
    """The constant's value; for `least(...)` the smallest constant among its arguments; None when unbounded."""
    value = _integer(node)
    if value is not None:
        return value
    if isinstance(node, exp.Paren):
        return _bounded_integer(node.this, policy)
    if isinstance(node, exp.Cast):
        return _bounded_integer(node.this, policy)
    if isinstance(node, exp.Anonymous) and function_name(node) == "least":
        bounds = [bound for bound in map(_integer, node.expressions) if bound is not None]
        return min(bounds) if bounds else None
    return None


def _integer(node: exp.Expr | None) -> int | None:
    if isinstance(node, exp.Paren):
        return _integer(node.this)
    if isinstance(node, exp.Neg):
        inner = _integer(node.this)
        return None if inner is None else -inner
    if isinstance(node, exp.Cast):
        return _integer(node.this)
    if isinstance(node, exp.Literal):
        try:
            return int(float(str(node.this))) if not node.is_string else int(str(node.this))
        except (ValueError, OverflowError):
            return None
    return None


def _check_format(node: exp.Expr, policy: GuardPolicy) -> None:
    template = node.expressions[0] if node.expressions else None
    if not (isinstance(template, exp.Literal) and template.is_string):
        raise Refusal("constant.format", offset_of(node), "format")
    for width in _FORMAT_WIDTH.findall(str(template.this)):
        if width == "*" or int(width) > policy.max_text // 10:
            raise Refusal("constant.format", offset_of(node), "format")


def _check_exponent(node: exp.Expr, policy: GuardPolicy) -> None:
    value = _integer(node)
    if value is not None and abs(value) > policy.max_exponent:
        raise Refusal("constant.exponent", offset_of(node), "^")


def _series_rows(arguments: Sequence[exp.Expr]) -> float | None:
    """How many rows a series over constants has; None when a bound is not constant."""
    start, stop = _integer(arguments[0]), _integer(arguments[1])
    if start is not None and stop is not None:
        step = _number(arguments[2]) if len(arguments) > 2 else 1.0
        return abs(stop - start) / abs(step) + 1 if step else None
    return _dated_series_rows(arguments)


def _number(node: exp.Expr) -> float | None:
    while isinstance(node, exp.Cast | exp.Paren | exp.Neg):
        node = node.this
    try:
        return float(node.name)
    except ValueError:
        return None


def _dated_series_rows(arguments: Sequence[exp.Expr]) -> float | None:
    first, last = _day(arguments[0]), _day(arguments[1])
    step = _step_seconds(arguments[2]) if len(arguments) > 2 else None
    if first is None or last is None or not step:
        return None
    return abs((last - first) / timedelta(seconds=1)) / step + 1


def _day(node: exp.Expr) -> date | None:
    while isinstance(node, exp.Cast | exp.Paren):
        node = node.this
    try:
        return date.fromisoformat(str(node.this)[:10]) if isinstance(node, exp.Literal) else None
    except ValueError:
        return None


def _step_seconds(node: exp.Expr) -> float | None:
    while isinstance(node, exp.Cast | exp.Paren):
        node = node.this
    text = f"{node.this.name} {node.args['unit']}" if isinstance(node, exp.Interval) and node.args.get("unit") else ""
    if isinstance(node, exp.Interval) and not text:
        node = node.this
    found = _STEP.match(text or node.name)
    if found is None:
        return None
    unit = _STEP_SECONDS.get(found.group(2).lower())
    return float(found.group(1)) * unit if unit else None


def _check_replacement(node: exp.Expr, policy: GuardPolicy) -> None:
    """Bound the product of what a chain of nested replacements can multiply a text by."""
    growth = 1.0
    current: exp.Expr | None = node
    while current is not None and growth <= policy.max_text:
        if isinstance(current, exp.Anonymous) and function_name(current) in ("replace", "regexp_replace"):
            parts = [part.name if isinstance(part, exp.Literal) else None for part in current.expressions[1:3]]
            if len(parts) == 2:
                growth *= max(1.0, len(parts[1] or "xxxxxxxx") / max(1, len(parts[0] or "x")))
        current = current.parent
    if growth > policy.max_text:
        raise Refusal("constant.growth", offset_of(node), "replace")


def _check_recursive_growth(cte: exp.CTE) -> None:
    """A recursive arm that joins one of its own columns to itself doubles the value each round."""
    clause = cte.parent
    if not (isinstance(clause, exp.With) and clause.args.get("recursive") and isinstance(cte.this, exp.SetOperation)):
        return
    for node in cte.this.expression.walk():
        if _joins_to_itself(node):
            raise Refusal("constant.growth", offset_of(node))


def _check_self_concatenation(nodes: Sequence[exp.Expr]) -> None:
    """Stacked derived tables that double a value: a few are text layout, many are an attack."""
    doubling = [node for node in nodes if _joins_to_itself(node)]
    if len(doubling) > 8:
        raise Refusal("constant.growth", offset_of(doubling[8]))


def _joins_to_itself(node: exp.Expr) -> bool:
    is_join = isinstance(node, exp.DPipe) or (isinstance(node, exp.Anonymous) and function_name(node) in _GROWING)
    if not is_join or isinstance(node.parent, exp.DPipe):
        return False
    names = [column.name.lower() for column in node.find_all(exp.Column)]
    return len(names) != len(set(names))
