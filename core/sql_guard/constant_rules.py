"""Bounds what constants in a statement can blow up: repeats, pads, formats, series, powers, type lengths (guard).

The server evaluates such calls while it plans, so the cost check comes too late for them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Final

from sqlglot import exp

from core.sql_guard.constant_values import (
    constant_integer,
    constant_moment,
    constant_number,
    constant_seconds,
    constant_text,
)
from core.sql_guard.node_rules import function_name, literal_text, offset_of
from core.sql_guard.number_bounds import NumberBounds
from core.sql_guard.policy import GuardPolicy
from core.sql_guard.refusal import Refusal
from core.sql_guard.regex_sizes import regex_states

_FORMAT_WIDTH: Final = re.compile(r"%[^%a-zA-Z]*?(\*|\d+)(?!\$)")
_NUMBER: Final = re.compile(r"\s*[+-]?[\d.]+[eE]\+?(-?\d+)\s*")  # also as a text that becomes a number
_MOST_EXPONENT_DIGITS: Final = 9
_COLUMN_CHARACTERS: Final = 50
_WALK: Final = re.compile(r"\*")
_LARGEST_WALKS: Final = 4
_PATH_QUERIES: Final = frozenset({"json_query", "json_exists"})
_OPENING: Final = frozenset(
    {"unnest", "string_to_table", "regexp_split_to_table", "jsonb_array_elements", "json_array_elements", "json_each",
     "jsonb_array_elements_text", "json_array_elements_text", "jsonb_each", "json_each_text", "jsonb_each_text",
     "jsonb_path_query", "regexp_matches", "generate_subscripts"}
)  # fmt: skip
_MAKING: Final = frozenset(
    {"repeat", "lpad", "rpad", "array_fill", "array_agg", "string_agg", "json_agg", "jsonb_agg", "json_object_agg",
     "jsonb_object_agg", "array_cat", "replace", "regexp_replace"}
)  # fmt: skip
_LARGEST_AUTOMATON: Final = 1_000
_CHARACTERS_BY_NUMBER: Final = frozenset({"chr", "unistr", "convert_from", "decode"})
_LARGEST_COUNT: Final = 1e9
_MATCHES: Final = (exp.RegexpLike, exp.RegexpILike, exp.SimilarTo)
_SIZED: Final = frozenset({"repeat", "lpad", "rpad"})


def check_constants(nodes: Sequence[exp.Expr], policy: GuardPolicy) -> None:
    """Refuse constants (or missing ones, where a size must be bounded) beyond the policy's bounds."""
    bounds = NumberBounds(nodes, policy)
    for node in nodes:
        if isinstance(node, exp.Anonymous):
            _check_call(node, function_name(node), policy, bounds)
        elif isinstance(node, _MATCHES):
            _check_regex([node.expression])
        elif isinstance(node, exp.Substring):
            _check_regex([part for part in (node.args.get("start"),) if part is not None])
        elif isinstance(node, exp.Pow):
            _check_exponent(node.expression, policy)
        elif isinstance(node, exp.DataTypeParam):
            _check_type_length(node, policy)
        elif (path := _known_path(node)) is not None:
            _check_json_path(path, is_known_path=True)
        elif isinstance(node, exp.JSONBPathExists | exp.MatchAgainst):
            _check_json_path(node.args.get("expression") or node.this, is_known_path=False)
        elif isinstance(node, exp.Group):
            _check_grouping(node, policy)
        elif (text := literal_text(node)) is not None:
            _check_number(node, text, policy)


def _check_type_length(node: exp.Expr, policy: GuardPolicy) -> None:
    if (constant_integer(node.this) or 0) > policy.max_text:
        raise Refusal("constant.type_length", offset_of(node))


def _check_number(node: exp.Expr, text: str, policy: GuardPolicy) -> None:
    exponent = _NUMBER.fullmatch(text)
    if exponent and (len(exponent.group(1)) > _MOST_EXPONENT_DIGITS or int(exponent.group(1)) > policy.max_exponent):
        raise Refusal("constant.number", offset_of(node))


