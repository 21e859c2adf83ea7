"""What the usage service returns, as the envelope of its route."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from common.result import Envelope, success_response
from features.usage.repository import Row
from features.usage.schemas import UsageRequest
from features.usage.service import Usage
from features.wire.pages import pagination


def reported(request: UsageRequest, usage: Usage) -> Envelope:
    """Totals, a page of groups and the tenant's budget; costs are decimal numbers as text."""
    return success_response(
        data={
            "from": usage.first_day.isoformat(),
            "to": usage.last_day.isoformat(),
            "group_by": list(request.dimensions),
            "totals": _on_the_wire(usage.totals),
            "items": [_on_the_wire(group) for group in usage.groups],
            "pagination": pagination(request.page, request.page_size, usage.group_count),
            "budget": {"daily_tokens": usage.daily_tokens, "used_today": usage.used_today},
        }
    )


def _on_the_wire(row: Row) -> dict[str, Any]:
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return value.isoformat() if isinstance(value, date) else value
