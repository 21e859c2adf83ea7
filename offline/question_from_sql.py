"""Tells the question a query answers from its Chinese column titles; used for training pairs without a question.

Only what stands in the query is said: titles, groups, conditions, the number of rows. A query whose columns have no
Chinese title gets no question rather than a guessed one.
"""

from __future__ import annotations

import re

from sqlglot import exp
from sqlglot.errors import SqlglotError

from core.sql_parsing import parse_statements

_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_MOST_CHARACTERS = 300
_MOST_TITLES = 6


def question_from_sql(sql: str) -> str:
    """A question of at most 300 characters, or an empty text."""
    try:
        statements = parse_statements(sql)
    except SqlglotError:
        return ""
    query = statements[0] if len(statements) == 1 else None
    if not isinstance(query, exp.Select) or query.find(exp.Table) is None:
        return ""
    titles = [projection.alias_or_name for projection in query.expressions]
    if not titles or not all(_CHINESE.search(title) for title in titles):
        return ""
    groups = _groups(query)
    named = [title for title in titles if title not in groups] or titles
    grouped = f"按{'、'.join(groups)}统计" if groups else ""
    question = f"{_conditions(query)}{grouped}{'、'.join(named[:_MOST_TITLES])}{_extent(query)}？"
    return question if len(question) <= _MOST_CHARACTERS else ""


def _conditions(query: exp.Select) -> str:
    """Dates, names and numbers the rows are chosen by; what only leaves out deleted rows says nothing."""
    where = query.args.get("where")
    values = [node.name for node in where.find_all(exp.Literal) if node.name] if where else []
    return "（" + "，".join(dict.fromkeys(values)) + "）" if values else ""


def _groups(query: exp.Select) -> list[str]:
    group = query.args.get("group")
    if group is None:
        return []
    titles = {projection.unalias().sql(): projection.alias_or_name for projection in query.expressions}
    names = [titles.get(node.sql(), node.name) for node in group.expressions]
    return [name for name in names if _CHINESE.search(name)]


def _extent(query: exp.Select) -> str:
    limit = query.args.get("limit")
    count = limit.expression.name if isinstance(limit, exp.Limit) else ""
    return f"（前{count}条）是什么" if count.isdigit() else "是什么"
