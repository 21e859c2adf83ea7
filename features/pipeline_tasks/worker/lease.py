"""Keeps a run's lease in a thread while it is worked on, and hears there that the run is to stop."""

from __future__ import annotations

import threading
from types import TracebackType

from sqlalchemy.exc import SQLAlchemyError

from common.cancellation import CancelFlag, CancelSignal
from common.errors import StoreUnavailableError
from core.database import Database
from core.logging import get_app_logger
from features.pipeline_tasks.repository import TaskRepository

logger = get_app_logger("pipeline_tasks")
_MOST_SECONDS = 1.0
"""Between two looks, so that a cancellation is heard soon."""


class Lease:
    """A context: renewed inside it. `cancel` is raised when the run is cancelled, given back or somebody else's.

    Args:
        stopping: raised when the worker is to end.
    """

    def __init__(
        self, *, database: Database, tenant: str, task_id: str, owner: str, seconds: float, stopping: CancelSignal
    ) -> None:
        self._database = database
        self._tenant = tenant
        self._task_id = task_id
        self.owner = owner
        self._seconds = seconds
        self._stopping = stopping
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"lease-{task_id}", daemon=True)
        self.cancel = CancelFlag()
        self.is_lost = False
        self.is_cancelled = False

    def __enter__(self) -> Lease:
        self._stopping.add_callback(self.cancel.set)
        self._thread.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self._ended.set()
        self._stopping.remove_callback(self.cancel.set)
        self._thread.join()

    def _keep(self) -> None:
        while not self._ended.wait(min(self._seconds / 4, _MOST_SECONDS)):
            try:
                with self._database.session() as session:
                    renewed = TaskRepository(session, self._tenant).renew(self._task_id, self.owner, self._seconds)
            except (StoreUnavailableError, SQLAlchemyError) as error:
                logger.warning("a lease could not be renewed: %s", type(error).__name__)
                continue
            if renewed is None and not self._ended.is_set():
                self.is_lost = True
                self.cancel.set()
                return
            if renewed is not None and renewed.cancel_requested:
                self.is_cancelled = True
                self.cancel.set()
