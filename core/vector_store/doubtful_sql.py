"""What speaks against SQL that somebody wants used as an example: it answers with values of its own, or reads nothing.

The training door asks it. The statement is read by the guard's grammar; nothing is run and no schema is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from sqlglot import exp

from core.sql_guard.refusal import Refusal
from core.sql_guard.single_query import read_query
from core.vector_store.shifted_measures import moves_a_measure

NO_QUERY: Final = "not_a_query"
NO_TABLE: Final = "reads_no_table"
CONSTANT: Final = "constant_result"
MOVED: Final = "moves_a_measure"

_Sources = Mapping[str, Mapping[str, bool] | None]
"""What a FROM clause offers: None for a table, else which columns of a derived table depend on stored rows."""


def sql_doubts(sql: str) -> tuple[str, ...]:
    """Why the statement may not be used unseen: `not_a_query`, `reads_no_table`, `constant_result`, `moves_a_measure`.

    `constant_result` means that no column of some branch of the result depends on a stored row. For `moves_a_measure`
    see `core.vector_store.shifted_measures`.
    """
    try:
        tree = read_query(sql)
    except Refusal:
        return (NO_QUERY,)
    try:
        if not reads_table(tree):
            return (NO_TABLE,)
        if not _all_branches_read(tree):
            return (CONSTANT,)
        return (MOVED,) if moves_a_measure(tree) else ()
    except RecursionError:
        return (NO_QUERY,)


def reads_table(tree: exp.Expr) -> bool:
    """Whether a table or view is named anywhere in the query; a common table expression is none."""
    own = {cte.alias.casefold() for cte in tree.find_all(exp.CTE)}
    return any(_is_table(table, own) for table in tree.find_all(exp.Table))


def _is_table(table: exp.Table, own: Iterable[str]) -> bool:
    if not isinstance(table.this, exp.Identifier):
        return False
    return bool(table.args.get("db")) or table.name.casefold() not in own


def _all_branches_read(query: exp.Expr) -> bool:
    """Whether each SELECT whose rows become rows of the result has a column that depends on stored rows."""
    return all(any(columns.values()) for columns in _branches(query, {}))


def _branches(query: exp.Expr, known: _Sources) -> list[dict[str, bool]]:
    """For each branch of a set operation its columns by name, and whether they depend on stored rows."""
    known = {**known, **_expressions(query, known)}
    if isinstance(query, exp.Subquery | exp.Paren):
        return _branches(query.this, known)
    if isinstance(query, exp.SetOperation):
        return [*_branches(query.left, known), *_branches(query.right, known)]
    if isinstance(query, exp.Select):
        return [_columns(query, known)]
    return [{"": reads_table(query)}]


def _expressions(query: exp.Expr, known: _Sources) -> dict[str, Mapping[str, bool]]:
    """The common table expressions of a WITH clause; one that reads itself begins as what its first branch is."""
    clause = query.args.get("with_") or query.args.get("with")
    found: dict[str, Mapping[str, bool]] = {}
    for cte in clause.expressions if clause else ():
        visible: _Sources = {**known, **found}
        inner = cte.this
        if isinstance(inner, exp.SetOperation):
            visible = {**visible, cte.alias.casefold(): _renamed(cte, _branches(inner.left, visible)[0])}
        found[cte.alias.casefold()] = _renamed(cte, _merged(_branches(inner, visible)))
    return found


def _merged(branches: list[dict[str, bool]]) -> dict[str, bool]:
    """Columns of a set operation by the names of its first branch; data when any branch brings data there."""
    first, *others = branches
    merged = dict(first)
    for other in others:
        for name, depends in zip(first, other.values(), strict=False):
            merged[name] = merged[name] or depends
    return merged


def _renamed(source: exp.Expr, columns: dict[str, bool]) -> dict[str, bool]:
    """The columns under the names an alias gives them: `AS t (a, b)`."""
    alias = source.args.get("alias")
    names = [column.name.casefold() for column in (alias.columns if isinstance(alias, exp.TableAlias) else ())]
    return dict(zip(names, columns.values(), strict=False)) if names else columns


def _columns(select: exp.Select, known: _Sources) -> dict[str, bool]:
    sources = _sources(select, known)
    columns: dict[str, bool] = {}
    for place, projection in enumerate(select.expressions):
        name = projection.alias_or_name.casefold() or f"?{place}"
        columns[name if name not in columns else f"{name}?{place}"] = _depends(projection, sources, known)
    return columns


def _sources(select: exp.Select, known: _Sources) -> dict[str, Mapping[str, bool] | None]:
    found: dict[str, Mapping[str, bool] | None] = {}
    clause = select.args.get("from_") or select.args.get("from")
    joined = [join.this for join in select.args.get("joins") or ()]
    laterals = list(select.args.get("laterals") or ())
    for source in [clause.this if clause else None, *joined, *laterals]:
        if source is not None:
            found |= _source(source, known)
    return found


def _source(source: exp.Expr, known: _Sources) -> dict[str, Mapping[str, bool] | None]:
    name = source.alias_or_name.casefold()
    nested = [join.this for join in source.args.get("joins") or ()]
    more: dict[str, Mapping[str, bool] | None] = {}
    for one in nested:
        more |= _source(one, known)
    if isinstance(source, exp.Table):
        if _is_table(source, ()):
            inner = known.get(source.name.casefold()) if not source.args.get("db") else None
            return {name: None if inner is None else _renamed(source, dict(inner)), **more}
        return {name: {"": False}, **more}
    if isinstance(source, exp.Lateral | exp.Subquery):
        inner_query = source.this.this if isinstance(source.this, exp.Subquery) else source.this
        if isinstance(inner_query, exp.Query):
            return {name: _renamed(source, _merged(_branches(inner_query, known))), **more}
        if isinstance(inner_query, exp.Table):
            return {**_source(inner_query, known), **more}
    return {name: {"": False}, **more}


def _depends(node: exp.Expr, sources: _Sources, known: _Sources) -> bool:
    """Whether the expression's value comes from stored rows, by any column, star, aggregate or subquery in it."""
    if isinstance(node, exp.Column):
        return _column_depends(node, sources)
    if isinstance(node, exp.Star):
        return any(columns is None or any(columns.values()) for columns in sources.values())
    if isinstance(node, exp.Exists):
        return reads_table(node)
    if isinstance(node, exp.Query):
        scope: _Sources = {**known}
        return any(any(columns.values()) for columns in _branches(node, scope)) or _is_correlated(node, sources)
    return any(_depends(child, sources, known) for child in node.iter_expressions())


def _column_depends(column: exp.Column, sources: _Sources) -> bool:
    if isinstance(column.this, exp.Star) or not column.table:
        offered = [sources[column.table.casefold()]] if column.table.casefold() in sources else list(sources.values())
    elif column.table.casefold() in sources:
        offered = [sources[column.table.casefold()]]
    else:
        return True
    if isinstance(column.this, exp.Star):
        return any(columns is None or any(columns.values()) for columns in offered)
    name = column.name.casefold()
    named = [columns[name] for columns in offered if columns is not None and name in columns]
    if named:
        return any(named)
    return any(columns is None or ("" not in columns and any(columns.values())) for columns in offered)


def _is_correlated(query: exp.Expr, sources: _Sources) -> bool:
    """Whether the subquery names a column of an outer table."""
    return any(
        column.table.casefold() in sources and sources[column.table.casefold()] is None
        for column in query.find_all(exp.Column)
        if column.table
    )
