"""Runs an entry of this project as a process of its own, with exactly the settings given, on a free port."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

ROOT: Final = Path(__file__).resolve().parents[2]
START_SECONDS: Final = 60
STOP_SECONDS: Final = 20
WAITRESS: Final = (
    "import os, waitress, citu_app; "
    "waitress.serve(citu_app.app, host='127.0.0.1', port=int(os.environ['PORT']), threads=128, backlog=2048)"
)
INHERITED: Final = ("PATH", "HOME", "TZ", "LANG", "LC_ALL", "VIRTUAL_ENV")


@dataclass(frozen=True)
class RunningEntry:
    """Where it answers, and its process; workers are children of that."""

    url: str
    process_id: int


def command_of(entry: str, *, is_plain: bool = False) -> list[str]:
    """How an entry is started; `is_plain` serves the unified one by a plain WSGI server. `citu-waitress` is the old
    entry under waitress, which takes the address from the environment of `running_entry`.
    """
    if entry == "citu-waitress":
        return [sys.executable, "-c", WAITRESS]
    if entry == "citu":
        return [sys.executable, "citu_app.py"]
    return [sys.executable, "unified_api.py"] if is_plain else [sys.executable, "-m", "serving.serve"]


@contextmanager
def running_entry(
    entry: str, settings: Mapping[str, str], *, log: Path, is_plain: bool = False
) -> Iterator[RunningEntry]:
    """The running entry; it is stopped at the end. What it prints goes to `log`.

    Raises:
        OSError: it did not start; the message names the log.
    """
    port = _free_port()
    folder = log.parent / "service"
    own = {"HOST": "127.0.0.1", "PORT": str(port), "DATA_DIR": str(folder), "LOG_DIR": str(folder / "logs")}
    environ = {name: os.environ[name] for name in INHERITED if name in os.environ} | own | dict(settings)
    folder.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            command_of(entry, is_plain=is_plain), env=environ, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            _wait_until_ready(process, f"http://127.0.0.1:{port}", log)
            yield RunningEntry(f"http://127.0.0.1:{port}", process.pid)
        finally:
            _stop(process)


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    with httpx.Client(trust_env=False, timeout=5) as client:
        while time.monotonic() < until and process.poll() is None:
            try:
                client.get(f"{url}/")
            except httpx.TransportError:
                time.sleep(0.1)
            else:
                return
    raise OSError(f"the entry did not start, see {log}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
