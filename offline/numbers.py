"""Numbers as people write them: digits with 万 or million, per cent, Chinese numerals, English number words."""

from __future__ import annotations

import re
from decimal import Decimal

_DIGITS = {"零": 0, "〇": 0, "一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9}
_UNITS = {"十": 10, "百": 100, "千": 1000}
_TIMES = {
    "百万": 1_000_000, "千万": 10_000_000, "百": 100, "千": 1000, "万": 10_000, "亿": 100_000_000,
    "k": 1000, "thousand": 1000, "million": 1_000_000, "billion": 1_000_000_000, "hundred": 100,
}  # fmt: skip
_WORDS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30, "fifty": 50, "hundred": 100,
}  # fmt: skip
_NUMBER = re.compile(
    r"-?(?P<digits>\d{1,15}(?:\.\d{1,6})?)\s*(?P<times>百万|千万|百|千|万|亿|(?:k|thousand|million|billion)(?![a-z]))?"
    r"\s*(?P<percent>%|percent(?:age)?(?![a-z])|个百分点)?(?P<unit>元|块钱|块|人民币|辆次|辆|单|笔|人次|dollars?(?![a-z]))?"
)
_CHINESE = re.compile(r"(?P<times1>百分之)?(?P<digits>[零〇一二两三四五六七八九十百千]{1,7})(?P<times>万|亿)?")
_BARE = re.compile(r"(?<=[过破上超])[万亿](?:元|块钱|块|辆次|辆|单|笔|人次)?")
_ENGLISH = re.compile(rf"(?:{'|'.join(_WORDS)})(?![a-z])")


def to_int(text: str) -> int:
    """The value of a whole number in digits, Chinese numerals or an English word; 0 for anything else."""
    if text.isdigit():
        return int(text)
    if text in _WORDS:
        return _WORDS[text]
    total, digit = 0, 0
    for character in text:
        if character in _UNITS:
            total += (digit or 1) * _UNITS[character]
            digit = 0
        else:
            digit = _DIGITS.get(character, 0)
    return total + digit


def number_at(text: str, position: int) -> tuple[Decimal, bool, int] | None:
    """The number that starts at `position` of a folded text, whether it is a percentage, and where it ends."""
    if match := _NUMBER.match(text, position):
        value = Decimal(match["digits"]) * _TIMES.get(match["times"] or "", 1)
        return (-value if match[0].startswith("-") else value), bool(match["percent"]), match.end()
    if match := _CHINESE.match(text, position):
        value = Decimal(to_int(match["digits"])) * _TIMES.get(match["times"] or "", 1)
        return value, bool(match["times1"]), match.end()
    if match := _BARE.match(text, position):  # 过万, 破亿: the unit alone is one of it
        return Decimal(_TIMES[match[0][0]]), False, match.end()
    if match := _ENGLISH.match(text, position):
        return Decimal(_WORDS[match[0]]), False, match.end()
    return None
