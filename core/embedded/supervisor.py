"""The one process that owns PostgreSQL and Redis of a data directory.

`python -m core.embedded.supervisor --data-dir D` is started by `lease.acquire_servers`, in a session of its own so that
Ctrl-C in a terminal does not reach it. It runs as long as a client holds the shared lock on `clients.lock`, then stops
the servers and ends. While it starts it writes JSON lines to its standard output: {"progress": text}, and at last
{"ready": true} or {"error": text}.

`--status` prints what runs as JSON, without secrets, and ends with 0 when it runs, 3 when not.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from common import messages
from common.errors import ConfigurationError
from core.embedded.account import server_account
from core.embedded.file_locks import POLL_SECONDS, FileLock
from core.embedded.layout import Layout
from core.embedded.programs import find_programs, reachable_programs
from core.embedded.server_pair import (
    FIRST_START_BYTES,
    LATER_START_BYTES,
    ServerPair,
    prepare_folders,
    require_free_space,
)
from core.embedded.state_file import remove_leftover_temporaries, write_state
from core.embedded.status import running_state, servers_status

TICK_SECONDS = 0.25
GRACE_SECONDS = 1.0

logger = logging.getLogger("app.embedded")


class ClientWatch:
    """Tells when the last client has been gone for the grace time."""

    def __init__(self, path: Path) -> None:
        self._lock = FileLock(path)
        self._idle_since: float | None = None

    def is_over(self) -> bool:
        """True when nobody is there any more; from then on the lock is held, so that new clients wait for our end."""
        try:
            is_idle = self._lock.try_acquire()
        except (FileNotFoundError, NotADirectoryError):  # the data directory was deleted
            return True
        except OSError as error:  # for instance no descriptors left: that says nothing about the clients
            logger.error("cannot look for clients: %s", error)
            return False
        now = time.monotonic()
        if not is_idle:
            self._idle_since = None
            return False
        if self._idle_since is None:
            self._idle_since = now
        if now - self._idle_since >= GRACE_SECONDS:
            return True
        self._lock.release()
        return False


class Supervisor:
    """Start, watch, stop. `announce` gets the JSON lines of the start."""

    def __init__(
        self,
        *,
        layout: Layout,
        start_timeout_seconds: float,
        announce: Callable[[dict[str, Any]], None],
        is_scratch: bool = False,
    ) -> None:
        """Args: is_scratch: see `acquire_servers`."""
        self._layout = layout
        self._is_scratch = is_scratch
        self._timeout_seconds = round(start_timeout_seconds)
        self._deadline = time.monotonic() + start_timeout_seconds
        self._announce = announce
        self._stopping = threading.Event()

    def request_stop(self, *_signal: object) -> None:
        """Handler of SIGTERM and SIGINT."""
        self._stopping.set()

    def run(self) -> None:
        """Returns when the servers are stopped. Raises ConfigurationError when they cannot be started."""

        def progress(text: str) -> None:
            self._announce({"progress": text})

        account = server_account(self._layout.home, progress=progress)
        programs = find_programs()
        prepare_folders(self._layout, account)
        is_first = not self._layout.pgdata.exists()
        require_free_space(self._layout.home, FIRST_START_BYTES if is_first else LATER_START_BYTES)
        # never released by us: the end of this process does it
        if not self._is_the_one(FileLock(self._layout.supervisor_lock)):
            self._announce({"ready": True})
            return
        self._layout.state_file.unlink(missing_ok=True)
        for path in (self._layout.state_file, self._layout.credentials_file):
            remove_leftover_temporaries(path)
        programs = reachable_programs(programs, account, progress=progress)
        pair = ServerPair(
            layout=self._layout, programs=programs, account=account, progress=progress, is_scratch=self._is_scratch
        )
        self._serve(pair)

    def _is_the_one(self, lock: FileLock) -> bool:
        """True with the lock; False when another supervisor serves: a killed starter's may come up late."""
        while not lock.try_acquire():
            if running_state(self._layout) is not None:
                logger.info("another supervisor serves %s", self._layout.data_dir)
                return False
            if time.monotonic() > self._deadline:
                logger.error("another supervisor holds %s", self._layout.supervisor_lock)
                raise ConfigurationError(
                    messages.EMBEDDED_LOCK_HELD.format(folder=self._layout.data_dir, seconds=self._timeout_seconds)
                )
            time.sleep(POLL_SECONDS)
        return True

    def _serve(self, pair: ServerPair) -> None:
        try:
            pair.start(deadline=self._deadline, is_stopping=self._stopping.is_set)
            write_state(self._layout.state_file, pair.state())
            self._announce({"ready": True})
            self._watch(pair)
        finally:
            self._layout.state_file.unlink(missing_ok=True)
            pair.stop()
            logger.info("servers stopped")

    def _watch(self, pair: ServerPair) -> None:
        clients = ClientWatch(self._layout.clients_lock)
        while not self._stopping.wait(TICK_SECONDS) and not clients.is_over():
            if pair.revive() or not self._layout.state_file.exists():
                try:
                    write_state(self._layout.state_file, pair.state())
                except OSError as error:  # a full disk must not stop servers that still answer
                    logger.error("cannot write %s: %s", self._layout.state_file, error)


def _announcer() -> Callable[[dict[str, Any]], None]:
    """Writes to standard output until the start is over, then closes it, so that the starter sees its end."""

    def announce(line: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # the starter is gone: the client watch ends us
            os.write(1, json.dumps(line).encode() + b"\n")
        if "progress" not in line:
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, 1)
            os.close(null)

    return announce


def _leave_parent() -> None:
    """Become a child of init, so that no client has to reap us."""
    if os.fork():
        os._exit(0)
    os.chdir("/")
    os.umask(0o077)


def _supervise(layout: Layout, start_timeout_seconds: float, *, is_scratch: bool) -> int:
    _leave_parent()
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(process)d %(message)s"
    )
    announce = _announcer()
    supervisor = Supervisor(
        layout=layout, start_timeout_seconds=start_timeout_seconds, announce=announce, is_scratch=is_scratch
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, supervisor.request_stop)
    try:
        supervisor.run()
    except ConfigurationError as error:
        announce({"error": error.message})
        return 1
    except Exception:  # boundary of the process: the starter gets a sentence, the log the traceback
        logger.exception("the supervisor failed")
        announce({"error": messages.EMBEDDED_SUPERVISOR_DIED.format(log=layout.supervisor_log)})
        return 1
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m core.embedded.supervisor", description="Embedded PostgreSQL and Redis"
    )
    parser.add_argument("--data-dir", type=Path, required=True, help="the service's data folder")
    parser.add_argument("--start-timeout", type=float, default=60, metavar="SECONDS", help="for the start (default 60)")
    parser.add_argument("--scratch", action="store_true", help="nobody needs the data after a power cut")
    parser.add_argument("--status", action="store_true", help="print what runs as JSON; exit code 0 running, 3 not")
    options = parser.parse_args(argv)
    layout = Layout.of(options.data_dir)
    if not options.status:
        return _supervise(layout, options.start_timeout, is_scratch=options.scratch)
    status = servers_status(layout)
    sys.stdout.write(json.dumps(status, indent=2) + "\n")
    return 0 if status["running"] else 3


if __name__ == "__main__":
    sys.exit(main())
