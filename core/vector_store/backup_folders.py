"""The folders and files of vector backups (format: docs/contract/databases.md), opened so that no path leads elsewhere.

A backup lies in `vector_bak` of the training data folder or of one task's folder. Folders are opened one below the
other and files within them without following links, so what was checked is what is used.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

COLLECTION: Final = "langchain_pg_collection"
EMBEDDING: Final = "langchain_pg_embedding"
TABLES: Final = (COLLECTION, EMBEDDING)
BACKUPS: Final = "vector_bak"
SHOWN_ROOT: Final = "data_pipeline/training_data"
"""What the training data folder is called on the wire, wherever it is."""

LOG: Final = "vector_backup_log.txt"
_TASK_ID: Final = re.compile(r"[a-zA-Z0-9_]{1,200}", re.ASCII)
_STAMP: Final = re.compile(r"\d{8}_\d{6}", re.ASCII)
_FILE: Final = re.compile(rf"{COLLECTION}_(\d{{8}}_\d{{6}})\.csv", re.ASCII)
_OLD_BEGINNINGS: Final = ("task_", "manual_")
_FOLDER_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def is_task_id(text: str) -> bool:
    """Whether it can name a task's folder."""
    return _TASK_ID.fullmatch(text) is not None


def is_stamp(text: str) -> bool:
    """Whether it can be the time in a backup's file names."""
    return _STAMP.fullmatch(text) is not None


def csv_name(table: str, stamp: str) -> str:
    """The file of one table."""
    return f"{table}_{stamp}.csv"


def manifest_name(stamp: str) -> str:
    """The file that says what a backup holds; backups of the historical service have none."""
    return f"vector_backup_{stamp}.json"


@dataclass(frozen=True)
class Place:
    """Where backups lie: of one task, or (None) of the installation."""

    task_id: str | None = None

    @property
    def shown_path(self) -> str:
        """The folder as clients know it, without a leading `./`."""
        return "/".join([SHOWN_ROOT, *([self.task_id] if self.task_id else []), BACKUPS])


@dataclass(frozen=True)
class BackupSet:
    """One complete backup: both files of one time, with their sizes in bytes."""

    stamp: str
    collection_bytes: int
    embedding_bytes: int


class BackupFolder:
    """One open folder of backups. Names given to it are made by this module, never by a caller."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def sets(self) -> list[BackupSet]:
        """The complete backups, newest first."""
        found = []
        for name in os.listdir(self._descriptor):  # noqa: PTH208 - a descriptor has no Path
            match = _FILE.fullmatch(name)
            sizes = [self.size(csv_name(table, match[1])) for table in TABLES] if match else [None]
            if match and sizes[0] is not None and sizes[1] is not None:
                found.append(BackupSet(match[1], sizes[0], sizes[1]))
        return sorted(found, key=lambda one: one.stamp, reverse=True)

    def size(self, name: str) -> int | None:
        """Bytes of a plain file, None when there is none of that name."""
        try:
            found = os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)
        except OSError:
            return None
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    @contextmanager
    def reading(self, name: str) -> Iterator[IO[bytes]]:
        """A plain file, open for reading; raises `OSError` when it is none."""
        descriptor = os.open(name, _READ_FLAGS, dir_fd=self._descriptor)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise FileNotFoundError(name)
            yield file

    @contextmanager
    def writing(self, name: str) -> Iterator[IO[bytes]]:
        """A new file `name.tmp`, on disk when the block ends; `publish` gives it its name. Raises `OSError`."""
        self.remove(f"{name}.tmp")
        descriptor = os.open(f"{name}.tmp", _WRITE_FLAGS, 0o600, dir_fd=self._descriptor)
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())

    def publish(self, names: Sequence[str]) -> None:
        """Give written files their names, in this order; raises `OSError`."""
        for name in names:
            os.rename(f"{name}.tmp", name, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)
        os.fsync(self._descriptor)

    def remove(self, name: str) -> None:
        """Remove a file if it is there."""
        with suppress(OSError):
            os.unlink(name, dir_fd=self._descriptor)

    def free_bytes(self) -> int:
        """Room left for this process on the folder's disk."""
        found = os.fstatvfs(self._descriptor)
        return found.f_bavail * found.f_frsize


class BackupFolders:
    """The training data folder seen as places of backups. Args: root: that folder; it need not exist yet."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def place_of(self, path: str) -> Place | None:
        """The place a client names, as a list shows it, with or without `./`; None for anything else."""
        parts = path.removeprefix("./").removesuffix("/").split("/")
        shown = SHOWN_ROOT.split("/")
        if parts[: len(shown)] != shown or parts[-1] != BACKUPS:
            return None
        between = parts[len(shown) : -1]
        if not between:
            return Place() if len(parts) == len(shown) + 1 else None
        return Place(between[0]) if len(between) == 1 and is_task_id(between[0]) else None

    def places(self) -> list[Place]:
        """Every place with a folder: the installation's, tasks by the historical beginnings of names, then others."""
        try:
            names = [name for name in os.listdir(self._root) if is_task_id(name) and name != BACKUPS]  # noqa: PTH208
        except OSError:
            return []
        order = {beginning: number for number, beginning in enumerate(_OLD_BEGINNINGS)}

        def rank(name: str) -> tuple[int, str]:
            beginning = next((one for one in _OLD_BEGINNINGS if name.startswith(one)), "")
            return order.get(beginning, len(order)), name

        return [place for place in [Place(), *map(Place, sorted(names, key=rank))] if self.exists(place)]

    def exists(self, place: Place) -> bool:
        """Whether the place has a folder."""
        try:
            with self.opened(place):
                return True
        except OSError:
            return False

    def has_task(self, task_id: str) -> bool:
        """Whether the task has a folder."""
        try:
            with self._folder(self._root, task_id):
                return True
        except OSError:
            return False

    @contextmanager
    def opened(self, place: Place, *, makes: bool = False) -> Iterator[BackupFolder]:
        """The folder of the place; `makes` creates it, not a task's own folder. Raises `OSError` without one."""
        if makes and place.task_id is None:
            self._root.mkdir(parents=True, exist_ok=True)
        with self._folder(self._root, *([place.task_id] if place.task_id else [])) as parent:
            if makes:
                with suppress(FileExistsError):
                    os.mkdir(BACKUPS, 0o700, dir_fd=parent)
            descriptor = os.open(BACKUPS, _FOLDER_FLAGS, dir_fd=parent)
            try:
                yield BackupFolder(descriptor)
            finally:
                os.close(descriptor)

    @contextmanager
    def _folder(self, root: Path, *names: str) -> Iterator[int]:
        descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for name in names:
                below = os.open(name, _FOLDER_FLAGS, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = below
            yield descriptor
        finally:
            os.close(descriptor)
