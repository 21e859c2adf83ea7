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
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from redis import Redis
from redis.exceptions import RedisError

from common.answering import Answer, Classification, Question, ResultSet
from common.tenant import redis_key

_LOGGER = logging.getLogger("app.question_answer_cache")
_NAME_DIGITS: Final = 16


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
        return redis_key(self.tenant, f"qa_cache:{self.identity[:_NAME_DIGITS]}")

    @property
    def lock_name(self) -> str:
        """The lock of whoever is finding the answer; outside `qa_cache:*`, which is counted, listed and emptied."""
        return redis_key(self.tenant, f"lock:qa_cache:{self.identity}")


@dataclass(frozen=True)
class KeptAnswer:
    """An answer and when it was found, in seconds since 1970."""

    answer: Answer
    stored_at: float


class QuestionAnswerCache:
    """Cached answers of every tenant; the key names the tenant.

    Args:
        redis: a client with text responses and short timeouts.
        ttl_seconds: life of an answer; None or 0 keeps it forever.
        max_bytes: larger answers are not kept.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        ttl_seconds: int | None = 86_400,
        max_bytes: int = 2 * 1024 * 1024,
        clock: Callable[[], float] = time.time,
    ) -> None:
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
            if len(value) <= self._max_bytes:
                self._redis.set(key.name, value, ex=self._ttl_seconds)
        except (RedisError, TypeError, ValueError) as error:
            _LOGGER.debug("an answer could not be cached: %s", type(error).__name__)
        return kept

    def age_seconds(self, kept: KeptAnswer) -> int:
        """Whole seconds since the answer was found."""
        return max(0, int(self._clock() - kept.stored_at))


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
