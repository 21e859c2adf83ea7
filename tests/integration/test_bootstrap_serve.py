"""The launcher as a user meets it: starts on nothing, answers, stops without a trace, survives being killed."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from core.embedded.layout import Layout

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60


class Launched:
    """A launcher process with its own data folder and port."""

    def __init__(self, data_dir: Path, port: int, *options: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.data_dir = data_dir
        environ = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
        environ |= {"DATA_DIR": str(data_dir), "LOG_DIR": str(data_dir / "logs"), "DEMO_DATA": "false"}
        command = [sys.executable, "-m", "bootstrap.serve", "--port", str(port), *options]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def wait_until_served(self) -> "Launched":
        wait_for(lambda: self.process.poll() is not None or self.answers(), START_SECONDS)
        assert self.process.poll() is None, self.output()
        return self

    def answers(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/health", timeout=2).status_code == 200
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


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def launch(tmp_path: Path, port: int) -> Iterator[Callable[..., Launched]]:
    started: list[Launched] = []

    def start(*options: str) -> Launched:
        started.append(Launched(tmp_path / "data", port, *options))
        return started[-1]

    yield start
    for launched in started:
        if launched.process.poll() is None:
            launched.process.kill()
            launched.process.communicate()
    assert_nothing_left(tmp_path / "data")
    shutil.rmtree(Layout.of(tmp_path / "data").home, ignore_errors=True)


@pytest.mark.slow
def test_stops_on_sigterm_and_on_ctrl_c_without_a_trace(launch: Callable[..., Launched], tmp_path: Path) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        served = launch().wait_until_served()
        assert httpx.get(f"{served.url}/nope").json()["code"] == 404
        assert served.stop(number) in (0, 143)
        assert_nothing_left(tmp_path / "data")


@pytest.mark.slow
def test_killed_launcher_leaves_nothing_and_starts_again(launch: Callable[..., Launched], tmp_path: Path) -> None:
    launch("--workers", "2").wait_until_served().stop(signal.SIGKILL)
    assert_nothing_left(tmp_path / "data")
    launch().wait_until_served()


@pytest.mark.slow
def test_killed_worker_is_replaced_and_the_servers_stay(launch: Callable[..., Launched]) -> None:
    served = launch("--workers", "2").wait_until_served()
    wait_for(lambda: len(served.workers()) == 2, 20)
    victim = served.workers()[0]
    victim.kill()
    wait_for(lambda: len(served.workers()) == 2 and victim not in served.workers(), 20)
    wait_for(served.answers, 20)


@pytest.mark.slow
def test_second_launch_on_the_same_port_says_so_in_one_sentence(launch: Callable[..., Launched]) -> None:
    first = launch().wait_until_served()
    second = launch()
    output = second.output()
    assert second.process.returncode == 1
    assert len(output.strip().splitlines()) == 1
    assert "已被占用" in output
    assert first.answers()


def test_bad_setting_stops_the_start_with_its_name(tmp_path: Path) -> None:
    environ = {**os.environ, "DATA_DIR": str(tmp_path), "LOG_DIR": str(tmp_path / "logs"), "WSGI_THREADS": "many"}
    ended = subprocess.run(
        [sys.executable, "-m", "bootstrap.serve", "--prepare-only"],
        cwd=ROOT, env=environ, capture_output=True, text=True, timeout=START_SECONDS, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    assert "WSGI_THREADS" in ended.stderr
    assert "Traceback" not in ended.stderr
