"""Times relative to today that have a fixed wording, and the last N days, weeks, months or years."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from offline.numbers import to_int
from offline.periods import Period, current, last_days, last_months, single_day

_FIXED: Final[tuple[tuple[tuple[str, ...], Callable[[], Period]], ...]] = (
    (("今天", "今日", "today"), lambda: single_day(0)),
    (("昨天", "昨日", "yesterday"), lambda: single_day(-1)),
    (("前天", "前日", "the day before yesterday"), lambda: single_day(-2)),
    (("大前天",), lambda: single_day(-3)),
    (
        ("本周至今", "本周以来", "本周", "这周", "这一周", "本星期", "这个星期", "this week", "the current week"),
        lambda: current("week"),
    ),
    (("上周", "上一周", "上星期", "上个星期", "last week", "the previous week"), lambda: current("week", -1)),
    (("上上周", "上上个星期", "the week before last", "week before last"), lambda: current("week", -2)),
    (
        (
            "本月至今",
            "本月以来",
            "月初至今",
            "月初到现在",
            "月初到今天",
            "月初以来",
            "本月",
            "这个月",
            "当月",
            "this month so far",
            "so far this month",
            "since the beginning of the month",
            "since the start of the month",
            "this month",
            "the current month",
            "month to date",
            "mtd",
        ),
        lambda: current("month"),
    ),
    (
        (
            "上月",
            "上个月",
            "上一个月",
            "上一个自然月",
            "上个自然月",
            "last month",
            "the previous month",
            "the last calendar month",
        ),
        lambda: current("month", -1),
    ),
    (("上上个月", "上上月", "前月", "the month before last", "month before last"), lambda: current("month", -2)),
    (("本季度", "这个季度", "当季", "本季", "this quarter", "the current quarter"), lambda: current("quarter")),
    (
        ("上季度", "上个季度", "上一季度", "上季", "last quarter", "the previous quarter"),
        lambda: current("quarter", -1),
    ),
    (
        (
            "今年以来",
            "今年至今",
            "今年到现在",
            "今年到目前",
            "今年截至目前",
            "今年截止目前",
            "年初至今",
            "年初到现在",
            "年初到今天",
            "年初到目前",
            "年初以来",
            "今年年初至今",
            "今年年初到现在",
            "今年年初以来",
            "本年度",
            "今年",
            "本年",
            "this year so far",
            "so far this year",
            "since the beginning of the year",
            "since the start of the year",
            "this year",
            "the current year",
            "year to date",
            "ytd",
        ),
        lambda: current("year"),
    ),
    (("去年同月", "去年的这个月"), lambda: current("month", -12)),
    (("去年全年", "去年", "上年", "上一年", "last year", "the previous year"), lambda: current("year", -1)),
    (("前年", "the year before last", "year before last"), lambda: current("year", -2)),
    (
        (
            "最近一天",
            "最近1天",
            "最新一天",
            "最新日期",
            "最近的一天",
            "最近一日",
            "最新一日",
            "latest day",
            "the latest day",
            "the most recent day",
        ),
        lambda: Period(is_latest=True),
    ),
)
FIXED_WORDS: Final = {
    form: make for words, make in _FIXED for word in words for form in {word, word.removeprefix("the ")}
}
FIXED_PATTERN: Final = re.compile(
    "|".join(
        re.escape(word) + (r"(?![a-z])" if word.isascii() else "")
        for word in sorted(FIXED_WORDS, key=len, reverse=True)
    )
)


def last_period(match: re.Match[str]) -> Period:
    """The period of a match of `time_patterns.LAST`: whole days up to yesterday."""
    unit = match["unit"]
    if match["n"] == "几":  # as in `the last few months`
        return last_days(3) if unit.startswith(("天", "日")) else _last_few(unit)
    if match["n"] == "半":
        return last_months(6) if unit.startswith(("年", "year")) else last_days(15)
    count = 3 if match["n"] == "few" else to_int(match["n"]) if match["n"] else 1
    if unit.startswith(("天", "日", "day")):
        return last_days(count)
    if unit.startswith(("周", "星期", "week")):
        return last_days(7 * count)
    if unit.startswith(("季度", "quarter")):
        return last_months(3 * count)
    return last_months(count * (12 if unit.startswith(("年", "year")) else 1))


def _last_few(unit: str) -> Period:
    """这几个月, 近几年: three of them, as `few` is."""
    if unit.startswith(("周", "星期")):
        return last_days(21)
    return last_months(3 * {"季": 3, "年": 12}.get(unit[0], 1))
