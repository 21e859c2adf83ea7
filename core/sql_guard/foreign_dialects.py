"""Tokens of SQLite and MySQL texts for the guard, with those servers' own tricks refused before parsing."""

from __future__ import annotations

import re
from typing import Final

from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import TokenType

from core.sql_guard.grammar import strict_dialect
from core.sql_guard.lexer import Token
from core.sql_guard.refusal import Refusal

# MySQL executes what stands in these comments; `#` and `--x` end or do not end a line depending on the server.
_EXECUTABLE_COMMENT: Final = re.compile(r"/\*[!+M]|\*/|/\*|#|--")
_PUNCTUATION: Final = frozenset("(),;.[]:")
_OPERATOR_START: Final = frozenset("+-*/<>=~!@#%^&|?")


def tokenize_foreign(sql: str, dialect_name: str) -> list[Token]:
    """The tokens sqlglot finds. Comments outside of strings are refused: their meaning differs between servers.

    Raises:
        Refusal: a comment, a session variable, or text that cannot be tokenized.
    """
    try:
        found = strict_dialect(dialect_name).tokenize(sql)
    except SqlglotError as error:
        raise Refusal("parse.unterminated") from error
    tokens: list[Token] = []
    offset = 0
    for token in found:
        between = sql[offset : token.start]
        if comment := _EXECUTABLE_COMMENT.search(between):
            raise Refusal("parse.comment", offset + comment.start())
        text = sql[token.start : token.end + 1]
        tokens.append(Token(_kind(text, token.token_type), text, token.start, token.end + 1))
        offset = token.end + 1
    if comment := _EXECUTABLE_COMMENT.search(sql[offset:]):
        raise Refusal("parse.comment", offset + comment.start())
    return tokens


def _kind(text: str, token_type: TokenType) -> str:
    if token_type is TokenType.STRING:
        return "string"
    if token_type is TokenType.IDENTIFIER:
        return "quoted"
    if token_type is TokenType.NUMBER:
        return "number"
    if text in _PUNCTUATION:
        return "punctuation"
    if text[0] in _OPERATOR_START:
        return "operator"
    return "word"