def _known_path(node: exp.Expr) -> exp.Expr | None:
    """What a construct reads as a JSON path, other than a call."""
    if isinstance(node, exp.Cast):
        return node.this if _type_name(node) == "jsonpath" else None
    is_path_reader = isinstance(node, exp.JSONValue | exp.JSONTable | exp.JSONColumnDef)
    return node.args.get("path") or None if is_path_reader else None


def _check_call(node: exp.Expr, name: str, policy: GuardPolicy, bounds: NumberBounds) -> None:
    arguments = node.expressions
    if name in _SIZED:
        size = sized_result(node, policy, bounds)
        if size is None or size > policy.max_text:
            raise Refusal("constant.size", offset_of(node), name)
    elif name == "format":
        _check_format(node, policy)
    elif name == "generate_series" and len(arguments) >= 2:
        rows = _series_rows(arguments)
        if rows is not None and rows > policy.max_series:
            raise Refusal("constant.series", offset_of(node), name)
    elif (name.startswith("jsonb_path_") or name in _PATH_QUERIES) and len(arguments) > 1:
        _check_json_path(arguments[1], is_known_path=True)
    elif name in ("power", "pow") and len(arguments) == 2:
        _check_exponent(arguments[1], policy)
    elif name.startswith("regexp_"):
        _check_regex(arguments[1:2])


def sized_result(node: exp.Expr, policy: GuardPolicy, bounds: NumberBounds) -> int | None:
    """An upper bound of the characters a sized call makes, None when nothing bounds its size."""
    arguments = node.expressions
    if len(arguments) < 2:
        return 0
    count = bounds.of(arguments[1])
    if count > _LARGEST_COUNT:
        return None
    if function_name(node) != "repeat":
        return math.ceil(count)
    return math.ceil(count) * _text_bound(arguments[0], policy, bounds)


def _text_bound(node: exp.Expr, policy: GuardPolicy, bounds: NumberBounds) -> int:
    """About how long a text argument is; what is not constant counts as a short column."""
    if (text := literal_text(node)) is not None:
        return max(1, len(text))
    characters = largest_call = 0
    for part in node.walk(prune=_is_sized_call):  # not below a sized call: its own size covers what is in it
        if _is_sized_call(part):
            largest_call = max(largest_call, sized_result(part, policy, bounds) or 0)
        elif (text := literal_text(part)) is not None:
            characters += len(text)
    return max(_COLUMN_CHARACTERS, characters, largest_call)


def _is_sized_call(node: exp.Expr) -> bool:
    return isinstance(node, exp.Anonymous) and function_name(node) in _SIZED


def _check_regex(patterns: Sequence[exp.Expr]) -> None:
    """Refuse a pattern that makes too large an automaton, or one with a bound that rows complete."""
    for pattern in patterns:
        text = constant_text(pattern)
        is_refused = _may_hold_bound(pattern) if text is None else regex_states(text) > _LARGEST_AUTOMATON
        if is_refused:
            raise Refusal("constant.regex", offset_of(pattern), "{m,n}")


def _may_hold_bound(pattern: exp.Expr) -> bool:
    """Whether an expression puts a brace into a pattern, as it stands or by the number of its character."""
    for part in pattern.walk():
        if isinstance(part, exp.Anonymous) and function_name(part) in _CHARACTERS_BY_NUMBER:
            return True
        if "{" in (literal_text(part) or ""):
            return True
    return False


def _check_format(node: exp.Expr, policy: GuardPolicy) -> None:
    template = node.expressions[0] if node.expressions else None
    if not (isinstance(template, exp.Literal) and template.is_string):
        raise Refusal("constant.format", offset_of(node), "format")
    for width in _FORMAT_WIDTH.findall(str(template.this)):
        if width == "*" or int(width) > policy.max_text // 10:
            raise Refusal("constant.format", offset_of(node), "format")


