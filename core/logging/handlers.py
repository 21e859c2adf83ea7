"""Log files several processes append to at once, a new one each day, without a lock on the way of a line.

A line is one `write` to a descriptor opened with O_APPEND: on a local file system Linux keeps such writes whole and in
order, so processes need no lock to share a file. Only the change of the day takes one, once a day and process.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TextIO

BACKUPS_KEPT: Final = 30


class AppendingFileHandler(logging.Handler):
    """Appends to one file; a file that was moved or deleted by someone else is opened anew.

    Args:
        path: the file; its folder exists.
        clock: seconds since the epoch.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self.path = path
        self._clock = clock
        self._descriptor = -1
        self._inode = -1
        self._day_end = 0.0
        self._open(clock())

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = (self.format(record) + "\n").encode("utf-8", "backslashreplace")
            now = self._clock()
            if self._descriptor < 0 or now >= self._day_end or _inode(self.path) != self._inode:
                self._close_file()
                self._open(now)
            _write(self._descriptor, line)
        except Exception:  # noqa: BLE001 - logging's own boundary: a full disk must not fail a request
            self.handleError(record)

    def close(self) -> None:
        self.acquire()
        try:
            self._close_file()
        finally:
            self.release()
        super().close()

    def _open(self, now: float) -> None:
        with _locked(self.path.parent):
            self._start_day(now)
            self._descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
        self._inode = os.fstat(self._descriptor).st_ino
        self._day_end = _next_midnight(now)

    def _start_day(self, now: float) -> None:
        """Called under the folder's lock before the file is opened."""

    def _close_file(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class DailyFileHandler(AppendingFileHandler):
    """At local midnight the file becomes `<path>.YYYY-MM-DD`; 30 of those are kept."""

    def _start_day(self, now: float) -> None:
        began = self._beginning()
        if began is None or _next_midnight(began) > now:
            return
        target = self.path.with_name(f"{self.path.name}.{time.strftime('%Y-%m-%d', time.localtime(began))}")
        if not target.exists():
            self.path.rename(target)
        _keep_newest(self.path.parent, f"{self.path.name}.????-??-??")

    def _beginning(self) -> float | None:
        """A moment of the day the file belongs to; None without a file.

        A file this process wrote to belongs to the day it was opened in, even when a straggler wrote after midnight.
        """
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        return self._day_end - 1 if found.st_ino == self._inode else found.st_mtime


class DatedFileHandler(AppendingFileHandler):
    """Each day has its own file, `<stem>_YYYYMMDD.log` beside `path`; 30 of those are kept."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._pattern = path
        super().__init__(path, clock=clock)

    def _start_day(self, now: float) -> None:
        stem, suffix = self._pattern.stem, self._pattern.suffix
        day = time.strftime("%Y%m%d", time.localtime(now))
        self.path = self._pattern.with_name(f"{stem}_{day}{suffix}")
        _keep_newest(self.path.parent, f"{stem}_{'[0-9]' * 8}{suffix}")


class ConsoleHandler(logging.StreamHandler[TextIO]):
    """Writes to whatever `sys.stderr` is at that moment, so that a replaced or closed stream is never held."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr


def _keep_newest(directory: Path, pattern: str) -> None:
    for old in sorted(directory.glob(pattern))[:-BACKUPS_KEPT]:
        old.unlink(missing_ok=True)


def _write(descriptor: int, line: bytes) -> None:
    while line:
        line = line[os.write(descriptor, line) :]


def _inode(path: Path) -> int:
    try:
        return os.stat(path).st_ino  # noqa: PTH116 - a third of the time of Path.stat, once a line
    except FileNotFoundError:
        return -1


def _next_midnight(moment: float) -> float:
    day = time.localtime(moment)
    return time.mktime((day.tm_year, day.tm_mon, day.tm_mday + 1, 0, 0, 0, 0, 0, -1))


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
