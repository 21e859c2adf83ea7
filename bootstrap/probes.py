"""What `/health` asks: each probe is bounded in time and says in a sentence what is wrong, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from common import messages
from common.errors import CituError
from core.database import Database
from core.redis_client import RedisClient
from core.sql_executor import SqlExecutor

Probe = Callable[[], str | None]


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


def reader_rights_probe(find_reasons: Callable[[], list[str]]) -> Probe:
    """A business account that can write is a warning, not a failure."""

    def probe() -> str | None:
        reasons = find_reasons()
        return messages.COMPONENT_BUSINESS_CAN_WRITE.format(reasons="、".join(reasons)) if reasons else None

    return probe
