"""How a process uses the embedded servers: take a lease, connect, let it go. Called by bootstrap and the launcher.

The lease is a shared lock on one file: it ends with the process, kill -9 included. The first one starts the
supervisor, the last one's end makes it stop.
"""

from __future__ import annotations

import json
import logging
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from common import messages
from common.errors import ConfigurationError
from core.embedded.addresses import ServerAddresses
from core.embedded.file_locks import POLL_SECONDS, FileLock, LockTimeoutError, is_locked
from core.embedded.layout import Layout, make_private_folder
from core.embedded.status import running_state

_PROJECT_ROOT = Path(__file__).resolve().parents[2]
# what an interpreter may need to start; API keys and tokens of the service stay out of the servers' processes
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR", "VIRTUAL_ENV")

logger = logging.getLogger("app.embedded")


class ServerLease:
    """Keeps the servers running until `release`, the end of the `with` block or the end of this process.

    Forked children share the lease, spawned ones do not (and need none while their parent lives).
    """

    def __init__(
        self,
        *,
        layout: Layout,
        progress: Callable[[str], None],
        start_timeout_seconds: float,
        is_scratch: bool = False,
    ) -> None:
        """See `acquire_servers`."""
        self._layout = layout
        self._is_scratch = is_scratch
        self._progress = progress
        self._timeout_seconds = start_timeout_seconds
        self._presence = FileLock(layout.clients_lock, is_shared=True)
        self._guard = threading.Lock()
        self._is_released = threading.Event()
        self._addresses = self._secure()

    @property
    def addresses(self) -> ServerAddresses:
        """Where the servers answer; stays the same over restarts."""
        return self._addresses

    def ensure(self) -> ServerAddresses:
        """Start the servers again when their supervisor died; cheap when all is well. Raises ConfigurationError."""
        with self._guard:
            if self._is_released.is_set():
                raise ValueError("the lease was released")
            if not self._presence.guards_its_path() or running_state(self._layout) is None:
                self._addresses = self._secure()
            return self._addresses

    def watch(self, *, interval_seconds: float = 1.0) -> None:
        """Call `ensure` in a daemon thread until the lease is released; failures are logged and tried again."""
        threading.Thread(target=self._watch, args=(interval_seconds,), name="embedded-watch", daemon=True).start()

    def _watch(self, interval_seconds: float) -> None:
        while not self._is_released.wait(interval_seconds):
            try:
                self.ensure()
            except (ConfigurationError, ValueError, OSError) as error:
                logger.error("embedded servers: %s", error)

    def release(self, *, wait_seconds: float = 0) -> None:
        """Let go; may be called twice. The servers stop about a second after the last lease.

        Args:
            wait_seconds: how long to wait for them to have stopped; for a process whose end ends its whole container.
        """
        self._is_released.set()
        with self._guard:
            self._presence.release()
        deadline = time.monotonic() + wait_seconds
        while time.monotonic() < deadline and is_locked(self._layout.supervisor_lock):
            time.sleep(POLL_SECONDS)

    def __enter__(self) -> ServerLease:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()

    def _secure(self) -> ServerAddresses:
        deadline = time.monotonic() + self._timeout_seconds
        try:
            with FileLock(self._layout.start_lock).acquire(deadline=deadline):
                self._presence.release()
                self._presence.acquire(deadline=deadline)
                return self._running_or_started(deadline)
        except LockTimeoutError:
            self._presence.release()
            raise self._lock_held() from None
        except OSError as error:
            self._presence.release()
            raise _not_writable(self._layout, error) from error
        except BaseException:
            self._presence.release()
            raise

    def _running_or_started(self, deadline: float) -> ServerAddresses:
        while (state := running_state(self._layout)) is None:
            if not is_locked(self._layout.supervisor_lock):
                self._layout.state_file.unlink(missing_ok=True)
                _start_supervisor(self._layout, self._progress, deadline, is_scratch=self._is_scratch)
            elif time.monotonic() > deadline:
                raise self._lock_held()
            else:
                time.sleep(POLL_SECONDS)
        return state.addresses

    def _lock_held(self) -> ConfigurationError:
        logger.error("%s: the start lock or the supervisor's lock stayed taken", self._layout.client_dir)
        seconds = round(self._timeout_seconds)
        return ConfigurationError(messages.EMBEDDED_LOCK_HELD.format(folder=self._layout.data_dir, seconds=seconds))


