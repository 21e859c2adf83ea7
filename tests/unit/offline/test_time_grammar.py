"""Words for times in both languages and the days they mean; the reference days are written out."""

from datetime import date

import pytest

from offline.text import fold
from offline.time_grammar import Clock, TimeGrammar
from offline.vocabulary import load_vocabulary

TODAY = date(2026, 11, 30)
GRAMMAR = TimeGrammar(load_vocabulary().holidays)

DAYS = [
    ("2025年10月1日", "2025-10-01", "2025-10-02"),
    ("２０２５年１０月", "2025-10-01", "2025-11-01"),
    ("二零二五年十月", "2025-10-01", "2025-11-01"),
    ("25年10月", "2025-10-01", "2025-11-01"),
    ("20251001", "2025-10-01", "2025-10-02"),
    ("2025.10", "2025-10-01", "2025-11-01"),
    ("2023年Q1季度", "2023-01-01", "2023-04-01"),
    ("2024年第一季度", "2024-01-01", "2024-04-01"),
    ("2025年上半年", "2025-01-01", "2025-07-01"),
    ("去年10月", "2025-10-01", "2025-11-01"),
    ("前年国庆", "2024-10-01", "2024-10-08"),
    ("2025年中秋", "2025-10-06", "2025-10-07"),
    ("近7天", "2026-11-23", "2026-11-30"),
    ("最近一周", "2026-11-23", "2026-11-30"),
    ("近3个月", "2026-08-30", "2026-11-30"),
    ("上个月", "2026-10-01", "2026-11-01"),
    ("上周末", "2026-11-28", "2026-11-30"),
    ("上周一", "2026-11-23", "2026-11-24"),
    ("2025年1-3月", "2025-01-01", "2025-04-01"),
    ("2025年10月1日到7日", "2025-10-01", "2025-10-08"),
    ("2024年12月到2025年2月", "2024-12-01", "2025-03-01"),
    ("2025年10月前5天", "2025-10-01", "2025-10-06"),
    ("2025年10月最后一天", "2025-10-31", "2025-11-01"),
    ("2025年前三季度", "2025-01-01", "2025-10-01"),
    ("4.5-4.7", "2026-04-05", "2026-04-08"),
    ("in October 2025", "2025-10-01", "2025-11-01"),
    ("on Oct 1, 2023", "2023-10-01", "2023-10-02"),
    ("October 1 last year", "2025-10-01", "2025-10-02"),
    ("in the 1st quarter of 2023", "2023-01-01", "2023-04-01"),
    ("first half of 2023", "2023-01-01", "2023-07-01"),
    ("in the last 7 days", "2026-11-23", "2026-11-30"),
    ("last month", "2026-10-01", "2026-11-01"),
    ("the month before last", "2026-09-01", "2026-10-01"),
    ("between Jan 1, 2023 and Mar 31, 2023", "2023-01-01", "2023-04-01"),
    ("from September to October 2025", "2025-09-01", "2025-11-01"),
    ("from October 1 to October 7, 2025", "2025-10-01", "2025-10-08"),
    ("from 1 to 7 October 2025", "2025-10-01", "2025-10-08"),
    ("the first 5 days of October 2025", "2025-10-01", "2025-10-06"),
    ("2 months ago", "2026-09-01", "2026-10-01"),
]
OPEN = [
    ("2022年以来", "2022-01-01", None),
    ("从2025年1月起", "2025-01-01", None),
    ("since 2020", "2020-01-01", None),
    ("on or after Apr 1, 2023", "2023-04-01", None),
    ("2020年之前", None, "2020-01-01"),
    ("before 2020", None, "2020-01-01"),
]


@pytest.mark.parametrize(("text", "first", "end"), DAYS + OPEN, ids=lambda value: str(value))
def test_time_words_mean_their_days(text: str, first: str | None, end: str | None) -> None:
    found = GRAMMAR.parse(fold(text), 0, Clock(TODAY))
    assert found is not None
    period, stop = found
    assert stop == len(fold(text))
    assert [day.isoformat() if day else None for day in period.bounds(TODAY)] == [first, end]


@pytest.mark.parametrize("text", ["2025年2月31日", "二月三十一日", "前5名", "5 orders", "may be", "march past"])
def test_what_is_no_time_is_not_read_as_one(text: str) -> None:
    found = GRAMMAR.parse(fold(text), 0, Clock(TODAY))
    assert found is None or found[1] < len(fold(text))


def test_a_month_takes_the_year_that_was_said_before() -> None:
    found = GRAMMAR.parse("9月", 0, Clock(TODAY, assumed_year=2024))
    assert found is not None
    assert found[0].bounds(TODAY) == (date(2024, 9, 1), date(2024, 10, 1))
