"""Writes the pipeline's progress reports into the task's rows and events; waits in read-only mode."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import Row
from sqlalchemy.exc import SQLAlchemyError

from common.errors import StoreUnavailableError
from common.messages import pipeline_tasks as texts
from core.database import Database
from core.logging import get_app_logger
from core.read_only_mode import ReadOnlyMode
from data_pipeline.task import ProgressEvent
from features.pipeline_tasks.repository import TaskRepository

logger = get_app_logger("pipeline_tasks")
_LOOK_SECONDS: Final = 0.5
_LONGEST_TEXT: Final = 2_000
_ENDS: Final = ("completed", "failed", "cancelled")
_STEP_STATUS: Final = {"started": "running", "completed": "completed", "failed": "failed", "cancelled": "failed"}


class TaskProgress:
    """The pipeline's `Progress`. A platform database that is away costs reports, never the run.

    The end of a step is written with the beginning of the next one; that of the last one with the end of the run
    (`outcome.finish`), so that nobody who sees it meets a task that still runs.

    Args:
        is_cancelled: ends a wait for the end of read-only mode.
    """

    def __init__(
        self,
        *,
        database: Database,
        tenant: str,
        task: Row[Any],
        owner: str,
        is_cancelled: Callable[[], bool],
        mode: ReadOnlyMode,
        reached: Callable[[str], None] = lambda _point: None,
    ) -> None:
        self._database = database
        self._tenant = tenant
        self._task = task
        self._owner = owner
        self._is_cancelled = is_cancelled
        self._mode = mode
        self._reached = reached
        self._ended: ProgressEvent | None = None

    def begin(self) -> None:
        """The run starts, or goes on."""
        task = self._task

        def work(repository: TaskRepository) -> None:
            now = repository.now()
            started = {} if task.started_at else {"started_at": now}
            repository.change(
                task.task_id, status="in_progress", error_message=None, completed_at=None, result=None, **started
            )
            is_resumed = task.run_attempts > 1 or bool(task.run_request.get("is_resumed"))
            text = texts.EVENT_RESUMED if is_resumed else texts.STARTED
            repository.add_event(
                task.task_id, task.run_number, {"type": "started", "message": text, "attempt": task.run_attempts}
            )

        self._write(work)

    def __call__(self, event: ProgressEvent) -> None:
        if event.state in _ENDS:
            self._ended = event
        else:
            if self._ended is not None:
                self._note(self._ended)
                self._ended = None
            if event.state == "started":
                self._wait_until_writable()
            self._note(event)
        self._reached(f"{event.step} {event.state} {event.subject}")

    def _note(self, event: ProgressEvent) -> None:
        self._write(lambda repository: note(repository, self._task, event))

    def _wait_until_writable(self) -> None:
        is_told = False
        while self._mode.is_read_only() and not self._is_cancelled():
            if not is_told:
                logger.info("a task is paused: read-only mode")
                is_told = True
            time.sleep(_LOOK_SECONDS)

    def _write(self, work: Callable[[TaskRepository], None]) -> None:
        try:
            with self._database.session() as session:
                repository = TaskRepository(session, self._tenant)
                if repository.is_owned(self._task.task_id, self._owner):
                    work(repository)
        except (StoreUnavailableError, SQLAlchemyError) as error:
            logger.warning("progress could not be written: %s", type(error).__name__)


def note(repository: TaskRepository, task: Row[Any], event: ProgressEvent) -> None:
    """Write what was done into the step's row and the task's events."""
    now = repository.now()
    if event.state == "advanced":
        values: dict[str, Any] = {
            "progress_done": event.done,
            "progress_total": event.total,
            "progress_subject": event.subject[:_LONGEST_TEXT],
        }
    elif event.state == "started":
        execution_id = f"{task.task_id}_step_{event.step}_exec_{now:%Y%m%d_%H%M%S}"
        values = {
            "started_at": now, "execution_id": execution_id[:100], "completed_at": None, "error_message": None
        }  # fmt: skip
    else:
        failed = event.state != "completed"
        values = {"completed_at": now, "error_message": event.message[:_LONGEST_TEXT] if failed else None}
    if event.state in _STEP_STATUS:
        values["step_status"] = _STEP_STATUS[event.state]
    repository.change_steps(task.task_id, [event.step], **values)
    repository.add_event(task.task_id, task.run_number, _event_body(event))


def _event_body(event: ProgressEvent) -> dict[str, Any]:
    """An event for watchers."""
    if event.state == "advanced":
        text = texts.EVENT_ADVANCED.format(step=event.step, done=event.done, total=event.total, subject=event.subject)
    else:
        text = texts.EVENT_STEP.format(step=event.step, state=event.state)
    return {
        "type": "progress" if event.state == "advanced" else f"step_{event.state}",
        "step": event.step,
        "subject": event.subject[:_LONGEST_TEXT],
        "done": event.done,
        "total": event.total,
        "message": (event.message or text)[:_LONGEST_TEXT],
    }
