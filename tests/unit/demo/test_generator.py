"""The demo rows: repeatable, only appended to by a later end date, and shaped like the trade they imitate."""

import functools
import hashlib
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from demo.generator import demo_chunks
from demo.rows import COLUMNS
from demo.seasons import FIRST_DAY

SEED = 20220101


@functools.cache
def chunks(first_day: date, last_day: date, seed: int) -> list[tuple[str, tuple[str, ...], str]]:
    made = demo_chunks(seed=seed, first_day=first_day, last_day=last_day)
    return [(chunk.table, tuple(chunk.columns), chunk.text) for chunk in made]


def rows(table: str, last_day: date, *, first_day: date = FIRST_DAY, seed: int = SEED) -> list[dict[str, str]]:
    return [
        dict(zip(columns, line.split("\t"), strict=True))
        for name, columns, text in chunks(first_day, last_day, seed)
        if name == table
        for line in text.splitlines()
    ]


def lines(last_day: date, *, first_day: date = FIRST_DAY, seed: int = SEED) -> Iterator[str]:
    for chunk in demo_chunks(seed=seed, first_day=first_day, last_day=last_day):
        yield from (f"{chunk.table}\t{line}" for line in chunk.text.splitlines())


def digest(last_day: date, seed: int) -> str:
    return hashlib.sha256("\n".join(lines(last_day, seed=seed)).encode()).hexdigest()


def live(found: list[dict[str, str]]) -> list[dict[str, str]]:
    return [row for row in found if row["delete_ts"] == "\\N"]


def test_same_seed_and_end_date_give_the_same_bytes() -> None:
    end = date(2022, 2, 10)
    assert digest(end, SEED) == digest(end, SEED)
    assert digest(end, SEED) != digest(end, SEED + 1)


@pytest.mark.parametrize("cut", [date(2022, 1, 17), date(2022, 1, 31), date(2022, 2, 1)])
def test_a_later_end_date_only_appends(cut: date) -> None:
    end = date(2022, 2, 20)
    first, rest = Counter(lines(cut)), Counter(lines(end, first_day=cut + timedelta(days=1)))
    assert first + rest == Counter(lines(end))


def test_every_id_is_unique_and_has_32_hex_characters() -> None:
    for table in COLUMNS:
        ids = [row["id"] for row in rows(table, date(2022, 2, 28)) if "id" in row]
        assert len(ids) == len(set(ids))
        assert all(len(row_id) == 32 and int(row_id, 16) >= 0 for row_id in ids)


def test_a_branch_has_one_live_row_a_day_and_an_area_one_a_car_type() -> None:
    end = date(2022, 1, 31)
    trade = Counter((row["branch_no"], row["oper_date"]) for row in live(rows("bss_business_day_data", end)))
    cars = Counter((row["service_area_id"], row["car_type"], row["count_date"]) for row in rows_of_cars(end))
    assert set(trade.values()) == {1}
    assert set(cars.values()) == {1}
    assert {day for _, day in trade} == {f"2022-01-{number:02d}" for number in range(1, 32)}


def rows_of_cars(end: date) -> list[dict[str, str]]:
    return live(rows("bss_car_day_count", end))


def test_the_province_has_nine_companies_and_forty_five_areas() -> None:
    companies = live(rows("bss_company", FIRST_DAY))
    areas = live(rows("bss_service_area", FIRST_DAY))
    assert {company["company_no"] for company in companies} == {*(f"H0{n}" for n in range(1, 9)), "Q01"}
    assert len(companies) == 9
    assert len(areas) == 45
    assert {"宜春服务区", "庐山服务区", "南昌南服务区", "白鹭湖停车区", "信丰西服务区", "南康北服务区"} <= {
        area["service_area_name"] for area in areas
    }
    assert {area["service_state"] for area in areas} == {"开放", "关闭", "上传数据"}
    assert {area["company_id"] for area in areas} == {company["id"] for company in companies}


def test_a_few_per_cent_of_the_daily_rows_are_deleted() -> None:
    for table in ("bss_business_day_data", "bss_car_day_count"):
        found = rows(table, date(2022, 3, 31))
        assert 0.01 < 1 - len(live(found)) / len(found) < 0.06


def test_some_areas_lack_takings_some_lack_cars_and_some_routes_lack_areas() -> None:
    end = date(2022, 1, 5)
    areas = live(rows("bss_service_area", end))
    with_takings = {row["service_no"] for row in rows("bss_business_day_data", end)}
    with_cars = {row["service_area_id"] for row in rows_of_cars(end)}
    linked = {row["section_route_id"] for row in rows("bss_section_route_area_link", end)}
    assert 0 < sum(area["service_area_no"] not in with_takings for area in areas) < 8
    assert 0 < sum(area["id"] not in with_cars for area in areas) < 8
    assert 0 < sum(route["id"] not in linked for route in live(rows("bss_section_route", end))) < 8


def test_sums_are_exact_but_for_a_few_rows() -> None:
    found = live(rows("bss_business_day_data", date(2022, 12, 31)))
    amounts, orders = ("wx", "zfb", "rmb", "xs", "jd"), ("wx_order", "zf_order", "rmb_order", "xs_order", "jd_order")
    wrong_pay = sum(cents(row["pay_sum"]) != sum(cents(row[name]) for name in amounts) for row in found)
    wrong_orders = sum(cents(row["order_sum"]) != sum(cents(row[name]) for name in orders) for row in found)
    assert 0 < wrong_pay < len(found) / 200
    assert 0 < wrong_orders < len(found) / 200
    assert all(cents(row[name]) >= 0 for row in found for name in (*amounts, *orders))


def cents(text: str) -> int:
    return 0 if text == "\\N" else round(float(text) * 100)


def test_holidays_and_weekends_are_busier() -> None:
    takings: Counter[str] = Counter()
    for row in live(rows("bss_business_day_data", date(2022, 10, 31))):
        takings[row["oper_date"]] += cents(row["pay_sum"])

    def mean(days: list[date]) -> float:
        return sum(takings[day.isoformat()] for day in days) / len(days)

    september = [date(2022, 9, day) for day in range(1, 31)]
    assert mean([date(2022, 10, day) for day in range(1, 8)]) > 1.5 * mean(september)
    assert mean([date(2022, 2, day) for day in range(2, 7)]) > 1.5 * mean([date(2022, 3, day) for day in range(1, 29)])
    weekends = [day for day in september if day.weekday() >= 5]
    assert mean(weekends) > 1.05 * mean([day for day in september if day.weekday() < 4])


def test_days_before_the_first_are_refused() -> None:
    with pytest.raises(ValueError):
        list(demo_chunks(seed=SEED, first_day=FIRST_DAY - timedelta(days=1), last_day=FIRST_DAY))
