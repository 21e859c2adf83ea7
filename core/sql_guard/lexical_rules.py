"""What can be refused before any parser sees the text: sizes, characters, nesting, separators, operators."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from core.sql_guard.lexer import COMMENT, Token
from core.sql_guard.policy import GuardPolicy
from core.sql_guard.refusal import Refusal

# Control characters, the byte order mark, lone surrogates, and the bidirectional controls that hide code from a reader.
_FORBIDDEN_CHARACTER: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff\ud800-\udfff\u202a-\u202e\u2066-\u2069]"
)
_MEMBERS: Final = "json("  # the bracket of JSON_OBJECT, in which a colon parts key and value
_STATEMENT_HEADS: Final = frozenset({"select", "with", "values", "table"})
_PREFIX_OPERATORS: Final = frozenset({"+", "-", "@", "~", "|/", "||/", "*"})

# Unquoted words that stand for a function call without parentheses, or that open syntax no admitted query has.
_FORBIDDEN_WORDS: Final = frozenset(
    {
        "current_user", "session_user", "current_role", "user", "current_catalog", "current_schema", "system_user",
        "into", "insert", "update", "delete", "merge", "uescape", "copy", "returning", "operator", "execute",
    }
)  # fmt: skip
_CALLS_WITH_RETURNING: Final = frozenset({"json_value", "json_object"})
# After one of these an operator can only be a prefix operator.
_OPERAND_EXPECTED: Final = frozenset(
    {
        "select", "where", "and", "or", "not", "on", "by", "when", "then", "else", "case", "having", "in", "between",
        "like", "ilike", "limit", "offset", "distinct", "all", "as", "from",
    }
)  # fmt: skip
_COMMA_NEVER_BEFORE: Final = frozenset(
    {"from", "where", "group", "having", "order", "limit", "offset", "union", "intersect", "except", "window", "fetch"}
)
_COMMA_NEVER_AFTER: Final = frozenset({"select", "distinct", "from", "by", "where", "and", "or", "not"})


def check_text(sql: str, policy: GuardPolicy) -> None:
    """Refuse empty or oversized text and characters no query needs, in one pass over at most the capped size."""
    if len(sql) > policy.max_bytes:
        raise Refusal("text.too_long")
    if bad := _FORBIDDEN_CHARACTER.search(sql):
        raise Refusal("text.character", bad.start())
    if not sql.isascii() and len(sql.encode()) > policy.max_bytes:
        raise Refusal("text.too_long")
    if not sql.strip():
        raise Refusal("text.empty")


def significant(tokens: Sequence[Token]) -> list[Token]:
    """The tokens without comments and without closing semicolons."""
    kept = [token for token in tokens if token.kind != COMMENT]
    while kept and kept[-1].text == ";" and kept[-1].kind == "punctuation":
        kept.pop()
    return kept


def check_tokens(tokens: Sequence[Token], policy: GuardPolicy) -> None:
    """Refuse more than one statement, foreign heads, deep nesting, unknown operators and dangling commas."""
    if not tokens:
        raise Refusal("text.empty")
    if len(tokens) > policy.max_tokens:
        raise Refusal("text.tokens", tokens[policy.max_tokens].start)
    _check_separators(tokens, policy.max_nesting)
    _check_head(tokens)
    for position, token in enumerate(tokens):
        before = tokens[position - 1] if position else None
        if token.kind == "operator":
            _check_operator(token, before, policy)
        elif token.kind == "word":
            _check_word(token, before, tokens)
        elif token.text == "," and token.kind == "punctuation":
            _check_comma(token, before, tokens[position + 1] if position + 1 < len(tokens) else None)


def _check_separators(tokens: Sequence[Token], max_nesting: int) -> None:
    open_brackets: list[str] = []
    limit_depths: list[int] = []
    before: Token | None = None
    for token in tokens:
        opens_members, before = before is not None and before.keyword == "json_object", token
        if token.keyword == "limit":
            limit_depths.append(len(open_brackets))
        if token.kind != "punctuation":
            continue
        if token.text == "," and limit_depths and limit_depths[-1] == len(open_brackets):
            raise Refusal("parse.limit", token.start)  # `LIMIT 5, 10` is another server's syntax
        if token.text == ";":
            raise Refusal("statement.multiple", token.start)
        if token.text in "([":
            open_brackets.append(_MEMBERS if opens_members and token.text == "(" else token.text)
            if len(open_brackets) > max_nesting:
                raise Refusal("text.nesting", token.start)
        elif token.text in ")]":
            if not open_brackets or open_brackets.pop()[-1] + token.text not in ("()", "[]"):
                raise Refusal("parse.brackets", token.start)
            while limit_depths and limit_depths[-1] > len(open_brackets):
                limit_depths.pop()
        elif token.text == ":" and "[" not in open_brackets and open_brackets[-1:] != [_MEMBERS]:
            raise Refusal("parse.parameter", token.start)
    if open_brackets:
        raise Refusal("parse.brackets", tokens[-1].start)


def _check_head(tokens: Sequence[Token]) -> None:
    head = next((token for token in tokens if token.text != "("), tokens[0])
    if head.keyword not in _STATEMENT_HEADS:
        raise Refusal("statement.kind", head.start)


def _check_operator(token: Token, before: Token | None, policy: GuardPolicy) -> None:
    if token.text not in policy.operators:
        raise Refusal("operator.denied", token.start, token.text)
    expects_operand = (
        before is None
        or before.kind in ("operator", "cast")
        or (before.kind == "punctuation" and before.text in "([,:.")
        or before.keyword in _OPERAND_EXPECTED
    )
    if not expects_operand:
        return
    is_star_after_dot = token.text == "*" and before is not None and before.text in ("(", ".", ",")
    is_star_after_word = token.text == "*" and before is not None and before.kind == "word"
    if token.text == "*" and not (is_star_after_dot or is_star_after_word):
        raise Refusal("operator.denied", token.start, token.text)
    if token.text not in _PREFIX_OPERATORS:
        raise Refusal("operator.denied", token.start, token.text)


def _check_word(token: Token, before: Token | None, tokens: Sequence[Token]) -> None:
    if token.keyword not in _FORBIDDEN_WORDS:
        return
    if token.keyword == "returning" and any(other.keyword in _CALLS_WITH_RETURNING for other in tokens):
        return
    if before is not None and (before.text == "." or before.keyword == "as"):
        return
    raise Refusal("node.keyword", token.start, token.keyword)


def _check_comma(token: Token, before: Token | None, after: Token | None) -> None:
    dangling = (
        before is None
        or after is None
        or before.text in ("(", ",", "[")
        or after.text in (")", ",", "]")
        or before.keyword in _COMMA_NEVER_AFTER
        or after.keyword in _COMMA_NEVER_BEFORE
    )
    if dangling:
        raise Refusal("parse.comma", token.start)
