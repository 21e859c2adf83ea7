"""Reports what the model calls of a tenant have used and cost; `GET /api/v0/usage` serves it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from common import messages
from common.errors import BadRequestError
from core.database import Database
from core.llm.budget import Spending
from features.usage.repository import Row, UsageRepository
from features.usage.schemas import UsageRequest

USUAL_DAYS: Final = 30
MOST_DAYS: Final = 366


@dataclass(frozen=True)
class Usage:
    """Sums over whole UTC days, both ends included, of all calls and of some groups.

    Attributes:
        group_count: groups in all, of which `groups` is a page.
        daily_tokens: tokens the tenant may use in a UTC day, 0 for no limit.
        used_today: tokens the tenant has used in this one.
    """

    first_day: date
    last_day: date
    totals: Row
    groups: Sequence[Row]
    group_count: int
    daily_tokens: int
    used_today: int


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

    def report(self, tenant: str, wanted: UsageRequest) -> Usage:
        """The sums of the days that are asked for, and a page of their groups.

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
        return Usage(first, last, totals, groups, count, self._daily_budget, self._spent_today(tenant, None).tokens)

    def _days(self, wanted: UsageRequest) -> tuple[date, date]:
        last = wanted.last_day or max(self._database.now().date(), wanted.first_day or date.min)
        first = wanted.first_day or last - timedelta(days=USUAL_DAYS - 1)
        if not 0 <= (last - first).days < MOST_DAYS:
            text = messages.USAGE_RANGE_WRONG.format(days=MOST_DAYS)
            raise BadRequestError(text, invalid_params=["from", "to"])
        return first, last
