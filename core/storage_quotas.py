"""How much callers may have the service keep: conversations a day, tasks, bytes of their files, backups, room on disk.

A refused request has written nothing. Used by the services that write; 0 is no limit for each of them.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Final

from common import messages
from common.caller import current_caller
from common.errors import QuotaExceededError, StorageFullError
from core.token_bucket import Limit, TokenBuckets

_MINUTES_A_DAY: Final = 24 * 60
GUEST: Final = "guest"


class ConversationQuota:
    """Conversations and threads that one user, and all users of one address, may begin a day, counted together.

    Guests count for their address.

    The day is a moving one: what was used comes back little by little.
    """

    def __init__(self, buckets: TokenBuckets, *, per_user: int, per_address: int) -> None:
        self._buckets = buckets
        self._per_user = _a_day(per_user)
        self._per_address = _a_day(per_address)

    def admit(self, tenant: str, user_id: str) -> None:
        """Count a conversation that is about to be stored.

        Raises:
            QuotaExceededError: there were too many.
        """
        caller = current_caller()
        if caller.is_internal or caller.is_exempt:
            return
        buckets = [(f"conversations:{tenant}:address:{caller.address}", self._per_address)]
        if user_id != GUEST:
            buckets.append((f"conversations:{tenant}:user:{user_id}", self._per_user))
        wait = self._buckets.take(buckets)
        if wait > 0:
            raise QuotaExceededError(messages.CONVERSATIONS_FULL, retry_after_seconds=max(1, ceil(wait)))


@dataclass(frozen=True)
class FileQuota:
    """What may lie on disk.

    Attributes:
        tasks: pipeline tasks of a tenant.
        task_bytes: bytes of the files of one task.
        backups: vector backups in one place.
        reserve_bytes: bytes of the disk that uploads leave free.
    """

    tasks: int = 0
    task_bytes: int = 0
    backups: int = 0
    reserve_bytes: int = 0

    def admit_task(self, existing: int) -> None:
        """Raises `StorageFullError` when there are as many tasks as there may be."""
        if self.tasks and existing >= self.tasks:
            raise StorageFullError(messages.TASKS_FULL.format(limit=self.tasks))

    def admit_file(self, folder: Path, existing_bytes: int, new_bytes: int) -> None:
        """Raises `StorageFullError` when the task would have too many bytes, or the disk of `folder` too few."""
        if self.task_bytes and existing_bytes + new_bytes > self.task_bytes:
            raise StorageFullError(messages.TASK_FILES_FULL.format(limit=self.task_bytes))
        if self.reserve_bytes and _free_bytes(folder) - new_bytes < self.reserve_bytes:
            raise StorageFullError(messages.DISK_RESERVED)

    def admit_backup(self, existing: int) -> None:
        """Raises `StorageFullError` when the place holds as many backups as it may."""
        if self.backups and existing >= self.backups:
            raise StorageFullError(messages.BACKUPS_FULL.format(limit=self.backups))


NO_FILE_QUOTA: Final = FileQuota()


def _a_day(number: int) -> Limit:
    return Limit(number / _MINUTES_A_DAY, max(1, number))


def _free_bytes(folder: Path) -> int:
    """Room on the disk of a folder, which need not exist yet."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free
