"""One server program as a child of the supervisor: it dies with the supervisor and is started again when it dies.

A server inherits the descriptor of its own lock file. The kernel keeps that lock until the last of the server's
processes is gone, so whoever gets the lock knows that nothing writes to the data any more: no pid has to be believed,
and neither a zombie nor a re-used pid can be taken for a running server.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from core.embedded.account import Account
from core.embedded.file_locks import FileLock
from core.embedded.state_file import ProcessMark

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_LEFTOVER_PATIENCE_SECONDS = 2.0
_QUIT_PATIENCE_SECONDS = 5.0
_FIRST_BACKOFF_SECONDS = 0.5
_LONGEST_BACKOFF_SECONDS = 15.0
_STABLE_SECONDS = 60.0
_SERVER_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}

logger = logging.getLogger("app.embedded")


@dataclass(frozen=True)
class ServerCommand:
    """How one server is run.

    Attributes:
        name: for the log.
        argv: the program and its arguments, no secrets.
        stdin_text: what it reads first (its secret configuration), None for nothing.
        stop_signals: sent one after the other until it is gone; the last one cannot be refused.
        death_signal: what the kernel sends it when the supervisor dies.
        is_mine: tells a command line of one of this server's own processes.
    """

    name: str
    argv: Sequence[str]
    lock_path: Path
    log_path: Path
    stdin_text: str | None
    stop_signals: Sequence[signal.Signals]
    death_signal: signal.Signals
    is_mine: Callable[[Sequence[str]], bool]


class ServerProcess:
    """Starts, watches and stops one server. Not thread-safe: the death signal follows the thread that starts it."""

    def __init__(self, *, command: ServerCommand, account: Account, before_start: Callable[[int], None]) -> None:
        self._command = command
        self._account = account
        self._before_start = before_start
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._waiting_since: float | None = None
        self._backoff_seconds = 0.0
        self._next_start_at = 0.0

    @property
    def name(self) -> str:
        return self._command.name

    @property
    def mark(self) -> ProcessMark | None:
        """The running process; None when there is none."""
        if self._process is None or self._process.poll() is not None:
            return None
        try:
            return ProcessMark(self._process.pid, psutil.Process(self._process.pid).create_time())
        except psutil.NoSuchProcess:
            return None

    @property
    def exit_code(self) -> int | None:
        """How the last process ended; None while it runs or before the first start."""
        return None if self._process is None else self._process.poll()

    def start(self, *, deadline: float) -> bool:
        """Start it as soon as nothing of an earlier one is left; False when that did not come by `deadline`."""
        while not self.try_start():
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.05)
        return True

    def try_start(self) -> bool:
        """True when it was started now. What an earlier supervisor left gets 2 s to end by itself, then is killed.

        Raises OSError when the program cannot be run; what `before_start` raises.
        """
        lock = FileLock(self._command.lock_path)
        if not lock.try_acquire():
            self._end_leftovers()
            return False
        try:
            self._waiting_since = None
            self._before_start(lock.fd)
            self._spawn(lock.fd)
        finally:
            lock.release()
        return True

    def revive(self) -> bool:
        """Call it again and again: starts the server again when it died. True when a new process was started now."""
        if self.exit_code is None:
            return False
        now = time.monotonic()
        if self._next_start_at == 0.0:
            self._plan_restart(now)
        if now < self._next_start_at or not self.try_start():
            return False
        self._next_start_at = 0.0
        return True

    def put_off(self) -> None:
        """Wait longer before the next attempt, after one that raised."""
        self._plan_restart(time.monotonic())

    def _plan_restart(self, now: float) -> None:
        if now - self._started_at > _STABLE_SECONDS:
            self._backoff_seconds = 0.0
        logger.error("%s ended with %s; again in %.1f s", self.name, self.exit_code, self._backoff_seconds)
        self._next_start_at = now + self._backoff_seconds
        doubled = max(self._backoff_seconds * 2, _FIRST_BACKOFF_SECONDS)
        self._backoff_seconds = min(doubled, _LONGEST_BACKOFF_SECONDS)

    def stop(self, *, patience_seconds: float) -> None:
        """End it: the first stop signal gets `patience_seconds`, each later one 5 s."""
        if self._process is None:
            return
        patience = patience_seconds
        for stop_signal in (*self._command.stop_signals, signal.SIGKILL):
            if self._process.poll() is not None:
                return
            self._process.send_signal(stop_signal)
            try:
                self._process.wait(patience)
            except subprocess.TimeoutExpired:
                logger.warning("%s did not end on %s within %.0f s", self.name, stop_signal.name, patience)
            patience = _QUIT_PATIENCE_SECONDS

    def ask_to_stop(self) -> None:
        """Send the first stop signal and return at once."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(self._command.stop_signals[0])

    def _spawn(self, lock_fd: int) -> None:
        with self._command.log_path.open("ab", buffering=0) as log:
            self._process = start_child(
                self._command.argv,
                account=self._account,
                lock_fd=lock_fd,
                stdin=subprocess.DEVNULL if self._command.stdin_text is None else subprocess.PIPE,
                output=log.fileno(),
                death_signal=self._command.death_signal,
            )
        self._started_at = time.monotonic()
        if self._process.stdin is not None and self._command.stdin_text is not None:
            with contextlib.suppress(BrokenPipeError), self._process.stdin as stdin:  # its exit is noticed later
                stdin.write(self._command.stdin_text.encode())
        logger.info("%s started, pid %s", self.name, self._process.pid)

    def _end_leftovers(self) -> None:
        now = time.monotonic()
        self._waiting_since = now if self._waiting_since is None else self._waiting_since
        waited = now - self._waiting_since
        if waited < _LEFTOVER_PATIENCE_SECONDS:
            return
        is_late = waited > _LEFTOVER_PATIENCE_SECONDS + _QUIT_PATIENCE_SECONDS
        for process in own_processes(self._account.uid, self._command.is_mine):
            stop_signal = signal.SIGKILL if is_late else self._command.stop_signals[-1]
            logger.warning("%s: pid %s of an earlier start gets %s", self.name, process.pid, stop_signal.name)
            try:
                process.send_signal(stop_signal)
            except (psutil.NoSuchProcess, psutil.AccessDenied) as error:
                logger.info("%s: pid %s: %s", self.name, process.pid, error)
        self._waiting_since = now - _LEFTOVER_PATIENCE_SECONDS - (_QUIT_PATIENCE_SECONDS if is_late else 0.0)


