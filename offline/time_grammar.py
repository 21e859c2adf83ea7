"""Reads the period that starts at a place of a folded question: absolute, relative, ranges, holidays; two languages.

Meaning of the relative ones: the last N days, weeks or months are whole days up to yesterday; a month or day without
a year is the latest one that has begun. An impossible date (31 February) is no period.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final

from offline import time_patterns as patterns
from offline.numbers import to_int
from offline.periods import (
    Moment,
    Period,
    add_months,
    current,
    days_between,
    single_day,
    whole_months,
)
from offline.relative_times import FIXED_PATTERN, FIXED_WORDS, last_period
from offline.time_context import is_inside_word, is_led, is_plain_year, is_short_range

Found = tuple[Period, int]
_RELATIVE_YEARS: Final = {
    "今年": 0,
    "本年": 0,
    "去年": 1,
    "上年": 1,
    "前年": 2,
    "大前年": 3,
    "last year": 1,
    "this year": 0,
}
_ORDINALS: Final = {"first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4, "last": 4}
_DAYS_OF_WEEK: Final = {"一": 0, "二": 1, "三": 2, "四": 3, "五": 4, "六": 5, "日": 6, "天": 6}
_THIRDS: Final = {
    "上旬": (1, 10),
    "中旬": (11, 20),
    "下旬": (21, 31),
    "上半月": (1, 15),
    "下半月": (16, 31),
    "初": (1, 5),
    "底": (26, 31),
}


@dataclass(frozen=True)
class Clock:
    """What a period is read against: the database's date and the year said before in the question or conversation.

    `day_before` is the day said before in the question, which gives a bare 2日 its month.
    """

    today: date
    assumed_year: int | None = None
    day_before: date | None = None


class TimeGrammar:
    """Reads periods; `holidays` maps a folded name to `fixed` or `years` pairs of [month, day]."""

    def __init__(self, holidays: Mapping[str, Mapping[str, Any]]) -> None:
        self._holidays = holidays
        names = "|".join(sorted(map(re.escape, holidays), key=len, reverse=True)) or r"(?!)"
        self._holiday = re.compile(
            rf"{patterns.OF_YEAR}(?P<name>{names})(?:假期|期间|长假|黄金周|当天|\s+holidays?)*(?:\s*,?\s*(?:in\s+|of\s+)?(?P<hy>(?:19|20)\d\d)(?!\d))?"
        )
        self._readers = (
            self._iso_day,
            self._chinese_day,
            self._english_day,
            self._named,
            self._iso_month,
            self._chinese_month,
            self._english_month,
            self._quarter,
            self._half,
            self._week_day,
            self._ago,
            self._fixed,
            self._last,
            self._year,
            self._day_alone,
        )

    def parse(self, text: str, position: int, clock: Clock) -> Found | None:
        """The period that starts at `position`, and where it ends."""
        try:
            return self._led(text, position, clock) or self._span(text, position, clock)
        except ValueError:
            return None

    def _led(self, text: str, position: int, clock: Clock) -> Found | None:
        """A period with its preposition: since 2020, before March, between June and August, in 2021."""
        leads: tuple[tuple[re.Pattern[str], Callable[[Period], Period]], ...] = (
            (patterns.LEAD_SINCE, lambda p: Period(p.start, None, stated_year=p.stated_year)),
            (patterns.LEAD_AFTER, lambda p: Period(p.end, None, stated_year=p.stated_year)),
            (patterns.LEAD_BEFORE, lambda p: Period(None, p.start, stated_year=p.stated_year)),
            (patterns.LEAD_UNTIL, lambda p: Period(None, p.end, stated_year=p.stated_year)),
        )
        if (lead := patterns.LEAD_BETWEEN.match(text, position)) and (found := self._range(text, lead.end(), clock)):
            return found
        for pattern, make in leads:
            lead = pattern.match(text, position)
            if lead and lead.end() > position and (found := self._span(text, lead.end(), clock)):
                period, end = found
                if lead[0].startswith(("从", "from")) and self._is_closed(text, lead.end(), found, clock):
                    return period, end
                return make(period), _skip_since(text, end)
        lead = patterns.LEAD_IN.match(text, position)
        return self._span(text, lead.end(), clock) if lead else None

    def _is_closed(self, text: str, position: int, found: Found, clock: Clock) -> bool:
        """`from A to B` says its end; `from 2020` and 从1月起 do not."""
        first = self._one(text, position, clock)
        return (first is not None and first[1] < found[1] and found[0].end is not None) or not _is_open(
            text, found[1], found[0]
        )

    def _range(self, text: str, position: int, clock: Clock) -> Found | None:
        """`A and B` after `between`: from the start of A to the end of B."""
        first = self._one(text, position, clock)
        if first is None:
            return None
        joint = patterns.AND.match(text, first[1]) or re.compile(patterns.TO).match(text, first[1])
        return self._joined(text, first, joint.end(), clock) if joint else None

    def _span(self, text: str, position: int, clock: Clock) -> Found | None:
        found = self._one(text, position, clock)
        if found is None:
            return None
        found = self._edge_after(text, found, clock)
        period, end = found
        if (joint := re.compile(patterns.TO).match(text, end)) and (
            span := self._joined(text, found, joint.end(), clock)
        ):
            return span
        if period.start and not (period.start.days and period.end == Moment()):
            if after := patterns.AFTER.match(text, end):
                is_later = after[0].strip() in ("之后", "以后", "后") and period.end is not None
                return replace(period, start=period.end if is_later else period.start, end=None, months=0), after.end()
            if before := patterns.BEFORE.match(text, end):
                return replace(period, start=None, end=period.start, months=0), before.end()
        return found

    def _joined(self, text: str, first: Found, position: int, clock: Clock) -> Found | None:
        period = first[0]
        inherited = replace(clock, assumed_year=period.stated_year or clock.assumed_year)
        second = self._one(text, position, inherited)
        if second is None or (second[0].months >= 12 and not period.months):
            second = self._bare_day(text, position, period) or second
        if second is None or period.start is None or second[0].end is None:
            return None
        if period.stated_year is None and second[0].stated_year and period.start.day:
            period = period.moved(months=12 * (second[0].stated_year - period.start.day.year))
        if period.start is None or period.start.resolve(clock.today) >= second[0].end.resolve(clock.today):
            return None
        months = _months_between(period, second[0]) if period.months and second[0].months else 0
        year = second[0].stated_year or period.stated_year
        return Period(period.start, second[0].end, months=months, stated_year=year), second[1]

    @staticmethod
    def _bare_day(text: str, position: int, first: Period) -> Found | None:
        match = patterns.ONLY_DAY.match(text, position) or patterns.EN_BARE_DAY.match(text, position)
        if not match or first.start is None or first.start.day is None or first.months:
            return None
        year = match.groupdict().get("y")
        day = first.start.day.replace(day=to_int(match["d"]), year=int(year) if year else first.start.day.year)
        return replace(days_between(day, day), stated_year=int(year) if year else first.stated_year), match.end()

    def _one(self, text: str, position: int, clock: Clock) -> Found | None:
        if position < len(text) and is_inside_word(text, position):
            return None
        if found := self._edge_of(text, position, clock):
            return found
        return next((found for reader in self._readers if (found := reader(text, position, clock))), None)

    def _edge_of(self, text: str, position: int, clock: Clock) -> Found | None:
        """The first 5 days of October, the last day of 2024."""
        match = patterns.FIRST_OF.match(text, position)
        whole = self._one(text, match.end(), clock) if match else None
        if match is None or whole is None:
            return None
        count = to_int(match["n"]) if match["n"] else 1
        edge = _edge(whole[0], match["edge"] == "first", count, match["unit"], clock)
        return (edge, whole[1]) if edge else None

    @staticmethod
    def _edge_after(text: str, found: Found, clock: Clock) -> Found:
        """2025年10月前5天, 2025年前三季度."""
        match = patterns.EDGE_AFTER.match(text, found[1])
        if match is None:
            return found
        edge = _edge(found[0], match["edge"] == "前", to_int(match["n"]), match["unit"], clock)
        return (edge, match.end()) if edge else found

    @staticmethod
    def _iso_day(text: str, position: int, clock: Clock) -> Found | None:
        match = patterns.ISO_DAY.match(text, position)
        if not match:
            return None
        year, month, day = (int(match[a] or match[b]) for a, b in (("y", "y8"), ("m", "m8"), ("d", "d8")))
        found = date(year, month, day)
        return replace(days_between(found, found), stated_year=year), match.end()

    @staticmethod
    def _chinese_day(text: str, position: int, clock: Clock) -> Found | None:
        match = patterns.DAY_OF_MONTH.match(text, position) or patterns.SHORT_DAY.match(text, position)
        if not match or (match.re is patterns.SHORT_DAY and not is_short_range(text, position)):
            return None
        year = _year_of(match, clock) if match.re is patterns.DAY_OF_MONTH else None
        day = _latest_day(year or clock.assumed_year, to_int(match["m"]), to_int(match["d"]), clock.today)
        return replace(days_between(day, day), stated_year=year), match.end()

    @staticmethod
    def _day_alone(text: str, position: int, clock: Clock) -> Found | None:
        """The second day of 10月1日和2日."""
        match = patterns.ONLY_DAY.match(text, position)
        if match is None or clock.day_before is None or not patterns.JOINED.search(text, 0, position):
            return None
        day = clock.day_before.replace(day=to_int(match["d"]))
        return days_between(day, day), match.end()

    @staticmethod
    def _english_day(text: str, position: int, clock: Clock) -> Found | None:
        if span := patterns.DAYS_OF_MONTH.match(text, position):
            stated_year = int(span["y"]) if span["y"] else None
            month = patterns.MONTH_NAMES[span["mn"]]
            first = _latest_day(stated_year or clock.assumed_year, month, int(span["d"]), clock.today)
            return replace(days_between(first, first.replace(day=int(span["e"]))), stated_year=stated_year), span.end()
        match = patterns.EN_DAY.match(text, position)
        if not match:
            return None
        month = patterns.MONTH_NAMES[match["mn"] or match["mn2"]]
        stated = match["y"] or match["y2"]
        year = _english_year(stated, clock)
        day = _latest_day(year or clock.assumed_year, month, int(match["d"] or match["d2"]), clock.today)
        return replace(days_between(day, day), stated_year=year), match.end()

    def _named(self, text: str, position: int, clock: Clock) -> Found | None:
        match = self._holiday.match(text, position)
        if not match:
            return None
        holiday = self._holidays[match["name"]]
        said = int(match["hy"]) if match["hy"] else None
        year = said or _year_of(match, clock) or clock.assumed_year
        for candidate in (year,) if year else (clock.today.year, clock.today.year - 1):
            days = holiday.get("fixed") or holiday.get("years", {}).get(candidate)
            if days is None:
                continue
            first, last = (date(candidate, month, day) for month, day in days)
            if year or first <= clock.today:
                return replace(days_between(first, last), stated_year=year), match.end()
        return None

    @staticmethod
    def _iso_month(text: str, position: int, clock: Clock) -> Found | None:
        match = patterns.ISO_MONTH.match(text, position)
        if not match:
            return None
        year = int(match["y"] or match["y6"] or match["y7"])
        month = int(match["m"] or match["m6"] or match["m7"])
        return replace(whole_months(year, month), stated_year=year), match.end()

    @staticmethod
    def _chinese_month(text: str, position: int, clock: Clock) -> Found | None:
        match = patterns.MONTH_FIRST.match(text, position) or patterns.MONTH_OF.match(text, position)
        if not match:
            return None
        month, year = to_int(match["m"]), _year_of(match, clock)
        actual = year or clock.assumed_year or _latest_year(month, clock.today)
        third = match["third"] if match.re is patterns.MONTH_OF else None
        if third:
            first, last = _THIRDS[third]
            start = date(actual, month, first)
            end = min(
                date(actual, month, 1) + timedelta(days=last - 1),
                add_months(date(actual, month, 1), 1) - timedelta(days=1),
            )
            return replace(days_between(start, end), stated_year=year), match.end()
        return replace(whole_months(actual, month), stated_year=year), match.end()

    @staticmethod
    def _english_month(text: str, position: int, clock: Clock) -> Found | None:
        match = patterns.EN_MONTH_OF.match(text, position)
        if not match:
            return None
        if match["mn"] in ("may", "mar", "march") and not match["y"] and not is_led(text, position):
            return None
        month, year = patterns.MONTH_NAMES[match["mn"]], _english_year(match["y"], clock)
        actual = year or clock.assumed_year or _latest_year(month, clock.today)
        end = match.end() if match["y"] else match.end("mn")
        return replace(whole_months(actual, month), stated_year=year), end

    @staticmethod
    def _quarter(text: str, position: int, clock: Clock) -> Found | None:
        if match := patterns.QUARTER.match(text, position):
            year, quarter = _year_of(match, clock), to_int(match["q"] or match["q2"])
            end = match.end()
            if year is None and (english := patterns.EN_QUARTER.match(text, position)):
                year, end = _english_year(english["y"], clock), english.end() if english["y"] else end
        elif match := patterns.EN_QUARTER.match(text, position):
            if match["o"] == "last" and not match["y"]:
                return None
            year, quarter = _english_year(match["y"], clock), int(match["q"] or _ORDINALS[match["o"]])
            end = match.end()
        else:
            return None
        actual = year or clock.assumed_year or clock.today.year
        return replace(whole_months(actual, quarter * 3 - 2, 3), stated_year=year), end

    @staticmethod
    def _half(text: str, position: int, clock: Clock) -> Found | None:
        if match := patterns.HALF.match(text, position):
            year, is_first = _year_of(match, clock), match["h"] == "上半年"
        elif match := patterns.EN_HALF.match(text, position):
            year, is_first = _english_year(match["y"], clock), (match["h"] or match["hn"]) in ("first", "h1")
        else:
            return None
        actual = year or clock.assumed_year or clock.today.year
        return replace(whole_months(actual, 1 if is_first else 7, 6), stated_year=year), match.end()

    @staticmethod
    def _week_day(text: str, position: int, clock: Clock) -> Found | None:
        if match := patterns.WEEKEND.match(text, position):
            weeks = -2 if "上上" in match["w"] else -1 if match["w"].startswith(("上", "last")) else 0
            start = Moment(trunc="week", days=7 * weeks + 5)
            return Period(start, start.moved(days=2)), match.end()
        match = patterns.WEEK_DAY.match(text, position)
        if not match or match["w"] in ("周", "星期"):
            return None
        weeks = -2 if match["w"].startswith("上上") else -1 if match["w"].startswith("上") else 0
        start = Moment(trunc="week", days=7 * weeks + _DAYS_OF_WEEK[match["d"]])
        return Period(start, start.moved(days=1)), match.end()

    @staticmethod
    def _ago(text: str, position: int, clock: Clock) -> Found | None:
        match = patterns.AGO.match(text, position)
        if not match:
            return None
        count, unit = to_int(match["n"] or match["n2"]), match["unit"] or match["unit2"]
        if unit in ("天", "day"):
            return single_day(-count), match.end()
        if unit in ("周", "个星期", "week"):
            return current("week", -count), match.end()
        if unit in ("年", "year"):
            return current("year", -count), match.end()
        return current("month", -count), match.end()

    @staticmethod
    def _fixed(text: str, position: int, clock: Clock) -> Found | None:
        match = FIXED_PATTERN.match(text, position)
        if match is None:
            return None
        period = FIXED_WORDS[match[0]]()
        if match[0] in _RELATIVE_YEARS:
            period = replace(period, stated_year=clock.today.year - _RELATIVE_YEARS[match[0]])
        return period, match.end()

    @staticmethod
    def _last(text: str, position: int, clock: Clock) -> Found | None:
        match = patterns.LAST.match(text, position)
        if not match or (match["n"] is None and not match["how"].isascii()):
            return None
        if match["how"] == "前" and match["unit"] in ("日", "年", "月") and match["n"] is None:
            return None
        return last_period(match), match.end()

    @staticmethod
    def _year(text: str, position: int, clock: Clock) -> Found | None:
        match = patterns.YEAR_OF.match(text, position)
        year: int | None = None
        if match and (match["ry"] or "年" in match[0] or is_plain_year(text, match)):
            year = _year_of(match, clock)
        elif match := patterns.EN_YEAR.match(text, position):
            year = (
                int(match["y"])
                if is_led(text, position) or match[0] != match["y"] or is_plain_year(text, match)
                else None
            )
        if match is None or year is None:
            return None
        return replace(whole_months(year, 1, 12), stated_year=year), match.end()


def _edge(whole: Period, is_first: bool, count: int, unit: str, clock: Clock) -> Period | None:
    """The first or last days, weeks, months or quarters of a period that has both ends."""
    start, end = whole.bounds(clock.today)
    if start is None or end is None:
        return None
    months = {"month": count, "个月": count, "季度": 3 * count, "个季度": 3 * count}.get(unit, 0)
    days = {"day": count, "天": count, "week": 7 * count}.get(unit, 0)
    if is_first:
        last = add_months(start, months) + timedelta(days=days)
        return Period(Moment(day=start), Moment(day=min(last, end)), months=months, stated_year=whole.stated_year)
    first = add_months(end, -months) - timedelta(days=days)
    return Period(Moment(day=max(first, start)), Moment(day=end), months=months, stated_year=whole.stated_year)


def _year_of(match: re.Match[str], clock: Clock) -> int | None:
    groups = match.groupdict()
    if groups.get("y"):
        return int(match["y"])
    if groups.get("ys"):
        return 2000 + int(match["ys"])
    if groups.get("yc"):
        digits = "".join(str(to_int(character)) for character in match["yc"])
        return int(digits) if len(digits) == 4 else 2000 + int(digits)
    if groups.get("ry"):
        return clock.today.year - _RELATIVE_YEARS[match["ry"]]
    return None


def _english_year(text: str | None, clock: Clock) -> int | None:
    if not text:
        return None
    return clock.today.year - _RELATIVE_YEARS[text] if text in _RELATIVE_YEARS else int(text)


def _latest_year(month: int, today: date) -> int:
    return today.year if month <= today.month else today.year - 1


def _latest_day(year: int | None, month: int, day: int, today: date) -> date:
    if year is not None:
        return date(year, month, day)
    this_year = date(today.year, month, day)
    return this_year if this_year <= today + timedelta(days=1) else date(today.year - 1, month, day)


def _months_between(first: Period, last: Period) -> int:
    start, end = first.start, last.end
    if not (start and end and start.day and end.day):
        return 0
    return (end.day.year - start.day.year) * 12 + end.day.month - start.day.month


def _is_open(text: str, end: int, period: Period) -> bool:
    """`from 2020` and 从1月起 are open; `from` before a closed span is not."""
    return (
        period.end is not None
        and (period.months > 0 or bool(re.match(r"\s*(?:起|开始|以来|至今|onwards?)", text[end:])))
        and not re.match(r"\s*(?:的|to\b)", text[end:])
    )


def _skip_since(text: str, end: int) -> int:
    after = patterns.AFTER.match(text, end)
    return after.end() if after else end
