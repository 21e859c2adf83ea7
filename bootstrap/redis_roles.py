"""Two uses of Redis: what must be kept, and caches. One server does for both as long as it evicts nothing.

Conversations have a time to live like cached answers, so none of Redis's eviction policies spares them: whoever wants a
bounded cache gives it a server of its own (`REDIS_CACHE_URL`) and lets that one evict.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from redis.exceptions import RedisError

from common.config_service import ConfigService
from core.logging import get_app_logger
from core.redis_client import RedisClient, connect_redis

logger = get_app_logger("redis_roles")


def connect(settings: ConfigService, url: str, on_close: Callable[[Callable[[], Any]], None]) -> RedisClient:
    """A client with the limits of the settings, closed with the container."""
    client = connect_redis(
        url,
        timeout_seconds=settings.get("REDIS_TIMEOUT"),
        max_connections=settings.get("REDIS_POOL_SIZE"),
    )
    on_close(client.close)
    return client


def warn_of_eviction(redis: RedisClient) -> bool:
    """Log it when this server may evict what must be kept; False when it cannot or does not say."""
    try:
        memory = redis.commands.info("memory")
    except RedisError:
        return False
    policy = str(memory.get("maxmemory_policy", "noeviction"))
    may_evict = int(memory.get("maxmemory", 0)) > 0 and policy != "noeviction"
    if may_evict:
        logger.warning("the Redis of REDIS_URL evicts (%s): conversations may be lost; see REDIS_CACHE_URL", policy)
    return may_evict
