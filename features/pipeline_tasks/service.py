"""Pipeline tasks: made, run, watched over, listed and deleted. The task routes of every entry call it.

A run is a row first: the platform database says what is to be done and who does it, the queue only wakes a worker. So
nothing is lost with the queue, and a service without a worker still takes tasks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Row
from sqlalchemy.exc import SQLAlchemyError

from common import messages
from common.errors import BadRequestError, ConflictError, ForbiddenError, NotFoundError
from common.messages import pipeline_tasks as texts
from common.messages import training_data as training_texts
from common.result import Envelope, internal_error_response, success_response
from core.database import Database
from core.logging import get_app_logger
from core.read_only_mode import ReadOnlyMode
from core.storage_quotas import NO_FILE_QUOTA, FileQuota
from core.vector_store.origin import Standing
from data_pipeline.task import STEPS, StepName
from features.pipeline_tasks import presentation
from features.pipeline_tasks.connections import BusinessTargets
from features.pipeline_tasks.deletion import TaskDeletion
from features.pipeline_tasks.file_names import is_task_id
from features.pipeline_tasks.repository import QUEUED, RUNNING, TaskRepository
from features.pipeline_tasks.schemas import Deletion, ExecutionRequest, ListQuery, NewTask, TaskQuery
from features.pipeline_tasks.shipped_lists import ShippedLists
from features.pipeline_tasks.task_folders import TABLE_LIST, TaskFolders
from features.wire.pages import pagination

logger = get_app_logger("pipeline_tasks")
Data = tuple[str, dict[str, Any]]
GUEST: Final = "guest"
UPLOADED_LIST: Final = "{task_directory}/table_list.txt"
MOST_IN_A_SECOND: Final = 1_000

Wake = Callable[[str, str], None]
"""Tells a worker of a tenant's task; a queue that is away loses nothing, so it raises nothing."""


