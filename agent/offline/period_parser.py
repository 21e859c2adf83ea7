"""Reads a period at a place in a question: absolute, ranges, relative, quarters, holidays; Chinese and English.

Called by the scanner with normalised text. An impossible date (31 February) is no period.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

from agent.offline.normalise import to_int
from agent.offline.periods import (
    Moment,
    Period,
    current,
    days_between,
    last_days,
    last_months,
    single_day,
    whole_months,
)

_CN = "[一二两三四五六七八九十]"
_YEAR = r"(?P<y>(?:19|20)\d\d)"
_RELATIVE_YEAR = r"(?P<ry>今年|本年|去年|上年|前年)(?:的)?"
_MONTH = rf"(?P<m>1[0-2]|0?[1-9]|{_CN}{{1,2}})"
_DAY = rf"(?P<d>3[01]|[12]\d|0?[1-9]|{_CN}{{1,3}})"
_TO = r"\s*(?:到|至|~|-|—|－|to)\s*"

_FULL_DAY = re.compile(
    rf"(?:{_YEAR}\s*年\s*|{_RELATIVE_YEAR})?{_MONTH}月{_DAY}(?:日|号)?(?!\d)|"
    r"(?P<y2>(?:19|20)\d\d)(?P<sep>[-/.])(?P<m2>1[0-2]|0?[1-9])(?P=sep)(?P<d2>3[01]|[12]\d|0?[1-9])(?!\d)"
)
_ONLY_DAY = re.compile(rf"{_TO}{_DAY}(?:日|号)")
_MONTH_OF = re.compile(
    rf"(?:{_YEAR}\s*年\s*|{_RELATIVE_YEAR})?{_MONTH}月(?:份)?|(?P<y2>(?:19|20)\d\d)-(?P<m2>1[0-2]|0[1-9])(?![\d-])"
)
_MONTH_SPAN = re.compile(
    rf"(?:{_YEAR}\s*年\s*|{_RELATIVE_YEAR})?(?P<m>1[0-2]|0?[1-9]|{_CN}{{1,2}})(?:月(?:份)?)?{_TO}"
    rf"(?:(?P<y3>(?:19|20)\d\d)\s*年\s*)?(?P<n>1[0-2]|0?[1-9]|{_CN}{{1,2}})月(?:份)?(?!\d|{_CN}+[日号])"
)
_QUARTER = re.compile(rf"(?:{_YEAR}\s*年?\s*|{_RELATIVE_YEAR})?(?:第?(?P<q>[一二三四1-4])季度?|q(?P<q2>[1-4])(?!\d))")
_HALF = re.compile(rf"(?:{_YEAR}\s*年\s*|{_RELATIVE_YEAR})?(?P<h>上半年|下半年)")
_YEAR_OF = re.compile(rf"{_YEAR}\s*(?:年度|年全年|全年|年)(?!\s*\d{{1,2}}月)|(?:in|of|for)\s+(?P<y2>(?:19|20)\d\d)\b")
_LAST = re.compile(
    r"(?P<how>最近的?|近|过去的?|之前|此前|前|last|past|in the last)\s*"
    rf"(?P<n>\d{{1,4}}|{_CN}{{1,3}}|半)?\s*(?:个)?"
    r"(?P<unit>天|日|周|星期|月|季度|年|days?|weeks?|months?|years?)"
    r"(?:内|以来|里|之内|间)?"
)
_AFTER = re.compile(r"(?:以来|之后|以后|起|开始|后)(?:至今)?|(?:至|到)(?:今天|今日|今|现在|目前)(?:为止)?")
_BEFORE = re.compile(r"之前|以前|前(?!\d)")
_FIXED: tuple[tuple[tuple[str, ...], Callable[[], Period]], ...] = (
    (("今天", "今日", "today"), lambda: single_day(0)),
    (("昨天", "昨日", "yesterday"), lambda: single_day(-1)),
    (("前天", "前日"), lambda: single_day(-2)),
    (("大前天",), lambda: single_day(-3)),
    (("本周", "这周", "这一周", "本星期", "这个星期", "this week"), lambda: current("week")),
    (("上周", "上一周", "上星期", "上个星期", "last week"), lambda: current("week", -1)),
    (("上上周",), lambda: current("week", -2)),
    (("本月至今", "本月", "这个月", "当月", "this month"), lambda: current("month")),
    (("上月", "上个月", "上一个月", "last month"), lambda: current("month", -1)),
    (("上上个月", "上上月"), lambda: current("month", -2)),
    (("本季度", "这个季度", "当季", "this quarter"), lambda: current("quarter")),
    (("上季度", "上个季度", "上一季度", "last quarter"), lambda: current("quarter", -1)),
    (("今年以来", "今年至今", "年初至今", "本年度", "今年", "本年", "this year"), lambda: current("year")),
    (("去年全年", "去年", "上年", "上一年", "last year"), lambda: current("year", -1)),
    (("前年",), lambda: current("year", -2)),
    (
        ("最近一天", "最近1天", "最新一天", "最新日期", "最近的一天", "最近一日", "最新一日", "latest day"),
        lambda: Period(is_latest=True),
    ),
)
_FIXED_WORDS = {word: make for words, make in _FIXED for word in words}
_FIXED_PATTERN = re.compile("|".join(sorted(map(re.escape, _FIXED_WORDS), key=len, reverse=True)))


class PeriodParser:
    """Reads periods relative to a calendar of holidays (vocabulary section `holidays`)."""

    def __init__(self, *, holidays: Mapping[str, Mapping[str, Any]]) -> None:
        self._holidays = holidays
        names = "|".join(sorted(map(re.escape, holidays), key=len, reverse=True)) or r"(?!)"
        self._holiday = re.compile(
            rf"(?:{_YEAR}\s*年?\s*|{_RELATIVE_YEAR})?(?P<name>{names})(?:假期|期间|长假|黄金周|当天)*"
        )

    def parse(self, text: str, position: int, today: date) -> tuple[Period, int] | None:
        """The period that starts at `position` and where it ends, or None."""
        try:
            found = self._absolute(text, position, today) or self._relative(text, position)
        except ValueError:
            return None
        if found is None:
            return None
        period, end = found
        if period.start is not None and (after := _AFTER.match(text, end)):
            return Period(period.start, None), after.end()
        if period.start is not None and not period.start.days and (before := _BEFORE.match(text, end)):
            return Period(None, period.start), before.end()
        return period, end

    def _absolute(self, text: str, position: int, today: date) -> tuple[Period, int] | None:
        for reader in (
            self._days,
            self._named,
            self._month_span,
            self._months,
            self._quarters,
            self._halves,
            self._years,
        ):
            if found := reader(text, position, today):
                return found
        return None

    def _days(self, text: str, position: int, today: date) -> tuple[Period, int] | None:
        match = _FULL_DAY.match(text, position)
        if not match:
            return None
        first = _day_of(match, today)
        end = match.end()
        if only := _ONLY_DAY.match(text, end):
            return days_between(first, first.replace(day=to_int(only["d"]))), only.end()
        separator = re.compile(_TO).match(text, end)
        if separator and (second := _FULL_DAY.match(text, separator.end())):
            last = _day_of(second, today, year=first.year)
            return days_between(first, last), second.end()
        return days_between(first, first), end

    def _month_span(self, text: str, position: int, today: date) -> tuple[Period, int] | None:
        match = _MONTH_SPAN.match(text, position)
        if not match or (match["y"] is None and match["ry"] is None and "月" not in match.group(0)[:4]):
            return None
        year = _year_of(match, today) or today.year
        first, last = to_int(match["m"]), to_int(match["n"])
        months = (int(match["y3"] or year) - year) * 12 + last - first + 1
        if months < 1:
            return None
        return whole_months(year, first, months), match.end()

    def _months(self, text: str, position: int, today: date) -> tuple[Period, int] | None:
        match = _MONTH_OF.match(text, position)
        if not match:
            return None
        month = to_int(match["m"] or match["m2"])
        year = int(match["y2"]) if match["y2"] else _year_of(match, today)
        if year is None:
            year = today.year if month <= today.month else today.year - 1
        return whole_months(year, month), match.end()

    def _quarters(self, text: str, position: int, today: date) -> tuple[Period, int] | None:
        match = _QUARTER.match(text, position)
        if not match:
            return None
        quarter = to_int(match["q"] or match["q2"])
        year = _year_of(match, today) or today.year
        return whole_months(year, quarter * 3 - 2, 3), match.end()

    def _halves(self, text: str, position: int, today: date) -> tuple[Period, int] | None:
        match = _HALF.match(text, position)
        if not match:
            return None
        return whole_months(_year_of(match, today) or today.year, 1 if match["h"] == "上半年" else 7, 6), match.end()

    def _years(self, text: str, position: int, today: date) -> tuple[Period, int] | None:
        match = _YEAR_OF.match(text, position)
        if not match:
            return None
        return whole_months(int(match["y"] or match["y2"]), 1, 12), match.end()

    def _named(self, text: str, position: int, today: date) -> tuple[Period, int] | None:
        match = self._holiday.match(text, position)
        if not match:
            return None
        holiday = self._holidays[match["name"]]
        year = _year_of(match, today)
        for candidate in (year,) if year else (today.year, today.year - 1):
            days = holiday.get("fixed") or holiday.get("years", {}).get(candidate)
            if days is None:
                continue
            first, last = (date(candidate, month, day) for month, day in days)
            if year or first <= today:
                return days_between(first, last), match.end()
        return None

    def _relative(self, text: str, position: int) -> tuple[Period, int] | None:
        if match := _FIXED_PATTERN.match(text, position):
            return _FIXED_WORDS[match.group(0)](), match.end()
        match = _LAST.match(text, position)
        if not match or (match["n"] is None and not match["how"].isascii()):
            return None
        return _last_period(match), match.end()


def _last_period(match: re.Match[str]) -> Period:
    unit = match["unit"]
    if match["n"] == "半":
        return last_months(6) if unit.startswith(("年", "year")) else last_days(15)
    count = to_int(match["n"]) if match["n"] else 1
    is_complete = match["how"].startswith("过去")
    if unit.startswith(("天", "日", "day")):
        return last_days(count, is_complete=is_complete)
    if unit.startswith(("周", "星期", "week")):
        return last_days(7 * count)
    if unit.startswith(("季度",)):
        return last_months(3 * count)
    if count == 1 and unit == "月" and match["how"].startswith(("最近", "近")):
        return last_days(30)
    return last_months(count * (12 if unit.startswith(("年", "year")) else 1))


def _year_of(match: re.Match[str], today: date) -> int | None:
    if match["y"]:
        return int(match["y"])
    if match["ry"]:
        return today.year - {"今": 0, "本": 0, "去": 1, "上": 1, "前": 2}[match["ry"][0]]
    return None


def _day_of(match: re.Match[str], today: date, year: int | None = None) -> date:
    if match["y2"]:
        return date(int(match["y2"]), int(match["m2"]), int(match["d2"]))
    month, day = to_int(match["m"]), to_int(match["d"])
    stated = _year_of(match, today) or year
    if stated is not None:
        return date(stated, month, day)
    this_year = date(today.year, month, day)
    return this_year if this_year <= today + timedelta(days=1) else date(today.year - 1, month, day)


def start_of(period: Period, today: date) -> date | None:
    """The first day of a period, for messages and comparisons."""
    return (period.start or Moment()).resolve(today) if period.start else None
