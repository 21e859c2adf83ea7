"""The launcher as a user meets it: starts on nothing, answers, stops without a trace, survives being killed."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from launched_service import ROOT, START_SECONDS, Launched, assert_nothing_left, free_port, wait_for

from core.embedded.layout import Layout


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def launch(tmp_path: Path, port: int) -> Iterator[Callable[..., Launched]]:
    started: list[Launched] = []

    def start(*options: str, **settings: str) -> Launched:
        started.append(Launched(tmp_path / "data", port, "--port", str(port), *options, settings=settings))
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
def test_only_worker_is_replaced_after_its_last_request(launch: Callable[..., Launched]) -> None:
    served = launch(WORKER_MAX_REQUESTS="10", WORKER_MAX_REQUESTS_JITTER="5").wait_until_served()
    (first,) = served.workers()
    for _ in range(20):
        assert httpx.get(f"{served.url}/nope", timeout=START_SECONDS).status_code == 404
    wait_for(lambda: len(served.workers()) == 1 and first not in served.workers(), START_SECONDS)
    wait_for(served.answers, START_SECONDS)


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
