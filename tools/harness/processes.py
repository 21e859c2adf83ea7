"""Starts a program of this project as a process of its own, waits until it serves, and ends it.

Everything that measures or tests a served process starts it here; what differs are settings and what is looked at.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import httpx
import psutil

ROOT: Final = Path(__file__).resolve().parents[2]
UNIFIED: Final = ("-m", "serving.serve")
OLD_ENTRY: Final = ("citu_app.py",)
START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 20.0
_INHERITED: Final = ("PATH", "HOME", "TZ", "LANG", "LC_ALL", "VIRTUAL_ENV")
_TLS: Final = httpx.create_ssl_context()  # not used; for each client of its own httpx would read the authorities again


class NotStartedError(OSError):
    """The process ended, or took too long, before it served; the message says where its output is."""


def inherited_environment(*, without: tuple[str, ...] = ("_URL",)) -> dict[str, str]:
    """This process's environment, except variables that end so: by default what names stores and models."""
    return {name: value for name, value in os.environ.items() if not name.endswith(without)}


def bare_environment() -> dict[str, str]:
    """Only what a program needs to run, so that no setting of this machine reaches it."""
    return {name: os.environ[name] for name in _INHERITED if name in os.environ}


def folders(folder: Path) -> dict[str, str]:
    """Settings that keep a service's data and logs in `folder`."""
    return {"DATA_DIR": str(folder), "LOG_DIR": str(folder / "logs")}


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(
    program: Sequence[str], environ: Mapping[str, str], *, log: Path | None = None, **options: Any
) -> subprocess.Popen[Any]:
    """Start Python with the arguments `program` in the project's folder.

    Args:
        log: where its output is appended; without it nothing is shown of it.
        options: more of `subprocess.Popen`, such as a pipe for its output.
    """
    command = [sys.executable, *program]
    if log is None:
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.Popen(command, cwd=ROOT, env=environ, **{**silent, **options})
    with log.open("ab") as output:
        return subprocess.Popen(command, cwd=ROOT, env=environ, stdout=output, stderr=subprocess.STDOUT, **options)


def answers(url: str) -> bool:
    """Whether anything but a server's own failure comes back from `url`."""
    with suppress(httpx.HTTPError), httpx.Client(timeout=5, trust_env=False, verify=_TLS) as client:
        return client.get(url).status_code < 500
    return False


def wait_until(
    is_ready: Callable[[], bool],
    process: subprocess.Popen[Any],
    *,
    seconds: float = START_SECONDS,
    log: Path | None = None,
) -> None:
    """Ask `is_ready` every tenth of a second until it says so.

    Raises:
        NotStartedError: the process ended, or `seconds` have passed.
    """
    until = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < until:
        if is_ready():
            return
        time.sleep(0.1)
    raise NotStartedError("the service did not start" + (f", see {log}" if log else ""))


def end(process: subprocess.Popen[Any], *, number: int = signal.SIGTERM, seconds: float = STOP_SECONDS) -> int:
    """Send the signal, kill the process when it does not end in time, and return its exit code."""
    if process.poll() is None:
        process.send_signal(number)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


@contextmanager
def running(
    program: Sequence[str],
    environ: Mapping[str, str],
    *,
    ready: str | Callable[[], bool],
    log: Path | None = None,
    start_seconds: float = START_SECONDS,
    **options: Any,
) -> Iterator[subprocess.Popen[Any]]:
    """The process from when it is ready until the end of the block.

    Args:
        ready: an address that answers then, or a question that is true then.

    Raises:
        NotStartedError: see `wait_until`.
    """
    process = start(program, environ, log=log, **options)
    try:
        is_ready = ready if callable(ready) else lambda: answers(str(ready))
        wait_until(is_ready, process, seconds=start_seconds, log=log)
        yield process
    finally:
        end(process)


def workers_of(launcher_id: int) -> list[psutil.Process]:
    """The serving processes under a launcher with a supervisor; none when it serves by itself."""
    children = psutil.Process(launcher_id).children(recursive=True)
    return [child for child in children if "spawn_main" in command_line(child)]


def command_line(process: psutil.Process) -> str:
    """Empty when the process is gone or a zombie."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