class PipelineTaskService:
    """Every method takes the tenant and parsed values and returns the contract's envelope, `code` 200 on success.

    Args:
        wake: see `Wake`; has_worker: whether a worker is there now.
        output_name: how the tasks' parent folder is called in rows and answers.

    Raises:
        BadRequestError, ForbiddenError, NotFoundError, ConflictError: with the contract's texts.
        StoreUnavailableError: the platform database is away.
    """

    def __init__(
        self,
        *,
        database: Database,
        folders: TaskFolders,
        targets: BusinessTargets,
        lists: ShippedLists,
        mode: ReadOnlyMode,
        wake: Wake,
        has_worker: Callable[[], bool],
        output_name: str,
        quota: FileQuota = NO_FILE_QUOTA,
    ) -> None:
        self._database = database
        self._folders = folders
        self._targets = targets
        self._lists = lists
        self._mode = mode
        self._wake = wake
        self._has_worker = has_worker
        self._output_name = output_name
        self._quota = quota

    def create(self, tenant: str, wanted: NewTask) -> Envelope:
        """A new task; HTTP 201. Raises `StorageFullError` when there are as many as there may be."""
        target = self._targets.of_request(wanted.db_connection)
        content = None if wanted.is_upload_mode else self._lists.read(wanted.table_list_file or "")
        values = {
            "task_name": wanted.task_name,
            "parameters": _parameters(wanted, target.shown),
            "by_user": GUEST,
            "db_name": (wanted.db_name or target.name)[:100],
        }

        def work(repository: TaskRepository) -> Data:
            self._quota.admit_task(repository.count())
            created = repository.create(_new_ids(repository.now(), self._folders.of(tenant)), values)
            if created is None:
                raise ConflictError(texts.CREATE_FAILED)
            repository.change(created.task_id, output_directory=f"{self._output_name}/{created.task_id}")
            self._prepare_folder(self._folders.of(tenant), created.task_id, content)
            return _creation(created, wanted)

        return self._within(tenant, texts.CREATE_FAILED, work)

    def execute(
        self, tenant: str, task_id: str, wanted: ExecutionRequest, standing: Standing | None = Standing.OPEN
    ) -> Envelope:
        """Have the task run in the background; HTTP 202.

        Args:
            standing: what the training records of the run may; None when the caller may train nothing.

        Raises:
            ForbiddenError: the run would train, and the caller may not.
            ConflictError: it runs, or waits to run.
        """
        request = {
            "execution_mode": wanted.execution_mode,
            "step_name": wanted.step,
            "backup_vector_tables": wanted.backup_vector_tables or wanted.truncate_vector_tables,
            "truncate_vector_tables": wanted.truncate_vector_tables,
            "skip_training": wanted.skip_training,
        }
        steps = STEPS if wanted.step is None else (wanted.step,)

        def work(repository: TaskRepository) -> Data:
            task = self._idle_task(repository, task_id)
            self._queue(repository, task, _allowed(task, request, standing), steps)
            return texts.STARTED, self._started(task_id, request)

        return self._waking(tenant, task_id, texts.EXECUTE_FAILED, work)

    def retry(self, tenant: str, task_id: str, standing: Standing | None = Standing.OPEN) -> Envelope:
        """Go on with a run that failed or was cancelled, at the step where it ended; HTTP 202. Raises as `execute`."""

        def work(repository: TaskRepository) -> Data:
            task = self._idle_task(repository, task_id)
            request = task.run_request
            if not request or request.get("ended") not in ("failed", "cancelled"):
                raise ConflictError(texts.NOTHING_TO_RETRY.format(task_id=task_id))
            steps = repository.steps_of([task_id]).get(task_id, [])
            unfinished = [step.step_name for step in steps if step.step_status != "completed"]
            wanted = [request["step_name"]] if request["step_name"] else unfinished
            resumed = _allowed(task, {**request, "is_resumed": True, "ended": None}, standing)
            self._queue(repository, task, resumed, wanted)
            return texts.RETRY_STARTED, self._started(task_id, request)

        return self._waking(tenant, task_id, texts.EXECUTE_FAILED, work)

    def cancel(self, tenant: str, task_id: str) -> Envelope:
        """Stop a run: at once when nobody works on it, else between two tables, themes or statements."""

        def work(repository: TaskRepository) -> Data:
            task = _existing_task(repository, task_id, is_locked=True)
            if task.run_state is None:
                raise ConflictError(texts.NOT_RUNNING.format(task_id=task_id))
            is_silent = task.run_state == RUNNING and task.lease_expires_at < datetime.now(UTC)
            if task.run_state == QUEUED or is_silent:
                end_run(repository, task, ended="cancelled", error=texts.CANCELLED)
                return texts.CANCELLED, {"task_id": task_id, "cancelled": True}
            repository.change(task_id, cancel_requested=True)
            return texts.CANCEL_REQUESTED, {"task_id": task_id, "cancelled": False}

        return self._within(tenant, texts.EXECUTE_FAILED, work)

    def status(self, tenant: str, task_id: str) -> Envelope:
        """One task with its steps."""

        def work(repository: TaskRepository) -> Data:
            task = _existing_task(repository, task_id)
            steps = repository.steps_of([task_id]).get(task_id, [])
            return texts.STATUS_READ, presentation.detail(task, steps, self._note(task))

        return self._within(tenant, texts.STATUS_FAILED, work)

    def listed(self, tenant: str, wanted: ListQuery) -> Envelope:
        """The newest tasks. `total` is their number in this page, as clients know it."""
        query = TaskQuery(page_size=wanted.limit)
        filters = query.filters

        def work(repository: TaskRepository) -> Data:
            chosen = filters if wanted.status is None else type(filters)(status=wanted.status)
            rows, _ = repository.page(
                chosen, sort_by="created_at", is_descending=True, limit=wanted.limit, offset=wanted.offset
            )
            items = _items(repository, rows)
            return texts.LISTED, {
                "tasks": items,
                "total": len(items),
                "limit": wanted.limit,
                "offset": wanted.offset,
            }

        return self._within(tenant, texts.LIST_FAILED, work)

    def query(self, tenant: str, wanted: TaskQuery) -> Envelope:
        """A page of the tasks that match."""
        started = time.monotonic()

        def work(repository: TaskRepository) -> Data:
            for name, _, _, words in wanted.times:
                if not repository.is_time(words):
                    raise BadRequestError(messages.INVALID_PARAMETER.format(name=name), invalid_params=[name])
            rows, total = repository.page(
                wanted.filters,
                sort_by=wanted.sort_by,
                is_descending=wanted.sort_order == "desc",
                limit=wanted.page_size,
                offset=(wanted.page - 1) * wanted.page_size,
            )
            return texts.QUERIED, {
                "tasks": _items(repository, rows),
                "pagination": pagination(wanted.page, wanted.page_size, total),
                "filters_applied": wanted.given,
                "sort_applied": {"sort_by": wanted.sort_by, "sort_order": wanted.sort_order},
                "query_time": f"{time.monotonic() - started:.3f}s",
            }

        return self._within(tenant, texts.QUERY_FAILED, work)

    def delete(self, tenant: str, wanted: Deletion) -> Envelope:
        """Delete the tasks' folders and, when asked to, their rows. Always a success, with an outcome for each."""
        return TaskDeletion(database=self._database, folders=self._folders).delete(tenant, wanted)

    @staticmethod
    def _prepare_folder(folders: TaskFolders, task_id: str, content: bytes | None) -> None:
        try:
            folders.make(task_id)
        except OSError as error:
            logger.warning("a task's folder could not be made: %s", error.strerror)
            if content is None:
                return
        if content is not None:
            folders.write(task_id, TABLE_LIST, content)

    def _idle_task(self, repository: TaskRepository, task_id: str) -> Row[Any]:
        self._mode.refuse_writes()
        task = _existing_task(repository, task_id, is_locked=True)
        if task.run_state is not None:
            raise ConflictError(texts.ALREADY_RUNNING.format(task_id=task_id))
        return task

    def _queue(self, repository: TaskRepository, task: Row[Any], request: Mapping[str, Any], steps: Any) -> None:
        """Forget how earlier runs ended and let a worker take this one."""
        now = repository.now()
        asked_at = request["asked_at"] if request.get("is_resumed") else now.replace(microsecond=0).isoformat()
        names: list[StepName] = list(steps)
        repository.change_steps(
            task.task_id, names, step_status="pending", started_at=None, completed_at=None, error_message=None,
            progress_done=None, progress_total=None, progress_subject=None,
        )  # fmt: skip
        repository.forget_events(task.task_id)
        repository.change(
            task.task_id,
            status="pending",
            error_message=None,
            completed_at=None,
            run_number=task.run_number + 1,
            run_state=QUEUED,
            run_request={**request, "asked_at": asked_at, "ended": None},
            run_attempts=0,
            queued_at=datetime.now(UTC),
            lease_owner=None,
            lease_expires_at=None,
            cancel_requested=False,
        )
        event = {"type": "queued", "message": texts.EVENT_QUEUED}
        repository.add_event(task.task_id, task.run_number + 1, event)

    def _started(self, task_id: str, request: Mapping[str, Any]) -> dict[str, Any]:
        started = {
            "task_id": task_id,
            "execution_mode": request["execution_mode"],
            "step_name": request["step_name"],
            "message": texts.RUNS_IN_BACKGROUND,
        }
        return started if self._has_worker() else {**started, "note": texts.NOTE_NO_WORKER}

    def _note(self, task: Row[Any]) -> str | None:
        if task.run_state is None:
            return None
        return presentation.note_of(
            task,
            has_worker=task.run_state == RUNNING or self._has_worker(),
            is_read_only=self._mode.is_read_only(),
            now=datetime.now(UTC),
        )

    def _waking(self, tenant: str, task_id: str, failed: str, work: Callable[[TaskRepository], Data]) -> Envelope:
        envelope = self._within(tenant, failed, work)
        if envelope["success"]:
            self._wake(tenant, task_id)
        return envelope

    def _within(self, tenant: str, failed: str, work: Callable[[TaskRepository], Data]) -> Envelope:
        """`work` in one transaction, and its text and data in an envelope; the route's own 500 when it is refused."""
        try:
            with self._database.session() as session:
                text, data = work(TaskRepository(session, tenant))
        except (SQLAlchemyError, OSError) as error:
            logger.error("a task could not be handled: %s", type(error).__name__, exc_info=error)
            return internal_error_response(failed)
        return success_response(text, data)


