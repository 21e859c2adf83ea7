"""Finds the places of a model's reply where SQL can stand: fences, tags, JSON members, inline code, labelled lines.

Used by `agent.model_replies`, which decides what of them is SQL. Forms: CommonMark fenced code blocks (sections 4.5
and 6.1: backticks or tildes), `<sql>` elements, JSON objects with a member such as `sql`, and lines like `SQL: SELECT`.
Everything is found by one pass from left to right, so a hostile reply costs no more than its length.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from agent.reply_vocabulary import vocabulary

SQL_LANGUAGES: Final = frozenset({"", "sql", "postgresql", "postgres", "pgsql", "psql", "plpgsql"})
_FENCE_MARK: Final = re.compile(r"`{3,}|~{3,}")
_INFO: Final = re.compile(r"[ \t]*+(\w*+)[^\S\n]*+")
_QUERY_WORDS: Final = frozenset({"select", "with"})
_END_TOKEN: Final = re.compile(r"<\|\w{1,30}\|>")
_MEMBER_DEPTH: Final = 3
_TRIED_OBJECTS: Final = 5
_TRIED_CODES: Final = 5
_QUOTES: Final = {'"': '"', "'": "'", "`": "`", "“": "”", "「": "」"}


@dataclass(frozen=True)
class Fence:
    """A fenced block: its language in small letters, its text, and whether its end is missing."""

    language: str
    text: str
    is_open: bool = False


def without_end_tokens(text: str) -> str:
    """The text without tokens such as `<|im_end|>`, which some servers leave in."""
    return _END_TOKEN.sub("", text)


def split_fences(text: str) -> tuple[list[Fence], str]:
    """The fenced blocks in order, and the text around them with a line break for each."""
    fences, around, position = [], [], 0
    while opening := _FENCE_MARK.search(text, position):
        around.append(text[position : opening.start()])
        mark = opening.group()[:3]
        start, language = _content_start(text, opening.end())
        end = text.find(mark, start)
        fences.append(Fence(language, text[start : end if end >= 0 else len(text)], is_open=end < 0))
        position = len(text) if end < 0 else end + 3
        while position < len(text) and text[position] == mark[0]:
            position += 1
    return fences, "\n".join([*around, text[position:]])


def _content_start(text: str, position: int) -> tuple[int, str]:
    """Where a block's text begins after its mark, and its language; text may follow the mark in the same line."""
    info = _INFO.match(text, position)
    word = info.group(1).lower() if info else ""
    end = info.end() if info else position
    if word in _QUERY_WORDS:
        return position, ""
    line_end = text.find("\n", end)
    rest = text[end : line_end if line_end >= 0 else len(text)]
    is_inline = bool(rest.strip()) and word in SQL_LANGUAGES and rest.split(None, 1)[0].lower() in _QUERY_WORDS
    if is_inline or line_end < 0:
        return end, word
    return line_end + 1, word


def tagged(text: str) -> str:
    """The text of the last complete element that is named like SQL; empty when there is none."""
    lowered = text.lower()
    for tag in vocabulary().sql_tags:
        end = lowered.rfind(f"</{tag}>")
        start = lowered.rfind(f"<{tag}>", 0, end) if end >= 0 else -1
        if start >= 0:
            return text[start + len(tag) + 2 : end]
    return ""


def json_members(text: str) -> Iterator[str]:
    """Texts that JSON in `text` holds under a name for SQL, or as the first text of an array."""
    tried = 0
    for found in re.finditer(r"[{\[]", text):
        tried += 1
        if tried > _TRIED_OBJECTS:
            return
        try:
            value: Any = json.JSONDecoder().raw_decode(text, found.start())[0]
        except (ValueError, RecursionError):
            continue
        yield from _sql_texts(value, _MEMBER_DEPTH)
        return


def _sql_texts(value: Any, depth: int) -> Iterator[str]:
    """Texts under a name for SQL, the outer ones first; of an array its first text."""
    inner: Sequence[Any] = ()
    if isinstance(value, list):
        yield from (item for item in value[:1] if isinstance(item, str))
        inner = value[:_TRIED_OBJECTS]
    elif isinstance(value, dict):
        named = {str(name).strip().lower(): member for name, member in value.items()}
        yield from (named[name] for name in vocabulary().sql_members if isinstance(named.get(name), str))
        inner = [*value.values()]
    if depth:
        for member in inner:
            if isinstance(member, dict | list):
                yield from _sql_texts(member, depth - 1)


def inline_codes(text: str) -> Sequence[str]:
    """The first texts between single backticks."""
    return text.split("`")[1 : 2 * _TRIED_CODES : 2]


def without_label(line: str) -> str:
    """A line without a number, a mark of a list and a label for SQL before it, and without quotes around the rest."""
    rest = vocabulary().sql_label.sub("", line, count=1).strip()
    closing = _QUOTES.get(rest[:1])
    if closing:
        inside = rest[1:].rstrip(" \t;；*_")
        return inside.removesuffix(closing) if inside.endswith(closing) else rest
    return rest
