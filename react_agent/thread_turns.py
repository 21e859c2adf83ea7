"""One turn at a time in a thread, over all processes: a second question waits until the first one has ended.

The turn is a lock in Redis with a lease that its holder renews, so that a killed process keeps a thread busy for a
lease at most. Without Redis the processes do not know of each other; the threads of one still take turns. Waiting is
in order of arrival within a process.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any, Final
from uuid import uuid4

from redis import Redis
from redis.exceptions import RedisError

from core.async_bridge import run_blocking
from react_agent.logger import get_react_agent_logger

logger = get_react_agent_logger("Turns")

_RENEWALS_A_LEASE: Final = 3
_LONGEST_PAUSE_SECONDS: Final = 0.25
_RENEW: Final = (
    "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end return redis.call('PEXPIRE', KEYS[1], ARGV[2])"
)
_RELEASE: Final = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end return redis.call('DEL', KEYS[1])"


class ThreadTurns:
    """See the module. Threads and event loops share it.

    Args:
        redis: a client with text responses and short timeouts.
        lease_seconds: how long a lock outlives a holder that was killed.
    """

    def __init__(self, redis: Redis, *, lease_seconds: float = 15.0) -> None:
        self._redis = redis
        self._lease_milliseconds = int(lease_seconds * 1000)
        self._renew: Callable[..., Any] = redis.register_script(_RENEW)
        self._release: Callable[..., Any] = redis.register_script(_RELEASE)
        self._lock = threading.Lock()
        self._queues: dict[str, list[str]] = {}

    @contextlib.asynccontextmanager
    async def turn(self, key: str) -> AsyncIterator[None]:
        """Wait for the turn in the thread whose lock is `key`, hold it for the block, pass it on."""
        token = uuid4().hex
        self._line_up(key, token)
        try:
            await self._until_first(key, token)
            is_held = await self._take(key, token)
            keeper = asyncio.get_running_loop().create_task(self._keep(key, token)) if is_held else None
            try:
                yield
            finally:
                if keeper is not None:
                    keeper.cancel()
                    await run_blocking(self._give_back, key, token)
        finally:
            self._leave(key, token)

    def _line_up(self, key: str, token: str) -> None:
        with self._lock:
            self._queues.setdefault(key, []).append(token)

    def _leave(self, key: str, token: str) -> None:
        with self._lock:
            queue = self._queues.get(key, [])
            if token in queue:
                queue.remove(token)
            if not queue:
                self._queues.pop(key, None)

    def _is_first(self, key: str, token: str) -> bool:
        with self._lock:
            return self._queues.get(key, [token])[0] == token

    async def _until_first(self, key: str, token: str) -> None:
        pause = 0.01
        while not self._is_first(key, token):
            await asyncio.sleep(pause)
            pause = min(_LONGEST_PAUSE_SECONDS, pause * 1.5)

    async def _take(self, key: str, token: str) -> bool:
        """Whether the lock is ours; False when there is no Redis to hold it."""
        pause, is_given_up = 0.01, threading.Event()
        try:
            while not await run_blocking(self._try_take, key, token, is_given_up):
                await asyncio.sleep(pause)
                pause = min(_LONGEST_PAUSE_SECONDS, pause * 1.5)
        except RedisError as error:
            logger.warning("threads of other processes are not waited for: %s", type(error).__name__)
            return False
        except asyncio.CancelledError:
            is_given_up.set()
            await run_blocking(self._give_back, key, token)
            raise
        return True

    def _try_take(self, key: str, token: str, is_given_up: threading.Event) -> bool:
        """A lock taken for somebody who has left in the meantime goes back at once."""
        is_taken = bool(self._redis.set(key, token, nx=True, px=self._lease_milliseconds))
        if is_taken and is_given_up.is_set():
            self._give_back(key, token)
        return is_taken

    async def _keep(self, key: str, token: str) -> None:
        while True:
            await asyncio.sleep(self._lease_milliseconds / 1000 / _RENEWALS_A_LEASE)
            await run_blocking(self._prolong, key, token)

    def _prolong(self, key: str, token: str) -> None:
        with contextlib.suppress(RedisError):
            self._renew(keys=[key], args=[token, self._lease_milliseconds])

    def _give_back(self, key: str, token: str) -> None:
        with contextlib.suppress(RedisError):
            self._release(keys=[key], args=[token])
