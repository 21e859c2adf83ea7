"""Whether a task exists, for the services that need nothing else of it."""

from __future__ import annotations

from common.errors import NotFoundError
from common.messages import pipeline_tasks as texts
from core.database import Database
from features.pipeline_tasks.file_names import is_task_id, shown_name
from features.pipeline_tasks.repository import TaskRepository


class ExistingTasks:
    """Asks the platform database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def require(self, tenant: str, task_id: str) -> None:
        """Pass or raise.

        Raises:
            NotFoundError: the tenant has no such task.
            StoreUnavailableError: the platform database is away.
        """
        if is_task_id(task_id):
            with self._database.session() as session:
                if TaskRepository(session, tenant).task(task_id) is not None:
                    return
        raise NotFoundError(texts.TASK_NOT_FOUND.format(task_id=shown_name(task_id)))
