"""Whether a text is one readable query, by the guard's own reading and without any schema: for SQL that is kept.

The training services ask it; what it lets pass has not been admitted to run.
"""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from core.sql_guard.grammar import parse_statement
from core.sql_guard.lexer import tokenize
from core.sql_guard.lexical_rules import check_text, check_tokens, significant
from core.sql_guard.policy import GuardPolicy
from core.sql_guard.refusal import Refusal

_NO_SCHEMA: Final = GuardPolicy(relations=())
_HEADS: Final = frozenset({"select", "with"})


def read_query(sql: str) -> exp.Expr:
    """The parse tree of the one SELECT or WITH query in `sql`.

    Raises:
        Refusal: it is none, with the id of the guard's rule that says so.
    """
    check_text(sql, _NO_SCHEMA)
    tokens = significant(tokenize(sql))
    check_tokens(tokens, _NO_SCHEMA)
    head = next((token for token in tokens if token.text != "("), tokens[0])
    if head.keyword not in _HEADS:
        raise Refusal("statement.kind", head.start)
    try:
        return parse_statement(sql, tokens, _NO_SCHEMA.dialect)
    except RecursionError as error:
        raise Refusal("parse.too_deep") from error
