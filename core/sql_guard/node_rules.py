"""The allow-list of parsed constructs: node kinds with the parts each may have, functions and casts."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from typing import Final

from sqlglot import exp

from core.sql_guard.admitted_names import CAST_TYPE_NAMES, SET_RETURNING_COLUMNS
from core.sql_guard.lexer import Token, canonical_name
from core.sql_guard.policy import GuardPolicy
from core.sql_guard.refusal import Refusal


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_BINARY: Final = _words("this expression negate")
_UNARY: Final = frozenset({"this"})
_LIST: Final = frozenset({"expressions"})

# Node kind -> parts that may be filled. A kind or a filled part that is not here is refused.
_ADMITTED: Final[dict[type[exp.Expr], frozenset[str]]] = {
    # queries
    exp.Select: _words("with_ expressions distinct from_ joins laterals where group having windows order limit offset"),
    exp.Union: _words("with_ this expression distinct order limit offset"),
    exp.Except: _words("with_ this expression distinct order limit offset"),
    exp.Intersect: _words("with_ this expression distinct order limit offset"),
    exp.Subquery: _words("this alias joins with_ order limit offset"),
    exp.Values: frozenset({"expressions", "alias", "order", "limit", "offset"}),
    exp.With: _words("expressions recursive search cycle"),
    exp.RecursiveWithSearch: _words("kind this expression to default using"),
    exp.CTE: frozenset({"this", "alias", "materialized"}),
    exp.From: _UNARY,
    exp.Table: _words("this alias db joins laterals only ordinality sample rows_from"),
    exp.TableAlias: frozenset({"this", "columns"}),
    exp.TableSample: frozenset({"method", "percent", "seed"}),
    exp.ColumnDef: frozenset({"this", "kind"}),
    exp.Join: _words("this on using side kind method"),
    exp.Lateral: _words("this alias ordinality"),
    exp.Unnest: _words("expressions alias offset"),
    exp.Where: _UNARY,
    exp.Having: _UNARY,
    exp.Group: _words("expressions grouping_sets cube rollup"),
    exp.GroupingSets: _LIST,
    exp.Cube: _LIST,
    exp.Rollup: _LIST,
    exp.Order: frozenset({"expressions", "this"}),
    exp.Ordered: _words("this desc nulls_first"),
    exp.Limit: frozenset({"expression"}),
    exp.Offset: frozenset({"expression"}),
    exp.Fetch: _words("direction count limit_options"),
    exp.LimitOptions: frozenset({"rows", "with_ties"}),
    exp.Distinct: frozenset({"expressions", "on"}),
    # windows and aggregates
    exp.Window: _words("this partition_by order spec alias over first"),
    exp.WindowSpec: _words("kind start start_side end end_side exclude"),
    exp.Filter: _BINARY,
    exp.WithinGroup: _BINARY,
    # names and values
    exp.Alias: frozenset({"this", "alias"}),
    exp.Column: _words("this table db"),
    exp.Identifier: frozenset({"this", "quoted"}),
    exp.Star: frozenset(),
    exp.Dot: _BINARY,
    exp.Var: _UNARY,
    exp.Literal: frozenset({"this", "is_string"}),
    exp.RawString: _UNARY,
    exp.UnicodeString: _UNARY,
    exp.BitString: frozenset({"this", "is_integer"}),
    exp.HexString: frozenset({"this", "is_integer"}),
    exp.ByteString: frozenset({"this", "is_bytes"}),
    exp.Boolean: _UNARY,
    exp.Null: frozenset(),
    exp.Interval: frozenset({"this", "unit"}),
    exp.IntervalSpan: _BINARY,
    exp.Anonymous: frozenset({"this", "expressions"}),
    exp.Kwarg: _BINARY,
    exp.Array: frozenset({"expressions", "bracket_notation"}),
    exp.Tuple: _LIST,
    exp.Paren: _UNARY,
    exp.Bracket: frozenset({"this", "expressions", "offset", "safe"}),
    exp.Slice: _BINARY,
    exp.Cast: frozenset({"this", "to"}),
    exp.DataType: _words("this expressions nested kind values"),
    exp.DataTypeParam: _UNARY,
    # calls with their own grammar
    exp.Extract: _BINARY,
    exp.Trim: _words("this expression position"),
    exp.Substring: _words("this start length"),
    exp.Overlay: _words("this expression from_ for_"),
    exp.StrPosition: frozenset({"this", "substr"}),
    exp.CurrentDate: frozenset(),
    exp.CurrentTime: frozenset(),
    exp.CurrentTimestamp: frozenset(),
    exp.Localtime: frozenset(),
    exp.Localtimestamp: frozenset(),
    # conditions
    exp.Case: _words("this ifs default"),
    exp.If: _words("this true false"),
    exp.Exists: _UNARY,
    exp.In: _words("this expressions query field negate"),
    exp.Between: _words("this low high symmetric negate"),
    exp.Is: frozenset({"this", "expression", "negate"}),
    exp.Any: _UNARY,
    exp.All: _UNARY,
    exp.AtTimeZone: frozenset({"this", "zone"}),
    exp.Escape: _BINARY,
    exp.Collate: _BINARY,
    exp.MatchAgainst: frozenset({"this", "expressions"}),
    exp.JSON: _words("this with_ unique"),  # behind IS
    exp.JSONValue: _words("this path returning on_condition"),
    exp.OnCondition: _words("empty error"),
    exp.JSONObject: _words("expressions null_handling unique_keys return_type"),
    exp.JSONKeyValue: _BINARY,
    exp.JSONTable: _words("this schema path error_handling empty_handling"),
    exp.JSONSchema: _LIST,
    exp.JSONColumnDef: _words("this kind path nested_schema ordinality"),
    exp.JSONExtract: _words("this expression only_json_types expressions"),
    exp.JSONExtractScalar: _words("this expression only_json_types expressions"),
    exp.JSONPath: _LIST,
    exp.JSONPathRoot: frozenset(),
    exp.JSONPathKey: _UNARY,
    exp.JSONPathSubscript: _UNARY,
    exp.Concat: _words("expressions safe coalesce"),  # adjacent string literals
    exp.Div: _words("this expression typed safe"),
    exp.DPipe: _words("this expression safe"),
}
_PLAIN_BINARY: Final[tuple[type[exp.Expr], ...]] = (
    exp.And, exp.Or, exp.Add, exp.Sub, exp.Mul, exp.Mod, exp.Pow, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE,
    exp.Like, exp.ILike, exp.SimilarTo, exp.RegexpLike, exp.RegexpILike, exp.NullSafeEQ, exp.NullSafeNEQ,
    exp.Overlaps, exp.BitwiseAnd, exp.BitwiseOr, exp.BitwiseXor, exp.BitwiseLeftShift, exp.BitwiseRightShift,
    exp.ArrayContainsAll, exp.ArrayContainedBy, exp.ArrayOverlaps, exp.JSONBExtract, exp.JSONBExtractScalar,
    exp.JSONBContains, exp.JSONBContainsTopKey,
    exp.JSONBContainsAnyTopKeys, exp.JSONBContainsAllTopKeys, exp.JSONBDeleteAtPath, exp.JSONBPathExists, exp.Adjacent,
    exp.ExtendsLeft, exp.ExtendsRight, exp.Distance, exp.Glob, exp.StartsWith,
)  # fmt: skip
_PLAIN_UNARY: Final[tuple[type[exp.Expr], ...]] = (
    exp.Not, exp.Neg, exp.Abs, exp.BitwiseNot, exp.Sqrt, exp.Cbrt,
)  # fmt: skip
_ADMITTED.update(dict.fromkeys(_PLAIN_BINARY, _BINARY))
_ADMITTED.update(dict.fromkeys(_PLAIN_UNARY, _UNARY))

# ARRAY(subquery) and `= ALL (array)` reach us as calls.
_CALL_LIKE_SYNTAX: Final = frozenset({"array", "all", "some", "exists"})

_UNICODE_ESCAPE: Final = re.compile(r"\\(?:\+([0-9a-fA-F]{6})|([0-9a-fA-F]{4}))")

_ROOTS: Final = (exp.Select, exp.SetOperation, exp.Subquery, exp.Values)
_SAMPLE_METHODS: Final = frozenset({"BERNOULLI", "SYSTEM"})

# Words before an opening parenthesis that are syntax, not a call.
_SYNTAX_BEFORE_PARENTHESIS: Final = _words("""
    select distinct on all any some exists in not and or as from join lateral using where having by when then else case
    over filter group within values union except intersect limit offset between like ilike similar is rollup cube sets
    array materialized cast only symmetric fetch first next range rows groups order partition with escape to
    numeric decimal dec varchar char character varying bpchar bit timestamp time timestamptz timetz interval float
    columns tablesample bernoulli system repeatable end inner left right full cross natural escape collate overlaps
    """)


def offset_of(node: exp.Expr | None) -> int | None:
    """Where a node starts in the text, as far as the parser recorded it."""
    while node is not None:
        if (start := node.meta.get("start")) is not None:
            return int(start)
        first = node.args.get("this")
        node = first if isinstance(first, exp.Expr) else None
    return None


def check_tree(root: exp.Expr, policy: GuardPolicy) -> list[exp.Expr]:
    """Refuse any node kind, part, function or cast that is not on the lists; returns all nodes.

    Iterative, so that depth cannot exhaust the stack.
    """
    if not isinstance(root, _ROOTS):
        raise Refusal("statement.kind", offset_of(root))
    nodes: list[exp.Expr] = []
    pending: list[tuple[exp.Expr, int]] = [(root, 1)]
    while pending:
        node, depth = pending.pop()
        nodes.append(node)
        if len(nodes) > policy.max_nodes or depth > policy.max_depth:
            raise Refusal("tree.size", offset_of(node))
        _check_node(node, policy)
        pending.extend((child, depth + 1) for child in _children(node))
    return nodes


def _children(node: exp.Expr) -> Iterator[exp.Expr]:
    for value in node.args.values():
        if isinstance(value, exp.Expr):
            yield value
        elif isinstance(value, list):
            yield from (item for item in value if isinstance(item, exp.Expr))


def _check_node(node: exp.Expr, policy: GuardPolicy) -> None:
    kind = type(node)
    parts = _ADMITTED.get(kind)
    if parts is None:
        if isinstance(node, exp.PseudoType | exp.ObjectIdentifier):
            raise Refusal("cast.type", offset_of(node.parent), str(node.this))
        raise Refusal(f"node.{kind.__name__.lower()}", offset_of(node), kind.__name__)
    for name, value in node.args.items():
        if value and name not in parts:
            raise Refusal(f"node.{kind.__name__.lower()}.{name.strip('_')}", offset_of(node), f"{kind.__name__}.{name}")
    if kind is exp.Anonymous:
        _check_function(node, policy)
    elif kind is exp.DataType:
        _check_type(node, policy)
    elif kind is exp.Dot:
        _check_dot(node)
    elif kind is exp.TableSample:
        _check_sample(node)
    elif kind is exp.Select and not node.expressions:
        raise Refusal("parse.empty_select", offset_of(node))


def function_name(node: exp.Expr) -> str:
    """The name of a call as PostgreSQL looks it up."""
    name = node.this
    if isinstance(name, exp.Identifier):
        return canonical_name(str(name.this), is_quoted=bool(name.args.get("quoted")))
    return canonical_name(str(name))


def literal_text(node: exp.Expr | None) -> str | None:
    """What a string or number constant says, whichever way it is quoted; None for anything else."""
    if isinstance(node, exp.UnicodeString):
        return _UNICODE_ESCAPE.sub(_unescaped, str(node.this))
    if isinstance(node, exp.Literal | exp.RawString | exp.ByteString):
        return str(node.this)
    return None


def _unescaped(found: re.Match[str]) -> str:
    code = int(found.group(1) or found.group(2), 16)
    return chr(code) if code <= sys.maxunicode else "?"


def identifier_name(node: exp.Expr) -> str:
    """The canonical name of an `Identifier`."""
    return canonical_name(str(node.this), is_quoted=bool(node.args.get("quoted")))


def _check_function(node: exp.Expr, policy: GuardPolicy) -> None:
    name = function_name(node)
    schema = ""
    parent = node.parent
    if isinstance(parent, exp.Dot) and parent.expression is node:
        if not isinstance(parent.this, exp.Identifier):
            raise Refusal("function.denied", offset_of(node), name)
        schema = identifier_name(parent.this)
    elif isinstance(parent, exp.Table) and parent.args.get("db"):
        schema = identifier_name(parent.args["db"])
    if name in _CALL_LIKE_SYNTAX and not schema:
        if name in ("array", "exists") and not (len(node.expressions) == 1 and isinstance(node.expressions[0], _ROOTS)):
            raise Refusal("parse.syntax", offset_of(node), name)
        return
    is_collecting = name == "json_array" and any(isinstance(argument, _ROOTS) for argument in node.expressions)
    if is_collecting or not policy.admits_function(schema, name):
        raise Refusal("function.denied", offset_of(node), f"{schema}.{name}" if schema else name)


def _check_dot(node: exp.Expr) -> None:
    """`schema.function(...)`, `schema.type`, `(jsonb_each(...)).key`; anything else could be a call by attribute."""
    if isinstance(node.parent, exp.DataType):
        return
    this, expression = node.this, node.expression
    if isinstance(expression, exp.Anonymous) and isinstance(this, exp.Identifier):
        return
    is_call = isinstance(this, exp.Paren) and isinstance(this.this, exp.Anonymous)
    if is_call and isinstance(expression, exp.Identifier):
        known = SET_RETURNING_COLUMNS.get(function_name(this.this), ())
        if identifier_name(expression) in known:
            return
    raise Refusal("column.attribute", offset_of(node), expression.name if expression else "")


def _check_type(node: exp.Expr, policy: GuardPolicy) -> None:
    this = node.this
    if isinstance(this, exp.Interval):
        return
    name = this.name if hasattr(this, "name") else str(this)
    if name == "USERDEFINED":
        written = node.args.get("kind")
        parts = (
            [identifier_name(part) for part in written.find_all(exp.Identifier)]
            if isinstance(written, exp.Expr)
            else [canonical_name(str(written))]
        )
        full = ".".join(parts)
        if full in CAST_TYPE_NAMES or full in policy.user_types:
            return
        name = full
    elif name in policy.cast_types:
        return
    raise Refusal("cast.type", offset_of(node.parent), name)


def _check_sample(node: exp.Expr) -> None:
    if str(node.args.get("method") or "").upper() not in _SAMPLE_METHODS:
        raise Refusal("node.tablesample", offset_of(node), "TABLESAMPLE")
    for part in ("percent", "seed"):
        if (value := node.args.get(part)) is not None and not isinstance(value, exp.Literal):
            raise Refusal("node.tablesample", offset_of(node), "TABLESAMPLE")


def check_call_positions(tokens: Sequence[Token], nodes: Sequence[exp.Expr], policy: GuardPolicy) -> None:
    """Hold every `name (` of the text against the function list, whatever the parser made of it.

    Names of relations and common table expressions that are followed by their column list are no calls.
    """
    named = _column_list_owners(nodes)
    for position, token in enumerate(tokens[:-1]):
        if tokens[position + 1].text != "(" or token.kind not in ("word", "quoted") or token.start in named:
            continue
        if token.keyword in _SYNTAX_BEFORE_PARENTHESIS:
            continue
        schema = ""
        if position >= 2 and tokens[position - 1].text == ".":
            schema = _token_name(tokens[position - 2])
        if not policy.admits_function(schema, _token_name(token)):
            raise Refusal("function.denied", token.start, _token_name(token))


def _column_list_owners(nodes: Sequence[exp.Expr]) -> set[int]:
    owners: set[int] = set()
    for node in nodes:
        if isinstance(node, exp.TableAlias) and node.args.get("columns") and isinstance(node.this, exp.Identifier):
            start = offset_of(node.this)
            if start is not None:
                owners.add(start)
    return owners


def _token_name(token: Token) -> str:
    if token.kind == "quoted":
        return canonical_name(token.text[1:-1].replace('""', '"'), is_quoted=True)
    return canonical_name(token.text)
