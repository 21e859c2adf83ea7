"""How many tokens a tenant, and each of its users, may use in a UTC day. Used by `core.llm.metering`.

The truth is the sum in the platform database, looked up at most every `refresh_seconds` and counted on in between. So
several processes overshoot a budget by what they use within that time and by the calls under way. A database that is
away refuses nobody.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from common import messages
from common.errors import BudgetExceededError, StoreUnavailableError
from core.logging import get_app_logger

logger = get_app_logger("llm.budget")

_MOST_ENTRIES: Final = 10_000


@dataclass(frozen=True)
class Spending:
    """Tokens used since the UTC day began, and the seconds left of it, by the database's clock."""

    tokens: int
    seconds_left: float


SpentToday = Callable[[str, str | None], Spending]


@dataclass
class _Entry:
    tokens: int = 0
    looked_at: float = float("-inf")
    day_ends: float = float("inf")


class DailyBudget:
    """See the module. Safe in any thread.

    Args:
        spent_today: what a tenant, or one of its users, has used today; may raise `StoreUnavailableError`.
        tenant_tokens: a tenant's budget, 0 for none.
        user_tokens: the budget of each user, 0 for none.
        clock: seconds from any fixed point, never going back.
    """

    def __init__(
        self,
        *,
        spent_today: SpentToday,
        tenant_tokens: int = 0,
        user_tokens: int = 0,
        refresh_seconds: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._spent_today = spent_today
        self._tenant_tokens = tenant_tokens
        self._user_tokens = user_tokens
        self._refresh_seconds = refresh_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: OrderedDict[tuple[str, str | None], _Entry] = OrderedDict()

    def check(self, tenant: str, user_id: str) -> None:
        """Let the account call or raise.

        Raises:
            BudgetExceededError: with the seconds until a new day begins.
        """
        self._check(tenant, None, self._tenant_tokens, messages.TENANT_BUDGET_EXCEEDED)
        self._check(tenant, user_id, self._user_tokens, messages.USER_BUDGET_EXCEEDED)

    def add(self, tenant: str, user_id: str, tokens: int) -> None:
        """Count tokens just used."""
        with self._lock:
            for key in ((tenant, None), (tenant, user_id)):
                if key in self._entries:
                    self._entries[key].tokens += tokens

    def _check(self, tenant: str, user_id: str | None, limit: int, text: str) -> None:
        if not limit:
            return
        entry = self._entry(tenant, user_id)
        if entry.tokens >= limit:
            left = max(1, round(entry.day_ends - self._clock())) if entry.day_ends != float("inf") else None
            raise BudgetExceededError(text.format(limit=limit), retry_after_seconds=left)

    def _entry(self, tenant: str, user_id: str | None) -> _Entry:
        key = (tenant, user_id)
        now = self._clock()
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
            self._entries.move_to_end(key)
            if len(self._entries) > _MOST_ENTRIES:
                self._entries.popitem(last=False)
            if now >= entry.day_ends:
                entry.tokens, entry.looked_at, entry.day_ends = 0, float("-inf"), float("inf")
            if now - entry.looked_at < self._refresh_seconds:
                return entry
            entry.looked_at = now  # others count on with what is known while this one looks
        self._refresh(entry, tenant, user_id)
        return entry

    def _refresh(self, entry: _Entry, tenant: str, user_id: str | None) -> None:
        try:
            found = self._spent_today(tenant, user_id)
        except StoreUnavailableError:
            logger.warning("budgets are not looked up: the platform database is away")
            return
        with self._lock:
            # what was counted here may not be written yet
            entry.tokens = max(entry.tokens, found.tokens)
            entry.day_ends = self._clock() + found.seconds_left
