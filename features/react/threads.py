"""Reads the ReAct agent's threads: status, lists, details, comparison, summary (docs/contract/react.md).

Every method returns an HTTP status and a body. An unreachable store is a 500, as the contract has it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from common.errors import BadRequestError, CituError, NotFoundError, StoreUnavailableError
from common.messages import react as texts
from common.result import Envelope, failed, internal_error_response, local_timestamp, success, success_response
from common.tenant import DEFAULT_TENANT_NAME
from features.react.status import status_of
from react_agent.checkpoints.records import CheckpointRecords, StoredThread
from react_agent.enhanced_redis_api import (
    conversation_detail,
    created_at,
    format_timestamp_readable,
    get_message_times,
    questions_of,
    spaced_time,
)
from react_agent.state import text_of
from react_agent.thread_ids import is_storable, stored_id, wire_id

TENANT: Final = DEFAULT_TENANT_NAME
DEFAULT_LIMIT: Final = 10
MAX_LIMIT: Final = 50
TITLE_CHARS: Final = 50
PREVIEW_CHARS: Final = 100
SAMPLES: Final = 3
Answered = tuple[int, Envelope]


class ThreadsService:
    """See the module.

    Args:
        records: where threads are remembered, connected when first asked for.
    """

    def __init__(self, *, records: Callable[[], CheckpointRecords]) -> None:
        self._records = records

    def status(self, thread_id: str, *, is_direct: bool) -> Answered:
        """What the thread is doing; `is_direct` adds `debug_info` to a thread without messages."""
        try:
            thread = self._thread(thread_id)
        except CituError as error:
            return 500, failed(texts.STATUS_FAILED.format(reason=error.message), 500)
        if thread is None:
            return 404, failed(texts.THREAD_UNKNOWN, 404)
        status, (name, icon) = status_of(thread)
        data: dict[str, Any] = {"status": status, "name": name, "icon": icon, "timestamp": local_timestamp()}
        if is_direct and not thread.messages:
            data["debug_info"] = {
                "key_type": self._records().store,
                "checkpoint_keys": [f"checkpoint:{thread_id}:__empty__:{thread.checkpoint_id}"],
                "has_checkpoint": True,
                "has_channel_values": True,
            }
        return 200, success(data, texts.STATUS_READ)

    def conversations(self, user_id: str, limit: int | None, *, is_direct: bool) -> Answered:
        """The user's newest threads; the direct list keeps those without messages."""
        shown = min(MAX_LIMIT, max(1, DEFAULT_LIMIT if limit is None else limit))
        try:
            threads = self._newest_threads(user_id, shown)
        except StoreUnavailableError as error:
            return 500, internal_error_response(texts.LIST_FAILED.format(reason=error.message))
        kept = [thread for thread in threads if is_direct or thread[1].messages]
        items = [_item(user_id, thread_id, thread, is_direct=is_direct) for thread_id, thread in kept]
        data = {"user_id": user_id, "conversations": items, "total_count": len(items), "limit": shown}
        return 200, success_response(texts.LIST_READ, data)

    def conversation(self, thread_id: str, *, include_tools: bool) -> Answered:
        """The messages of a thread.

        Raises:
            NotFoundError: there is no such thread.
        """
        try:
            thread = self._thread(thread_id)
        except StoreUnavailableError as error:
            return 500, internal_error_response(texts.DETAIL_FAILED.format(reason=error.message))
        if thread is None or not thread.messages:
            raise NotFoundError(texts.CONVERSATION_UNKNOWN.format(thread_id=thread_id))
        shown = _history(thread, include_tools=include_tools)
        owner, colon, digits = thread_id.partition(":")
        data = {
            "user_id": owner if colon else "unknown",
            "thread_id": thread_id,
            "conversation_id": thread_id,
            "message_count": len(shown),
            "messages": shown,
            "created_at": spaced_time(digits) if len(digits) >= 14 else None,
            "total_checkpoints": thread.checkpoint_count,
        }
        return 200, success_response(texts.DETAIL_READ, data)

    def detail(self, thread_id: str, user_id: str | None, *, include_tools: bool) -> Answered:
        """The thread with counts and metadata.

        Raises:
            BadRequestError: `user_id` is given and the thread is not that user's.
            NotFoundError: there is no such thread.
        """
        if ":" not in thread_id:
            return 400, _bare_failure(texts.THREAD_ID_FORMAT)
        if user_id and thread_id.partition(":")[0] != user_id:
            raise BadRequestError(texts.THREAD_OF_OTHER_USER.format(thread_id=thread_id, user_id=user_id))
        try:
            data = self._detail(thread_id, include_tools=include_tools)
        except StoreUnavailableError as error:
            return 500, internal_error_response(texts.DETAIL_FAILED.format(reason=error.message))
        query = {"include_tools": include_tools, "user_id": user_id}
        data["api_metadata"] = {**_api_metadata("get_conversation_detail"), "query_params": query}
        return 200, success_response(texts.DETAIL_READ_FULL if include_tools else texts.DETAIL_READ_SIMPLE, data)

    def compare(self, thread_id: str) -> Answered:
        """Both modes of a thread side by side."""
        try:
            full = self._detail(thread_id, include_tools=True)
            simple = self._detail(thread_id, include_tools=False)
        except NotFoundError:
            return 404, _bare_failure(texts.COMPARE_IMPOSSIBLE)
        except StoreUnavailableError as error:
            return 500, _bare_failure(error.message)
        difference = full["message_count"] - simple["message_count"]
        compared = {
            "thread_id": thread_id,
            "full_mode": _mode(full),
            "simple_mode": _mode(simple),
            "comparison_summary": {
                "message_count_difference": difference,
                "tools_filtered_out": full["stats"]["tool_messages"],
                "ai_messages_with_tools": full["stats"]["messages_with_tools"],
                "filtering_effectiveness": texts.COMPARE_EFFECTIVE if difference else texts.COMPARE_SAME,
            },
            "metadata": {"timestamp": local_timestamp(), "note": texts.COMPARE_NOTE},
        }
        return 200, {"success": True, "data": compared, "timestamp": local_timestamp()}

    def summary(self, thread_id: str, *, include_tools: bool) -> Answered:
        """Counts and previews of a thread.

        Raises:
            BadRequestError: the id has no colon.
            NotFoundError: there is no such thread.
        """
        if ":" not in thread_id:
            raise BadRequestError(texts.THREAD_ID_FORMAT)
        try:
            data = self._detail(thread_id, include_tools=include_tools)
        except StoreUnavailableError as error:
            return 500, internal_error_response(texts.SUMMARY_FAILED.format(reason=error.message))
        messages = data["messages"]
        first = _preview(messages, "human")
        names = ("thread_id", "user_id", "include_tools", "message_count", "stats", "metadata")
        found = {
            **{name: data[name] for name in names},
            "first_message_preview": first,
            "last_message_preview": _preview(list(reversed(messages)), "ai"),
            "conversation_preview": first,
            "api_metadata": _api_metadata("get_conversation_summary"),
        }
        return 200, success_response(texts.SUMMARY_READ, found)

    def _thread(self, thread_id: str) -> StoredThread | None:
        return self._records().latest(stored_id(TENANT, thread_id)) if is_storable(thread_id) else None

    def _detail(self, thread_id: str, *, include_tools: bool) -> dict[str, Any]:
        thread = self._thread(thread_id)
        if thread is None:
            raise NotFoundError(texts.CONVERSATION_UNKNOWN.format(thread_id=thread_id))
        return conversation_detail(thread, thread_id, include_tools=include_tools)

    def _newest_threads(self, user_id: str, limit: int) -> list[tuple[str, StoredThread]]:
        """By the time in their ids, newest first."""
        if not is_storable(user_id):
            return []
        records = self._records()
        prefix = stored_id(TENANT, f"{user_id}:")
        ids = sorted(records.counts(prefix), key=lambda stored: stored.removeprefix(prefix), reverse=True)[:limit]
        found = [(wire_id(TENANT, stored), records.latest(stored)) for stored in ids]
        return [(thread_id, thread) for thread_id, thread in found if thread_id is not None and thread is not None]


