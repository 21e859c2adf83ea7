"""Shows and empties the caches: embeddings and answers in Redis, sessions of `ask_cached` in this process's memory.

Called by the HTTP routes of both entries. Every method returns the envelope.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from common.errors import ServiceUnavailableError, StoreUnavailableError
from common.messages import caches as texts
from common.question_answer_cache import ListedAnswer, QuestionAnswerCache
from common.result import Envelope, internal_error_response, local_timestamp, success_response
from core.llm.embedding_cache import EmbeddingCache
from core.logging import get_app_logger
from features.caches import presentation as shown
from features.caches.schemas import CleanupRequest, cutoff_of, listed_count
from features.caches.session_cache import CachedSession, SessionCache, conversations_of

logger = get_app_logger("caches")

_RECENT: Final = 10
ConversationStats = Callable[[str], Mapping[str, Any] | None]


class CachesService:
    """See the module. The tenant is the first argument of each method.

    Args:
        embeddings: None when embeddings are not cached.
        answers: what the question routes keep; `answers_are_used` says whether `ask_agent` looks there.
        conversation_stats: the data of the conversation statistics, or None when there are none.
    """

    def __init__(
        self,
        *,
        embeddings: EmbeddingCache | None,
        answers: QuestionAnswerCache,
        answers_are_used: bool,
        sessions: SessionCache,
        conversation_stats: ConversationStats = lambda _tenant: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._embeddings = embeddings
        self._answers = answers
        self._answers_are_used = answers_are_used
        self._sessions = sessions
        self._conversation_stats = conversation_stats
        self._clock = clock

    def embedding_stats(self, tenant: str) -> Envelope:
        """How many embeddings are kept."""
        return success_response(texts.EMBEDDING_STATS, self._embedding_stats(tenant))

    def clear_embeddings(self, tenant: str) -> Envelope:
        """Remove every kept embedding of the tenant.

        Raises:
            ServiceUnavailableError: the cache is switched off, or Redis is away.
        """
        if self._embeddings is None:
            error = ServiceUnavailableError(texts.EMBEDDING_UNAVAILABLE)
            error.can_retry = False
            raise error
        if not self._embeddings.is_available():
            raise StoreUnavailableError(texts.EMBEDDING_UNAVAILABLE)
        try:
            removed = self._embeddings.clear(tenant)
        except StoreUnavailableError:
            return internal_error_response(texts.EMBEDDING_NOT_CLEARED)
        logger.info("%d embeddings removed", removed)
        return success_response(texts.EMBEDDING_CLEARED, {"cleared": True})

    def answer_stats(self, tenant: str) -> Envelope:
        """How many answers are kept, also while the cache is not used."""
        return success_response(texts.ANSWERS_STATS, self._answer_stats(tenant))

    def list_answers(self, tenant: str, limit: int | None) -> Envelope:
        """The newest kept answers; none while the cache is not used."""
        wanted = listed_count(limit)
        try:
            found = self._answers.newest(tenant, wanted) if self._answers_are_used else []
        except StoreUnavailableError:
            return internal_error_response(texts.ANSWERS_LIST_FAILED)
        data = {
            "cache_list": [_answer_row(answer) for answer in found],
            "total_returned": len(found),
            "limit_applied": wanted,
            "note": texts.ANSWERS_ORDER,
        }
        return success_response(texts.ANSWERS_LIST, data)

    def clear_answers(self, tenant: str) -> Envelope:
        """Remove every kept answer of the tenant; a loss of Redis is a failure, never an empty cache."""
        if not self._answers.is_available():
            return internal_error_response(texts.ANSWERS_REDIS_AWAY)
        try:
            removed = self._answers.clear(tenant)
        except StoreUnavailableError:
            return internal_error_response(texts.ANSWERS_NOT_CLEARED)
        logger.info("%d cached answers removed", removed)
        data = {"deleted_count": removed, "cleared": removed > 0, "cleanup_time": local_timestamp()}
        return success_response(texts.ANSWERS_CLEARED, data)

    def session_overview(self, tenant: str) -> Envelope:
        """The latest questions of `ask_cached` and the sessions they belong to."""
        now, sessions = self._clock(), self._sessions.sessions(tenant)
        entries = conversations_of(sessions)
        data = {
            "overview_summary": {
                "total_conversations": len(entries),
                "total_sessions": len(sessions),
                "query_time": local_timestamp(),
            },
            "recent_conversations": [shown.conversation_preview(entry, now) for entry in entries[:_RECENT]],
            "session_summary": [shown.session_summary(session, now) for session in sessions],
        }
        return success_response(texts.OVERVIEW, data)

    def session_stats(self, tenant: str) -> Envelope:
        """Counts of sessions and questions, and how far back they lie."""
        now, sessions = self._clock(), self._sessions.sessions(tenant)
        entries = conversations_of(sessions)
        details = [shown.session_summary(session, now) for session in sessions]
        data = {
            "basic_stats": {
                "total_sessions": len(sessions),
                "total_conversations": len(entries),
                "active_sessions": sum(detail["is_active"] for detail in details),
                "average_conversations_per_session": round(len(entries) / len(sessions), 2) if sessions else 0,
            },
            "time_distribution": {
                "sessions": shown.time_distribution((session.started_at for session in sessions), now),
                "conversations": shown.time_distribution((entry.started_at for entry in entries), now),
            },
            "session_details": details,
            "time_ranges": shown.time_ranges(sessions, entries),
        }
        return success_response(texts.STATS, data)

    def export_sessions(self, tenant: str) -> Envelope:
        """Everything the session cache holds of the tenant."""
        now, sessions = self._clock(), self._sessions.sessions(tenant)
        entries = conversations_of(sessions)
        conversations = {entry.conversation_id: shown.exported_conversation(entry, now) for entry in entries}
        data = {
            "export_metadata": {
                "export_time": local_timestamp(),
                "total_conversations": len(entries),
                "total_sessions": len(sessions),
                "cache_type": shown.CACHE_TYPE,
                "cache_object_info": f"{shown.CACHE_TYPE}({len(entries)})",
                "has_session_times": bool(sessions),
                "has_conversation_times": bool(entries),
            },
            "session_info": {session.session_id: shown.exported_session(session) for session in sessions},
            "conversation_times": {entry.conversation_id: shown.local_time(entry.started_at) for entry in entries},
            "conversation_to_session_mapping": {entry.conversation_id: entry.session_id for entry in entries},
            "conversations": conversations,
            "cache_statistics": shown.export_statistics(conversations),
        }
        return success_response(texts.EXPORT, data)

    def preview_cleanup(self, tenant: str, wanted: CleanupRequest) -> Envelope:
        """What `clean_up` would do now; nothing is changed.

        Raises:
            BadRequestError, ValidationFailedError: the condition is missing or wrong.
        """
        now = self._clock()
        cutoff = cutoff_of(wanted, now)
        sessions = self._sessions.sessions(tenant)
        ended = [session for session in sessions if session.last_activity < cutoff.moment]
        removed, total = _count(ended), _count(sessions)
        kept = {"sessions_count": len(sessions) - len(ended), "conversations_count": total - removed}
        data = {
            "time_condition": cutoff.shown,
            "cutoff_time": shown.local_time(cutoff.moment),
            "will_be_removed": {"sessions": [shown.session_summary(session, now) for session in ended]},
            "will_be_kept": kept,
            "summary": {
                "sessions_to_remove": len(ended),
                "conversations_to_remove": removed,
                "sessions_to_keep": kept["sessions_count"],
                "conversations_to_keep": kept["conversations_count"],
            },
        }
        return success_response(texts.PREVIEW, data)

    def clean_up(self, tenant: str, wanted: CleanupRequest) -> Envelope:
        """Remove the sessions that ended before the moment asked for, and the shared answers they got.

        Raises:
            BadRequestError, ValidationFailedError: the condition is missing or wrong; nothing is changed.
        """
        cutoff = cutoff_of(wanted, self._clock())
        ended = self._sessions.remove_before(tenant, cutoff.moment)
        gone = conversations_of(ended)
        self._answers.forget([entry.answered.answer_name for entry in gone if entry.answered.answer_name])
        kept = self._sessions.sessions(tenant)
        data = {
            "time_condition": cutoff.shown,
            "cutoff_time": shown.local_time(cutoff.moment),
            "sessions_removed": len(ended),
            "conversations_removed": len(gone),
            "sessions_kept": len(kept),
            "conversations_kept": _count(kept),
            "removed_session_ids": [session.session_id for session in ended],
            "removed_conversation_ids": [entry.conversation_id for entry in gone],
        }
        return success_response(texts.CLEANUP, data)

    def full_overview(self, tenant: str) -> Envelope:
        """Every cache in one answer."""
        entries = conversations_of(self._sessions.sessions(tenant))
        data = {
            "conversation_aware_cache": {
                "enabled": True,
                "total_items": len(entries),
                "sessions": [entry.conversation_id for entry in entries],
                "cache_type": shown.CACHE_TYPE,
            },
            "question_answer_cache": self._answer_stats(tenant),
            "embedding_cache": self._embedding_stats(tenant),
            "redis_conversation_stats": self._conversation_stats(tenant),
        }
        return success_response(texts.OVERVIEW_FULL, data)

    def _embedding_stats(self, tenant: str) -> dict[str, Any]:
        nothing = {"enabled": self._embeddings is not None, "available": False, "total_count": 0, "memory_usage_mb": 0}
        if self._embeddings is None:
            return nothing
        try:
            count, megabytes = self._embeddings.stats(tenant)
        except StoreUnavailableError:
            return nothing
        return {"enabled": True, "available": True, "total_count": count, "memory_usage_mb": megabytes}

    def _answer_stats(self, tenant: str) -> dict[str, Any]:
        try:
            count, megabytes = self._answers.stats(tenant)
        except StoreUnavailableError as error:
            return {"available": False, "error": error.message}
        seconds = self._answers.ttl_seconds
        return {
            "available": True,
            "enabled": self._answers_are_used,
            "total_count": count,
            "memory_usage_mb": megabytes,
            "ttl_seconds": seconds,
            "ttl_hours": seconds / 3_600,
        }


def _answer_row(answer: ListedAnswer) -> dict[str, Any]:
    return {
        "cache_key": answer.name,
        "question": answer.question,
        "cached_at": answer.cached_at,
        "ttl_seconds": answer.ttl_seconds,
        "response_type": answer.question_type or texts.UNKNOWN_TYPE,
        "has_sql": answer.has_sql,
        "has_summary": answer.has_summary,
    }


def _count(sessions: list[CachedSession]) -> int:
    return sum(len(session.conversations) for session in sessions)
