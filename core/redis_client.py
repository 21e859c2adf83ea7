"""The way to Redis: bounded pool, short timeouts, no retries, and a short circuit so that a dead Redis costs little.

redis-py's own defaults turn a dead server into 4 to 12 seconds a command. Here a failure costs one timeout, then every
command fails at once until the pause is over, then one caller at a time tries the server again.
The container builds one client for each URL; blocking reads (streams, queues) need one with a longer timeout.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from redis import BlockingConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

from common import messages
from common.errors import ConfigurationError, StoreUnavailableError
from core.logging import get_app_logger

T = TypeVar("T")
_LOGGER = get_app_logger("redis_client")
_SCHEMES: Final = ("redis://", "rediss://", "unix://")


class ShortCircuit:
    """Remembers that the server failed and lets nobody wait for it again for `pause_seconds`."""

    def __init__(self, *, pause_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._pause_seconds = pause_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._passes_again_at: float | None = None

    def enter(self) -> None:
        """Pass, or raise redis's `ConnectionError`. After the pause each period lets one caller through."""
        with self._lock:
            if self._passes_again_at is None:
                return
            if self._clock() < self._passes_again_at:
                raise RedisConnectionError("Redis failed a moment ago")
            self._passes_again_at = self._clock() + self._pause_seconds

    def failed(self) -> None:
        with self._lock:
            is_news = self._passes_again_at is None
            self._passes_again_at = self._clock() + self._pause_seconds
        if is_news:
            _LOGGER.warning("Redis does not answer; going on without it")

    def succeeded(self) -> None:
        with self._lock:
            is_news = self._passes_again_at is not None
            self._passes_again_at = None
        if is_news:
            _LOGGER.info("Redis answers again")


class _OneAttempt(Retry):
    """redis-py's hook around connecting and around every command: one attempt, watched by the circuit."""

    def __init__(self, circuit: ShortCircuit) -> None:
        super().__init__(NoBackoff(), 0)
        self._circuit = circuit
        self._attempt = threading.local()

    def __deepcopy__(self, _memo: dict[int, Any]) -> _OneAttempt:
        return self

    def call_with_retry(self, do: Callable[[], T], *args: Any, **kwargs: Any) -> T:
        if getattr(self._attempt, "is_running", False):
            return super().call_with_retry(do, *args, **kwargs)
        self._circuit.enter()
        self._attempt.is_running = True
        try:
            result = super().call_with_retry(do, *args, **kwargs)
        except (RedisConnectionError, RedisTimeoutError, OSError):
            self._circuit.failed()
            raise
        finally:
            self._attempt.is_running = False
        self._circuit.succeeded()
        return result


class RedisClient:
    """A pooled Redis connection. `commands` is redis-py's client with text responses; threads share it."""

    def __init__(self, commands: Redis) -> None:
        self.commands = commands

    def __repr__(self) -> str:
        return "RedisClient()"

    def is_available(self) -> bool:
        """Whether the server answers now (or answered since it last failed, see the module)."""
        try:
            return bool(self.commands.ping())
        except RedisError:
            return False

    @contextmanager
    def translated(self) -> Iterator[Redis]:
        """Use the commands where the answer depends on Redis: its errors become `StoreUnavailableError`."""
        try:
            yield self.commands
        except RedisError as error:
            raise StoreUnavailableError(messages.REDIS_UNAVAILABLE) from error

    def close(self) -> None:
        """Close every pooled connection."""
        self.commands.close()
        self.commands.connection_pool.disconnect()


def connect_redis(
    url: str,
    *,
    timeout_seconds: float = 0.4,
    max_connections: int = 32,
    pool_timeout_seconds: float = 0.5,
    pause_seconds: float = 1.0,
) -> RedisClient:
    """A client for `redis://…`, `rediss://…` or `unix://…`. Nothing connects before the first command.

    Args:
        timeout_seconds: to connect, and for each answer.
        max_connections: of this process; a caller waits `pool_timeout_seconds` for a free one.
        pause_seconds: how long commands fail at once after a failure.

    Raises:
        ConfigurationError: not a Redis URL. The message never repeats the URL.
    """
    if not url.startswith(_SCHEMES):
        raise ConfigurationError("a Redis URL must look like redis://:password@host:port/db or unix:///path?db=0")
    try:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=max_connections,
            timeout=pool_timeout_seconds,
            socket_timeout=timeout_seconds,
            socket_connect_timeout=timeout_seconds,
            retry=_OneAttempt(ShortCircuit(pause_seconds=pause_seconds)),
            decode_responses=True,
            driver_info=None,
            maint_notifications_config=MaintNotificationsConfig(enabled=False),
        )
    except ValueError as error:
        raise ConfigurationError("the Redis URL has a part that cannot be read") from error
    return RedisClient(Redis(connection_pool=pool))
