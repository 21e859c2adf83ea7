"""Runs a task: all steps or one, resumable after any kill. The one runner of the API, the worker and the command line.

Each step writes its files whole and is remembered when it is complete; a run that was interrupted goes on at the step,
table or theme it had reached and leaves the same files as one that was not.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import psycopg

from common.cancellation import CancelFlag, CancelSignal
from common.errors import CituError
from common.messages import data_pipeline as texts
from common.secret_masking import is_secret_name, mask_secret, mask_text
from core.embedded.file_locks import FileLock
from core.sql_executor.database_errors import database_sentence
from data_pipeline.errors import PipelineCancelledError, PipelineError
from data_pipeline.heartbeat import Heartbeat
from data_pipeline.run_backup import back_up_earlier_files
from data_pipeline.run_state import RunState
from data_pipeline.stage import Stage, StageContext
from data_pipeline.task import (
    INTERNAL_NAMES,
    STEPS,
    PipelineLimits,
    Progress,
    ProgressEvent,
    RunResult,
    StepName,
    StepResult,
    TaskSpec,
)
from data_pipeline.task_folder import TaskFolder
from data_pipeline.task_log import TaskLog

CONFIG: Final = "task_config.json"
RESULT: Final = "task_result.json"
_LOCK: Final = "lock"


class TaskBusyError(PipelineError):
    """Another process runs this task now (409)."""

    status = 409
    error_type = "task_running"


class PipelineRunner:
    """See the module.

    Args:
        stages: what each step does.
        limits: handed to the stages.
        reached: told of every point where a kill would leave something half done; for tests.
        clock: seconds from any fixed point.
    """

    def __init__(
        self,
        *,
        stages: Mapping[StepName, Stage],
        limits: PipelineLimits,
        reached: Callable[[str], None] = lambda _point: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.stages = stages
        self.limits = limits
        self.reached = reached
        self._clock = clock

    def run(
        self,
        task: TaskSpec,
        folder: Path,
        step: StepName | None = None,
        progress: Progress = lambda _event: None,
        cancel: CancelSignal | None = None,
        *,
        resume: bool = False,
    ) -> RunResult:
        """Run the task in its folder and return how every step ended; a failing step ends the run without an exception.

        A run of the same kind and parameters that was killed goes on by itself.

        Args:
            step: the only step to run; None runs all that the task wants, after moving earlier files away.
            progress: called in this thread, a stage's thread pool's collecting one or the heartbeat's, never from two
                at once; the last report again after half a second without another, ever more rarely in long silences.
            cancel: looked at between tables, themes and statements.
            resume: go on with the last run however it ended; a completed one only tells its results again. What a
                worker wants that does not know whether it was killed before or after the end.

        Raises:
            TaskBusyError: another process runs it.
            OSError: the folder cannot be made.
        """
        task_folder = TaskFolder(folder, reached=self.reached)
        lock = FileLock(task_folder.state / _LOCK)
        if not lock.try_acquire():
            raise TaskBusyError(texts.TASK_RUNNING.format(task_id=task.task_id))
        log = TaskLog(folder, task.task_id)
        try:
            return self._run(task, task_folder, step, progress, cancel or CancelFlag(), log, resume=resume)
        finally:
            log.close()
            lock.release()

    def _run(
        self,
        task: TaskSpec,
        folder: TaskFolder,
        step: StepName | None,
        progress: Progress,
        cancel: CancelSignal,
        log: TaskLog,
        *,
        resume: bool,
    ) -> RunResult:
        folder.drop_half_written()
        run = RunState(folder)
        if run.begin(task, step, resume=resume):
            log.write(texts.INTERRUPTED_RUN_RESUMED)
        results: list[StepResult] = []
        report = Heartbeat(progress)
        with report.beating():
            for name in _steps_to_run(task, step):
                context = StageContext(task, name, folder, run, self.limits, log, report, cancel)
                results.append(self._step(context, is_complete_run=step is None, is_first=not results))
                if results[-1].status != "completed":
                    break
        result = RunResult(results[-1].status, tuple(results))
        self._write_results(task, folder, run, result, step)
        run.finish(result)
        return result

    def _step(self, context: StageContext, *, is_complete_run: bool, is_first: bool) -> StepResult:
        """Run one step and report its beginning and end; a failure inside it becomes its result."""
        started = self._clock()
        context.report(ProgressEvent(context.step, "started"))
        try:
            if is_first:
                self._prepare(context, is_complete_run=is_complete_run)
            taken_over = context.run.finished_in_this_run(context.step)
            if taken_over is not None:
                context.say(texts.STEP_TAKEN_OVER)
                result = taken_over
            else:
                result = self._do(context, started)
        except PipelineCancelledError as error:
            result = StepResult(context.step, "cancelled", error=error.message)
        except CituError as error:
            result = StepResult(context.step, "failed", error=mask_text(error.message))
        except psycopg.Error as error:
            result = StepResult(context.step, "failed", error=mask_text(database_sentence(error)))
        except OSError as error:
            detail = error.strerror or type(error).__name__
            result = StepResult(context.step, "failed", error=texts.FILE_ERROR.format(detail=detail))
        if result.duration_seconds == 0.0:
            result = replace(result, duration_seconds=self._clock() - started)
        self._tell(context, result)
        return result

    def _prepare(self, context: StageContext, *, is_complete_run: bool) -> None:
        """The folder's state before the first step of a run."""
        if is_complete_run:
            back_up_earlier_files(context.folder, context.run, context.spec.task_id)
        context.folder.write_json(CONFIG, _config(context.spec, context.folder))

    def _do(self, context: StageContext, started: float) -> StepResult:
        context.say(texts.STEP_STARTED)
        context.check_cancelled()
        outcome = self.stages[context.step].run(context)
        seconds = self._clock() - started
        artifact = {**outcome.artifact, "duration": seconds}
        result = StepResult(context.step, "completed", artifact, "", tuple(outcome.problems), seconds)
        context.run.finish_step(result, outcome.outputs, outcome.inputs, outcome.facts)
        return result

    def _tell(self, context: StageContext, result: StepResult) -> None:
        if result.status == "completed":
            context.say(texts.STEP_COMPLETED.format(seconds=result.duration_seconds))
            context.report(ProgressEvent(context.step, "completed"))
        else:
            state = "cancelled" if result.status == "cancelled" else "failed"
            context.say(result.error, level=logging.ERROR)
            context.report(ProgressEvent(context.step, state, message=result.error))  # type: ignore[arg-type]

    def _write_results(
        self, task: TaskSpec, folder: TaskFolder, run: RunState, result: RunResult, step: StepName | None
    ) -> None:
        if result.status != "completed":
            return
        if step is not None:
            folder.write_json(f"{step}_result.json", dict(result.steps[0].artifact))
            return
        artifacts: dict[str, Any] = {INTERNAL_NAMES[item.step]: dict(item.artifact) for item in result.steps}
        if managed := run.facts("training_load").get("vector_management"):
            artifacts["vector_management"] = managed
        folder.write_json(RESULT, {"success": True, "workflow_state": _workflow(task, result), "artifacts": artifacts})


