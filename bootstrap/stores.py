"""Where the three stores are: named by the settings, or the embedded servers of this machine (ADR 0004, 0005).

Redis has two uses: what must be kept, and caches. One server does for both as long as it evicts nothing. Conversations
have a time to live like cached answers, so none of Redis's eviction policies spares them: whoever wants a bounded cache
gives it a server of its own (`REDIS_CACHE_URL`) and lets that one evict.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis.exceptions import RedisError

import app_config
from common import derived_settings
from common.config_service import ConfigService
from core.embedded import ServerLease, acquire_servers
from core.embedded.homes import home_of
from core.logging import get_app_logger
from core.redis_client import RedisClient, connect_redis
from core.sql_executor.reader_role import reader_url_of

logger = get_app_logger("stores")


@dataclass(frozen=True)
class Stores:
    """Addresses of the three stores.

    Attributes:
        business_owner_url: None when the business database is not ours; then it is never written to.
        lease: keeps the embedded servers alive; None when none are used.
    """

    platform_url: str
    business_url: str
    redis_url: str
    business_owner_url: str | None = None
    reader_password: str = ""
    lease: ServerLease | None = None

    def close(self, *, wait_seconds: float = 0) -> None:
        """Let go of the embedded servers; the last one who does stops them. Waits for that at most so long."""
        if self.lease is not None:
            self.lease.release(wait_seconds=wait_seconds)

    def __repr__(self) -> str:
        return f"Stores(embedded={self.lease is not None})"


def find_stores(settings: ConfigService, progress: Callable[[str], None]) -> Stores:
    """Addresses from the settings; whatever is not set there is served by the embedded servers.

    Raises:
        ConfigurationError: the embedded servers cannot be started.
    """
    platform = settings.get("DATABASE_URL")
    business, redis = derived_settings.business_database_url(settings), derived_settings.redis_url(settings)
    if platform and business and redis:
        return Stores(platform, business, redis)
    data_dir = app_config.project_path(settings.get("DATA_DIR"))
    lease = acquire_servers(data_dir, progress=progress)
    lease.watch()
    addresses = lease.addresses
    password = _reader_password(data_dir)
    owner_url = None if business else addresses.business_owner_url
    reader = reader_url_of(addresses.business_owner_url, settings.get("BUSINESS_READER_ROLE"), password)
    return Stores(
        platform_url=platform or addresses.platform_url,
        business_url=business or reader,
        redis_url=redis or addresses.redis_url,
        business_owner_url=owner_url,
        reader_password=password,
        lease=lease,
    )


def home_elsewhere(settings: ConfigService, stores: Stores) -> Path | None:
    """Where the embedded servers keep their data when that is outside the data folder; None for any other start."""
    if stores.lease is None:
        return None
    data_dir = app_config.project_path(settings.get("DATA_DIR"))
    home = home_of(data_dir).path
    return None if home.is_relative_to(data_dir.resolve()) else home


def _reader_password(data_dir: Path) -> str:
    """The embedded reader role's password, made once; the first of several processes wins."""
    path = data_dir / "embedded" / "reader_password"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        password = secrets.token_urlsafe(24)
        file.write(password)
    return password


def connect_to_redis(settings: ConfigService, url: str, on_close: Callable[[Callable[[], Any]], None]) -> RedisClient:
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
