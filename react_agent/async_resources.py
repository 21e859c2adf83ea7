"""`AsyncResourceManager` (docs/react_service.md) builds what the chat service needs once and closes it in reverse.

Event loops come and go with requests, so the lock is a thread's and the building happens on the shared threads.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from core.async_bridge import run_blocking
from core.redis_client import RedisClient
from react_agent.async_agent import AsyncReactAgent
from react_agent.async_redis_api import AsyncRedisAPI


class AsyncResourceManager:
    """See the module.

    Args:
        redis: the shared client, connected at its first command.
        build_agent: the agent beside it.
    """

    def __init__(
        self, *, redis: Callable[[], RedisClient], build_agent: Callable[[AsyncRedisAPI], AsyncReactAgent]
    ) -> None:
        self._redis = redis
        self._build_agent = build_agent
        self._lock = threading.Lock()
        self.redis_client: RedisClient | None = None
        self.redis_api: AsyncRedisAPI | None = None
        self.agent: AsyncReactAgent | None = None

    async def initialize(self) -> None:
        """Build what is not there yet.

        Raises:
            CituError: a part cannot be built; nothing of it is kept and the next call tries again.
        """
        await run_blocking(self._open)
        assert self.agent is not None  # noqa: S101 - _open() set it or raised
        await self.agent.initialize()

    async def cleanup(self) -> None:
        """Let go of everything, the agent first; it may be initialised again."""
        with self._lock:
            agent, self.agent = self.agent, None
            self.redis_api = self.redis_client = None
        if agent is not None:
            await agent.cleanup()

    @asynccontextmanager
    async def get_agent(self) -> AsyncIterator[AsyncReactAgent]:
        """The agent, built by whoever comes first.

        Raises:
            CituError: it cannot be built now.
        """
        agent = self.agent
        if agent is None:
            await self.initialize()
            agent = self.agent
        assert agent is not None  # noqa: S101 - see initialize()
        yield agent

    async def get_redis_api(self) -> AsyncRedisAPI:
        """Redis alone; the agent need not be possible for it."""
        return await run_blocking(self._open)

    def _open(self) -> AsyncRedisAPI:
        with self._lock:
            if self.redis_api is not None and self.agent is not None:
                return self.redis_api
            client = self._redis()
            api = AsyncRedisAPI(client)
            self.agent = self._build_agent(api)
            self.redis_client, self.redis_api = client, api
            return api
