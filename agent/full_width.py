"""Turns Chinese punctuation in SQL a model wrote into the ASCII marks it stands for; used by `agent.model_replies`.

Literals, quoted names and comments keep every character. A title with brackets, as in `AS 金额（元）`, is one name and
becomes a quoted one. PostgreSQL itself would read most of these marks as letters of a name, which the guard refuses.
"""

from __future__ import annotations

import re
from typing import Final

_MARKS: Final = str.maketrans("；，（）＝＞＜＋－＊％．　", ";,()=><+-*%. ")
_FULL_WIDTH: Final = re.compile("[；，（）＝＞＜＋－＊％．　‘’“”]")
_PIECES: Final = re.compile(
    r"""
      (?P<kept> '(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | /\*.*?(?:\*/|\Z) )
    | (?P<title> \b(?:as|AS)\s+ (?P<name> \w+（[^（）\n'",;]*）\w* ) (?=\s|[,，;；)）]|$) )
    | ‘(?P<literal>[^‘’\n]*)’
    | “(?P<quoted>[^“”\n]*)”
    | (?P<mark> [；，（）＝＞＜＋－＊％．　] )
    """,
    re.VERBOSE | re.DOTALL,
)
# A line of prose: it begins with a letter that is not ASCII and has a mark no SQL has.
_PROSE: Final = re.compile(r"^[^\S\n]*+[^\x00-\x7f\s（‘“](?=[^\n'\"。！？：]*+[。！？：])[^\n'\"]*+$", re.MULTILINE)


def with_ascii_punctuation(sql: str) -> str:
    """The text with full-width marks outside of literals replaced, up to the first line of prose."""
    if not _FULL_WIDTH.search(sql):
        return sql
    prose = _PROSE.search(sql)
    end = prose.start() if prose else len(sql)
    return _PIECES.sub(_replaced, sql[:end]) + sql[end:]


def _replaced(found: re.Match[str]) -> str:
    if found["kept"] is not None:
        return found["kept"]
    if found["title"] is not None:
        return found["title"].replace(found["name"], f'"{found["name"]}"')
    if found["literal"] is not None:
        return "'" + found["literal"].replace("'", "''") + "'"
    if found["quoted"] is not None:
        return '"' + found["quoted"].replace('"', '""') + '"'
    return found["mark"].translate(_MARKS)
