"""How the session cache looks on the wire (docs/contract/conversations.md). Used by the service.

Member names are historical. Times are naive ISO texts in the server's local zone, durations seconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from common.answering import ResultSet
from common.messages import caches as texts
from core.sql_executor.row_values import value_bytes
from features.caches.session_cache import ACTIVE_SECONDS, CachedConversation, CachedSession

CACHE_TYPE: Final = "ConversationAwareMemoryCache"
_PREVIEW_CHARS: Final = 80
_HOUR: Final = 3_600
_BUCKETS: Final = (
    ("last_1_hour", _HOUR),
    ("last_6_hours", 6 * _HOUR),
    ("last_24_hours", 24 * _HOUR),
    ("last_7_days", 7 * 24 * _HOUR),
)


def local_time(moment: float) -> str:
    """A second since 1970 as clients read times."""
    return datetime.fromtimestamp(moment).isoformat()  # noqa: DTZ006 - server-local and naive, as always


def session_summary(session: CachedSession, now: float) -> dict[str, Any]:
    """A session in a line."""
    return {
        "session_id": session.session_id,
        "start_time": local_time(session.started_at),
        "conversation_count": len(session.conversations),
        "duration_seconds": max(0.0, round(session.last_activity - session.started_at, 3)),
        "last_activity": local_time(session.last_activity),
        "is_active": now - session.last_activity < ACTIVE_SECONDS,
    }


def conversation_preview(entry: CachedConversation, now: float) -> dict[str, Any]:
    """A conversation in a line."""
    question = entry.answered.question
    return {
        "conversation_id": entry.conversation_id,
        "conversation_start_time": local_time(entry.started_at),
        "session_id": entry.session_id,
        "has_question": bool(question),
        "has_sql": bool(entry.answered.sql),
        "has_data": bool(entry.answered.records.rows),
        "question_preview": question if len(question) <= _PREVIEW_CHARS else question[:_PREVIEW_CHARS] + "...",
        "conversation_duration_seconds": _age(entry, now),
    }


def time_distribution(moments: Iterable[float], now: float) -> dict[str, int]:
    """How many moments lie how far back; each is counted once."""
    counts = Counter(
        next((name for name, seconds in _BUCKETS if now - moment <= seconds), "older") for moment in moments
    )
    return {name: counts[name] for name in [*(name for name, _ in _BUCKETS), "older"]}


def time_ranges(sessions: Sequence[CachedSession], entries: Sequence[CachedConversation]) -> dict[str, str | None]:
    """The oldest and the newest of both."""
    begun = [session.started_at for session in sessions]
    asked = [entry.started_at for entry in entries]
    return {
        "oldest_session": local_time(min(begun)) if begun else None,
        "newest_session": local_time(max(begun)) if begun else None,
        "oldest_conversation": local_time(min(asked)) if asked else None,
        "newest_conversation": local_time(max(asked)) if asked else None,
    }


def exported_session(session: CachedSession) -> dict[str, Any]:
    """A session in the export."""
    return {
        "session_id": session.session_id,
        "start_time": local_time(session.started_at),
        "last_activity": local_time(session.last_activity),
        "conversation_ids": [entry.conversation_id for entry in session.conversations],
    }


def exported_conversation(entry: CachedConversation, now: float) -> dict[str, Any]:
    """A conversation with everything that is kept of it."""
    answered, age = entry.answered, _age(entry, now)
    fields = {
        "question": _text_field("question", answered.question),
        "sql": _text_field("sql", answered.sql),
        "df": _rows_field("df", answered.records),
        "summary": _text_field("summary", answered.summary),
    }
    hours, rest = divmod(int(age), _HOUR)
    return {
        "conversation_id": entry.conversation_id,
        "conversation_start_time": local_time(entry.started_at),
        "session_id": entry.session_id,
        "session_start_time": local_time(entry.session_started_at),
        "field_count": len(fields),
        "fields": fields,
        "conversation_duration_seconds": age,
        "conversation_duration_formatted": texts.DURATION.format(hours=hours, minutes=rest // 60, seconds=rest % 60),
    }


def export_statistics(conversations: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Sums over exported conversations."""
    fields = [field for exported in conversations.values() for field in exported["fields"].values()]
    given = Counter(field["field_name"] for field in fields if not field["is_none"])
    return {
        "field_frequency": dict(Counter(field["field_name"] for field in fields)),
        "data_types_found": sorted({field["data_type"] for field in fields}),
        "total_dataframes": given["df"],
        "total_questions": given["question"],
        "has_session_timing": bool(conversations),
        "has_conversation_timing": bool(conversations),
    }


def _age(entry: CachedConversation, now: float) -> float:
    return max(0.0, round(now - entry.started_at, 3))


def _text_field(name: str, content: str | None) -> dict[str, Any]:
    if content is None:
        return {"field_name": name, "data_type": "NoneType", "is_none": True}
    length = len(content)
    return {"field_name": name, "data_type": "str", "is_none": False, "text_length": length, "content": content}


def _rows_field(name: str, records: ResultSet) -> dict[str, Any]:
    rows = [dict(row) for row in records.rows]
    columns = list(records.columns)
    return {
        "field_name": name,
        "data_type": "DataFrame",
        "is_none": False,
        "dataframe_info": {
            "shape": [len(rows), len(columns)],
            "columns": columns,
            "dtypes": {column: _type_of(rows, column) for column in columns},
            "index_info": {"type": "RangeIndex", "length": len(rows)},
        },
        "data": rows,
        "memory_usage": {column: sum(value_bytes(row.get(column)) for row in rows) for column in columns},
    }


def _type_of(rows: Sequence[Mapping[str, Any]], column: str) -> str:
    """The name clients know from data frames for what the column's values have in common."""
    found = {type(row.get(column)) for row in rows if row.get(column) is not None}
    return {frozenset({bool}): "bool", frozenset({int}): "int64", frozenset({float}): "float64"}.get(
        frozenset(found), "object"
    )
