"""Reads the shape of queries in the parse tree: parentheses, trailing clauses, aliases; used by scopes and FROM."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from core.sql_guard.node_rules import identifier_name, offset_of
from core.sql_guard.refusal import Refusal

QUERIES: Final = (exp.Select, exp.SetOperation, exp.Subquery, exp.Values)


@dataclass(frozen=True)
class Statement:
    """One query without its parentheses: what PostgreSQL's grammar makes of it (insertSelectOptions in gram.y).

    Clauses behind a query in parentheses belong to that query itself.
    """

    core: exp.Expr
    with_: exp.Expr | None
    ordered: tuple[exp.Expr, ...]
    limits: tuple[exp.Expr, ...]


def unwrapped(node: exp.Expr) -> Statement:
    """The query inside any parentheses, with the clauses around it.

    Raises:
        Refusal: a clause is there twice, which the server does not accept.
    """
    found: dict[str, exp.Expr] = {}
    while True:
        for part in ("with_", "order", "limit", "offset"):
            if (value := node.args.get(part)) is not None:
                if part in found:
                    raise Refusal("parse.syntax", offset_of(value))
                found[part] = value
        if not isinstance(node, exp.Subquery):
            break
        node = node.this
    order = found.get("order")
    return Statement(
        core=node,
        with_=found.get("with_"),
        ordered=tuple(ordered.this for ordered in order.expressions) if order is not None else (),
        limits=tuple(found[part] for part in ("limit", "offset") if part in found),
    )


def alias_of(node: exp.Expr) -> tuple[str, tuple[str, ...]]:
    """The alias of a FROM item or common table expression, and its column aliases; empty when there is none."""
    alias = node.args.get("alias")
    if not isinstance(alias, exp.TableAlias):
        return "", ()
    name = identifier_name(alias.this) if isinstance(alias.this, exp.Identifier) else ""
    columns = alias.args.get("columns") or ()
    return name, tuple(
        identifier_name(column.this if isinstance(column, exp.ColumnDef | exp.Column) else column) for column in columns
    )


def parts_of(node: exp.Expr, names: Sequence[str] | None = None) -> Iterator[exp.Expr]:
    """The direct parts of a node, or those of the given names."""
    for name in node.args if names is None else names:
        value = node.args.get(name)
        if isinstance(value, exp.Expr):
            yield value
        elif isinstance(value, list):
            yield from (item for item in value if isinstance(item, exp.Expr))
