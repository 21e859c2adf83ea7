"""How busy a day is: week, year, growth and the two great holidays, as factors around 1 for the generator."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from datetime import date, timedelta

FIRST_DAY = date(2022, 1, 1)
"""The first day of the demo data."""

_WEEKDAY = (0.93, 0.90, 0.91, 0.95, 1.12, 1.17, 1.06)
_MONTH = (1.00, 1.05, 0.90, 0.95, 1.02, 0.94, 1.12, 1.15, 0.96, 1.06, 0.88, 0.92)
_YEARLY_GROWTH = 0.05
_TRAVEL_DAYS_BEFORE = 6
_TRAVEL_DAYS_AFTER = 7


def busyness(day: date, spring_festivals: AbstractSet[date]) -> float:
    """The factor by which a day's trade and traffic differ from an average day of 2022."""
    growth = 1 + _YEARLY_GROWTH * (day - FIRST_DAY).days / 365
    return growth * _MONTH[day.month - 1] * _WEEKDAY[day.weekday()] * _holiday(day, spring_festivals)


def _holiday(day: date, spring_festivals: AbstractSet[date]) -> float:
    if day.month == 10 and day.day <= 7:
        return 2.3 if day.day in (1, 2, 6, 7) else 1.8
    if day.month == 5 and day.day <= 5:
        return 1.6
    travel = range(-_TRAVEL_DAYS_AFTER, _TRAVEL_DAYS_BEFORE + 1)
    offsets = [offset for offset in travel if day + timedelta(days=offset) in spring_festivals]
    if not offsets:
        return 1.0
    return 1.2 if offsets[0] == 0 else 1.9
