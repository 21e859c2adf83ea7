"""What `/health` asks: each probe is bounded in time and says in a sentence what is wrong, or nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from common import messages
from common.errors import CituError, StoreUnavailableError
from core.database import Database
from core.redis_client import RedisClient
from core.sql_executor import SqlExecutor
from core.sql_executor.reader_role import can_write

Probe = Callable[[], str | None]
RIGHTS_SECONDS = 60.0


def redis_probe(redis: RedisClient) -> Probe:
    return lambda: None if redis.is_available() else messages.COMPONENT_REDIS_LOST


def platform_probe(platform: Database) -> Probe:
    return lambda: None if platform.is_available() else messages.COMPONENT_PLATFORM_LOST


def business_probe(executor: SqlExecutor) -> Probe:
    return lambda: None if executor.is_available() else messages.COMPONENT_BUSINESS_LOST


def agent_probe(engine: Callable[[], Any]) -> Probe:
    """Building the agent is the test; it is built once."""

    def probe() -> str | None:
        try:
            engine()
        except (CituError, ImportError):
            return messages.COMPONENT_AGENT_LOST
        return None

    return probe


class ReaderRightsProbe:
    """A business account that can write is a warning, not a failure; its rights are looked at once a minute."""

    def __init__(self, business_url: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._business_url = business_url
        self._clock = clock
        self._looked_at: float | None = None
        self._reasons: list[str] = []

    def __call__(self) -> str | None:
        """What the account could do beyond reading, or None; None too while the database cannot be asked."""
        if self._looked_at is None or self._clock() - self._looked_at >= RIGHTS_SECONDS:
            try:
                self._reasons = can_write(self._business_url)
            except StoreUnavailableError:
                return None
            self._looked_at = self._clock()
        if not self._reasons:
            return None
        names = "、".join(messages.READER_RIGHTS.get(reason, reason) for reason in self._reasons)
        return messages.COMPONENT_BUSINESS_CAN_WRITE.format(reasons=names)
