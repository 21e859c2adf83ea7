"""Ties a process to the one that started it, so that killing the starter leaves nothing running. Linux only; elsewhere
nothing happens."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
LAUNCHER_PID = "CITU_LAUNCHER_PID"
STOP_WITH_PARENT = "CITU_STOP_WITH_PARENT"


def stop_with_parent() -> None:
    """End this process as SIGTERM would when its parent dies, or now when it has died already."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    launcher = os.environ.get(LAUNCHER_PID)
    if launcher and launcher not in (str(os.getppid()), str(os.getpid())):
        os.kill(os.getpid(), signal.SIGTERM)


def announce_launcher() -> None:
    """Tell the worker processes started from here whom they belong to."""
    os.environ[LAUNCHER_PID] = str(os.getpid())


def is_worker_of_launcher() -> bool:
    """Whether a launcher other than this process started us."""
    return os.environ.get(LAUNCHER_PID, str(os.getpid())) != str(os.getpid())
