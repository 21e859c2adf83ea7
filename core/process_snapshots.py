"""What each process of a service says of itself, in a file a process, so that any of them can speak for all.

The processes of one start share a folder. A file is replaced as a whole and at most a second old; a process that has
ended leaves its last file, which the next reader folds into one for all that have ended.
"""

from __future__ import annotations

import fcntl
import json
import multiprocessing
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psutil

from core.logging import get_app_logger

PUBLISH_SECONDS: Final = 1.0
ENDED: Final = "ended"
_LOGGER = get_app_logger("process_snapshots")

Snapshot = dict[str, Any]
Merge = Callable[[Snapshot, Snapshot], Snapshot]


class ProcessSnapshots:
    """The snapshots of this process and its siblings.

    Args:
        folder: of the service; each start gets a folder of its own within.
        take: makes this process's snapshot, JSON.
        merge: makes one snapshot of two processes that have ended.
        launcher: the process that all siblings have in common; by default the parent that made this one, or itself.
    """

    def __init__(
        self, *, folder: Path, take: Callable[[], Snapshot], merge: Merge, launcher: int | None = None
    ) -> None:
        self._take = take
        self._merge = merge
        self._all_starts = folder
        self._folder = folder / _name_of(launcher or _parent())
        self._path = self._folder / f"{_name_of(os.getpid())}.json"
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Publish from now on, until `close`. A folder that cannot be written costs the siblings' figures only."""
        if self._thread is not None:
            return
        try:
            self._remove_earlier_starts()
            self._publish()
        except OSError as error:
            _LOGGER.warning("figures of this process cannot be shared: %s", type(error).__name__)
            return
        self._thread = threading.Thread(target=self._keep_publishing, name="process-snapshots", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Publish a last time. Calling it twice is harmless."""
        if self._thread is None or self._stopped.is_set():
            return
        self._stopped.set()
        self._thread.join()
        self._try_to_publish()

    def read(self) -> dict[str, Snapshot]:
        """The snapshots by process id, this one's of now; `ended` for all that have ended, when there are any."""
        found = {str(os.getpid()): self._take()}
        if self._thread is None:
            return found
        try:
            with self._locked():
                self._fold_ended()
                for path in self._folder.glob("*.json"):
                    if path != self._path:
                        found[path.stem.partition("-")[0]] = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            _LOGGER.warning("figures of other processes cannot be read: %s", type(error).__name__)
        return found

    def _keep_publishing(self) -> None:
        while not self._stopped.wait(PUBLISH_SECONDS):
            self._try_to_publish()

    def _try_to_publish(self) -> None:
        try:
            self._publish()
        except OSError as error:
            _LOGGER.warning("figures of this process were not shared: %s", type(error).__name__)

    def _publish(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        _write(self._path, self._take())

    def _fold_ended(self) -> None:
        """Under the lock: a file is in the fold or by itself, never both or neither."""
        gone = [path for path in self._folder.glob("*-*.json") if not _is_running(path.stem)]
        if not gone:
            return
        ended = self._folder / f"{ENDED}.json"
        total = json.loads(ended.read_text()) if ended.exists() else None
        for path in gone:
            last = json.loads(path.read_text())
            total = last if total is None else self._merge(total, last)
        _write(ended, total)
        for path in gone:
            path.unlink()

    def _remove_earlier_starts(self) -> None:
        if not self._all_starts.is_dir():
            return
        for folder in self._all_starts.iterdir():
            if folder != self._folder and folder.is_dir() and not _is_running(folder.name):
                shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self._folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _write(path: Path, snapshot: Snapshot | None) -> None:
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(snapshot))
    temporary.replace(path)


def _parent() -> int:
    parent = multiprocessing.parent_process()
    return os.getpid() if parent is None or parent.pid is None else parent.pid


def _name_of(process_id: int) -> str:
    """The id with the time the process began, for ids are used again."""
    try:
        return f"{process_id}-{int(psutil.Process(process_id).create_time())}"
    except psutil.Error:
        return f"{process_id}-0"


def _is_running(name: str) -> bool:
    number, _, _ = name.partition("-")
    return number.isdigit() and _name_of(int(number)) == name
