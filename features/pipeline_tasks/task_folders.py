"""The tasks' folders on disk. Nothing leaves them: names are checked, links are never followed, files open by folder.

Used by the file, table list and log services. Everything is opened relative to an open folder descriptor, so that a
folder or file swapped for a link between a check and its use is refused by the kernel.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Final

from common.tenant import DEFAULT_TENANT_NAME, Tenant
from data_pipeline.task_folder import FILE_MODE, make_private
from features.pipeline_tasks.file_names import is_plain_name, is_task_id

TABLE_LIST: Final = "table_list.txt"
LOG_FILE: Final = "data_pipeline.log"
_FOLDER_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class NotAPlainFileError(Exception):
    """There is something of that name, but a folder, a link or a device."""


@dataclass(frozen=True)
class FileFacts:
    """A plain file of a task. Times are naive and local, `changed_at` is the inode's."""

    name: str
    size: int
    modified_at: datetime
    changed_at: datetime
    is_readable: bool = True


class TaskFolders:
    """The folders of the default tenant's tasks; `of` gives another's.

    Args:
        root: the folder of the tasks' folders; made with the first task.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def of(self, tenant: str) -> TaskFolders:
        """The folders of a tenant. No task's id has a hyphen, so no tenant's folder can be taken for a task's."""
        return self if tenant == DEFAULT_TENANT_NAME else TaskFolders(self.root / f"tenant-{Tenant(tenant)}")

    def path(self, task_id: str) -> Path:
        """Where the task's folder is, or would be.

        Raises:
            ValueError: not a task's id.
        """
        if not is_task_id(task_id):
            raise ValueError("not a task id")
        return self.root / task_id

    def make(self, task_id: str) -> Path:
        """The task's folder, made when it is missing. Raises OSError."""
        path = self.path(task_id)
        make_private(self.root)
        make_private(path)
        return path

    def exists(self, task_id: str) -> bool:
        """Whether the task has a folder; a link is none."""
        try:
            return stat.S_ISDIR(os.lstat(self.path(task_id)).st_mode)
        except OSError:
            return False

    def files(self, task_id: str) -> list[FileFacts] | None:
        """The plain, visible files, newest modification first; None without a folder."""
        try:
            with self._opened(task_id) as folder, os.scandir(folder) as entries:
                found = [
                    facts_of(entry.name, entry.stat(follow_symlinks=False), folder)
                    for entry in entries
                    if not entry.name.startswith(".") and entry.is_file(follow_symlinks=False)
                ]
        except (FileNotFoundError, NotADirectoryError):
            return None
        return sorted(found, key=lambda file: (file.modified_at, file.name), reverse=True)

    def facts(self, task_id: str, name: str) -> FileFacts | None:
        """A file's facts, None when there is no plain file of that name."""
        try:
            with self._opened(task_id) as folder:
                status = os.stat(name, dir_fd=folder, follow_symlinks=False)
                return facts_of(name, status, folder) if stat.S_ISREG(status.st_mode) else None
        except (FileNotFoundError, NotADirectoryError):
            return None

    def open(self, task_id: str, name: str) -> IO[bytes]:
        """A file for reading.

        Raises:
            FileNotFoundError: no such folder or file.
            NotAPlainFileError: it is no plain file.
            PermissionError: it may not be read.
        """
        if not is_plain_name(name):
            raise NotAPlainFileError(name)
        try:
            with self._opened(task_id) as folder:
                descriptor = os.open(name, _READ_FLAGS, dir_fd=folder)
        except (FileNotFoundError, PermissionError):
            raise
        except OSError as error:  # ELOOP for a link, ENOTDIR for a folder that is one, ENXIO for a socket
            raise NotAPlainFileError(name) from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise NotAPlainFileError(name)
        return os.fdopen(descriptor, "rb")

    def read(self, task_id: str, name: str, limit: int) -> bytes:
        """The first `limit` bytes of a file; raises like `open`."""
        with self.open(task_id, name) as file:
            return file.read(limit)

    def write(self, task_id: str, name: str, content: bytes) -> FileFacts:
        """Put a file in place whole, replacing what has the name. The folder is made when missing. Raises OSError."""
        self.make(task_id)
        with self._opened(task_id) as folder:
            temporary = f".{secrets.token_hex(8)}.tmp"
            with os.fdopen(os.open(temporary, _NEW_FLAGS, FILE_MODE, dir_fd=folder), "wb") as file:
                file.write(content)
            try:
                os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            except OSError:
                os.unlink(temporary, dir_fd=folder)
                raise
            return facts_of(name, os.stat(name, dir_fd=folder, follow_symlinks=False), folder)

    def copy(self, task_id: str, name: str, new_name: str) -> bool:
        """Copy a file with its time of modification; False when the new name is taken. Raises like `open`."""
        with self.open(task_id, name) as source, self._opened(task_id) as folder:
            try:
                descriptor = os.open(new_name, _NEW_FLAGS, FILE_MODE, dir_fd=folder)
            except FileExistsError:
                return False
            with os.fdopen(descriptor, "wb") as target:
                shutil.copyfileobj(source, target)
            status = os.fstat(source.fileno())
            os.utime(new_name, ns=(status.st_atime_ns, status.st_mtime_ns), dir_fd=folder, follow_symlinks=False)
        return True

    def remove(self, task_id: str) -> tuple[int, int] | None:
        """Delete the task's folder; how many files and bytes that were, None when there was none. Raises OSError.

        A link in the folder's place is removed itself, what it leads to stays.
        """
        path = self.path(task_id)
        try:
            status = os.lstat(path)
        except FileNotFoundError:
            return None
        if not stat.S_ISDIR(status.st_mode):
            path.unlink()
            return 0, 0
        counted = _counted(path)
        shutil.rmtree(path)
        return counted

    @contextmanager
    def _opened(self, task_id: str) -> Iterator[int]:
        descriptor = os.open(self.path(task_id), _FOLDER_FLAGS)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


def facts_of(name: str, status: os.stat_result, folder: int | None = None) -> FileFacts:
    """Facts from a stat."""
    is_readable = folder is None or os.access(name, os.R_OK, dir_fd=folder, follow_symlinks=True)
    modified, changed = (datetime.fromtimestamp(moment) for moment in (status.st_mtime, status.st_ctime))  # noqa: DTZ006
    return FileFacts(name, status.st_size, modified, changed, is_readable)


def shown_size(size: int) -> str:
    """`0 B`, else one decimal with B, KB, MB or GB, as the file routes show it."""
    return _in_units(size, "0 B" if size == 0 else f"{size:.1f} B")


def shown_deleted_size(size: int) -> str:
    """The same with whole bytes, as the deletion shows it."""
    return _in_units(size, f"{size} B")


def _in_units(size: int, small: str) -> str:
    if size < 1024:
        return small
    for power, unit in ((3, "GB"), (2, "MB")):
        if size >= 1024**power:
            return f"{size / 1024**power:.1f} {unit}"
    return f"{size / 1024:.1f} KB"


def _counted(path: Path) -> tuple[int, int]:
    """Visible files beneath, and their bytes; our own bookkeeping is not counted."""
    count = size = 0
    for folder, folders, names in os.walk(path):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if not name.startswith("."):
                with contextlib.suppress(OSError):
                    size += (Path(folder) / name).lstat().st_size
                    count += 1
    return count, size
