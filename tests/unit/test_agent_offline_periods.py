"""Dates in questions: what they mean on a given day."""

from datetime import date

import pytest

from agent.offline.normalise import normalise
from agent.offline.period_parser import PeriodParser
from agent.offline.vocabulary import load_vocabulary

TODAY = date(2024, 5, 15)


@pytest.fixture(scope="module")
def parser() -> PeriodParser:
    return PeriodParser(holidays=load_vocabulary().holidays)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2023年4月1日", date(2023, 4, 1), date(2023, 4, 2)),
        ("2023-04-01", date(2023, 4, 1), date(2023, 4, 2)),
        ("２０２３年４月１日", date(2023, 4, 1), date(2023, 4, 2)),
        ("4月1日", date(2024, 4, 1), date(2024, 4, 2)),
        ("12月1日", date(2023, 12, 1), date(2023, 12, 2)),
        ("2023年4月1日至7日", date(2023, 4, 1), date(2023, 4, 8)),
        ("2023-04-01到2023-05-02", date(2023, 4, 1), date(2023, 5, 3)),
        ("2023年4月", date(2023, 4, 1), date(2023, 5, 1)),
        ("去年4月份", date(2023, 4, 1), date(2023, 5, 1)),
        ("2023年1月到3月", date(2023, 1, 1), date(2023, 4, 1)),
        ("2023年第二季度", date(2023, 4, 1), date(2023, 7, 1)),
        ("2023年下半年", date(2023, 7, 1), date(2024, 1, 1)),
        ("2023年", date(2023, 1, 1), date(2024, 1, 1)),
        ("2023年国庆期间", date(2023, 10, 1), date(2023, 10, 8)),
        ("昨天", date(2024, 5, 14), date(2024, 5, 15)),
        ("本周", date(2024, 5, 13), None),
        ("上周", date(2024, 5, 6), date(2024, 5, 13)),
        ("上个月", date(2024, 4, 1), date(2024, 5, 1)),
        ("上季度", date(2024, 1, 1), date(2024, 4, 1)),
        ("去年", date(2023, 1, 1), date(2024, 1, 1)),
        ("近7天", date(2024, 5, 8), None),
        ("过去30天", date(2024, 4, 15), date(2024, 5, 15)),
        ("最近一个月", date(2024, 4, 15), None),
        ("最近三个月", date(2024, 2, 15), None),
        ("2023年4月1日以来", date(2023, 4, 1), None),
        ("last 7 days", date(2024, 5, 8), None),
    ],
)
def test_period_means_these_days(parser: PeriodParser, text: str, start: date, end: date | None) -> None:
    found = parser.parse(normalise(text), 0, TODAY)
    assert found is not None
    period, _ = found
    assert period.start is not None
    assert period.start.resolve(TODAY) == start
    assert (period.end.resolve(TODAY) if period.end else None) == end


@pytest.mark.parametrize("text", ["2023年2月31日", "前三家", "服务区", "13月", "2023年13月1日"])
def test_no_period_where_none_is_meant(parser: PeriodParser, text: str) -> None:
    assert parser.parse(normalise(text), 0, TODAY) is None


def test_last_day_with_data_is_a_period_of_its_own(parser: PeriodParser) -> None:
    found = parser.parse("最近一天", 0, TODAY)
    assert found is not None
    assert found[0].is_latest


@pytest.mark.parametrize(
    ("text", "year_before", "just_before"),
    [
        ("2023年4月", (date(2022, 4, 1), date(2022, 5, 1)), (date(2023, 3, 1), date(2023, 4, 1))),
        ("2023年4月1日至7日", (date(2022, 4, 1), date(2022, 4, 8)), (date(2023, 3, 25), date(2023, 4, 1))),
        ("本月", (date(2023, 5, 1), date(2023, 5, 16)), (date(2024, 4, 1), date(2024, 4, 16))),
    ],
)
def test_periods_to_compare_with(
    parser: PeriodParser, text: str, year_before: tuple[date, date], just_before: tuple[date, date]
) -> None:
    found = parser.parse(text, 0, TODAY)
    assert found is not None
    for period, expected in ((found[0].year_before(), year_before), (found[0].just_before(TODAY), just_before)):
        assert period.start is not None
        assert period.end is not None
        assert (period.start.resolve(TODAY), period.end.resolve(TODAY)) == expected
