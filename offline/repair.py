"""Repairs SQL the database refused: an unknown table or column becomes the nearest known one, through the tree.

Called by `OfflineBrain.repair_sql`. Anything else stays broken: the caller says so.
"""

from __future__ import annotations

import difflib

from sqlglot import exp
from sqlglot.errors import SqlglotError

from common.business_schema import BusinessSchema
from core.sql_parsing import parse_statements

_NEAR = 0.6


def repair_names(sql: str, schema: BusinessSchema) -> str | None:
    """The statement with unknown names replaced, or None when nothing was found to replace or a name is too far off."""
    try:
        statements = parse_statements(sql)
    except SqlglotError:
        return None
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        return None
    tree = statements[0]
    changed = _repair_tables(tree, schema)
    if changed is None:
        return None
    columns_changed = _repair_columns(tree, schema)
    if columns_changed is None or not (changed or columns_changed):
        return None
    return tree.sql(dialect="postgres")


def _repair_tables(tree: exp.Query, schema: BusinessSchema) -> bool | None:
    known = {table.name for table in schema.tables}
    local = {cte.alias for cte in tree.find_all(exp.CTE)}
    changed = False
    for table in tree.find_all(exp.Table):
        if table.name in known or table.name in local:
            continue
        nearest = difflib.get_close_matches(table.name, known, n=1, cutoff=_NEAR)
        if not nearest:
            return None
        old = table.name
        table.set("this", exp.to_identifier(nearest[0]))
        for column in tree.find_all(exp.Column):
            if column.table == old:
                column.set("table", exp.to_identifier(table.alias_or_name))
        changed = True
    return changed


def _repair_columns(tree: exp.Query, schema: BusinessSchema) -> bool | None:
    aliases = {table.alias_or_name: table.name for table in tree.find_all(exp.Table)}
    outputs = {alias.alias for alias in tree.find_all(exp.Alias)}
    derived = {subquery.alias for subquery in tree.find_all(exp.Subquery)} | {
        cte.alias for cte in tree.find_all(exp.CTE)
    }
    used = [table for table in schema.tables if table.name in aliases.values()]
    changed = False
    for column in tree.find_all(exp.Column):
        if (
            column.table in derived
            or (not column.table and column.name in outputs)
            or isinstance(column.this, exp.Star)
        ):
            continue
        tables = [t for t in used if t.name == aliases.get(column.table)] if column.table else used
        names = {c.name for table in tables for c in table.columns}
        if not names or column.name in names:
            continue
        nearest = difflib.get_close_matches(column.name, names, n=1, cutoff=_NEAR)
        if not nearest:
            return None
        column.set("this", exp.to_identifier(nearest[0]))
        changed = True
    return changed
