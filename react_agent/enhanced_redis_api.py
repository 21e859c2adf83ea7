"""Threads as people read them: messages in two modes, times, titles, counts (docs/contract/react.md).

The name is historical: what is read is a `CheckpointRecords`, whichever store stands behind it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage

from common.errors import StoreUnavailableError
from common.messages import react as texts
from react_agent.async_redis_api import AsyncRedisAPI as AsyncRedisAPI
from react_agent.checkpoints.records import CheckpointRecords, StoredThread
from react_agent.state import text_of

SHANGHAI: Final = ZoneInfo("Asia/Shanghai")
_ROLES: Final[Mapping[str, str]] = {"human": "human", "ai": "ai", "tool": "tool", "system": "system"}
Message = dict[str, Any]


def get_conversation_detail_from_redis(
    thread_id: str, include_tools: bool = False, *, records: CheckpointRecords, wire_id: str | None = None
) -> dict[str, Any]:
    """`{success: True, data}` or `{success: False, error, data: None}`; a lost store is an error too.

    Args:
        thread_id: the stored id.
        wire_id: the id clients know it by, when that is another one.
    """
    shown = wire_id or thread_id
    try:
        thread = records.latest(thread_id)
    except StoreUnavailableError as error:
        return {"success": False, "error": error.message, "data": None}
    if thread is None:
        return {"success": False, "error": texts.CONVERSATION_UNKNOWN.format(thread_id=shown), "data": None}
    return {"success": True, "data": conversation_detail(thread, shown, include_tools=include_tools)}


def conversation_detail(thread: StoredThread, thread_id: str, *, include_tools: bool) -> dict[str, Any]:
    """The `data` of docs/contract/react.md, without its `api_metadata`."""
    raw = extract_messages_from_checkpoint(thread)
    messages = parse_and_filter_messages(raw, get_message_times(thread), include_tools=include_tools)
    return {
        "thread_id": thread_id,
        "conversation_id": thread_id,
        "user_id": thread_id.partition(":")[0],
        "created_at": created_at(thread_id),
        "include_tools": include_tools,
        "message_count": len(messages),
        "messages": messages,
        "stats": generate_conversation_stats(messages, include_tools=include_tools),
        "metadata": {
            "latest_checkpoint_key": f"checkpoint:{thread_id}:__empty__:{thread.checkpoint_id}",
            "total_raw_messages": len(raw),
            "filtered_message_count": len(messages),
            "filter_mode": "full_conversation" if include_tools else "human_ai_only",
        },
    }


def extract_messages_from_checkpoint(thread: StoredThread) -> list[AnyMessage]:
    """The messages of the newest checkpoint, oldest first."""
    return list(thread.messages)


def get_message_times(thread: StoredThread) -> dict[str, str]:
    """When each message came, readable, by its id; the thread's own time where that is not known."""
    fallback = format_timestamp_readable(thread.updated_at)
    known = {key: format_timestamp_readable(moment) for key, moment in thread.message_times.items()}
    return {str(message.id): known.get(str(message.id), fallback) for message in thread.messages}


def parse_and_filter_messages(
    messages: Sequence[AnyMessage], times: Mapping[str, str], *, include_tools: bool
) -> list[Message]:
    """Every message in full, or only questions and answers that are not blank."""
    parsed = [parse_single_message(message, times.get(str(message.id), "")) for message in messages]
    if include_tools:
        return parsed
    return [
        clean_ai_message_for_simple_mode(message) if message["role"] == "ai" else _common(message)
        for message in parsed
        if message["role"] == "human" or (message["role"] == "ai" and message["content"].strip())
    ]


def parse_single_message(message: AnyMessage, timestamp: str) -> Message:
    """One message with all that is known of it."""
    parsed: Message = {
        "role": _ROLES.get(message.type, "unknown"),
        "content": text_of(message),
        "message_id": str(message.id),
        "timestamp": timestamp,
    }
    if isinstance(message, AIMessage):
        calls = [dict(call) for call in message.tool_calls]
        parsed |= {"tool_calls": calls, "has_tool_calls": bool(calls)}
        extra = {"additional_kwargs": message.additional_kwargs, "response_metadata": message.response_metadata}
        parsed |= {name: value for name, value in extra.items() if value}
    if isinstance(message, ToolMessage):
        parsed |= {"tool_name": message.name, "tool_call_id": message.tool_call_id, "status": message.status}
    return parsed


def clean_ai_message_for_simple_mode(message: Message) -> Message:
    """An answer without its tool calls."""
    return {**_common(message), "simplified": True}


def generate_conversation_stats(messages: Sequence[Message], *, include_tools: bool) -> dict[str, Any]:
    """Counts over the messages as shown."""
    roles = [message["role"] for message in messages]
    stats: dict[str, Any] = {
        "total_messages": len(messages),
        "human_messages": roles.count("human"),
        "ai_messages": roles.count("ai"),
        "conversation_rounds": roles.count("human"),
        "include_tools_mode": include_tools,
    }
    if include_tools:
        tools = [str(message["tool_name"]) for message in messages if message["role"] == "tool"]
        stats |= {
            "tool_messages": roles.count("tool"),
            "system_messages": roles.count("system"),
            "messages_with_tools": sum(bool(message.get("has_tool_calls")) for message in messages),
            "unique_tools_used": list(dict.fromkeys(tools)),
        }
    return stats


def format_timestamp_readable(moment: str) -> str:
    """An ISO time as `YYYY-MM-DD HH:MM:SS.mmm` in Shanghai; unreadable text stays."""
    try:
        parsed = datetime.fromisoformat(moment)
    except ValueError:
        return moment
    aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    return aware.astimezone(SHANGHAI).isoformat(sep=" ", timespec="milliseconds")[:23]


def created_at(thread_id: str) -> str | None:
    """The time in a thread id of 17 digits, else None."""
    digits = thread_id.partition(":")[2]
    return spaced_time(digits) if len(digits) == 17 and digits.isascii() and digits.isdigit() else None


def spaced_time(digits: str) -> str:
    """`YYYYMMDDHHMMSSmmm` with its separators; shorter text as it is."""
    if len(digits) < 14 or not digits.isascii() or not digits.isdigit():
        return digits
    day, clock = f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}", f"{digits[8:10]}:{digits[10:12]}:{digits[12:14]}"
    return f"{day} {clock}.{digits[14:17].ljust(3, '0')}"


def questions_of(thread: StoredThread) -> list[str]:
    """What was asked in the thread, oldest first."""
    return [text_of(message) for message in thread.messages if isinstance(message, HumanMessage)]


def _common(message: Message) -> Message:
    return {name: message[name] for name in ("role", "content", "message_id", "timestamp")}
