"""Lets a question that is no run come after the runs its conversation is busy with when it arrives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, cast

from redis import Redis
from redis.exceptions import RedisError

from core.async_bridge import run_blocking
from core.logging import get_app_logger
from core.runs.store import turns_key

logger = get_app_logger("runs")

_LONGEST_PAUSE_SECONDS: Final = 0.25


class EarlierRuns:
    """See the module. Threads and event loops share it.

    Args:
        redis: a client with text responses and short timeouts.
    """

    def __init__(self, redis: Callable[[], Redis]) -> None:
        self._redis = redis

    async def ended(self, tenant: str, conversation_id: str) -> None:
        """Return once they have ended, stopped and lost ones included; without Redis nobody is waited for."""
        key, pause = turns_key(tenant, conversation_id), 0.01
        try:
            ahead = await run_blocking(self._turns, key)
            while ahead:
                await asyncio.sleep(pause)
                pause = min(_LONGEST_PAUSE_SECONDS, pause * 1.5)
                ahead &= await run_blocking(self._turns, key)
        except RedisError as error:
            logger.warning("the runs of a conversation are not waited for: %s", type(error).__name__)

    def _turns(self, key: str) -> set[str]:
        return set(cast(list[str], self._redis().lrange(key, 0, -1)))
