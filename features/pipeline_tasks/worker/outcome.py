"""How a run ended, and what that means for the task's rows (docs/contract/pipeline.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from sqlalchemy import Row

from common.messages import pipeline_tasks as texts
from data_pipeline.task import ProgressEvent, RunResult
from features.pipeline_tasks.repository import QUEUED, TaskRepository
from features.pipeline_tasks.worker.progress import note

Ended = Literal["completed", "failed", "cancelled", "given_back"]
_MESSAGES: Final[Mapping[str, str]] = {
    "completed": texts.EVENT_COMPLETED,
    "failed": texts.EVENT_FAILED,
    "cancelled": texts.EVENT_CANCELLED,
}


@dataclass(frozen=True)
class Outcome:
    """The end of a run; `given_back` is none, another worker goes on."""

    ended: Ended
    error: str = ""
    result: RunResult | None = None
    has_begun: bool = True


def outcome_of(result: RunResult) -> Outcome:
    """The outcome of what the pipeline did."""
    ended: Ended = "completed" if result.status in ("completed", "skipped") else result.status  # type: ignore[assignment]
    return Outcome(ended, result.error, result)


def finish(repository: TaskRepository, task: Row[Any], owner: str, outcome: Outcome) -> None:
    """Write the end into the task's rows, its steps and its events."""
    _note_last_step(repository, task, outcome)
    steps = repository.steps_of([task.task_id]).get(task.task_id, [])
    now = repository.now()
    running = [step.step_name for step in steps if step.step_status == "running"]
    if running:
        repository.change_steps(
            task.task_id, running, step_status="failed", completed_at=now, error_message=outcome.error
        )
    is_step = bool(task.run_request["step_name"])
    status = status_of([step.step_status for step in steps], outcome, is_step=is_step)
    problems = [] if outcome.result is None else [problem for step in outcome.result.steps for problem in step.problems]
    repository.add_event(
        task.task_id,
        task.run_number,
        {
            "type": outcome.ended,
            "message": outcome.error or _MESSAGES[outcome.ended],
            "status": status,
            "problems": problems[:50],
            "problem_count": len(problems),
        },
    )
    repository.release(
        task.task_id,
        owner,
        status=status,
        error_message=_error(steps, outcome) if status == "failed" else None,
        completed_at=now if status in ("completed", "failed") else None,
        run_state=None,
        run_request={**task.run_request, "ended": outcome.ended},
        cancel_requested=False,
    )


def _note_last_step(repository: TaskRepository, task: Row[Any], outcome: Outcome) -> None:
    if outcome.result is None or not outcome.result.steps:
        return
    last = outcome.result.steps[-1]
    state = "completed" if last.status == "skipped" else last.status
    note(repository, task, ProgressEvent(last.step, state, message=last.error))


def give_back(repository: TaskRepository, task: Row[Any], owner: str, *, has_begun: bool) -> None:
    """Let another worker take the run; one that has begun goes on where it was."""
    repository.release(
        task.task_id,
        owner,
        run_state=QUEUED,
        queued_at=datetime.now(UTC),
        run_attempts=max(0, task.run_attempts - 1),
        run_request={**task.run_request, "is_resumed": has_begun or bool(task.run_request.get("is_resumed"))},
    )


def _error(steps: Sequence[Row[Any]], outcome: Outcome) -> str | None:
    """Why the task counts as failed: what ended this run, else the step that failed last."""
    earlier = [step for step in steps if step.step_status == "failed" and step.error_message and step.completed_at]
    last = max(earlier, key=lambda step: step.completed_at, default=None)
    return outcome.error or (None if last is None else last.error_message)


def status_of(steps: Sequence[str], outcome: Outcome, *, is_step: bool) -> str:
    """The task's status after a run.

    After a single step: failed while any step is; completed with the first two and at least three in all; otherwise
    partly done.
    """
    if outcome.ended != "completed":
        return "failed"
    if not is_step:
        return "completed"
    if "failed" in steps:
        return "failed"
    done = [step == "completed" for step in steps]
    return "completed" if all(done[:2]) and sum(done) >= 3 else "partial_completed"
