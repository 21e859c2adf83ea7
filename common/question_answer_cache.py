"""Answers kept in Redis for the same question asked again. The question services use it when it is switched on.

String `qa_cache:{16 hex}` holds JSON with the historical members (contract: conversations and caches) and three more:
`identity`, `stored_at` (seconds since 1970) and `provenance`. The key covers tenant, question (trimmed, lower case),
routing mode, context and the origin: whatever else an answer depends on. Rows cannot be known, so age bounds them.
Losing Redis never raises: nothing is found, nothing is kept. What cannot be read back exactly is not found.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from redis import Redis
from redis.exceptions import RedisError

from common.answering import Answer, Classification, Question, ResultSet
from common.redis_keys import count_keys, key_batches, megabytes_of, redis_needed, unlink_keys
from common.tenant import redis_key

_LOGGER = logging.getLogger("app.question_answer_cache")
_NAME_DIGITS: Final = 16
_FAMILY: Final = "qa_cache"
_READ_AT_ONCE: Final = 10


@dataclass(frozen=True)
class AnswerKey:
    """Where an answer is kept. `identity` is what the shorter key name was cut from; both must agree."""

    tenant: str
    identity: str

    @classmethod
    def of(cls, question: Question, origin: Mapping[str, Any]) -> AnswerKey:
        """The key for a question; `origin` is JSON: everything else that an answer of now depends on."""
        parts = [question.tenant, question.text.strip().lower(), question.routing_mode, question.context, origin]
        return cls(question.tenant, hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest())

    @property
    def name(self) -> str:
        return redis_key(self.tenant, f"{_FAMILY}:{self.identity[:_NAME_DIGITS]}")

    @property
    def lock_name(self) -> str:
        """The lock of whoever is finding the answer; outside `qa_cache:*`, which is counted, listed and emptied."""
        return redis_key(self.tenant, f"lock:{_FAMILY}:{self.identity}")


@dataclass(frozen=True)
class KeptAnswer:
    """An answer and when it was found, in seconds since 1970."""

    answer: Answer
    stored_at: float


@dataclass(frozen=True)
class ListedAnswer:
    """What a list shows of a kept answer, whoever wrote it.

    `ttl_seconds` is -1 when it is kept for ever; `question_type` is empty when the value does not say.
    """

    name: str
    question: str
    cached_at: str
    ttl_seconds: int
    question_type: str
    has_sql: bool
    has_summary: bool


class QuestionAnswerCache:
    """Cached answers of every tenant; the key names the tenant.

    Args:
        redis: a client with text responses and short timeouts.
        ttl_seconds: life of an answer; None or 0 keeps it forever.
        max_bytes: larger answers are not kept.
        clock: seconds since 1970.
        is_read_only: while it says so, nothing is kept.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        ttl_seconds: int | None = 86_400,
        max_bytes: int = 2 * 1024 * 1024,
        clock: Callable[[], float] = time.time,
        is_read_only: Callable[[], bool] = lambda: False,
    ) -> None:
        self._is_read_only = is_read_only
        self._redis = redis
        self._ttl_seconds = ttl_seconds or None
        self._max_bytes = max_bytes
        self._clock = clock

    def get_cached_answer(self, key: AnswerKey) -> KeptAnswer | None:
        """What is kept under the key, or None."""
        try:
            stored = self._redis.get(key.name)
        except RedisError as error:
            _LOGGER.debug("no cached answer could be read: %s", type(error).__name__)
            return None
        return None if stored is None else _read(str(stored), key)

    def cache_answer(self, key: AnswerKey, question: Question, answer: Answer) -> KeptAnswer:
        """Keep a whole and successful answer, if it is not too large and Redis is there."""
        kept = KeptAnswer(answer, self._clock())
        try:
            value = json.dumps(_members(key, question, kept), allow_nan=False)
            if len(value) <= self._max_bytes and not self._is_read_only():
                self._redis.set(key.name, value, ex=self._ttl_seconds)
        except (RedisError, TypeError, ValueError) as error:
            _LOGGER.debug("an answer could not be cached: %s", type(error).__name__)
        return kept

    def age_seconds(self, kept: KeptAnswer) -> int:
        """Whole seconds since the answer was found."""
        return max(0, int(self._clock() - kept.stored_at))

    @property
    def ttl_seconds(self) -> int:
        """Life of an answer; 0 is for ever."""
        return self._ttl_seconds or 0

    def is_available(self) -> bool:
        """Whether Redis answers."""
        try:
            return bool(self._redis.ping())
        except RedisError:
            return False

    def stats(self, tenant: str) -> tuple[int, float]:
        """Kept answers, and about how many megabytes they take.

        Raises:
            StoreUnavailableError: Redis is away.
        """
        with redis_needed():
            count, sample = count_keys(self._redis, _pattern(tenant))
            return count, megabytes_of(self._redis, count, sample)

    def newest(self, tenant: str, limit: int) -> list[ListedAnswer]:
        """At most `limit` kept answers, newest first.

        Raises:
            StoreUnavailableError: Redis is away.
        """
        with redis_needed():
            lives = dict(self._lives(tenant))
            # all get the same life, so that the longest left is the newest; values are read of the chosen ones only
            names = sorted(lives, key=lives.__getitem__, reverse=True)[:limit]
            listed = [
                _read_listed_answer(name, _seconds(lives[name]), value)
                for name, value in self._values(names)
                if value is not None
            ]
        return sorted(listed, key=lambda answer: answer.cached_at, reverse=True)

    def clear(self, tenant: str) -> int:
        """Remove every kept answer and say how many there were.

        Raises:
            StoreUnavailableError: Redis is away; some may be gone.
        """
        with redis_needed():
            return unlink_keys(self._redis, _pattern(tenant))

    def forget(self, names: Sequence[str]) -> None:
        """Remove the answers of these key names, if Redis is there."""
        try:
            if names:
                self._redis.unlink(*names)
        except RedisError as error:
            _LOGGER.warning("%d answers could not be forgotten: %s", len(names), type(error).__name__)

    def _lives(self, tenant: str) -> Iterator[tuple[str, int]]:
        """Key name and milliseconds left; -1 is for ever."""
        for batch in key_batches(self._redis, _pattern(tenant)):
            with self._redis.pipeline(transaction=False) as pipe:
                for name in batch:
                    pipe.pttl(name)
                yield from zip(batch, map(int, pipe.execute()), strict=True)

    def _values(self, names: Sequence[str]) -> Iterator[tuple[str, str | None]]:
        """A few at a time: one may be megabytes long."""
        for start in range(0, len(names), _READ_AT_ONCE):
            chosen = names[start : start + _READ_AT_ONCE]
            found: Iterable[Any] = self._redis.mget(chosen)
            yield from zip(chosen, found, strict=True)


