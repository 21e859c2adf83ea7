"""Words that figures are written with, as `common.figures` reads them."""

# ruff: noqa: E501 - lists of words

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SCALES: Final[Mapping[str, int]] = {
    "十": 10, "百": 100, "千": 1_000, "万": 10_000, "十万": 10**5, "百万": 10**6, "千万": 10**7, "亿": 10**8,
    "万亿": 10**12, "k": 1_000, "thousand": 1_000, "m": 10**6, "million": 10**6, "b": 10**9, "bn": 10**9,
    "billion": 10**9, "trillion": 10**12,
}  # fmt: skip
COLUMN_SCALES: Final = ("万亿", "亿", "百万", "万", "million")
DIGITS: Final[Mapping[str, int]] = {
    "零": 0, "〇": 0, "一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9,
}  # fmt: skip
UNITS: Final[Mapping[str, int]] = {"十": 10, "百": 100, "千": 1_000}
UNITS_WITH_THOUSAND: Final = ("米", "克", "瓦", "卡")
"""千米 and 千克 are units of their own."""
KINDS: Final[Mapping[str, str]] = {
    "%": "percent", "个百分点": "percent", "percent": "percent", "per cent": "percent", "percentage": "percent",
    "倍": "times", "times": "times", "成": "tenths", "‰": "mille",
}  # fmt: skip

SCALE: Final = r"万亿|千万|百万|十万|[十百千万亿]|(?:k|m|bn?|thousand|million|billion|trillion)(?![a-z])"
BEHIND: Final = r"%|‰|个百分点|percentage|percent|per\scent|倍|times\b|成|[米克瓦卡]"
NUMERAL_FIRST: Final = "[一二两三四五六七八九十]"
NUMERAL: Final = "[零〇一二两三四五六七八九十百千]"
NUMERAL_TIMES: Final = "万亿|[万亿]"
PERCENT_BEFORE: Final = "百分之"
YEAR: Final = "年(?:度)?"
MONTH: Final = "月(?:份)?"
DAY: Final = "[日号]"
POSITION: Final = r"第|前|后|\btop[\s-]?|\bno\.\s?|\#|\brank\s"
BIG: Final = "[百千万亿%]"
LIST_MARK: Final = r"(?m)^[ \t>*_#-]*\d{1,2}(?:[、)]|\.(?!\d))"
ABOUT_BEFORE: Final = r"(?:约|大约|大概|接近|将近|近|超过|超|逾|不足|不到|about|around|nearly|almost|over|under|than|roughly|approximately|~)[\s*_]{0,3}$"
ABOUT_BEHIND: Final = r"[\s*_]{0,2}(?:多|余|左右|上下|以上|以下|or so|\+)"
DIGIT: Final = r"[\d零〇一二两三四五六七八九十百千万亿]"
"""What a figure may begin with."""
