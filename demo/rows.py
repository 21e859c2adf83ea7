"""The word generator and loader share: a chunk of COPY text, and the columns each table's text has, in order."""

from __future__ import annotations

from typing import NamedTuple

_AUDIT = ("id", "version", "create_ts", "created_by", "update_ts", "updated_by", "delete_ts", "deleted_by")
_NULL = "\\N"

COLUMNS: dict[str, tuple[str, ...]] = {
    "bss_company": (*_AUDIT, "company_name", "company_no"),
    "bss_service_area": (
        *_AUDIT,
        *("service_area_name", "service_area_no", "company_id", "service_position"),
        *("service_area_type", "service_state"),
    ),
    "bss_section_route": (*_AUDIT, "section_name", "route_name", "code"),
    "bss_section_route_area_link": ("section_route_id", "service_area_id"),
    "bss_service_area_mapper": (
        *_AUDIT,
        *("service_name", "service_no", "service_area_id", "source_system_type", "source_type"),
    ),
    "bss_business_day_data": (
        *_AUDIT,
        *("oper_date", "service_no", "service_name", "branch_no", "branch_name"),
        *("wx", "wx_order", "zfb", "zf_order", "rmb", "rmb_order", "xs", "xs_order", "jd", "jd_order"),
        *("order_sum", "pay_sum", "source_type"),
    ),
    "bss_car_day_count": (*_AUDIT, "customer_count", "car_type", "count_date", "service_area_id"),
}
"""The seven tables in the order they are filled."""


class Chunk(NamedTuple):
    """COPY text for `table` with `row_count` lines; it is part `part` (from 1) of `part_count` for that table."""

    table: str
    columns: tuple[str, ...]
    text: str
    row_count: int
    part: int
    part_count: int


def copy_line(*values: object) -> str:
    """One line of COPY text; None becomes NULL. The demo's values hold no tabs, newlines or backslashes."""
    return "\t".join(_NULL if value is None else str(value) for value in values) + "\n"
