"""Cuts an uploaded text into the pieces that become records: SQL at semicolons, Markdown at headings, pairs at labels.

Every function takes time linear in the text, whatever is in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_OPENING: Final = re.compile(r"--|/\*|'|\"|\$(?:[^\W\d]\w*)?\$|;")
_COMMENT_EDGE: Final = re.compile(r"/\*|\*/")
_HEADING: Final = re.compile(r"#{1,3}[ \t]+\S|#{2,3}[^#\s]")
_RULE: Final = re.compile(r"[ \t]*(?:-[ \t]*){3,}$")
_CODE_FENCE: Final = re.compile(r"[ \t]{0,3}(```|~~~)")
_QUESTION: Final = re.compile(r"[ \t]*question[ \t]*[:\uff1a]", re.IGNORECASE)
_SQL: Final = re.compile(r"[ \t]*sql[ \t]*[:\uff1a]", re.IGNORECASE)
_INLINE_SQL: Final = re.compile(r"\bsql[ \t]*[:\uff1a]", re.IGNORECASE)


def statements(text: str) -> list[str]:
    """The statements of an SQL text without their semicolons; what is only comments is none.

    A semicolon in quotes, dollar quotes or comments separates nothing; an unclosed one of these reaches to the end.
    """
    found: list[str] = []
    start = offset = 0
    has_content = False
    while (opening := _OPENING.search(text, offset)) is not None:
        has_content = has_content or not _is_blank(text, offset, opening.start())
        offset = opening.end()
        mark = opening.group()
        if mark == ";":
            if has_content:
                found.append(text[start : opening.start()].strip())
            start, has_content = offset, False
        elif mark in ("--", "/*"):
            offset = _comment_end(text, opening.start(), mark)
        else:
            has_content = True
            offset = _quote_end(text, opening.start(), mark)
    if has_content or not _is_blank(text, offset, len(text)):
        found.append(text[start:].strip())
    return found


def sections(text: str) -> list[str]:
    """The sections of a Markdown text, each with its heading of level 1 to 3.

    A heading in a code block is none; one without a text of its own leads the section after it; rules between
    sections are dropped.
    """
    found: list[str] = []
    lines: list[str] = []
    has_body = in_code = False
    for line in text.split("\n"):
        if not in_code and _HEADING.match(line):
            if has_body:
                found.append("\n".join(lines))
                lines, has_body = [], False
        elif line.strip():
            has_body = has_body or in_code or not _RULE.match(line)
        if _CODE_FENCE.match(line):
            in_code = not in_code
        lines.append(line)
    found.append("\n".join(lines))
    return [section for section in map(_without_rules, found) if section]


def labelled_pairs(text: str) -> list[tuple[str, str]]:
    """Question and SQL of each `Question:` block; what a block lacks is empty. SQL may span lines."""
    return [_pair(block) for block in _blocks(text)]


def _is_blank(text: str, start: int, end: int) -> bool:
    return not text[start:end].strip()


def _comment_end(text: str, start: int, mark: str) -> int:
    if mark == "--":
        end = text.find("\n", start)
        return len(text) if end < 0 else end
    depth, offset = 0, start
    while (edge := _COMMENT_EDGE.search(text, offset)) is not None:
        depth += 1 if edge.group() == "/*" else -1
        offset = edge.end()
        if depth == 0:
            return offset
    return len(text)


def _quote_end(text: str, start: int, mark: str) -> int:
    if mark.startswith("$"):
        is_name_part = start > 0 and (text[start - 1].isalnum() or text[start - 1] in "_$")
        closing = -1 if is_name_part else text.find(mark, start + len(mark))
        return start + 1 if is_name_part else len(text) if closing < 0 else closing + len(mark)
    is_escaped = mark == "'" and start > 0 and text[start - 1] in "eE" and not _is_word(text, start - 2)
    offset = start + 1
    while (end := text.find(mark, offset)) >= 0:
        if not (is_escaped and _is_backslashed(text, end, start)):
            return end + 1
        offset = end + 1
    return len(text)


def _is_word(text: str, index: int) -> bool:
    return index >= 0 and (text[index].isalnum() or text[index] in "_$")


def _is_backslashed(text: str, index: int, start: int) -> bool:
    count = 0
    while index - count - 1 > start and text[index - count - 1] == "\\":
        count += 1
    return count % 2 == 1


def _without_rules(section: str) -> str:
    lines = section.split("\n")
    while lines and (not lines[-1].strip() or _RULE.match(lines[-1])):
        lines.pop()
    first = next((index for index, line in enumerate(lines) if line.strip() and not _RULE.match(line)), len(lines))
    return "\n".join(lines[first:]).strip()


def _blocks(text: str) -> Iterator[list[str]]:
    block: list[str] = []
    was_blank = True
    for line in text.split("\n"):
        if was_blank and _QUESTION.match(line) and any(map(str.strip, block)):
            yield block
            block = []
        block.append(line)
        was_blank = not line.strip()
    if any(map(str.strip, block)):
        yield block


def _pair(block: list[str]) -> tuple[str, str]:
    """`Question:` and `SQL:` lines of one block; both may stand on one line."""
    question: list[str] = []
    sql: list[str] = []
    into: list[str] | None = None
    for line in block:
        label = _QUESTION.match(line) if into is None else None
        if label is not None:
            into, line = question, line[label.end() :]
            inline = _INLINE_SQL.search(line)
            if inline is not None:
                question.append(line[: inline.start()])
                into, line = sql, line[inline.end() :]
        elif into is question and (label := _SQL.match(line)) is not None:
            into, line = sql, line[label.end() :]
        if into is not None:
            into.append(line)
    return "\n".join(question).strip(), "\n".join(sql).strip()