def start_child(
    argv: Sequence[str], *, account: Account, lock_fd: int, stdin: int, output: int, death_signal: signal.Signals
) -> subprocess.Popen[bytes]:
    """Run a program as `account`, in a bare environment, with the lock's descriptor and a death signal.

    Raises OSError when it cannot be run.
    """
    switch = account.must_switch
    return subprocess.Popen(
        argv,
        stdin=stdin,
        stdout=output,
        stderr=output if output >= 0 else subprocess.STDOUT,
        cwd="/",
        env=_SERVER_ENVIRONMENT,
        pass_fds=(lock_fd,),
        umask=0o077,
        user=account.uid if switch else None,
        group=account.gid if switch else None,
        extra_groups=[] if switch else None,
        preexec_fn=_die_with_parent(death_signal),  # runs after the change of user, which would clear it
    )


def own_processes(uid: int, is_mine: Callable[[Sequence[str]], bool]) -> list[psutil.Process]:
    """Living processes (no zombies) of `uid` whose command line `is_mine` knows.

    psutil compares the start time again before it sends a signal, so a pid that is re-used in between is safe.
    """
    found = []
    for process in psutil.process_iter(["uids", "cmdline", "status"]):
        uids, cmdline = process.info["uids"], process.info["cmdline"]
        if (
            uids
            and cmdline
            and uids.real == uid
            and process.info["status"] != psutil.STATUS_ZOMBIE
            and is_mine(cmdline)
        ):
            found.append(process)
    return found


def _die_with_parent(death_signal: signal.Signals) -> Callable[[], None] | None:
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def in_child() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return in_child
