"""Tasks as they stand on the wire (docs/contract/pipeline.md). Passwords never do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from common.messages import pipeline_tasks as texts
from common.secret_masking import is_secret_name, mask_secret, mask_text
from features.pipeline_tasks.repository import QUEUED, RUNNING


def detail(task: Row[Any], steps: Sequence[Row[Any]], note: str | None) -> dict[str, Any]:
    """Everything about one task."""
    return {
        "task_id": task.task_id,
        "task_name": task.task_name,
        "status": task.status,
        "step_status": {step.step_name: step.step_status for step in steps},
        "created_at": iso(task.created_at),
        "started_at": iso(task.started_at),
        "completed_at": iso(task.completed_at),
        "parameters": without_secrets(task.parameters),
        "result": task.result,
        "error_message": task.error_message,
        "current_step": _current_step(steps),
        "total_steps": len(steps),
        "steps": [_step(step) for step in steps],
        "run": run_of(task, note),
    }


def item(task: Row[Any], steps: Sequence[Row[Any]]) -> dict[str, Any]:
    """A task in a list."""
    return {
        "task_id": task.task_id,
        "task_name": task.task_name,
        "status": task.status,
        "step_status": summary([step.step_status for step in steps]),
        "created_at": iso(task.created_at),
        "started_at": iso(task.started_at),
        "completed_at": iso(task.completed_at),
        "created_by": task.by_user,
        "db_name": task.db_name,
        "business_context": (task.parameters or {}).get("business_context"),
        "directory_exists": task.directory_exists is not False,
        "updated_at": iso(task.updated_at),
    }


def summary(statuses: Sequence[str]) -> str | None:
    """The steps in one word, tested in the contract's order."""
    if not statuses:
        return None
    if "failed" in statuses:
        return "failed"
    if "running" in statuses:
        return "running"
    if all(status == "completed" for status in statuses):
        return "all_completed"
    return "partial_completed" if "completed" in statuses else "pending"


def run_of(task: Row[Any], note: str | None) -> dict[str, Any] | None:
    """The last execution: what was asked for and where it stands; None before the first."""
    if not task.run_request:
        return None
    state = task.run_state or (task.run_request.get("ended") or "ended")
    return {
        "number": task.run_number,
        "state": state,
        "execution_mode": task.run_request.get("execution_mode"),
        "step_name": task.run_request.get("step_name"),
        "attempts": task.run_attempts,
        "cancel_requested": task.cancel_requested,
        "note": note,
    }


def note_of(task: Row[Any], *, has_worker: bool, is_read_only: bool, now: datetime) -> str | None:
    """Why nothing happens, when nothing does.

    Args:
        now: aware.
    """
    if task.run_state is None:
        return None
    if is_read_only:
        return texts.NOTE_READ_ONLY
    if task.run_state == QUEUED:
        return texts.NOTE_QUEUED if has_worker else texts.NOTE_NO_WORKER
    is_lost = task.run_state == RUNNING and task.lease_expires_at is not None and task.lease_expires_at < now
    return texts.NOTE_LEASE_LOST if is_lost else None


def without_secrets(value: Any) -> Any:
    """The value without any password in it, however deep; rows of an older service may hold some."""
    if isinstance(value, Mapping):
        return {
            name: mask_secret(member) if is_secret_name(str(name)) else without_secrets(member)
            for name, member in value.items()
        }
    if isinstance(value, list):
        return [without_secrets(member) for member in value]
    return mask_text(value) if isinstance(value, str) else value


def iso(moment: datetime | None) -> str | None:
    """Local and naive, as clients have always read it; with microseconds, also when they are 0."""
    return None if moment is None else moment.isoformat(timespec="microseconds")


def _current_step(steps: Sequence[Row[Any]]) -> dict[str, Any] | None:
    for step in steps:
        if step.step_status == "running":
            return {
                "execution_id": step.execution_id,
                "step": step.step_name,
                "status": step.step_status,
                "started_at": iso(step.started_at),
                "progress": _progress(step),
            }
    return None


def _step(step: Row[Any]) -> dict[str, Any]:
    return {
        "step_name": step.step_name,
        "step_status": step.step_status,
        "started_at": iso(step.started_at),
        "completed_at": iso(step.completed_at),
        "error_message": step.error_message,
        "progress": _progress(step),
    }


def _progress(step: Row[Any]) -> dict[str, Any] | None:
    if step.progress_total is None:
        return None
    return {"done": step.progress_done, "total": step.progress_total, "subject": step.progress_subject}