def _ignore(_text: str) -> None:
    pass


def acquire_servers(
    data_dir: Path,
    *,
    progress: Callable[[str], None] = _ignore,
    start_timeout_seconds: float = 60,
    is_scratch: bool = False,
) -> ServerLease:
    """A lease on the servers of `data_dir`, which are started when they do not run yet.

    Args:
        data_dir: the service's data folder; created when it is missing.
        progress: gets one Chinese sentence for each step that takes time.
        start_timeout_seconds: for everything, waiting for other starters included.
        is_scratch: nobody needs the data after a power cut, so PostgreSQL, if it is started now, never waits for the
            disk. For tests.

    Raises:
        ConfigurationError: they cannot be started; the message is one sentence for the user, the cause is in the log.
    """
    layout = Layout.of(data_dir)
    try:
        layout.data_dir.mkdir(parents=True, exist_ok=True)
        make_private_folder(layout.client_dir)
    except OSError as error:
        raise _not_writable(layout, error) from error
    return ServerLease(
        layout=layout, progress=progress, start_timeout_seconds=start_timeout_seconds, is_scratch=is_scratch
    )


def _not_writable(layout: Layout, error: OSError) -> ConfigurationError:
    logger.error("cannot use %s: %s", layout.client_dir, error)
    if layout.client_dir.exists() and (uid := layout.client_dir.stat().st_uid) != os.geteuid():
        return ConfigurationError(messages.EMBEDDED_OTHER_OWNER.format(folder=layout.client_dir, uid=uid))
    return ConfigurationError(messages.EMBEDDED_NOT_WRITABLE.format(folder=layout.data_dir))


def _start_supervisor(layout: Layout, progress: Callable[[str], None], deadline: float, *, is_scratch: bool) -> None:
    progress(messages.EMBEDDED_STARTING)
    remaining = max(1.0, deadline - time.monotonic())
    options = ["--data-dir", str(layout.data_dir), "--start-timeout", f"{remaining:.0f}"]
    options += ["--scratch"] if is_scratch else []
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    with layout.supervisor_log.open("ab") as log:
        layout.supervisor_log.chmod(0o600)
        process = subprocess.Popen(
            [*(sys.executable, "-m", "core.embedded.supervisor"), *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=_PROJECT_ROOT,
            env=environment | {"PYTHONPATH": str(_PROJECT_ROOT)},
            start_new_session=True,
        )
    with process:
        for line in _lines_until(process, deadline):
            if "progress" in line:
                progress(str(line["progress"]))
            elif "error" in line:
                raise ConfigurationError(str(line["error"]))
            elif "ready" in line:
                progress(messages.EMBEDDED_READY)
                return
    logger.error("the supervisor ended or stayed silent, see %s", layout.supervisor_log)
    raise ConfigurationError(messages.EMBEDDED_SUPERVISOR_DIED.format(log=layout.supervisor_log))


def _lines_until(process: subprocess.Popen[bytes], deadline: float) -> Iterator[dict[str, Any]]:
    if process.stdout is None:
        return
    fd, buffered = process.stdout.fileno(), b""
    while (remaining := deadline + 5 - time.monotonic()) > 0:  # the supervisor's own deadline comes first
        if not select.select([fd], [], [], remaining)[0]:
            return
        chunk = os.read(fd, 65536)
        if not chunk:
            return
        *lines, buffered = (buffered + chunk).split(b"\n")
        yield from (json.loads(line) for line in lines if line)
