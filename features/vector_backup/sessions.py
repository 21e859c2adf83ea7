"""Opens connections for backup and restore, and says in a text without addresses why there is none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import psycopg
from psycopg import Connection

from core.database_targets import DatabaseTarget, DatabaseTargets, reason_of
from core.vector_store.backup_manifest import BackupError


class Sessions(Protocol):
    """Makes connections to a database a request named."""

    def target(self, url: str) -> DatabaseTarget:
        """Raises `BadRequestError`, `ForbiddenError`."""
        ...

    def opened(self, target: DatabaseTarget) -> Any:
        """A context manager of a connection in autocommit mode; raises `BackupError` without one."""
        ...


class DatabaseSessions:
    """Connections as the targets allow them."""

    def __init__(self, targets: DatabaseTargets) -> None:
        self._targets = targets

    def target(self, url: str) -> DatabaseTarget:
        return self._targets.target(url)

    @contextmanager
    def opened(self, target: DatabaseTarget) -> Iterator[Connection[Any]]:
        """See `Sessions`; a connection that breaks is a `BackupError`, too."""
        try:
            with Connection.connect(**dict(target.parameters), autocommit=True) as connection:  # type: ignore[arg-type]
                yield connection
        except psycopg.Error as error:
            raise BackupError(reason_of(error)) from error
