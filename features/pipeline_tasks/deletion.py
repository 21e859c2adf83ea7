"""Deletes tasks: folders, and rows when asked to; each with an outcome of its own (docs/contract/pipeline.md)."""

from __future__ import annotations

from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from common.messages import pipeline_tasks as texts
from common.result import Envelope, local_timestamp, success_response
from core.database import Database
from core.logging import get_app_logger
from features.pipeline_tasks.file_names import is_task_id
from features.pipeline_tasks.repository import TaskRepository
from features.pipeline_tasks.schemas import Deletion
from features.pipeline_tasks.task_folders import TaskFolders, shown_deleted_size

logger = get_app_logger("pipeline_tasks")
Outcome = dict[str, Any]


class TaskDeletion:
    """See the module."""

    def __init__(self, *, database: Database, folders: TaskFolders) -> None:
        self._database = database
        self._folders = folders

    def delete(self, tenant: str, wanted: Deletion) -> Envelope:
        """Raises `StoreUnavailableError` before anything is deleted."""
        deleted: list[Outcome] = []
        failed: list[Outcome] = []
        for task_id in wanted.task_ids:
            outcome = self._delete(tenant, task_id, has_rows=wanted.delete_database_records)
            (deleted if outcome.get("success") else failed).append(outcome)
            if failed and not wanted.continue_on_error:
                break
        data = {
            "deleted_tasks": deleted,
            "failed_tasks": failed,
            "summary": {
                "total_requested": len(wanted.task_ids),
                "successfully_deleted": len(deleted),
                "failed": len(failed),
            },
            "deleted_at": local_timestamp(),
        }
        return success_response(_text(wanted, deleted, failed), data)

    def _delete(self, tenant: str, task_id: Any, *, has_rows: bool) -> Outcome:
        if not is_task_id(task_id):
            return _failure(task_id, texts.ID_INVALID)
        try:
            with self._database.session() as session:
                return self._delete_known(TaskRepository(session, tenant), task_id, has_rows=has_rows)
        except SQLAlchemyError as error:
            logger.error("a task's rows could not be deleted: %s", type(error).__name__, exc_info=error)
            return _failure(task_id, texts.DELETE_FAILED)
        except OSError as error:
            logger.error("a task's folder could not be deleted: %s", error.strerror)
            return _failure(task_id, texts.DIRECTORY_NOT_DELETED)

    def _delete_known(self, repository: TaskRepository, task_id: str, *, has_rows: bool) -> Outcome:
        task = repository.task(task_id, is_locked=True)
        if task is not None and task.run_state is not None:
            return _failure(task_id, texts.RUNNING_NOT_DELETED)
        counted = self._folders.of(repository.tenant).remove(task_id)
        if task is not None and has_rows:
            repository.remove(task_id)
        elif task is not None:
            repository.change(task_id, directory_exists=False, updated_at=repository.now())
        count, size = counted or (0, 0)
        return {
            "success": True,
            "task_id": task_id,
            "directory_deleted": counted is not None,
            "database_records_deleted": has_rows,
            "deleted_files_count": count,
            "deleted_size": shown_deleted_size(size),
            "deleted_at": local_timestamp(),
            "operation_message": texts.DIRECTORY_DELETED if counted is not None else texts.DIRECTORY_ABSENT,
        }


def _failure(task_id: Any, error: str) -> Outcome:
    shown = task_id[:100] if isinstance(task_id, str) else task_id
    return {"task_id": shown, "error": error, "error_code": "DELETE_FAILED"}


def _text(wanted: Deletion, deleted: list[Outcome], failed: list[Outcome]) -> str:
    if len(wanted.task_ids) == 1:
        if failed:
            return texts.ONE_FAILED.format(error=failed[0]["error"])
        return str(deleted[0]["operation_message"])
    absent = sum(not outcome["directory_deleted"] for outcome in deleted)
    present = len(deleted) - absent
    if failed:
        if not deleted:
            return texts.ALL_FAILED.format(failed=len(failed))
        return texts.SOME_FAILED.format(done=len(deleted), failed=len(failed))
    if not absent:
        return texts.ALL_DELETED.format(deleted=present)
    if not present:
        return texts.ALL_ABSENT.format(absent=absent)
    return texts.SOME_ABSENT.format(deleted=present, absent=absent)