def _check_exponent(node: exp.Expr, policy: GuardPolicy) -> None:
    value = constant_number(node)
    if value is not None and abs(value) > policy.max_exponent:
        raise Refusal("constant.exponent", offset_of(node), "^")


def _series_rows(arguments: Sequence[exp.Expr]) -> float | None:
    """How many rows a series over constants has; None when a bound is not constant."""
    start, stop = constant_number(arguments[0]), constant_number(arguments[1])
    if start is not None and stop is not None:
        step = constant_number(arguments[2]) if len(arguments) > 2 else 1.0
    else:
        start, stop = constant_moment(arguments[0]), constant_moment(arguments[1])
        step = constant_seconds(arguments[2]) if len(arguments) > 2 else None
    if start is None or stop is None or not step:
        return None
    return abs(stop - start) / abs(step) + 1


def has_unknown_rows(statement: exp.Expr) -> bool:
    """Whether the server cannot estimate how many rows a function makes.

    That is a series whose ends are not constants, or rows out of an array, a text or JSON that the statement makes.
    """
    for call in statement.find_all(exp.Anonymous, exp.Unnest):
        name = function_name(call) if isinstance(call, exp.Anonymous) else "unnest"
        arguments = call.expressions
        if name == "generate_series" and len(arguments) >= 2:
            if _series_rows(arguments) is None:
                return True
        elif name in _OPENING and any(map(_is_made, arguments)):
            return True
    return False


def _is_made(node: exp.Expr) -> bool:
    """Whether a value is more than a column, a constant or a list of them."""
    return any(
        isinstance(part, exp.Query) or (isinstance(part, exp.Anonymous) and function_name(part) in _MAKING)
        for part in node.walk()
    )


def _check_grouping(node: exp.Group, policy: GuardPolicy) -> None:
    """Every grouping set is a pass over the groups; CUBE doubles them with each column."""
    clauses = [*node.expressions]
    for part in ("grouping_sets", "cube", "rollup"):
        clauses.extend(node.args.get(part) or ())
    sets = math.prod(map(_grouping_sets, clauses))
    if sets > policy.max_grouping_sets:
        raise Refusal("constant.grouping", offset_of(node), "CUBE")


def _grouping_sets(node: exp.Expr) -> float:
    if isinstance(node, exp.Cube):
        return 2.0 ** len(node.expressions)
    if isinstance(node, exp.Rollup):
        return 1.0 + len(node.expressions)
    return sum(map(_grouping_sets, node.expressions)) if isinstance(node, exp.GroupingSets) else 1.0


def _type_name(node: exp.Cast) -> str:
    kind = node.args["to"].args.get("kind")
    return str(kind.name if isinstance(kind, exp.Expr) else kind or "").lower()


def _check_json_path(node: exp.Expr, *, is_known_path: bool) -> None:
    """A path that walks all members for each member holds every pair in memory; the server bounds neither."""
    while isinstance(node, exp.Paren) or (isinstance(node, exp.Cast) and _type_name(node) == "jsonpath"):
        node = node.this
    path = literal_text(node)
    if path is None:
        if is_known_path:
            raise Refusal("constant.json_path", offset_of(node), "jsonpath")
        return
    if _walks_in_filter(path) or len(_WALK.findall(path)) > _LARGEST_WALKS:
        raise Refusal("constant.json_path", offset_of(node), "jsonpath")


def _walks_in_filter(path: str) -> bool:
    """Whether a filter of the path walks over members (`$...*`) or is itself inside a walk (`*...?`)."""
    _, _, filters = path.partition("?")
    for piece in filters.split(")"):
        root, walk = piece.find("$"), piece.find("*")
        if (root >= 0 and piece.find("*", root) >= 0) or (walk >= 0 and piece.find("?", walk) >= 0):
            return True
    return False
