"""Upkeep of the checkpoint store: clean-up, counts, a look whether it answers (docs/contract/react.md)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, Final

from common import messages
from common.errors import BadRequestError, NotFoundError, StoreUnavailableError
from common.messages import react as texts
from common.result import Envelope, internal_error_response, local_timestamp, success_response
from common.tenant import DEFAULT_TENANT_NAME
from react_agent.checkpoints.records import CheckpointRecords
from react_agent.thread_ids import is_storable, owner_of, stored_id, stored_prefix, wire_id

TENANT: Final = DEFAULT_TENANT_NAME
SAMPLE_KEYS: Final = 5
Answered = tuple[int, Envelope]


class CheckpointsService:
    """See the module.

    Args:
        records: where threads are remembered, connected when first asked for.
        default_keep_count: what a clean-up leaves of a thread when nothing else is said.
    """

    def __init__(self, *, records: Callable[[], CheckpointRecords], default_keep_count: int) -> None:
        self._records = records
        self._default_keep_count = default_keep_count

    def clean_up(self, body: Mapping[str, Any]) -> Answered:
        """Delete all but the newest checkpoints of a thread, of a user's threads, or of every thread.

        Args:
            body: `{[keep_count][, user_id][, thread_id]}`; a thread wins over a user.

        Raises:
            BadRequestError: a parameter is wrong.
        """
        keep = _keep_count(body.get("keep_count", self._default_keep_count))
        thread_id, user_id = _text(body, "thread_id"), _text(body, "user_id")
        if thread_id and ":" not in thread_id:
            raise BadRequestError(texts.CLEANUP_THREAD_ID)
        kind, target = ("thread", thread_id) if thread_id else ("user", user_id) if user_id else ("all", "all")
        try:
            counts = self._chosen(thread_id, user_id)
            details = {thread: self._trimmed(thread, count, keep) for thread, count in counts.items()}
        except StoreUnavailableError:
            return 500, internal_error_response(texts.STORE_LOST)
        deleted = sum(entry["deleted_count"] for entry in details.values())
        data = {
            "operation_type": f"cleanup_{kind}",
            "target": target,
            "keep_count": keep,
            "total_processed": len(details),
            "total_deleted": deleted,
            "details": details,
        }
        text = texts.CLEANED_UP.format(count=deleted) if details else texts.NOTHING_TO_CLEAN_UP
        return 200, success_response(text, data)

    def stats(self, user_id: str | None) -> Answered:
        """How many checkpoints each thread has, of one user or by user.

        Raises:
            NotFoundError: the user has none.
        """
        try:
            counts = self._chosen("", user_id or "")
        except StoreUnavailableError:
            return 500, internal_error_response(texts.STORE_LOST)
        if user_id:
            if not counts:
                raise NotFoundError(texts.STATS_NONE_USER.format(user_id=user_id))
            data = {"operation_type": "user_stats", "user_id": user_id, **_counted(counts)}
            return 200, success_response(texts.STATS_READ_USER.format(user_id=user_id), data)
        users = [{"user_id": user, **_counted(threads)} for user, threads in _by_user(counts).items()]
        users.sort(key=lambda user: user["total_checkpoints"], reverse=True)
        data = {
            "operation_type": "system_stats",
            "total_users": len(users),
            "total_threads": len(counts),
            "total_checkpoints": sum(counts.values()),
            "users": users,
        }
        return 200, success_response(texts.STATS_READ if counts else texts.STATS_NONE, data)

    def look(self) -> Answered:
        """Whether the store answers, and what is in it."""
        try:
            counts = self._chosen("", "")
        except StoreUnavailableError as error:
            return 500, {"success": False, "error": error.message, "timestamp": local_timestamp()}
        by_user = _by_user(counts)
        data = {
            "redis_connected": True,
            "total_checkpoint_keys": sum(counts.values()),
            "users_found": list(by_user),
            "user_key_counts": {user: sum(threads.values()) for user, threads in by_user.items()},
            "sample_keys": [f"checkpoint:{thread}:__empty__" for thread in list(counts)[:SAMPLE_KEYS]],
            "store": self._records().store,
        }
        return 200, {"success": True, "data": data, "timestamp": local_timestamp()}

    def _chosen(self, thread_id: str, user_id: str) -> dict[str, int]:
        """Counts of the chosen threads by the ids clients know."""
        if not is_storable(thread_id + user_id):
            return {}
        wanted = thread_id or (f"{user_id}:" if user_id else "")
        found = self._records().counts(stored_id(TENANT, wanted) if wanted else stored_prefix(TENANT))
        named = {name: count for stored, count in found.items() if (name := wire_id(TENANT, stored)) is not None}
        return {name: count for name, count in named.items() if not thread_id or name == thread_id}

    def _trimmed(self, thread_id: str, count: int, keep: int) -> dict[str, Any]:
        if count <= keep:
            return _detail(count, 0, "no_cleanup_needed")
        return _detail(count, self._records().trim(stored_id(TENANT, thread_id), keep), "success")


def _detail(count: int, deleted: int, status: str) -> dict[str, Any]:
    return {"original_count": count, "deleted_count": deleted, "remaining_count": count - deleted, "status": status}


def _keep_count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadRequestError(texts.KEEP_COUNT_NO_NUMBER)
    if value <= 0:
        raise BadRequestError(texts.KEEP_COUNT_WRONG)
    return min(value, 2**31)


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if isinstance(value, list | dict):
        raise BadRequestError(texts.NOT_TEXT.format(name=name))
    text = str(value) if value else ""
    if not is_storable(text):
        raise BadRequestError(messages.PARAMETER_NOT_TEXT, invalid_params=[name])
    return text


def _counted(threads: Mapping[str, int]) -> dict[str, Any]:
    ordered = sorted(threads.items(), key=lambda entry: entry[1], reverse=True)
    return {
        "thread_count": len(ordered),
        "total_checkpoints": sum(threads.values()),
        "threads": [{"thread_id": thread, "checkpoint_count": count} for thread, count in ordered],
    }


def _by_user(counts: Mapping[str, int]) -> dict[str, dict[str, int]]:
    by_user: dict[str, dict[str, int]] = defaultdict(dict)
    for thread, count in counts.items():
        by_user[owner_of(thread) or thread][thread] = count
    return dict(by_user)
