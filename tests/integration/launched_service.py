"""The service in a process of its own, as a user starts it; for the tests of the launcher and of other servers."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import psutil

from tools.harness.processes import answers, folders, inherited_environment, start, workers_of

START_SECONDS = 60


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
        environ = {**inherited_environment(), **folders(data_dir), "DEMO_DATA": "false"}
        environ |= {"PIPELINE_WORKERS": "0"}  # they are started by the tests that are about them
        environ |= settings
        self.process = start(
            ["-m", module, *options], environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def wait_until_served(self) -> Launched:
        wait_for(lambda: self.process.poll() is not None or self.answers(), START_SECONDS)
        assert self.process.poll() is None, self.output()
        return self

    def answers(self) -> bool:
        return answers(f"{self.url}/health")

    def output(self) -> str:
        return self.process.communicate(timeout=START_SECONDS)[0]

    def stop(self, number: int) -> int:
        self.process.send_signal(number)
        self.process.communicate(timeout=START_SECONDS)
        return self.process.returncode

    def workers(self) -> list[psutil.Process]:
        return workers_of(self.process.pid)


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
