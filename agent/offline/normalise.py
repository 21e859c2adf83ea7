"""Questions in one spelling, and the numbers in them. Used by the scanner, the schema index and the classifier."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal

_SPACE_BETWEEN_CJK = re.compile(r"(?<=[\u4e00-\u9fff])\s+(?=[\u4e00-\u9fff0-9])|(?<=[0-9])\s+(?=[\u4e00-\u9fff])")
_DIGITS = {"零": 0, "〇": 0, "一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9}
_UNITS = {"十": 10, "百": 100, "千": 1000}
_MULTIPLIERS = {"百": 100, "千": 1000, "万": 10_000, "百万": 1_000_000, "千万": 10_000_000, "亿": 100_000_000}
NUMBER = re.compile(r"(?P<digits>\d{1,15}(?:\.\d{1,6})?)\s*(?P<times>百万|千万|百|千|万|亿)?\s*(?P<percent>%)?")
CHINESE_NUMBER = re.compile(r"[一二两三四五六七八九十百]{1,5}")


def normalise(text: str) -> str:
    """Lower case, full-width forms folded, no spaces between Chinese characters, thousands separators removed."""
    folded = unicodedata.normalize("NFKC", text).casefold().strip()
    folded = re.sub(r"(?<=\d),(?=\d{3})", "", folded)
    return _SPACE_BETWEEN_CJK.sub("", folded)


def chinese_to_int(text: str) -> int:
    """The value of a Chinese numeral below 10,000, for example 十二 -> 12. Unknown characters count as zero."""
    total, digit = 0, 0
    for character in text:
        if character in _UNITS:
            total += (digit or 1) * _UNITS[character]
            digit = 0
        else:
            digit = _DIGITS.get(character, 0)
    return total + digit


def to_int(text: str) -> int:
    """The value of an Arabic or Chinese whole number."""
    return int(text) if text.isdigit() else chinese_to_int(text)


def number_value(match: re.Match[str]) -> Decimal:
    """The value of a `NUMBER` match with its multiplier; a percentage stays in per cent."""
    value = Decimal(match["digits"])
    if match["times"]:
        value *= _MULTIPLIERS[match["times"]]
    return value


def is_word_character(character: str) -> bool:
    """True for Latin letters, digits and underscore: characters that have word boundaries."""
    return character.isascii() and (character.isalnum() or character == "_")


def has_cjk(text: str) -> bool:
    """True when `text` has a Chinese character."""
    return any("\u4e00" <= character <= "\u9fff" for character in text)


def common_prefix(texts: list[str]) -> str:
    """The longest beginning all texts share; empty for no texts."""
    if not texts:
        return ""
    first, last = min(texts), max(texts)
    length = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return first[:length]
