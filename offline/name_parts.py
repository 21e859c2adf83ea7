"""Phrases that say how a name is written: 名字里带宜, 以南昌开头, `whose name contains south`.

The text that the name must hold is a value the database need not have as such, so the whole phrase is read before its
words are looked up. Matching is on folded text (`offline.text.fold`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from offline.text import Word

NamePart = Literal["contains", "starts", "ends"]
_MOST: Final = 20
_VALUE: Final = (
    rf"(?:[\"'](?P<quoted>[^\"']{{1,{_MOST}}})[\"']|(?P<bare>(?!哪|多少|几|什么)[^\"'\s,.?!;的]{{1,{_MOST}}}?))"
)
_SIGNS: Final = r"(?:这个|这两个|这几个|两个|几个)?(?:字样|字眼|字|词)?"
_STOP: Final = r"(?=的|$|[,.?!;\s]|有哪|是哪|都有|一共|共有)"
_NAME: Final = r"(?:whose |with (?:a |the )?|having (?:a |the )?)?names? (?:that )?"
_CONTAIN: Final = "contains?|containing|includes?|including"
_ENGLISH_SIGNS: Final = r"(?: the (?:word|text|letters?))?"
_ENGLISH_VALUE: Final = rf"(?:[\"'](?P<quoted>[^\"']{{1,{_MOST}}})[\"']|(?P<bare>[^\"'\s,.?!;]{{1,{_MOST}}}))"
_PATTERNS: Final[tuple[tuple[NamePart, re.Pattern[str]], ...]] = (
    (
        "contains",
        re.compile(
            rf"(?:名字|名称|名)(?:里面|里边|里|中间|当中|中|内)?(?:都)?(?:带有|带|包含有|包含|含有|包括|含|有|出现)\s*"
            rf"{_VALUE}{_SIGNS}{_STOP}"
        ),
    ),
    ("contains", re.compile(r"(?:带有|带|包含|含有|含)\s*[\"'](?P<quoted>[^\"']{1,20})[\"']" + _SIGNS)),
    (
        "contains",
        re.compile(rf"(?:带有|带|含有|含)\s*(?P<bare>[\u3400-\u9fff]{{1,6}}?)(?:这个|这两个|两个)?字(?:样)?{_STOP}"),
    ),
    ("starts", re.compile(r"姓(?P<bare>[\u3400-\u9fff])(?:氏)?(?=的|$|[,.?!;])")),
    ("starts", re.compile(rf"(?:名字|名称|名)?(?:是)?以\s*{_VALUE}{_SIGNS}(?:开头|打头|起头|开始)")),
    ("ends", re.compile(rf"(?:名字|名称|名)?(?:是)?以\s*{_VALUE}{_SIGNS}(?:结尾|收尾|结束)")),
    ("contains", re.compile(rf"{_NAME}(?:{_CONTAIN}|has|have|having|with){_ENGLISH_SIGNS} {_ENGLISH_VALUE}")),
    ("contains", re.compile(rf"(?:with|having|containing) {_ENGLISH_VALUE} in (?:the |their |its )?names?\b")),
    ("starts", re.compile(rf"{_NAME}(?:starts?|starting|begins?|beginning) with{_ENGLISH_SIGNS} {_ENGLISH_VALUE}")),
    ("ends", re.compile(rf"{_NAME}(?:ends?|ending) (?:with|in){_ENGLISH_SIGNS} {_ENGLISH_VALUE}")),
)

_BEHIND_A_COLUMN: Final[tuple[tuple[NamePart, re.Pattern[str]], ...]] = (
    (
        "contains",
        re.compile(
            rf"(?:(?:里面|里|中|内)?(?:带有|包含有|包含|含有|含)|(?:里面|里|中|内)有)\s*{_VALUE}{_SIGNS}{_STOP}"
        ),
    ),
    ("starts", re.compile(rf"(?:是)?以\s*{_VALUE}{_SIGNS}(?:开头|打头|起头)")),
    ("contains", re.compile(rf"(?:that )?(?:{_CONTAIN}){_ENGLISH_SIGNS} {_ENGLISH_VALUE}")),
    ("starts", re.compile(rf"(?:that )?(?:starts?|starting|begins?|beginning) with{_ENGLISH_SIGNS} {_ENGLISH_VALUE}")),
    ("ends", re.compile(rf"(?:that )?(?:ends?|ending) (?:with|in){_ENGLISH_SIGNS} {_ENGLISH_VALUE}")),
)
"""Read so only right behind the name of a column of texts: `title contains history`, 备注里有加急."""
_ALL: Final = (
    *((test, pattern, False) for test, pattern in _PATTERNS),
    *((test, pattern, True) for test, pattern in _BEHIND_A_COLUMN),
)


@dataclass(frozen=True)
class PartOfName:
    """The words from `start` to `end` (excluded) say that a name contains, starts or ends with `value`.

    `needs_column`: only where the name of a column of texts stands right before.
    """

    start: int
    end: int
    value: str
    test: NamePart
    needs_column: bool = False


def parts_of_names(text: str, words: Sequence[Word]) -> dict[int, PartOfName]:
    """The phrases of a folded text by the number of the word that they start with."""
    starts = {word.start: number for number, word in enumerate(words)}
    ends = {word.end: number + 1 for number, word in enumerate(words)}
    found: dict[int, PartOfName] = {}
    for test, pattern, needs_column in _ALL:
        for match in pattern.finditer(text):
            start, end, value = starts.get(match.start()), ends.get(match.end()), _value_of(match)
            if start is not None and end is not None and value:
                found.setdefault(start, PartOfName(start, end, value, test, needs_column))
    return found


def _value_of(match: re.Match[str]) -> str:
    groups = match.groupdict()
    return (groups.get("quoted") or groups.get("bare") or "").strip()
