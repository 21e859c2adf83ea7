"""Advisory file locks (flock) that the kernel releases when their holder dies, kill -9 included.

Called by the client side (`lease`), the supervisor and `server_process`. Descriptors are close-on-exec, so a started
program never keeps a lock alive unless the descriptor is handed to it on purpose.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType

POLL_SECONDS = 0.05


class LockTimeoutError(Exception):
    """Somebody else kept the lock for the whole waiting time."""


class FileLock:
    """A lock on one file, held from `acquire` until `release` or the end of the process.

    `release` closes the descriptor and does not unlock: a forked child that shares it keeps the lock.
    """

    def __init__(self, path: Path, *, is_shared: bool = False) -> None:
        self._path = path
        self._mode = fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX
        self._fd: int | None = None

    @property
    def fd(self) -> int:
        """The open descriptor; raises ValueError while the lock is not held."""
        if self._fd is None:
            raise ValueError(f"lock {self._path.name} is not held")
        return self._fd

    def try_acquire(self) -> bool:
        """True when the lock is held now; never waits. Raises OSError when the file cannot be opened."""
        if self._fd is not None:
            return True
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(fd, self._mode | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return False
        except BaseException:
            os.close(fd)
            raise
        self._fd = fd
        if not self.guards_its_path():
            self.release()
            return False
        return True

    def acquire(self, *, deadline: float) -> FileLock:
        """Wait for the lock until `deadline` (time.monotonic seconds); raises LockTimeoutError."""
        while not self.try_acquire():
            if time.monotonic() >= deadline:
                raise LockTimeoutError(str(self._path))
            time.sleep(POLL_SECONDS)
        return self

    def release(self) -> None:
        """Let go; may be called twice."""
        if self._fd is not None:
            fd, self._fd = self._fd, None
            os.close(fd)

    def guards_its_path(self) -> bool:
        """False when the file was deleted or replaced, so that others would lock another file than this one."""
        try:
            ours, theirs = os.fstat(self.fd), self._path.stat()
        except OSError:
            return False
        return (ours.st_dev, ours.st_ino) == (theirs.st_dev, theirs.st_ino)

    def __enter__(self) -> FileLock:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()


def is_locked(path: Path) -> bool:
    """True when some process holds the exclusive lock on `path`; a file that is not there is not locked."""
    if not path.exists():
        return False
    probe = FileLock(path, is_shared=True)
    try:
        return not probe.try_acquire()
    finally:
        probe.release()
