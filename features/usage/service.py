"""Reports what the model calls of a tenant have used and cost; `GET /api/v0/usage` serves it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from common import messages
from common.errors import BadRequestError
from common.result import Envelope, success_response
from core.database import Database
from core.llm.budget import Spending
from features.usage.repository import Row, UsageRepository
from features.usage.schemas import UsageRequest
from features.wire.pages import pagination

USUAL_DAYS: Final = 30
MOST_DAYS: Final = 366


class UsageService:
    """See the module.

    Args:
        database: the platform database.
        spent_today: tokens of a tenant, or of one of its users, in the UTC day.
        daily_budget: tokens a tenant may use in a UTC day, 0 for no limit.
    """

    def __init__(
        self, *, database: Database, spent_today: Callable[[str, str | None], Spending], daily_budget: int
    ) -> None:
        self._database = database
        self._spent_today = spent_today
        self._daily_budget = daily_budget

    def report(self, tenant: str, wanted: UsageRequest) -> Envelope:
        """The contract's envelope.

        Raises:
            BadRequestError: the days are in the wrong order or too far apart.
            StoreUnavailableError: the platform database is away.
        """
        first, last = self._days(wanted)
        with self._database.session() as session:
            repository = UsageRepository(session, tenant)
            totals = repository.totals(first, last)
            offset = (wanted.page - 1) * wanted.page_size
            groups, count = repository.groups(first, last, wanted.dimensions, limit=wanted.page_size, offset=offset)
        budget = {"daily_tokens": self._daily_budget, "used_today": self._spent_today(tenant, None).tokens}
        return success_response(
            data={
                "from": first.isoformat(),
                "to": last.isoformat(),
                "group_by": list(wanted.dimensions),
                "totals": _on_the_wire(totals),
                "items": [_on_the_wire(group) for group in groups],
                "pagination": pagination(wanted.page, wanted.page_size, count),
                "budget": budget,
            }
        )

    def _days(self, wanted: UsageRequest) -> tuple[date, date]:
        last = wanted.last_day or max(self._database.now().date(), wanted.first_day or date.min)
        first = wanted.first_day or last - timedelta(days=USUAL_DAYS - 1)
        if not 0 <= (last - first).days < MOST_DAYS:
            text = messages.USAGE_RANGE_WRONG.format(days=MOST_DAYS)
            raise BadRequestError(text, invalid_params=["from", "to"])
        return first, last


def _on_the_wire(row: Row) -> dict[str, Any]:
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return value.isoformat() if isinstance(value, date) else value
