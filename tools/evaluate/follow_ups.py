"""Questions that mean something only after others, with the SQL of what is meant, on the demo database."""

from __future__ import annotations

import calendar
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

DIALOGUES: Final = Path(__file__).parent / "phrases" / "follow_ups.yaml"
_MEASURES: Final = {"revenue": "pay_sum", "orders": "order_sum", "wechat": "wx", "cars": "customer_count"}
_MONTHS: Final = ("TO_CHAR({day}, 'YYYY-MM')", "DATE_TRUNC('month', {day})::date", "EXTRACT(MONTH FROM {day})")


class Dialogue(NamedTuple):
    """Turns said before, the question, and the statements that are right for it."""

    language: str
    before: tuple[str, ...]
    question: str
    accepted: tuple[str, ...]


def dialogues() -> list[Dialogue]:
    """All of them, in the file's order."""
    content = yaml.safe_load(DIALOGUES.read_text(encoding="utf-8"))
    return [
        Dialogue(language, tuple(before), question, tuple(_accepted(wanted)))
        for language, entries in content.items()
        for before, question, wanted in entries
    ]


def _accepted(wanted: Any) -> Iterator[str]:
    for meaning in wanted if isinstance(wanted, list) else [wanted]:
        by = meaning.get("by")
        day = "d.count_date" if meaning.get("measure") == "cars" else "d.oper_date"
        for label in [month.format(day=day) for month in _MONTHS] if by == "month" else [None]:
            yield statement(meaning, day, label)


def statement(wanted: Mapping[str, Any], day: str, month: str | None = None) -> str:
    """The SQL of one meaning.

    Args:
        wanted: `measure` (revenue without one), `days` as a year or a month, `by`, `top` or `bottom`, conditions on
            `area`, `company`, `car_type`; `joined` leaves out what belongs to no living area of a living company.
        day: the column of the day.
        month: how a month is written where `by` is one.
    """
    measure = f"SUM(d.{_MEASURES[wanted.get('measure', 'revenue')]})"
    is_cars = wanted.get("measure") == "cars"
    labels = {
        "company": "c.company_name",
        "area": "sa.service_area_name" if is_cars else "d.service_name",
        "day": day,
        "month": month,
        "car_type": "d.car_type",
    }
    conditions = [f"{day} BETWEEN {_days(str(wanted['days']))}", "d.delete_ts IS NULL"]
    conditions += [f"{labels[name]} = '{wanted[name]}'" for name in ("area", "company", "car_type") if name in wanted]
    source, living = _source(wanted, is_cars)
    label = labels[wanted["by"]] if "by" in wanted else None
    return " ".join(
        [
            f"SELECT {label}, {measure}" if label else f"SELECT {measure}",
            f"FROM {source} WHERE {' AND '.join([*conditions, *living])}",
            f"GROUP BY {label}" if label else "",
            _ranking(wanted, measure),
        ]
    ).strip()


def _source(wanted: Mapping[str, Any], is_cars: bool) -> tuple[str, list[str]]:
    """The tables and the conditions of those that are joined."""
    table = "bss_car_day_count d" if is_cars else "bss_business_day_data d"
    by_company = "company" in (wanted.get("by"), *wanted) or wanted.get("joined")
    if not by_company and not (is_cars and "area" in (wanted.get("by"), *wanted)):
        return table, []
    key = "d.service_area_id = sa.id" if is_cars else "d.service_no = sa.service_area_no"
    source = f"{table} JOIN bss_service_area sa ON {key}"
    if not by_company:
        return source, ["sa.delete_ts IS NULL"]
    company = "JOIN bss_company c ON sa.company_id = c.id"
    return f"{source} {company}", ["sa.delete_ts IS NULL", "c.delete_ts IS NULL"]


def _ranking(wanted: Mapping[str, Any], measure: str) -> str:
    if "top" in wanted:
        return f"ORDER BY {measure} DESC NULLS LAST LIMIT {wanted['top']}"
    return f"ORDER BY {measure} LIMIT {wanted['bottom']}" if "bottom" in wanted else ""


def _days(text: str) -> str:
    if len(text) == len("2025"):
        return f"'{text}-01-01' AND '{text}-12-31'"
    year, month = map(int, text.split("-"))
    return f"'{text}-01' AND '{text}-{calendar.monthrange(year, month)[1]}'"