def _pattern(tenant: str) -> str:
    return redis_key(tenant, f"{_FAMILY}:*")


def _seconds(milliseconds: int) -> int:
    """A remaining time to live in whole seconds, as Redis's TTL returns it; -1 is for ever."""
    return milliseconds if milliseconds < 0 else (milliseconds + 500) // 1000


def _read_listed_answer(name: str, ttl_seconds: int, value: str) -> ListedAnswer:
    """Values of older releases have the same members; what cannot be read is listed without them."""
    try:
        members = json.loads(value)
    except (ValueError, RecursionError):
        members = {}
    members = members if isinstance(members, dict) else {}
    return ListedAnswer(
        name=name,
        question=str(members.get("original_question", "")),
        cached_at=str(members.get("cached_at", "")),
        ttl_seconds=ttl_seconds,
        question_type=str(members.get("type") or ""),
        has_sql=bool(members.get("sql")),
        has_summary=bool(members.get("summary")),
    )


def _members(key: AnswerKey, question: Question, kept: KeptAnswer) -> dict[str, Any]:
    answer, records = kept.answer, kept.answer.records
    members: dict[str, Any] = {
        "success": True,
        "type": answer.question_type,
        "response": answer.response,
        "execution_path": list(answer.execution_path),
        "classification_info": answer.classification.as_wire(),
        "classification_type": answer.classification.question_type,
        "cached_at": datetime.fromtimestamp(kept.stored_at).isoformat(),  # noqa: DTZ006 - server-local, as always
        "original_question": question.text,
        "stored_at": kept.stored_at,
        "identity": key.identity,
        "provenance": dict(answer.provenance),
    }
    optional = {"sql": answer.sql, "summary": answer.summary, "query_result": records and _query_result(records)}
    return {**members, **{name: value for name, value in optional.items() if value is not None}}


def _query_result(records: ResultSet) -> dict[str, Any]:
    return {
        "columns": list(records.columns),
        "rows": [dict(row) for row in records.rows],
        "row_count": records.row_count,
        "total_row_count": records.total_row_count,
        "is_limited": records.is_limited,
    }


def _read(stored: str, key: AnswerKey) -> KeptAnswer | None:
    """The answer as it was; None when somebody else wrote the value or it belongs to another key."""
    try:
        members = json.loads(stored)
        if members["identity"] != key.identity:
            return None
        return KeptAnswer(_answer(members), float(members["stored_at"]))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        _LOGGER.warning("a cached answer could not be read: %s", type(error).__name__)
        return None


def _answer(members: Mapping[str, Any]) -> Answer:
    info, found = members["classification_info"], members.get("query_result")
    return Answer(
        question_type=members["type"],
        response=members["response"],
        classification=Classification(
            members["classification_type"], info["confidence"], info["reason"], info["method"]
        ),
        execution_path=tuple(members["execution_path"]),
        sql=members.get("sql"),
        records=found
        and ResultSet(tuple(found["columns"]), tuple(found["rows"]), found["total_row_count"], found["is_limited"]),
        summary=members.get("summary"),
        provenance=members["provenance"],
    )
