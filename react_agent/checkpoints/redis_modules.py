"""Threads in a Redis with RediSearch and RedisJSON: the saver of `langgraph-checkpoint-redis` and records on its keys.

Key layout of that library, version 0.5: `checkpoint:<thread>:<ns>:<id>` (JSON), `checkpoint_latest:<thread>:<ns>`,
`checkpoint_write:<thread>:<ns>:<id>:…`, `write_keys_zset:<thread>:<ns>:<id>`; the root namespace is `__empty__`.
"""

from __future__ import annotations

import contextlib
import re
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from langgraph.checkpoint.redis import RedisSaver
from redis import Redis
from redis.exceptions import RedisError

from common.errors import StoreUnavailableError
from common.messages import react as texts
from react_agent.checkpoints.blocking_saver import BlockingSaver
from react_agent.checkpoints.records import StoredThread, stored_thread

ROOT: Final = "__empty__"
NEEDED_COMMANDS: Final = ("JSON.SET", "FT.SEARCH")
_GLOB: Final = re.compile(r"([*?\[\]\\])")
_SCAN_COUNT: Final = 500
_GREGORIAN: Final = datetime(1582, 10, 15, tzinfo=UTC)


@contextlib.contextmanager
def translated_errors() -> Iterator[None]:
    """Turn Redis's errors into `StoreUnavailableError`."""
    try:
        yield
    except RedisError as error:
        raise StoreUnavailableError(texts.STORE_LOST) from error


def missing_commands(redis: Redis) -> list[str]:
    """Which of the needed commands the server does not know; raises `RedisError` when it does not answer."""
    ask: Any = redis.execute_command
    found = ask("COMMAND INFO", *NEEDED_COMMANDS)
    known = found if isinstance(found, list) else list(found.values())
    return [name for name, info in zip(NEEDED_COMMANDS, [*known, None, None], strict=False) if not info]


class RedisCheckpoints:
    """Saver and records on one client; threads share it.

    Args:
        redis: a client with short timeouts.
        ttl_seconds: how long an unused thread is remembered; 0 for ever.
    """

    store: str = "redis"

    def __init__(self, *, redis: Redis, ttl_seconds: float = 0) -> None:
        self._redis = redis
        ttl = {"default_ttl": ttl_seconds / 60, "refresh_on_read": False} if ttl_seconds else None
        self.saver = BlockingSaver(RedisSaver(redis_client=redis, ttl=ttl), translated_errors)

    def set_up(self) -> None:
        """Create the indexes that are missing."""
        with translated_errors():
            RedisSaver(redis_client=self._redis).setup()

    def latest(self, thread_id: str) -> StoredThread | None:
        """See `CheckpointRecords.latest`."""
        found = self.saver.get_tuple({"configurable": {"thread_id": thread_id, "checkpoint_ns": ""}})
        if found is None:
            return None
        return stored_thread(found, len(list(self._keys_of(thread_id))))

    def counts(self, prefix: str = "") -> dict[str, int]:
        """See `CheckpointRecords.counts`."""
        with translated_errors():
            keys = list(self._scan(f"checkpoint:{_escaped(prefix)}*"))
        threads = Counter(thread for key in keys if (thread := _thread_of(key)) is not None)
        return {thread: count for thread, count in threads.items() if thread.startswith(prefix)}

    def trim(self, thread_id: str, keep: int) -> int:
        """See `CheckpointRecords.trim`."""
        with translated_errors():
            ids = sorted(key.rpartition(":")[2] for key in self._keys_of(thread_id))
            old = ids[:-keep]
            for checkpoint_id in old:
                tail = f"{thread_id}:{ROOT}:{checkpoint_id}"
                writes = list(self._scan(f"checkpoint_write:{_escaped(tail)}:*"))
                self._redis.delete(f"checkpoint:{tail}", f"write_keys_zset:{tail}", *writes)
        return len(old)

    def expire(self, older_than_seconds: float) -> int:
        """See `CheckpointRecords.expire`; beside Redis's own expiry, for threads stored before that was set."""
        border = datetime.now(UTC) - timedelta(seconds=older_than_seconds)
        count = 0
        for thread in self.counts():
            newest = max((key.rpartition(":")[2] for key in self._keys_of(thread)), default="")
            if newest and _time_of(newest) < border:
                self.saver.delete_thread(thread)
                count += 1
        return count

    def is_available(self) -> bool:
        """See `CheckpointRecords.is_available`."""
        try:
            return bool(self._redis.ping())
        except RedisError:
            return False

    def _keys_of(self, thread_id: str) -> Iterable[str]:
        wanted = f"checkpoint:{_escaped(thread_id)}:{ROOT}:*"
        return [key for key in self._scan(wanted) if _thread_of(key) == thread_id]

    def _scan(self, pattern: str) -> Iterator[str]:
        for key in self._redis.scan_iter(match=pattern, count=_SCAN_COUNT):
            yield key.decode() if isinstance(key, bytes) else str(key)


def _escaped(text: str) -> str:
    return _GLOB.sub(r"\\\1", text)


def _thread_of(key: str) -> str | None:
    """The thread of a checkpoint's key; None for other namespaces and foreign keys."""
    rest, _, _ = key.removeprefix("checkpoint:").rpartition(":")
    thread, _, namespace = rest.rpartition(":")
    return thread if namespace == ROOT else None


def _time_of(checkpoint_id: str) -> datetime:
    """When a checkpoint was made: its id is a UUID of version 6."""
    try:
        number = uuid.UUID(checkpoint_id).int
    except ValueError:
        return datetime.now(UTC)
    ticks = ((number >> 96) << 28) | (((number >> 80) & 0xFFFF) << 12) | ((number >> 64) & 0x0FFF)
    return _GREGORIAN + timedelta(microseconds=ticks // 10)
