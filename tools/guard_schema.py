"""Reads a test schema's DDL and the guard settings in its closing comment into a `GuardPolicy`; for `guard_score`.

Only the file is read, no database: columns come from CREATE TABLE and from the output names of CREATE VIEW.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from sqlglot import exp

from core.sql_guard import GuardPolicy, RelationRule
from core.sql_guard.lexer import COMMENT, tokenize
from core.sql_guard.scopes import ScopeChecker
from core.sql_parsing import Work, parse_statements

_VISITS_PER_VIEW = 100_000

_GRANT = re.compile(r"GRANT\s+SELECT\s*(?:\([^)]*\)\s*)?ON\s+([\w,\s]+?)\s+TO\s", re.IGNORECASE)
_TABLE = re.compile(r"CREATE\s+TABLE\s+[\w.]+\s*\(", re.IGNORECASE)
_VIEW = re.compile(
    r"CREATE\s+(?:MATERIALIZED\s+)?VIEW\s+(\w+)\s+(?:WITH\s*\([^)]*\)\s*)?AS\s+(.*)", re.IGNORECASE | re.DOTALL
)
_ENUM = re.compile(r"CREATE\s+TYPE\s+(\w+)\s+AS\s+ENUM", re.IGNORECASE)


def policy_from_file(path: Path) -> GuardPolicy:
    """The policy the schema file describes.

    Raises:
        ValueError: the closing comment lacks the guard's settings.
    """
    text = path.read_text(encoding="utf-8")
    schema = _setting(text, r"schemas:\s*(\w+)")[0]
    hidden = set(re.split(r"\W+and\W+|\W+", _setting(text, r"minus\s+([\w ,]+)")[0]))
    denied = re.findall(r"(\w+)\.(\w+)", _setting(text, r"denied columns:\s*([^\n]+)")[0])
    functions = re.findall(r"\w+\.\w+", _setting(text, r"user functions allowed:\s*(\S+)")[0])
    granted = {name.strip() for found in _GRANT.findall(text) for name in found.split(",")} - hidden
    enums = _ENUM.findall(text)
    policy = GuardPolicy(
        relations=(),
        search_path=(schema,),
        user_functions=frozenset(functions),
        user_types=frozenset([*enums, *(f"{schema}.{name}" for name in enums)]),
    )
    return _with_relations(policy, text, schema, granted, denied)


def _setting(text: str, pattern: str) -> list[str]:
    found = re.findall(pattern, text)
    if not found:
        raise ValueError(f"the schema file has no guard setting like {pattern!r}")
    return [found[-1]]


def _with_relations(
    policy: GuardPolicy, text: str, schema: str, granted: set[str], denied: list[tuple[str, str]]
) -> GuardPolicy:
    everything: list[RelationRule] = []
    for statement in _statements(text):
        if view := _VIEW.match(statement):
            name = view.group(1)
            (query,) = parse_statements(view.group(2))
            columns = ScopeChecker(replace(policy, relations=tuple(everything)), Work(_VISITS_PER_VIEW)).check(query)
        elif (table := _table(statement)) and (not table.this.db or table.this.db == schema):
            name = table.this.name
            columns = tuple(column.name for column in table.expressions if isinstance(column, exp.ColumnDef))
        else:
            continue
        hidden = frozenset(column for owner, column in denied if owner == name)
        everything.append(RelationRule(schema, name, columns, hidden))
    return replace(policy, relations=tuple(rule for rule in everything if rule.name in granted))


def _table(statement: str) -> exp.Schema | None:
    if not _TABLE.match(statement):
        return None
    target = parse_statements(statement)[0].this
    return target if isinstance(target, exp.Schema) else None


def _statements(text: str) -> Iterator[str]:
    start: int | None = None
    for token in tokenize(text):
        if token.kind == COMMENT:
            continue
        if start is None:
            start = token.start
        if token.text == ";":
            yield text[start : token.end - 1]
            start = None
