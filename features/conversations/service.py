"""Answers what is kept of conversations and removes it; every entry calls it.

Without Redis everything reads as empty and nothing can be removed: readers get 200, removals 500
(docs/contract/conversations.md).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from common import conversation_layout as layout
from common.messages import conversations as texts
from common.redis_conversation_manager import RedisConversationManager
from common.result import Envelope, internal_error_response, local_timestamp, success_response
from core.logging import get_app_logger
from features.conversations.limits import Limits, UserOutcome, enforce
from features.conversations.repository import ConversationRepository
from features.conversations.schemas import Cleanup, LimitRequest, bounded

logger = get_app_logger("conversations")

LOST = (RedisConnectionError, RedisTimeoutError)
Members = dict[str, Any]


class ConversationService:
    """See the module. The tenant is the first argument of each method; each returns the contract's envelope.

    Args:
        repository: lists, messages and their removal.
        manager: renders dialogues as the model gets them.
        limits: what the settings keep; also the default number of conversations listed.
        context_rounds: rounds of the context route when none are asked for.
    """

    def __init__(
        self,
        *,
        repository: ConversationRepository,
        manager: RedisConversationManager,
        limits: Limits,
        context_rounds: int,
    ) -> None:
        self._repository = repository
        self._manager = manager
        self._limits = limits
        self._context_rounds = context_rounds

    def list_of_user(self, tenant: str, user_id: str, limit: int | None = None) -> Envelope:
        """A user's conversations, newest first, at most `limit`; as many as are kept of a user when that is below 1."""
        found = _read(lambda: self._titled(tenant, user_id, bounded(limit)), [], texts.LIST_FAILED)
        if not isinstance(found, list):
            return found
        return success_response(
            texts.LIST_DONE, {"user_id": user_id, "conversations": found, "total_count": len(found)}
        )

    def full_of_user(
        self,
        tenant: str,
        user_id: str,
        conversation_limit: int | None = None,
        message_limit: int | None = None,
    ) -> Envelope:
        """The same conversations with their newest `message_limit` messages; all that are kept when that is below 1."""
        first, newest = bounded(conversation_limit), bounded(message_limit)
        found = _read(lambda: self._with_messages(tenant, user_id, first, newest), [], texts.FULL_FAILED)
        if not isinstance(found, list):
            return found
        data = {
            "user_id": user_id,
            "conversations": found,
            "total_conversations": len(found),
            "total_messages": sum(one["message_count"] for one in found),
            "conversation_limit_applied": conversation_limit,
            "message_limit_applied": message_limit,
            "query_time": local_timestamp(),
        }
        return success_response(texts.FULL_DONE, data)

    def messages_of(self, tenant: str, conversation_id: str, limit: int | None = None) -> Envelope:
        """The newest `limit` messages, all when that is below 1, oldest first; an unknown conversation has none."""

        def read() -> list[Any]:
            return [
                *self._repository.metas(tenant, [conversation_id]),
                *self._repository.messages(tenant, [conversation_id], bounded(limit)),
            ]

        found = _read(read, [{}, []], texts.MESSAGES_FAILED)
        if not isinstance(found, list):
            return found
        meta, messages = found
        data = {
            "conversation_id": conversation_id,
            "conversation_meta": meta,
            "messages": messages,
            "message_count": len(messages),
        }
        return success_response(texts.MESSAGES_DONE, data)

    def context_of(self, tenant: str, conversation_id: str, rounds: int | None = None) -> Envelope:
        """The dialogue as lines, whether or not the model gets contexts; 0 rounds for all of it.

        Below 0 it is as long as when none are asked for; the answer names the number that was given.
        """
        wanted = self._context_rounds if rounds is None or rounds < 0 else min(rounds, layout.MOST_MESSAGES)
        data = {
            "conversation_id": conversation_id,
            "context": self._manager.get_dialogue(tenant, conversation_id, wanted),
            "context_message_count": self._context_rounds if rounds is None else rounds,
        }
        return success_response(texts.CONTEXT_DONE, data)

    def stats(self, tenant: str) -> Envelope:
        """How many users, conversations and cached answers there are, and what Redis says of itself."""
        return success_response(texts.STATS_DONE, self.figures(tenant))

    def figures(self, tenant: str) -> Members:
        """The members of `stats`; only `available` (false) and perhaps `error` when Redis does not answer."""
        try:
            counts = self._repository.counts(tenant)
            megabytes, clients = self._repository.server_figures()
        except LOST:
            return {"available": False}
        except RedisError as error:
            logger.warning("the figures of conversations could not be read: %s", type(error).__name__)
            return {"available": False, "error": type(error).__name__}
        return {
            "available": True,
            "total_users": counts.users,
            "total_conversations": counts.conversations,
            "cached_qa_count": counts.cached_answers,
            "redis_info": {"memory_usage_mb": megabytes, "connected_clients": clients},
        }

    def clean_up(self, tenant: str, wanted: Cleanup) -> Envelope:
        """Remove what the request names; what is not there counts as removed."""
        started = time.perf_counter()
        try:
            text, data = self._removed(tenant, wanted)
        except RedisError as error:
            return _failed("clean up conversations", error, texts.CLEANUP_FAILED)
        if wanted.mode != "cleanup_invalid_refs":
            data["execution_time_ms"] = _milliseconds_since(started)
        logger.info("conversations cleaned up: %s", wanted.mode)
        return success_response(text, {**data, "operation_mode": wanted.mode})

    def remove_dead_references(self, tenant: str) -> Envelope:
        """What the old entry's clean-up does, whatever it is sent: only that, and no figures in the answer."""
        try:
            self._without_dead_references(tenant)
        except RedisError as error:
            return _failed("clean up conversations", error, texts.CLEANUP_FAILED)
        return success_response(texts.CLEANUP_DONE)

    def enforce_limits(self, tenant: str, wanted: LimitRequest) -> Envelope:
        """Bring one user, or everybody, down to the limits; conversations pushed off a list go too."""
        started = time.perf_counter()
        limits = Limits(
            wanted.user_max_conversations or self._limits.conversations,
            wanted.conversation_max_length or self._limits.messages,
        )
        try:
            outcomes, evicted = self._enforced(tenant, wanted, limits)
        except RedisError as error:
            return _failed("enforce the limits", error, texts.LIMITS_FAILED)
        data = {
            "mode": "user_specific" if wanted.user_id else "global",
            "dry_run": wanted.dry_run,
            "parameters": {
                "user_max_conversations": limits.conversations,
                "conversation_max_length": limits.messages,
            },
            "processed_users": len(outcomes),
            "total_conversations_processed": sum(one.original for one in outcomes),
            "total_conversations_deleted": sum(one.deleted for one in outcomes),
            "total_messages_trimmed": sum(one.trimmed for one in outcomes),
            "cleaned_references": sum(one.dead for one in outcomes),
            "evicted_conversations_deleted": evicted,
            "execution_summary": [_summary(one) for one in outcomes],
            "execution_time_ms": _milliseconds_since(started),
        }
        return success_response(texts.LIMITS_DONE, data)

    def _titled(self, tenant: str, user_id: str, limit: int | None) -> list[Members]:
        metas = self._metas(tenant, user_id, limit)
        untitled = [meta["conversation_id"] for meta in metas if layout.TITLE not in meta]
        oldest = self._repository.oldest_messages(tenant, untitled)
        titles = {one: _title(messages) for one, messages in zip(untitled, oldest, strict=True)}
        return [{**meta, layout.TITLE: meta.get(layout.TITLE) or titles[meta["conversation_id"]]} for meta in metas]

    def _metas(self, tenant: str, user_id: str, limit: int | None) -> list[dict[str, str]]:
        ids = self._repository.listed_ids(tenant, user_id, limit or self._limits.conversations)
        found = self._repository.metas(tenant, ids)
        return [{**meta, "conversation_id": one} for one, meta in zip(ids, found, strict=True) if meta]

    def _with_messages(
        self, tenant: str, user_id: str, conversation_limit: int | None, message_limit: int | None
    ) -> list[Members]:
        metas = self._metas(tenant, user_id, conversation_limit)
        ids = [meta["conversation_id"] for meta in metas]
        said = self._repository.messages(tenant, ids, message_limit)
        return [
            {**meta, "meta": meta, "messages": messages, "message_count": len(messages)}
            for meta, messages in zip(metas, said, strict=True)
        ]

    def _removed(self, tenant: str, wanted: Cleanup) -> tuple[str, Members]:
        if wanted.mode == "delete_user":
            return texts.USER_DELETED, self._user_deleted(tenant, wanted.name)
        if wanted.mode == "delete_conversation":
            return texts.CONVERSATION_DELETED, self._conversation_deleted(tenant, wanted.name)
        if wanted.mode == "clear_all_agent_data":
            return texts.ALL_DELETED, self._all_deleted(tenant)
        return texts.REFERENCES_REMOVED, self._without_dead_references(tenant)

    def _user_deleted(self, tenant: str, user_id: str) -> Members:
        deleted = self._repository.delete_user(tenant, user_id)
        return {
            "user_id": user_id,
            "deleted_conversations": deleted.conversations,
            "deleted_messages": deleted.messages,
            "evicted_conversations_deleted": deleted.evicted,
        }

    def _conversation_deleted(self, tenant: str, conversation_id: str) -> Members:
        deleted = self._repository.delete_conversation(tenant, conversation_id)
        return {
            "conversation_id": conversation_id,
            "user_id": deleted.user_id,
            "deleted_messages": deleted.messages,
            "existed": deleted.existed,
        }

    def _all_deleted(self, tenant: str) -> Members:
        deleted = self._repository.delete_all(tenant)
        return {
            "deleted_conversation_metas": deleted.metas,
            "deleted_conversation_messages": deleted.messages,
            "deleted_user_conversations": deleted.user_lists,
            "total_keys_deleted": deleted.metas + deleted.messages + deleted.user_lists,
        }

    def _without_dead_references(self, tenant: str) -> Members:
        users = list(self._repository.user_ids(tenant))
        listed = ((user, self._repository.listed_ids(tenant, user)) for user in users)
        removed = sum(self._repository.remove_dead(tenant, user, ids) for user, ids in listed)
        return {"processed_users": len(users), "cleaned_references": removed}

    def _enforced(self, tenant: str, wanted: LimitRequest, limits: Limits) -> tuple[list[UserOutcome], int]:
        users = [wanted.user_id] if wanted.user_id else sorted(self._repository.user_ids(tenant))
        is_dry_run = wanted.dry_run
        evicted = list(self._repository.evicted_ids(tenant, wanted.user_id))
        if not is_dry_run:
            for one in evicted:
                self._repository.delete_conversation(tenant, one)
        outcomes = [enforce(self._repository, tenant, user, limits, is_dry_run=is_dry_run) for user in users]
        return outcomes, len(evicted)


def _read(read: Callable[[], list[Any]], nothing: list[Any], failure: str) -> list[Any] | Envelope:
    """What was read, `nothing` when Redis is away, the contract's 500 when it refuses."""
    try:
        return read()
    except LOST:
        return nothing
    except RedisError as error:
        return _failed("read conversations", error, failure)


def _failed(action: str, error: RedisError, text: str) -> Envelope:
    logger.warning("Redis could not %s: %s", action, type(error).__name__)
    return internal_error_response(text)


def _title(messages: list[Members]) -> str:
    if not messages:
        return texts.TITLE_WITHOUT_MESSAGES
    questions = (str(message.get("content", "")) for message in messages if message.get("role") == "user")
    question = next(questions, None)
    return texts.TITLE_WITHOUT_QUESTION if question is None else layout.title_of(question)


def _summary(one: UserOutcome) -> Members:
    return {
        "user_id": one.user_id,
        "original_conversations": one.original,
        "kept_conversations": one.kept,
        "deleted_conversations": one.deleted,
        "messages_trimmed": one.trimmed,
        "cleaned_references": one.dead,
    }


def _milliseconds_since(started: float) -> int:
    return int((time.perf_counter() - started) * 1000)
