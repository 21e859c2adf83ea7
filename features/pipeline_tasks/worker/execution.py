"""Runs a queued task in a worker: takes its lease, runs the pipeline, writes progress and outcome into the task's rows.

A worker that dies leaves a lease behind; when that has run out another one goes on where the run was. A worker that
lost its lease stops, so that nobody's work is done twice.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal
from uuid import uuid4

from sqlalchemy import Row
from sqlalchemy.exc import SQLAlchemyError

from common.cancellation import CancelFlag
from common.errors import CituError, StoreUnavailableError
from common.messages import pipeline_tasks as texts
from core.database import Database
from core.logging import get_app_logger
from core.read_only_mode import ReadOnlyMode
from core.vector_store.origin import Standing
from data_pipeline.runner import PipelineRunner, TaskBusyError
from data_pipeline.task import RunResult, StepName, TaskSpec
from data_pipeline.task_folder import TaskFolder
from data_pipeline.task_log import TaskLog
from features.pipeline_tasks.connections import BusinessTargets
from features.pipeline_tasks.repository import TaskRepository
from features.pipeline_tasks.service import end_run
from features.pipeline_tasks.task_folders import TABLE_LIST, TaskFolders
from features.pipeline_tasks.worker.lease import Lease
from features.pipeline_tasks.worker.outcome import Outcome, finish, give_back, outcome_of
from features.pipeline_tasks.worker.progress import TaskProgress

logger = get_app_logger("pipeline_tasks")
MOST_ATTEMPTS: Final = 5
FINISH_ATTEMPTS: Final = 30
Did = Literal["ran", "nothing", "later"]
RunnerOf = Callable[[str | None], AbstractContextManager[PipelineRunner]]
"""A runner on the database at a URL, on the configured one for None."""


class TaskExecution:
    """One a worker process; it runs one task at a time.

    Args:
        runner_of: see `RunnerOf`.
        lease_seconds: how long a dead worker's run waits for another.
        reached: told of every point where a kill would leave something half done; for tests.
    """

    def __init__(
        self,
        *,
        database: Database,
        folders: TaskFolders,
        targets: BusinessTargets,
        mode: ReadOnlyMode,
        runner_of: RunnerOf,
        lease_seconds: float,
        reached: Callable[[str], None] = lambda _point: None,
    ) -> None:
        self._database = database
        self._folders = folders
        self._targets = targets
        self._mode = mode
        self._runner_of = runner_of
        self._lease_seconds = lease_seconds
        self._reached = reached
        self._stopping = CancelFlag()

    def stop(self) -> None:
        """Give the running task back to the queue between two tables, and take no other."""
        self._stopping.set()

    def run(self, tenant: str, task_id: str) -> Did:
        """Run the task if it waits for a worker. `later` when it cannot run now but still waits.

        Raises:
            StoreUnavailableError: the platform database is away; the task still waits.
        """
        if self._stopping.is_set() or self._mode.is_read_only():
            return "later"
        owner = uuid4().hex
        with self._database.session() as session:
            repository = TaskRepository(session, tenant)
            task = repository.claim(task_id, owner, self._lease_seconds)
            if task is not None and (task.run_attempts > MOST_ATTEMPTS or task.cancel_requested):
                error = texts.CANCELLED if task.cancel_requested else texts.WORKER_LOST
                end_run(repository, task, ended="cancelled" if task.cancel_requested else "failed", error=error)
                return "nothing"
        if task is None:
            return "nothing"
        self._reached("claimed")
        return self._run_claimed(tenant, task, owner)

    def _run_claimed(self, tenant: str, task: Row[Any], owner: str) -> Did:
        lease = Lease(
            database=self._database,
            tenant=tenant,
            task_id=task.task_id,
            owner=owner,
            seconds=self._lease_seconds,
            stopping=self._stopping,
        )
        with lease:
            try:
                outcome = self._outcome(tenant, task, lease)
            except TaskBusyError:
                outcome = Outcome(
                    "given_back", has_begun=False
                )  # the process that lost the lease has not let go of the folder yet
            except CituError as error:
                outcome = Outcome("failed", error.message)
            except OSError as error:
                logger.error("a task's folder cannot be used: %s", error.strerror)
                outcome = Outcome("failed", texts.RUN_BROKEN)
            if lease.is_lost:
                return "nothing"
            if outcome.ended == "cancelled" and not lease.is_cancelled:
                outcome = Outcome("given_back")
            self._reached("ended")
            return self._close(tenant, task, owner, outcome)

    def _outcome(self, tenant: str, task: Row[Any], lease: Lease) -> Outcome:
        folders = self._folders.of(tenant)
        folder = folders.make(task.task_id)
        request = task.run_request
        progress = TaskProgress(
            database=self._database, tenant=tenant, task=task, owner=lease.owner, is_cancelled=lease.cancel.is_set,
            mode=self._mode, reached=self._reached,
        )  # fmt: skip
        progress.begin()
        if folders.facts(task.task_id, TABLE_LIST) is None:
            error = texts.TABLE_LIST_MISSING.format(path=folder / TABLE_LIST, task_id=task.task_id)
            with closing(TaskLog(folder, task.task_id)) as log:
                log.write(error, level=logging.ERROR)
            return Outcome("failed", error)
        result = self._pipeline(tenant, task, folder, request["step_name"], progress, lease)
        return outcome_of(result)

    def _pipeline(
        self, tenant: str, task: Row[Any], folder: Path, step: StepName | None, progress: TaskProgress, lease: Lease
    ) -> RunResult:
        url = self._targets.url_of(task.parameters["db_connection"])
        spec = spec_of(task, tenant, self._targets.of_request(task.parameters["db_connection"]).name)
        goes_on = bool(task.run_request.get("is_resumed")) or task.run_attempts > 1
        with self._runner_of(url) as runner:
            is_resumed = goes_on and is_run_of(spec, folder)
            return runner.run(spec, folder, step, progress, lease.cancel, resume=is_resumed)

    def _close(self, tenant: str, task: Row[Any], owner: str, outcome: Outcome) -> Did:
        """Write how it ended; tried for a while, since a database that is away now has the lease run out anyway."""
        for _ in range(FINISH_ATTEMPTS):
            try:
                with self._database.session() as session:
                    repository = TaskRepository(session, tenant)
                    if not repository.is_owned(task.task_id, owner):
                        return "nothing"
                    if outcome.ended == "given_back":
                        give_back(repository, task, owner, has_begun=outcome.has_begun)
                    else:
                        finish(repository, task, owner, outcome)
            except StoreUnavailableError:
                time.sleep(1.0)
                continue
            except SQLAlchemyError as error:
                logger.error("a run's end could not be written: %s", type(error).__name__, exc_info=error)
                return "later"
            self._reached("closed")
            return "later" if outcome.ended == "given_back" else "ran"
        return "later"


def is_run_of(spec: TaskSpec, folder: Path) -> bool:
    """Whether the folder's last run is this one; else it was never begun, or is an earlier one."""
    state = TaskFolder(folder).read_state("run.json")
    run = state.get("run", {}) if isinstance(state, dict) else {}
    return bool(run.get("stamp") == spec.stamp)


def spec_of(task: Row[Any], tenant: str, database_name: str) -> TaskSpec:
    """What the pipeline needs to know of a task; the same for every attempt at one run."""
    parameters, request = task.parameters, task.run_request
    return TaskSpec(
        task.task_id,
        started_at=datetime.fromisoformat(request["asked_at"]),
        created_at=task.created_at,
        database_name=database_name,
        business_context=str(parameters.get("business_context") or ""),
        parameters=parameters,
        tenant=tenant,
        user_id=task.by_user or "guest",
        has_validation=bool(parameters.get("enable_sql_validation", True)),
        has_training=bool(parameters.get("enable_training_data_load", True)),
        repairs_sql=bool(parameters.get("enable_llm_repair", True)),
        modifies_original_file=bool(parameters.get("modify_original_file", True)),
        backs_up_vectors=bool(request.get("backup_vector_tables")),
        truncates_vectors=bool(request.get("truncate_vector_tables")),
        skips_training=bool(request.get("skip_training")),
        standing=Standing(request.get("training_standing", Standing.OPEN.value)),
    )
