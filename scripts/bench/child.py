"""Starts the sample application in a child process on a core of its own, waits for it, and ends it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

_START_SECONDS = 20.0


def pin_to_core(process_id: int, number: int) -> None:
    """Bind a process to one core where the system can, so that generator and service do not share one."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(process_id, {number % (os.cpu_count() or 1)})


@contextmanager
def sample_service(side: str) -> Iterator[str]:
    """The address of the sample application, served by `side` ("adapter" or "stock").

    Raises RuntimeError when it does not answer in time.
    """
    port = _free_port()
    child = subprocess.Popen([sys.executable, "-m", "scripts.bench.sample_app", side, str(port)])
    try:
        pin_to_core(child.pid, 0)
        _wait_for(port)
        yield f"http://127.0.0.1:{port}/"
    finally:
        child.terminate()
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the sample service did not start")
