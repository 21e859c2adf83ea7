"""The events of a task's last run as server-sent events: what happened so far, then what happens, within a second.

Events are rows that the worker writes, so any process can tell them and a watcher that comes back goes on where it was.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Protocol

from common import messages
from common.errors import BadRequestError, NotFoundError, StoreUnavailableError
from common.messages import pipeline_tasks as texts
from common.result import success
from core.database import Database
from features.pipeline_tasks.file_names import is_task_id, shown_name
from features.pipeline_tasks.repository import TaskRepository
from features.wire.values import last_event_id as read_event_id

LOOK_SECONDS: Final = 0.4
MOST_AT_ONCE: Final = 200
LAST_TYPES: Final = frozenset({"completed", "failed", "cancelled"})
_LARGEST_ID: Final = 2**62


class Leaving(Protocol):
    """Raised when the watcher has gone."""

    def is_set(self) -> bool: ...

    def add_callback(self, callback: Callable[[], None]) -> None: ...

    def remove_callback(self, callback: Callable[[], None]) -> None: ...


class TaskEvents:
    """Args:
    frame: renders an event's envelope with its id as text; opened, heartbeat: comments.
    quiet_seconds: how long a stream may be silent.
    """

    def __init__(
        self,
        *,
        database: Database,
        frame: Callable[[Mapping[str, Any], int], str],
        opened: str,
        heartbeat: str,
        quiet_seconds: float,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._database = database
        self._frame = frame
        self._opened = opened
        self._heartbeat = heartbeat
        self._quiet_seconds = quiet_seconds
        self._look_seconds = look_seconds

    def stream(
        self, tenant: str, task_id: str, last_event_id: str | None, leaving: Leaving | None = None
    ) -> Iterator[str]:
        """Frames up to the run's last event; a task that never ran is waited for.

        Raises:
            NotFoundError: the tenant has no such task.
            BadRequestError: the last event's id is no number.
            StoreUnavailableError: the platform database is away.
        """
        seq = _event_id(last_event_id)
        with self._database.session() as session:
            if not is_task_id(task_id) or TaskRepository(session, tenant).task(task_id) is None:
                raise NotFoundError(texts.TASK_NOT_FOUND.format(task_id=shown_name(task_id)))
        return self._frames(tenant, task_id, seq, leaving)

    def _frames(self, tenant: str, task_id: str, seq: int, leaving: Leaving | None) -> Iterator[str]:
        wakes = threading.Event()
        if leaving is not None:
            leaving.add_callback(wakes.set)
        try:
            yield self._opened
            quiet_since = time.monotonic()
            while leaving is None or not leaving.is_set():
                found = self._after(tenant, task_id, seq)
                if found is None:
                    return
                for event in found:
                    seq = event.seq
                    yield self._frame(_envelope(task_id, event), seq)
                    if event.event.get("type") in LAST_TYPES:
                        return
                if found:
                    quiet_since = time.monotonic()
                elif time.monotonic() - quiet_since >= self._quiet_seconds:
                    quiet_since = time.monotonic()
                    yield self._heartbeat
                wakes.wait(self._look_seconds)
        finally:
            if leaving is not None:
                leaving.remove_callback(wakes.set)

    def _after(self, tenant: str, task_id: str, seq: int) -> Any:
        """The next events; none while the database is away, None when no more will come."""
        try:
            with self._database.session() as session:
                repository = TaskRepository(session, tenant)
                found = repository.events_after(task_id, seq, MOST_AT_ONCE)
                if found:
                    return found
                task = repository.task(task_id)
                has_ended = task is None or (task.run_state is None and task.run_request is not None)
                return repository.events_after(task_id, seq, MOST_AT_ONCE) or None if has_ended else []
        except StoreUnavailableError:
            return []


def _envelope(task_id: str, event: Any) -> Mapping[str, Any]:
    moment = event.created_at.astimezone().replace(tzinfo=None).isoformat(timespec="microseconds")
    message = str(event.event.get("message") or messages.SUCCESS)
    return success({"task_id": task_id, **event.event, "timestamp": moment}, message)


def _event_id(text: str | None) -> int:
    number = read_event_id(text, _LARGEST_ID)
    if number is None:
        raise BadRequestError(messages.INVALID_PARAMETER.format(name="Last-Event-ID"), invalid_params=["Last-Event-ID"])
    return number
