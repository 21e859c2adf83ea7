"""Runs a reference statement and finds which of its rows are level in its order or could replace one another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, cast

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from features.evaluation.result_sets import Group, ReferenceRows, Row

_ROWS_BEYOND: Final = 2000  # rows after the reference's LIMIT among which its equals are looked for
_KEY: Final = "evaluation_key_{}"


class Ran(NamedTuple):
    """What a statement gave."""

    columns: tuple[str, ...]
    rows: list[Row]


class StatementFailedError(Exception):
    """A statement gave no rows: it was refused, or the database broke it off."""


Run = Callable[[str], Ran]
"""Runs a query; raises StatementFailedError."""


def run_reference(run: Run, sql: str) -> tuple[Ran, ReferenceRows]:
    """The reference's rows, and the same as groups of level rows.

    Raises:
        StatementFailedError: it fails as it stands.
    """
    ran = run(sql)
    return ran, ReferenceRows(ran.rows, _groups(run, sql, ran))


def _groups(run: Run, sql: str, ran: Ran) -> list[Group]:
    count = len(ran.rows)
    try:
        tree = sqlglot.parse_one(sql, dialect="postgres")
    except SqlglotError:
        return [Group(count, ran.rows)]
    if not isinstance(tree, exp.Query) or not count:
        return [Group(count, ran.rows)]
    order = tree.args.get("order")
    if order is None and tree.args.get("limit") is None:
        return [Group(count, ran.rows)]
    keyed = _with_keys(tree, ran.columns, order)
    if keyed is None:
        return [Group(1, [row]) for row in ran.rows]
    query, keys = keyed
    try:
        beyond = run(query.sql(dialect="postgres")).rows
    except StatementFailedError:
        return [Group(1, [row]) for row in ran.rows]
    return _level(beyond, keys, len(ran.columns), count)


def _with_keys(
    tree: exp.Query, columns: Sequence[str], order: exp.Expression | None
) -> tuple[exp.Query, list[int]] | None:
    """The query with its sort keys as further columns and a wider LIMIT; the places of the keys among its columns.

    None when they cannot be added: the order is then taken as it came.
    """
    query, keys = tree.copy(), []
    is_plain = isinstance(tree, exp.Select) and tree.args.get("distinct") is None
    for key in (ordered.this for ordered in (order.expressions if order else ())):
        if (place := _place(key, columns)) is not None:
            keys.append(place)
        elif is_plain:
            added = len(columns) + sum(key >= len(columns) for key in keys)
            cast(exp.Select, query).select(exp.alias_(key.copy(), _KEY.format(added)), copy=False)
            keys.append(added)
        else:
            return None
    if (limit := query.args.get("limit")) is not None:
        number = limit.expression if isinstance(limit, exp.Limit) else None
        if not isinstance(number, exp.Literal) or tree.args.get("offset") is not None:
            return None
        query = query.limit(int(number.name) + _ROWS_BEYOND)
    return query, keys


def _place(key: exp.Expression, columns: Sequence[str]) -> int | None:
    """Where an ordinal or the name of an output column stands; None for any other expression."""
    if isinstance(key, exp.Literal) and not key.is_string:
        return int(key.name) - 1
    if isinstance(key, exp.Column) and not key.table and key.name in columns:
        return list(columns).index(key.name)
    if isinstance(key, exp.Column) and not key.table and key.name.lower() in columns:
        return list(columns).index(key.name.lower())
    return None


def _level(rows: Sequence[Row], keys: Sequence[int], width: int, count: int) -> list[Group]:
    """Groups of rows with equal keys, as many as hold `count` rows; the last one may have more to choose from."""
    groups: list[Group] = []
    start, left = 0, count
    while left > 0 and start < len(rows):
        key = [rows[start][place] for place in keys]
        end = start
        while end < len(rows) and [rows[end][place] for place in keys] == key:
            end += 1
        taken = min(left, end - start)
        groups.append(Group(taken, [row[:width] for row in rows[start:end]]))
        start, left = end, left - taken
    return groups