def _allowed(task: Row[Any], request: Mapping[str, Any], standing: Standing | None) -> Mapping[str, Any]:
    """The request of a run with what its training records may; a resumed run never may more than before.

    Raises:
        ForbiddenError: the run would train, and the caller may not.
    """
    step = request["step_name"]
    loads = task.parameters.get("enable_training_data_load", True) if step is None else step == "training_load"
    if standing is None:
        if loads and not request["skip_training"]:
            raise ForbiddenError(training_texts.TRAINING_FORBIDDEN)
        standing = Standing.WAITING
    waits = standing is Standing.WAITING or request.get("training_standing") == Standing.WAITING.value
    return {**request, "training_standing": (Standing.WAITING if waits else standing).value}


def end_run(repository: TaskRepository, task: Row[Any], *, ended: str, error: str) -> None:
    """End a run that nobody works on; its unfinished steps stay what they were, but none is `running`."""
    steps = repository.steps_of([task.task_id]).get(task.task_id, [])
    running = [step.step_name for step in steps if step.step_status == "running"]
    now = repository.now()
    repository.change_steps(task.task_id, running, step_status="failed", completed_at=now, error_message=error)
    repository.change(
        task.task_id,
        status="failed",
        error_message=error,
        completed_at=now,
        run_state=None,
        run_request={**task.run_request, "ended": ended},
        lease_owner=None,
        lease_expires_at=None,
        cancel_requested=False,
    )
    repository.add_event(task.task_id, task.run_number, {"type": ended, "message": error})


