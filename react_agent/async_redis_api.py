"""`AsyncRedisAPI` (docs/react_service.md): JSON values under one key prefix, for coroutines of any event loop.

The Redis client is the shared synchronous one, reached through the shared threads, so nothing here is bound to a loop.
Every method raises `StoreUnavailableError` when Redis cannot be reached; none answers with an invented value.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import islice
from typing import Any, Final

from redis.exceptions import RedisError

from common import messages
from common.errors import StoreUnavailableError
from common.tenant import DEFAULT_TENANT_NAME, redis_key
from core.async_bridge import run_blocking
from core.redis_client import RedisClient

PREFIX: Final = "react:direct:"
MAX_KEYS: Final = 1000
SCAN_COUNT: Final = 500
_GLOB: Final = str.maketrans({character: f"\\{character}" for character in "*?[]\\"})


class AsyncRedisAPI:
    """See the module.

    Args:
        redis_client: shared, with text responses; it is not closed here.
        tenant: whose keys these are.
    """

    def __init__(self, redis_client: RedisClient, *, tenant: str = DEFAULT_TENANT_NAME) -> None:
        self._client = redis_client
        self._prefix = redis_key(tenant, PREFIX)

    async def set_data(self, key: str, value: Any, ttl: int | None = None) -> bool:
        """Keep a JSON value, for `ttl` seconds when given."""
        return await self.batch_set({key: value}, ttl)

    async def get_data(self, key: str) -> Any | None:
        """The value, None when there is none."""
        return (await run_blocking(self._read, [key])).get(key)

    async def delete_data(self, key: str) -> bool:
        """Whether there was one."""
        return await run_blocking(self._delete, key)

    async def search_keys(self, pattern: str) -> list[str]:
        """At most 1000 keys that fit a glob pattern, sorted, without the prefix."""
        return await run_blocking(self._search, pattern)

    async def get_all_data(self, pattern: str = "*") -> dict[str, Any]:
        """The values of `search_keys`."""
        return await run_blocking(lambda: self._read(self._search(pattern)))

    async def batch_set(self, data: Mapping[str, Any], ttl: int | None = None) -> bool:
        """Keep several values in one round trip.

        Raises:
            ValueError, TypeError: a value JSON does not have; nothing is kept then.
        """
        texts = {
            self._prefix + key: json.dumps(value, ensure_ascii=False, allow_nan=False) for key, value in data.items()
        }
        await run_blocking(self._write, texts, ttl)
        return True

    async def health_check(self) -> dict[str, Any]:
        """`{status: healthy, connected_clients, used_memory, redis_version}`, or `{status: unhealthy, error}`."""
        try:
            info = await run_blocking(self._info)
        except StoreUnavailableError as error:
            return {"status": "unhealthy", "error": error.message}
        return {
            "status": "healthy",
            "connected_clients": info.get("connected_clients", 0),
            "used_memory": info.get("used_memory_human", ""),
            "redis_version": info.get("redis_version", ""),
        }

    def _read(self, keys: list[str]) -> dict[str, Any]:
        with self._client.translated() as commands:
            pipeline = commands.pipeline(transaction=False)
            for key in keys:
                pipeline.get(self._prefix + key)
            values = pipeline.execute() if keys else []
        return {key: _value(text) for key, text in zip(keys, values, strict=True) if text is not None}

    def _write(self, texts: Mapping[str, str], ttl: int | None) -> None:
        with self._client.translated() as commands:
            pipeline = commands.pipeline(transaction=True)
            for key, text in texts.items():
                pipeline.set(key, text, ex=ttl or None)
            pipeline.execute()

    def _delete(self, key: str) -> bool:
        with self._client.translated() as commands:
            return bool(commands.delete(self._prefix + key))

    def _search(self, pattern: str) -> list[str]:
        fitting = self._prefix.translate(_GLOB) + pattern
        with self._client.translated() as commands:
            found = list(islice(commands.scan_iter(match=fitting, count=SCAN_COUNT), MAX_KEYS))
        return sorted({str(key).removeprefix(self._prefix) for key in found})

    def _info(self) -> dict[str, Any]:
        try:
            return dict(self._client.commands.info())
        except RedisError as error:
            raise StoreUnavailableError(messages.REDIS_UNAVAILABLE) from error


def _value(text: str) -> Any:
    """A value that is not JSON was written by somebody else; it is shown as the text it is."""
    try:
        return json.loads(text)
    except ValueError:
        return text
