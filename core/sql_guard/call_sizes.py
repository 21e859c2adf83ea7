"""How large the result of a call can be, given the sizes of its arguments; `value_sizes` asks it for every call.

What puts something between parts, escapes, indents, repeats or collects multiplies; sizes are rough upper bounds in
bytes. What is not listed may be as large as all its arguments together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from core.sql_guard.constant_rules import sized_result
from core.sql_guard.constant_values import constant_number
from core.sql_guard.node_rules import literal_text
from core.sql_guard.number_bounds import NumberBounds
from core.sql_guard.policy import GuardPolicy

SCALAR: Final = 32.0
_COLLECTED_ROWS: Final = 20.0
_SMALLEST_ELEMENT: Final = 4.0  # an array element has a header of four bytes at least
_USUAL_DEPTH: Final = 16  # of JSON that constructors or a column give
_INDENT: Final = 4.0
_LEAST_WORD: Final = 2.0
_LEXEME: Final = 4.0
_SPECIFIER: Final = re.compile(r"%[^%a-zA-Z]*[sIL]")
_WIDTH: Final = re.compile(r"%(?:\d+\$)?-?(\d+)")

COLLECTING: Final = frozenset(
    {
        "string_agg",
        "array_agg",
        "json_agg",
        "jsonb_agg",
        "json_object_agg",
        "jsonb_object_agg",
        "range_agg",
        "json_arrayagg",
    }
)
# Calls whose result has a fixed small size, whatever they are given.
_SMALL: Final = frozenset(
    {
        "count", "avg", "length", "char_length", "character_length", "octet_length", "bit_length", "ascii", "md5",
        "strpos", "position", "row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile", "extract",
        "date_part", "date_trunc", "cardinality", "array_length", "array_upper", "array_lower", "jsonb_array_length",
        "json_array_length", "jsonb_typeof", "json_typeof", "grouping", "starts_with", "regexp_count", "regexp_like",
        "regexp_instr", "abs", "round", "ceil", "ceiling", "floor", "trunc", "mod", "div", "sign", "array_position",
        "generate_series", "generate_subscripts", "random", "now", "age", "make_date", "make_interval", "to_date",
        "to_timestamp", "width_bucket", "bool_and", "bool_or", "every", "sha224", "sha256", "sha384", "sha512",
    }
)  # fmt: skip
# Calls that may double what they are given: quotes and backslashes are escaped, bytes become hexadecimal digits.
_DOUBLING: Final = frozenset(
    {"quote_literal", "quote_nullable", "quote_ident", "encode", "to_json", "to_jsonb", "row_to_json", "array_to_json"}
)
_LARGEST_ARGUMENT: Final = frozenset(
    {
        "coalesce", "nullif", "greatest", "least", "max", "min", "lag", "lead", "split_part", "left", "right", "trim",
        "first_value", "last_value", "nth_value", "substr", "substring", "lower", "upper", "btrim", "any_value",
        "to_char",
    }
)  # fmt: skip


@dataclass(frozen=True)
class CallSizes:
    """A call with the sizes of its arguments, and what is known of the statement it stands in."""

    node: exp.Expr
    name: str
    sizes: Sequence[float]
    policy: GuardPolicy
    bounds: NumberBounds
    json_depth: Callable[[], float]

    @property
    def total(self) -> float:
        return sum(self.sizes) + 4.0

    @property
    def first(self) -> float:
        return self.sizes[0] if self.sizes else SCALAR

    def text_size(self, position: int) -> float:
        """Of a text argument; of a constant exactly, where others count as a column at least."""
        if position >= len(self.sizes):
            return 0.0
        text = literal_text(self.node.expressions[position])
        return self.sizes[position] if text is None else float(len(text.encode()))


def call_size(call: CallSizes) -> float:
    """The largest result in bytes."""
    if call.name in _SMALL:
        return SCALAR
    if call.name in COLLECTING or is_array_subquery(call.node, call.name):
        return call.total * _COLLECTED_ROWS
    if call.name in _DOUBLING:
        return 2.0 * call.total
    if call.name in _LARGEST_ARGUMENT:
        return max(call.sizes, default=SCALAR)
    rule = _RULES.get(call.name)
    return call.total if rule is None or not call.sizes else rule(call)


def is_array_subquery(node: exp.Expr, name: str) -> bool:
    """Whether a call is `ARRAY(SELECT ...)`."""
    return name == "array" and any(isinstance(part, exp.Query) for part in node.expressions)


def deepest_json(statement: exp.Expr) -> float:
    """How deep JSON of a statement can be nested: the texts it turns into JSON may be nested without end."""
    deepest = float(_USUAL_DEPTH)
    for cast in statement.find_all(exp.Cast):
        if getattr(cast.args["to"].this, "name", "") not in ("JSON", "JSONB") or isinstance(cast.this, exp.Column):
            continue
        text = literal_text(cast.this)
        deepest = max(deepest, float("inf") if text is None else float(_nesting(text)))
    return deepest


def _nesting(text: str) -> int:
    depth = deepest = 0
    for character in text:
        depth += (character in "[{") - (character in "]}")
        deepest = max(deepest, depth)
    return deepest


def _sized(call: CallSizes) -> float:
    return float(sized_result(call.node, call.policy, call.bounds) or 0) + call.first


def _separated(call: CallSizes) -> float:
    """concat_ws: the separator stands between any two."""
    return call.text_size(0) * max(0, len(call.sizes) - 2) + sum(call.sizes[1:])


def _formatted(call: CallSizes) -> float:
    """Each specifier may show the largest argument, quoted."""
    template = literal_text(call.node.expressions[0]) or ""
    shown = [2.0 * call.text_size(position) for position in range(1, len(call.sizes))]
    widths = sum(min(int(width[:9]), call.policy.max_text) for width in _WIDTH.findall(template))
    return len(template) + len(_SPECIFIER.findall(template)) * max(shown, default=0.0) + widths


def _array_text(call: CallSizes) -> float:
    """array_to_string: the separator, or the text for NULL, stands with every element."""
    elements = call.first / _SMALLEST_ELEMENT + 1.0
    return call.first + elements * (call.text_size(1) + call.text_size(2))


def _split(call: CallSizes) -> float:
    """Every character may become an element with a header of its own."""
    return 2.0 * _SMALLEST_ELEMENT * call.first


def _filled(call: CallSizes) -> float:
    """array_fill: as often as its dimensions say, which must be constants."""
    dimensions = call.node.expressions[1]
    counts = [constant_number(part) for part in getattr(dimensions, "expressions", ())]
    product = 1.0
    for count in counts:
        product *= float("inf") if count is None else max(1.0, count)
    return product * (call.first + 8.0) if counts else float("inf")


def _pretty(call: CallSizes) -> float:
    """Every line of the result is indented by its depth; an element takes two bytes at least."""
    return call.first * (1.0 + _INDENT * min(call.json_depth(), call.first / 2.0) / 2.0)


def _headline(call: CallSizes) -> float:
    """Every word may be marked with what the options say."""
    options = call.text_size(len(call.sizes) - 1) if len(call.sizes) > 2 else 0.0
    document = max(call.sizes[:-1], default=call.first)
    return document + document / _LEAST_WORD * (options + 8.0)


def _translated(call: CallSizes) -> float:
    return 4.0 * call.first  # characters of one byte may become characters of four


def _replaced(call: CallSizes) -> float:
    if len(call.sizes) < 2:
        return call.total
    node, name = call.node, call.name
    put = node.expressions[2] if len(node.expressions) > 2 else None
    found_text, put_text = literal_text(node.expressions[1]), literal_text(put)
    found_size = float(len(found_text)) if found_text is not None and name == "replace" else 1.0
    put_size = call.sizes[2] if len(call.sizes) > 2 else 0.0
    if name == "regexp_replace" and put_text is not None:
        return call.first * max(1.0, float(len(put_text)), float(put_text.count("\\")))
    put_size = put_size if put_text is None else float(len(put_text))
    return call.first * max(1.0, put_size / max(1.0, found_size))


_RULES: Final[Mapping[str, Callable[[CallSizes], float]]] = {
    "repeat": _sized,
    "lpad": _sized,
    "rpad": _sized,
    "concat_ws": _separated,
    "format": _formatted,
    "array_to_string": _array_text,
    "string_to_array": _split,
    "regexp_split_to_array": _split,
    "regexp_matches": _split,
    "array_fill": _filled,
    "jsonb_pretty": _pretty,
    "ts_headline": _headline,
    "to_tsvector": lambda call: _LEXEME * max(call.sizes),
    "translate": _translated,
    "replace": _replaced,
    "regexp_replace": _replaced,
    "array_replace": _replaced,
}
