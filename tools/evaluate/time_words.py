"""Questions with a time in them, and the days that are meant: computed here without anything of the engines.

`phrases/time_words.yaml` has the words and says how a rule is written. A question is right with the days of any of its
rule's alternatives.
"""

from __future__ import annotations

import calendar
from datetime import date, timedelta
from pathlib import Path
from typing import Final, NamedTuple

import yaml

PHRASES: Final = Path(__file__).parent / "phrases" / "time_words.yaml"
_MONTHS_OF: Final = {"q": 3, "h": 6}


class Days(NamedTuple):
    """A range of days, both ends included."""

    first: date
    last: date


class TimeQuestion(NamedTuple):
    """A question for the total revenue of some days; the alternatives are equally right."""

    language: str
    question: str
    accepted: tuple[Days, ...]


def time_questions(today: date) -> list[TimeQuestion]:
    """Every phrase in one of its language's templates."""
    content = yaml.safe_load(PHRASES.read_text(encoding="utf-8"))
    return [
        TimeQuestion(language, part["templates"][number % len(part["templates"])].format(phrase), days_of(rule, today))
        for language, part in content.items()
        for number, (phrase, rule) in enumerate(part["phrases"].items())
    ]


def days_of(rule: str, today: date) -> tuple[Days, ...]:
    """The alternatives of a rule; raises ValueError or KeyError when it is written wrongly."""
    return tuple(_days(alternative.strip(), today) for alternative in rule.split("|"))


def _days(rule: str, today: date) -> Days:
    kind, _, rest = rule.partition(":")
    if kind in _RULES:
        return _RULES[kind](rest, today)
    first, last = rule.split("..")
    return Days(date.fromisoformat(first), date.fromisoformat(last))


def _counted(rest: str) -> tuple[int, int]:
    first, _, last = rest.partition("..")
    return int(first), int(last or first)


def _counted_days(rest: str, today: date) -> Days:
    first, last = _counted(rest)
    return Days(today + timedelta(days=first), today + timedelta(days=last))


def _weeks(rest: str, today: date) -> Days:
    first, last = _counted(rest)
    monday = today - timedelta(days=today.weekday())
    return Days(monday + timedelta(weeks=first), monday + timedelta(weeks=last, days=6))


def _weekend(rest: str, today: date) -> Days:
    week = _weeks(rest, today)
    return Days(week.last - timedelta(days=1), week.last)


def _months(rest: str, today: date) -> Days:
    first, last = _counted(rest)
    return Days(_month_start(today, first), _month_start(today, last + 1) - timedelta(days=1))


def _quarters(rest: str, today: date) -> Days:
    first, last = _counted(rest)
    within = (today.month - 1) % 3
    return Days(_month_start(today, 3 * first - within), _month_start(today, 3 * last + 3 - within) - timedelta(days=1))


def _years(rest: str, today: date) -> Days:
    first, last = _counted(rest)
    return Days(date(today.year + first, 1, 1), date(today.year + last, 12, 31))


def _since_month_ago(rest: str, today: date) -> Days:
    month = _month_start(today, -int(rest))
    longest = calendar.monthrange(month.year, month.month)[1]
    return Days(month.replace(day=min(today.day, longest)), today - timedelta(days=1))


def _latest(rest: str, today: date) -> Days:
    found = _within(today.year, rest)
    return found if found.first <= today else _within(today.year - 1, rest)


def _in_year(rest: str, today: date) -> Days:
    offset, _, part = rest.partition(":")
    return _within(today.year + int(offset), f"{today.month:02}" if part == "this" else part)


def _within(year: int, part: str) -> Days:
    """`10`, `01..03`, `10-01`, `10-01..10-07`, `q3` or `h1` of a year."""
    if part[0] in _MONTHS_OF:
        length = _MONTHS_OF[part[0]]
        start = length * (int(part[1:]) - 1) + 1
        return Days(date(year, start, 1), _last_of_month(year, start + length - 1))
    first, _, last = part.partition("..")
    last = last or first
    if "-" in first:
        return Days(date.fromisoformat(f"{year}-{first}"), date.fromisoformat(f"{year}-{last}"))
    return Days(date(year, int(first), 1), _last_of_month(year, int(last)))


def _last_of_month(year: int, month: int) -> date:
    return date(year, month, calendar.monthrange(year, month)[1])


def _month_start(today: date, offset: int) -> date:
    index = today.year * 12 + today.month - 1 + offset
    return date(index // 12, index % 12 + 1, 1)


_RULES: Final = {
    "days": _counted_days,
    "week": _weeks,
    "weeks": _weeks,
    "weekend": _weekend,
    "month": _months,
    "months": _months,
    "quarter": _quarters,
    "year": _years,
    "years": _years,
    "since_month_ago": _since_month_ago,
    "latest": _latest,
    "in_year": _in_year,
}
