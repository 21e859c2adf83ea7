"""Embeddings of questions kept in Redis, so that a question asked again costs no call. `bootstrap` puts it before the
configured embedder; the cache routes count and empty it.

String `embedding_cache:{16 hex}:{model}:{dimension}`, the hex digits from the SHA-256 of the exact text; its value is
JSON `{question, vector, model_name, dimension, created_at, version: "1.0"}`. Both are historical (contract:
conversations and caches, section D), so older releases find what this one keeps and the reverse. Losing Redis never
raises: nothing is found, nothing is kept, and it is used again as soon as it answers.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from redis import Redis
from redis.exceptions import RedisError

from common.redis_keys import count_keys, megabytes_of, redis_needed, unlink_keys
from common.tenant import redis_key
from core.llm.metering import CallAccount
from core.logging import get_app_logger
from core.vector_store.embedding import Embedder

logger = get_app_logger("llm.embedding_cache")

_FAMILY: Final = "embedding_cache"
_INDEX: Final = f"index:{_FAMILY}"
"""Sorted set of the kept keys by the second they end; outside the family, which older releases count by its prefix."""
_NAME_DIGITS: Final = 16
_VERSION: Final = "1.0"
_FOR_EVER: Final = 4e9
_REMOVED_AT_ONCE: Final = 100
_ADOPTED_AT_ONCE: Final = 200


class EmbeddingCache:
    """Kept vectors of one model and dimension; every tenant has keys of its own.

    Each write removes at most a hundred entries, the soonest to end first, and looks at a few hundred keys for entries
    of an older release that are not in the index yet. So the cap holds without any command that takes long.

    Args:
        redis: a client with text responses and short timeouts.
        ttl_seconds: life of an entry; None or 0 keeps it for ever.
        max_entries: entries kept of a tenant; 0 keeps none.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        model: str,
        dimension: int,
        ttl_seconds: int | None = 2_592_000,
        max_entries: int = 5_000,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._redis = redis
        self._model = model
        self._dimension = dimension
        self._ttl_seconds = ttl_seconds or None
        self._max_entries = max_entries
        self._clock = clock
        self._cursors: dict[str, int] = {}

    def find(self, tenant: str, text: str) -> list[float] | None:
        """The vector kept for exactly this text, or None."""
        try:
            stored = self._redis.get(self._key(tenant, text))
        except (RedisError, ValueError) as error:
            logger.debug("no embedding could be read: %s", type(error).__name__)
            return None
        return None if stored is None else self._read(str(stored), text)

    def keep(self, tenant: str, text: str, vector: Sequence[float]) -> None:
        """Keep a vector, if Redis is there, and make room."""
        if not self._max_entries:
            return
        try:
            self._write(tenant, self._key(tenant, text), self._value(text, vector))
            self._make_room(tenant)
        except (RedisError, ValueError) as error:
            logger.debug("an embedding could not be kept: %s", type(error).__name__)

    def stats(self, tenant: str) -> tuple[int, float]:
        """Entries of every model, and about how many megabytes they take.

        Raises:
            StoreUnavailableError: Redis is away.
        """
        with redis_needed():
            count, sample = count_keys(self._redis, redis_key(tenant, f"{_FAMILY}:*"))
            return count, megabytes_of(self._redis, count, sample)

    def clear(self, tenant: str) -> int:
        """Remove the entries of every model and say how many there were.

        Raises:
            StoreUnavailableError: Redis is away; some may be gone.
        """
        with redis_needed():
            removed = unlink_keys(self._redis, redis_key(tenant, f"{_FAMILY}:*"))
            self._redis.unlink(redis_key(tenant, _INDEX))
            return removed

    def is_available(self) -> bool:
        """Whether Redis answers."""
        try:
            return bool(self._redis.ping())
        except RedisError:
            return False

    def _key(self, tenant: str, text: str) -> str:
        digest = hashlib.sha256(text.encode()).hexdigest()[:_NAME_DIGITS]
        return redis_key(tenant, f"{_FAMILY}:{digest}:{self._model}:{self._dimension}")

    def _value(self, text: str, vector: Sequence[float]) -> str:
        members = {
            "question": text,
            "vector": list(vector),
            "model_name": self._model,
            "dimension": len(vector),
            "created_at": datetime.fromtimestamp(self._clock()).isoformat(),  # noqa: DTZ006 - server-local, as always
            "version": _VERSION,
        }
        return json.dumps(members, ensure_ascii=False, allow_nan=False)

    def _read(self, stored: str, text: str) -> list[float] | None:
        """The vector; None when the entry is another text's or no entry of ours."""
        try:
            members = json.loads(stored)
            vector = [float(number) for number in members["vector"]]
            is_usable = members["question"] == text and len(vector) == self._dimension
            return vector if is_usable and math.isfinite(math.fsum(vector)) else None
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
            logger.warning("a kept embedding could not be read: %s", type(error).__name__)
            return None

    def _write(self, tenant: str, key: str, value: str) -> None:
        ends_at = self._clock() + self._ttl_seconds if self._ttl_seconds else _FOR_EVER + self._clock()
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.set(key, value, ex=self._ttl_seconds)
            pipe.zadd(redis_key(tenant, _INDEX), {key: ends_at})
            pipe.execute()

    def _make_room(self, tenant: str) -> None:
        index = redis_key(tenant, _INDEX)
        self._adopt(tenant, index)
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.zremrangebyscore(index, "-inf", self._clock())
            pipe.zcard(index)
            _, count = pipe.execute()
        surplus = min(int(count) - self._max_entries, _REMOVED_AT_ONCE)
        if surplus > 0:
            popped: Any = self._redis.zpopmin(index, surplus)
            self._redis.unlink(*(key for key, _ends_at in popped))

    def _adopt(self, tenant: str, index: str) -> None:
        """Enter the entries of an older release that one step of a walk through the keys comes across."""
        pattern = redis_key(tenant, f"{_FAMILY}:*")
        found: Any = self._redis.scan(self._cursors.get(tenant, 0), match=pattern, count=_ADOPTED_AT_ONCE)
        self._cursors[tenant], keys = int(found[0]), found[1]
        if not keys:
            return
        with self._redis.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.ttl(key)
            lives = pipe.execute()
        now = self._clock()
        ends = {key: now + life if life >= 0 else now + _FOR_EVER for key, life in zip(keys, lives, strict=True)}
        self._redis.zadd(index, ends, nx=True)


class CachedEmbedder:
    """An `Embedder` that looks a question up before it asks another one; texts of training data are not kept."""

    def __init__(self, embedder: Embedder, cache: EmbeddingCache) -> None:
        self._embedder = embedder
        self._cache = cache

    @property
    def model_name(self) -> str:
        return self._embedder.model_name

    @property
    def dimension(self) -> int:
        return self._embedder.dimension

    def embed(self, texts: Sequence[str], *, account: CallAccount) -> list[list[float]]:
        """See `Embedder.embed`."""
        return self._embedder.embed(texts, account=account)

    def embed_question(self, question: str, *, account: CallAccount) -> list[float]:
        """See `Embedder.embed_question`."""
        vector = self._cache.find(account.tenant, question)
        if vector is None:
            vector = self._embedder.embed_question(question, account=account)
            if question.strip():
                self._cache.keep(account.tenant, question, vector)
        return vector