def _steps_to_run(task: TaskSpec, step: StepName | None) -> list[StepName]:
    if step is not None:
        return [step]
    left_out = {"sql_validation": not task.has_validation, "training_load": not task.has_training}
    return [name for name in STEPS if not left_out.get(name, False)]


def _config(task: TaskSpec, folder: TaskFolder) -> dict[str, Any]:
    """`task_config.json` (contract 4.3), every secret masked."""
    return {
        "task_id": task.task_id,
        "created_at": _created_at(task, folder),
        "parameters": _masked(task.parameters),
        "output_directory": str(folder.path),
    }


def _created_at(task: TaskSpec, folder: TaskFolder) -> str:
    """The task's own time, else the one its folder already knows, else the start of this run."""
    if task.created_at is not None:
        return task.created_at.isoformat()
    try:
        known = json.loads(folder.file(CONFIG).read_bytes())["created_at"]
    except (OSError, ValueError, KeyError, TypeError):
        return task.started_at.isoformat()
    return str(known)


def _masked(value: Any) -> Any:
    """The value without any password in it, however deep."""
    if isinstance(value, Mapping):
        return {name: mask_secret(item) if is_secret_name(str(name)) else _masked(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(item) for item in value]
    return mask_text(value) if isinstance(value, str) else value


def _workflow(task: TaskSpec, result: RunResult) -> dict[str, Any]:
    """`workflow_state` (contract 5.7); its times are the run's own, not those of a resumption."""
    return {
        "start_time": task.started_at.isoformat(),
        "end_time": None,
        "current_step": None,
        "completed_steps": [INTERNAL_NAMES[item.step] for item in result.steps if item.status == "completed"],
        "failed_steps": [INTERNAL_NAMES[item.step] for item in result.steps if item.status == "failed"],
        "artifacts": {INTERNAL_NAMES[item.step]: dict(item.artifact) for item in result.steps},
        "statistics": {f"step{STEPS.index(item.step) + 1}_duration": item.duration_seconds for item in result.steps},
    }