def _item(user_id: str, thread_id: str, thread: StoredThread, *, is_direct: bool) -> dict[str, Any]:
    asked = questions_of(thread)
    title = asked[0] if asked else texts.EMPTY_CONVERSATION if is_direct else texts.SYSTEM_MESSAGE
    digits = thread_id.partition(":")[2]
    made_at = created_at(thread_id) if is_direct else spaced_time(digits)
    return {
        "conversation_id": thread_id,
        "thread_id": thread_id,
        "user_id": user_id,
        "message_count": len(thread.messages),
        "last_message": asked[-1] if asked else None,
        "updated_at": format_timestamp_readable(thread.updated_at) or made_at,
        "conversation_title": _short(title, TITLE_CHARS),
        "created_at": made_at,
    }


def _history(thread: StoredThread, *, include_tools: bool) -> list[dict[str, Any]]:
    """Tool rounds left out unless wanted; an assistant's remark beside a call stays."""
    times = get_message_times(thread)
    return [
        {
            "message_id": str(message.id),
            "role": message.type if message.type in ("human", "tool") else "ai",
            "content": text_of(message),
            "timestamp": times[str(message.id)],
        }
        for message in thread.messages
        if include_tools
        or (message.type != "tool" and (text_of(message).strip() or not getattr(message, "tool_calls", None)))
    ]


def _mode(detail: dict[str, Any]) -> dict[str, Any]:
    messages = detail["messages"][:SAMPLES]
    return {"message_count": detail["message_count"], "stats": detail["stats"], "sample_messages": messages}


def _preview(messages: Sequence[dict[str, Any]], role: str) -> str | None:
    said = (message["content"] for message in messages if message["role"] == role and message["content"].strip())
    found = next(said, None)
    return None if found is None else _short(found, PREVIEW_CHARS)


def _short(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[:limit] + "..."


def _api_metadata(endpoint: str) -> dict[str, Any]:
    return {"timestamp": local_timestamp(), "api_version": "v1", "endpoint": endpoint}


def _bare_failure(text: str) -> Envelope:
    return {"success": False, "error": text, "timestamp": local_timestamp()}