def _new_ids(now: datetime, folders: TaskFolders) -> Iterator[str]:
    """`task_<local time>`, within the same second with a number; never one whose folder has somebody's files."""
    base = now.strftime("task_%Y%m%d_%H%M%S")
    for number in range(1, MOST_IN_A_SECOND + 1):
        task_id = base if number == 1 else f"{base}_{number}"
        if not folders.exists(task_id):
            yield task_id


def _existing_task(repository: TaskRepository, task_id: str, *, is_locked: bool = False) -> Row[Any]:
    task = repository.task(task_id, is_locked=is_locked) if is_task_id(task_id) else None
    if task is None:
        raise NotFoundError(texts.TASK_NOT_FOUND.format(task_id=task_id[:100]))
    return task


def _items(repository: TaskRepository, rows: Any) -> list[dict[str, Any]]:
    steps = repository.steps_of([row.task_id for row in rows])
    return [presentation.item(row, steps.get(row.task_id, [])) for row in rows]


def _parameters(wanted: NewTask, shown_connection: str) -> dict[str, Any]:
    """As stored; it never holds a password."""
    return {
        "db_connection": shown_connection,
        "table_list_file": UPLOADED_LIST if wanted.is_upload_mode else wanted.table_list_file,
        "business_context": wanted.business_context,
        "file_upload_mode": wanted.table_list_file is None,
        "enable_sql_validation": wanted.enable_sql_validation,
        "enable_llm_repair": wanted.enable_llm_repair,
        "modify_original_file": wanted.modify_original_file,
        "enable_training_data_load": wanted.enable_training_data_load,
    }


def _creation(created: Row[Any], wanted: NewTask) -> Data:
    data = {
        "task_id": created.task_id,
        "task_name": wanted.task_name,
        "status": "pending",
        "created_at": presentation.iso(created.created_at),
    }
    if not wanted.is_upload_mode:
        return texts.CREATED, data
    next_step = texts.NEXT_STEP.format(task_id=created.task_id)
    return texts.CREATED_FOR_UPLOAD, {**data, "file_upload_mode": True, "next_step": next_step}
