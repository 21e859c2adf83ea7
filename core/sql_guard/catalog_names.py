"""Keeps constants from being read as names of the server's catalogue (type `regtype`, `regconfig`); part of the guard.

PostgreSQL turns a text or number beside a value of such a type into one, by looking it up: the answer tells which types
and text search configurations exist, in whatever schema.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlglot import exp

from core.sql_guard.node_rules import function_name, literal_text, offset_of
from core.sql_guard.refusal import Refusal

# Admitted functions that return a name of the catalogue, and those that may take one as their first argument.
NAME_RESULTS: Final = frozenset({"pg_typeof"})
NAME_ARGUMENTS: Final = frozenset(
    {"to_tsvector", "to_tsquery", "plainto_tsquery", "phraseto_tsquery", "websearch_to_tsquery", "ts_headline"}
)
# The configurations every PostgreSQL has in pg_catalog.
CONFIGURATIONS: Final = frozenset(
    {
        "simple", "arabic", "armenian", "basque", "catalan", "danish", "dutch", "english", "estonian", "finnish",
        "french",
        "german", "greek", "hindi", "hungarian", "indonesian", "irish", "italian", "lithuanian", "nepali", "norwegian",
        "portuguese", "romanian", "russian", "serbian", "spanish", "swedish", "tamil", "turkish", "yiddish",
    }
)  # fmt: skip


def check_catalog_names(nodes: Sequence[exp.Expr]) -> None:
    """Refuse calls through which a constant could be looked up in the catalogue.

    Args:
        nodes: all of a statement, its root first.

    Raises:
        Refusal: `function.catalog_name`.
    """
    for node in nodes:
        if not isinstance(node, exp.Anonymous):
            continue
        name = function_name(node)
        is_open = (name in NAME_RESULTS and not _stands_alone(node, nodes[0])) or (
            name in NAME_ARGUMENTS and _may_look_up(node, name)
        )
        if is_open:
            raise Refusal("function.catalog_name", offset_of(node), name)


def _stands_alone(node: exp.Expr, root: exp.Expr) -> bool:
    """Whether a value meets no other: it becomes a text at once, or is a whole output column of the statement."""
    parent = node.parent
    while isinstance(parent, exp.Dot | exp.Paren):
        parent = parent.parent
    if isinstance(parent, exp.Cast):
        return getattr(parent.args["to"].this, "name", "") == "TEXT"
    if isinstance(parent, exp.Alias):
        parent = parent.parent
    return parent is root and isinstance(root, exp.Select)


def _may_look_up(node: exp.Expr, name: str) -> bool:
    """Whether the first argument may be read as a configuration other than those everybody has."""
    arguments = node.expressions
    if name == "ts_headline":
        # (text, tsquery[, text]) or (regconfig, text, tsquery[, text])
        has_configuration = len(arguments) > 3 or (len(arguments) == 3 and not _is_query(arguments[1]))
    else:
        has_configuration = len(arguments) > 1
    return has_configuration and (literal_text(arguments[0]) or "").lower() not in CONFIGURATIONS


def _is_query(node: exp.Expr) -> bool:
    while isinstance(node, exp.Paren):
        node = node.this
    if isinstance(node, exp.Cast):
        kind = node.args["to"].args.get("kind")
        return str(kind.name if isinstance(kind, exp.Expr) else kind or "").lower() == "tsquery"
    return isinstance(node, exp.Anonymous) and function_name(node).endswith("_tsquery")
