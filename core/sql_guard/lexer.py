"""Cuts SQL into tokens by PostgreSQL's own lexical rules (scan.l), independently of any parser; called by the guard.

A second reading of the same text is the point: strings, comments, identifiers and operators are found here as the
server will find them, so a statement that another tokenizer would cut differently can be refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from core.sql_guard.refusal import Refusal

# Operators follow scan.l: the longest run of these characters, cut before a comment start.
_OPERATOR_CHARACTERS: Final = "~!@#^&|`?+-*/%<>="
_KEEPS_TRAILING_SIGN: Final = frozenset("~!@#^&|`?%")

_TOKEN: Final = re.compile(
    r"""
      (?P<space>[ \t\r\n]+)
    | (?P<line_comment>--[^\r\n]*)
    | (?P<block_comment>/\*)
    | (?P<special_string>[nN]'|[uU]&")
    | (?P<coded_string>(?:[bBxX]|[uU]&)'(?:[^']|'')*')
    | (?P<escape_string>[eE]'(?:[^'\\]|''|\\.)*')
    | (?P<string>'(?:[^']|'')*')
    | (?P<quoted>"(?:[^"]|"")*")
    | (?P<dollar>\$(?P<tag>(?:[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_\x80-\U0010ffff]*)?)\$)
    | (?P<parameter>\$[0-9]*)
    | (?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    | (?P<word>[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_$\x80-\U0010ffff]*)
    | (?P<cast>::)
    | (?P<punctuation>[(),;.\[\]:])
    | (?P<operator>[~!@\#^&|`?+\-*/%<>=]+)
    """,
    re.VERBOSE | re.DOTALL,
)
_BLOCK_COMMENT_EDGE: Final = re.compile(r"/\*|\*/")
_NUMBER_JUNK: Final = re.compile(r"[A-Za-z0-9_\x80-\U0010ffff]")
_IDENTIFIER_BYTES: Final = 63
_LONGEST_OPERATOR: Final = 63  # the server's limit; a longer run of signs would also take quadratic time to cut
_UPPER_TO_LOWER: Final = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}

COMMENT: Final = "comment"


@dataclass(frozen=True, slots=True)
class Token:
    """One lexeme: `kind` is word, quoted, string, number, operator, punctuation, cast or comment; offsets from 0."""

    kind: str
    text: str
    start: int
    end: int

    @property
    def keyword(self) -> str:
        """The lower-case word when it is unquoted, else an empty string."""
        return self.text.translate(_UPPER_TO_LOWER) if self.kind == "word" else ""


def canonical_name(name: str, *, is_quoted: bool = False) -> str:
    """The name PostgreSQL looks up: ASCII letters folded unless quoted, cut to 63 bytes of UTF-8."""
    folded = name if is_quoted else name.translate(_UPPER_TO_LOWER)
    if len(folded) * 4 <= _IDENTIFIER_BYTES:
        return folded
    encoded = folded.encode("utf-8", "surrogatepass")
    if len(encoded) <= _IDENTIFIER_BYTES:
        return folded
    return encoded[:_IDENTIFIER_BYTES].decode("utf-8", "ignore")


def tokenize(sql: str) -> list[Token]:
    """All tokens of `sql` in order, comments included, white space left out.

    Raises:
        Refusal: something PostgreSQL would not read, or a literal form the guard does not admit.
    """
    tokens: list[Token] = []
    offset, length = 0, len(sql)
    while offset < length:
        found = _TOKEN.match(sql, offset)
        if found is None:
            raise Refusal("parse.unterminated" if sql[offset] in "'\"" else "parse.character", offset)
        kind = found.lastgroup or ""
        if kind == "space":
            offset = found.end()
            continue
        token = _token(sql, found, kind)
        tokens.append(token)
        offset = token.end
    return tokens


def _token(sql: str, found: re.Match[str], kind: str) -> Token:
    start, end = found.span()
    text = found.group()
    if kind == "word":
        if not text.isascii() and not all(character.isalnum() or character in "_$" for character in text):
            raise Refusal("parse.character", start)
        if text.lower() == "e" and sql.startswith("'", end):
            raise Refusal("parse.unterminated", start)
    elif kind == "operator":
        end = _operator_end(text, start)
        text = sql[start:end]
    elif kind == "number":
        if _NUMBER_JUNK.match(sql, end):
            raise Refusal("parse.number", start)
    elif kind == "dollar":
        end = _dollar_end(sql, text, end, start)
        kind, text = "string", sql[start:end]
    elif kind in ("escape_string", "coded_string"):
        kind = "string"
    elif kind == "line_comment":
        kind = COMMENT
    elif kind == "block_comment":
        end = _comment_end(sql, start)
        kind, text = COMMENT, sql[start:end]
    elif kind == "special_string":
        raise Refusal("parse.string_kind", start)
    elif kind == "parameter":
        raise Refusal("parse.parameter", start)
    return Token(kind, text, start, end)


def _operator_end(run: str, start: int) -> int:
    cuts = [position for position in (run.find("--"), run.find("/*")) if position > 0]
    length = min(cuts) if cuts else len(run)
    if length > _LONGEST_OPERATOR:
        raise Refusal("parse.operator", start)
    text = run[:length]
    if not _KEEPS_TRAILING_SIGN.intersection(text):
        length = max(1, len(text.rstrip("+-")))
    return start + length


def _dollar_end(sql: str, opening: str, after: int, start: int) -> int:
    closing = sql.find(opening, after)
    if closing < 0:
        raise Refusal("parse.unterminated", start)
    return closing + len(opening)


def _comment_end(sql: str, start: int) -> int:
    depth, offset = 0, start
    while edge := _BLOCK_COMMENT_EDGE.search(sql, offset):
        depth += 1 if edge.group() == "/*" else -1
        offset = edge.end()
        if depth == 0:
            return offset
    raise Refusal("parse.unterminated", start)
