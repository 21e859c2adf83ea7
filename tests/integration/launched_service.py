"""The service in a process of its own, as a user starts it; for the tests of the launcher and of other servers."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import httpx
import psutil

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60
_TLS = httpx.create_ssl_context()  # not used; for each client of its own httpx would read the authorities again


class Launched:
    """A process that serves the application, the launcher unless told otherwise, with its own data folder and port."""

    def __init__(
        self,
        data_dir: Path,
        port: int,
        *options: str,
        module: str = "serving.serve",
        settings: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.data_dir = data_dir
        environ = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
        environ |= {"DATA_DIR": str(data_dir), "LOG_DIR": str(data_dir / "logs"), "DEMO_DATA": "false"}
        environ |= {"PIPELINE_WORKERS": "0"}  # they are started by the tests that are about them
        environ |= settings
        command = [sys.executable, "-m", module, *options]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def wait_until_served(self) -> Launched:
        wait_for(lambda: self.process.poll() is not None or self.answers(), START_SECONDS)
        assert self.process.poll() is None, self.output()
        return self

    def answers(self) -> bool:
        with contextlib.suppress(httpx.HTTPError), httpx.Client(timeout=2, trust_env=False, verify=_TLS) as client:
            return client.get(f"{self.url}/health").status_code == 200
        return False

    def output(self) -> str:
        return self.process.communicate(timeout=START_SECONDS)[0]

    def stop(self, number: int) -> int:
        self.process.send_signal(number)
        self.process.communicate(timeout=START_SECONDS)
        return self.process.returncode

    def workers(self) -> list[psutil.Process]:
        children = psutil.Process(self.process.pid).children(recursive=True)
        return [child for child in children if "spawn_main" in command_line(child)]


def command_line(process: psutil.Process) -> str:
    """Empty when the process is gone or a zombie."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def wait_for(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "gave up waiting"
        time.sleep(0.1)


def left_behind(data_dir: Path) -> list[str]:
    """Command lines of living processes that name the data folder or work in it."""
    found = []
    for process in psutil.process_iter(["cmdline", "status", "environ"]):
        text = " ".join(process.info["cmdline"] or ())
        uses_it = str(data_dir) in text or (process.info["environ"] or {}).get("DATA_DIR") == str(data_dir)
        if uses_it and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(text)
    return found


def assert_nothing_left(data_dir: Path) -> None:
    wait_for(lambda: not left_behind(data_dir), 20)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
