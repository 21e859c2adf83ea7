"""Keeps worker processes beside a serving process: started, started anew when one dies, stopped with it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import app_config
from core.logging import get_app_logger
from core.process_tree import LAUNCHER_PID, STOP_WITH_PARENT

logger = get_app_logger("worker_processes")
_LOOK_SECONDS: Final = 0.5
_PAUSE_SECONDS: Final = 2.0
_LONGEST_PAUSE_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 8.0


@contextmanager
def worker_processes(count: int) -> Iterator[None]:
    """Have `count` workers running while the block lasts; none of them outlives this process."""
    ended = threading.Event()
    keepers = [threading.Thread(target=_keep, args=(ended,), name=f"worker-{number}") for number in range(count)]
    for keeper in keepers:
        keeper.start()
    try:
        yield
    finally:
        ended.set()
        for keeper in keepers:
            keeper.join()


def _keep(ended: threading.Event) -> None:
    """One worker. This thread lives as long as it, for the worker dies with the thread that started it."""
    pause = 0.0
    while not ended.wait(pause):
        process = _start()
        while process.poll() is None and not ended.wait(_LOOK_SECONDS):
            pass
        if ended.is_set():
            _stop(process)
            return
        pause = min(max(_PAUSE_SECONDS, pause * 2), _LONGEST_PAUSE_SECONDS)
        logger.warning("a worker ended with exit code %s; another one follows", process.returncode)


def _start() -> subprocess.Popen[bytes]:
    environ = {**os.environ, STOP_WITH_PARENT: "1", LAUNCHER_PID: str(os.getpid())}
    command = [sys.executable, "-m", "serving.worker"]
    return subprocess.Popen(command, cwd=app_config.ROOT, env=environ, stdin=subprocess.DEVNULL, start_new_session=True)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
