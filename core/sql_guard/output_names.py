"""The names PostgreSQL gives output columns without alias (FigureColname in parse_target.c); used by scopes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sqlglot import exp

from core.sql_guard.node_rules import function_name, identifier_name

UNNAMED: Final = "?column?"
Name = str | None
# Name of the first output column of a query that stands as a value.
FirstName = Callable[[exp.Expr], Name]

_QUERIES: Final = (exp.Select, exp.SetOperation, exp.Subquery, exp.Values)
_FIXED: Final[dict[type[exp.Expr], str]] = {
    exp.Substring: "substring", exp.Overlay: "overlay", exp.StrPosition: "position", exp.Exists: "exists",
    exp.CurrentDate: "current_date", exp.CurrentTime: "current_time", exp.CurrentTimestamp: "current_timestamp",
    exp.Localtime: "localtime", exp.Localtimestamp: "localtimestamp", exp.Array: "array", exp.Tuple: "row",
    exp.AtTimeZone: "timezone",
}  # fmt: skip
_TRIMS: Final = {"": "btrim", "BOTH": "btrim", "LEADING": "ltrim", "TRAILING": "rtrim"}
# Type names the server's grammar replaces by those of the catalogue, or keeps; others are left undecided.
_TYPES: Final = {
    "INT": "int4", "BIGINT": "int8", "SMALLINT": "int2", "BOOLEAN": "bool", "TEXT": "text", "DATE": "date",
    "TIME": "time", "TIMESTAMP": "timestamp", "TIMESTAMPTZ": "timestamptz", "INTERVAL": "interval", "JSONB": "jsonb",
    "UUID": "uuid", "DECIMAL": "numeric",
}  # fmt: skip
_LOOKED_THROUGH: Final = (exp.Paren, exp.Window, exp.Filter, exp.WithinGroup, exp.Bracket, exp.Collate)
_WITHOUT_NAME: Final = (
    exp.Literal, exp.Null, exp.Binary, exp.Unary, exp.Between, exp.In, exp.RawString, exp.ByteString, exp.UnicodeString,
)  # fmt: skip


def output_name(node: exp.Expr, first_name: FirstName) -> Name:
    """The output name of a target list entry; None where it depends on the server's version or is not known."""
    return _figured(node, first_name)[0]


def _figured(node: exp.Expr, first_name: FirstName) -> tuple[Name, int]:
    """The name and how much it counts: a cast or CASE keeps a name of strength 2 found inside, else gives its own."""
    while isinstance(node, _LOOKED_THROUGH):
        node = node.this
    if isinstance(node, exp.Cast):
        name, strength = _figured(node.this, first_name)
        return (_type_name(node), 1) if strength < 2 else (name, strength)
    if isinstance(node, exp.Case):
        default = node.args.get("default")
        name, strength = _figured(default, first_name) if default is not None else (UNNAMED, 0)
        return ("case", 1) if strength < 2 else (name, strength)
    if isinstance(node, _QUERIES):
        return first_name(node), 2
    if (written := _written_name(node)) is not None:
        return written, 2
    return (UNNAMED, 0) if isinstance(node, _WITHOUT_NAME) else (None, 2)


def _written_name(node: exp.Expr) -> Name:
    """The name of an alias, a column, a field, a function or a construct that has one of its own."""
    if isinstance(node, exp.Alias):
        return identifier_name(node.args["alias"])
    if isinstance(node, exp.Column | exp.Dot):
        node = node.this if isinstance(node, exp.Column) else node.expression
    if isinstance(node, exp.Identifier):
        return identifier_name(node)
    if isinstance(node, exp.Anonymous):
        return function_name(node)
    if isinstance(node, exp.Trim):
        return _TRIMS.get(str(node.args.get("position") or "").upper())
    return _FIXED.get(type(node))


def _type_name(node: exp.Cast) -> Name:
    target = node.args["to"]
    kind = target.this
    if target.args.get("expressions") and getattr(kind, "name", "") == "INTERVAL":
        return None
    return _TYPES.get(getattr(kind, "name", ""))
