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

from core.embedded.layout import Layout
from tests.integration.launched_service import START_SECONDS, Launched, assert_nothing_left, wait_for
from tools.harness.processes import ROOT, free_port

pytestmark = pytest.mark.slow


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


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    """A service that tests may hurt, as long as it answers again afterwards."""
    data, port = tmp_path_factory.mktemp("two") / "data", free_port()
    served = Launched(data, port, "--port", str(port), "--workers", "2")
    try:
        yield served.wait_until_served()
    finally:
        served.process.terminate()
        served.process.communicate()
        assert_nothing_left(data)
        shutil.rmtree(Layout.of(data).home, ignore_errors=True)


def test_leaves_nothing_however_it_ends_and_starts_again(launch: Callable[..., Launched], tmp_path: Path) -> None:
    """SIGTERM, kill -9 of the launcher alone, Ctrl-C; on the same data folder."""
    workers = {signal.SIGKILL: "2"}
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGINT):
        served = launch("--workers", workers.get(number, "1"), PIPELINE_WORKERS="1").wait_until_served()
        assert httpx.get(f"{served.url}/nope").json()["code"] == 404
        assert served.stop(number) in ((-number,) if number == signal.SIGKILL else (0, 143))
        assert_nothing_left(tmp_path / "data")


def test_killed_worker_is_replaced_and_the_servers_stay(two_workers: Launched) -> None:
    wait_for(lambda: len(two_workers.workers()) == 2, 20)
    victim = two_workers.workers()[0]
    victim.kill()
    wait_for(lambda: len(two_workers.workers()) == 2 and victim not in two_workers.workers(), 20)
    wait_for(two_workers.answers, 20)


def test_second_launch_on_the_same_port_says_so_in_one_sentence(two_workers: Launched) -> None:
    second = Launched(two_workers.data_dir, 0, "--port", two_workers.url.rpartition(":")[2])
    output = second.output()
    assert second.process.returncode == 1
    assert len(output.strip().splitlines()) == 1
    assert "已被占用" in output
    assert two_workers.answers()


def test_only_worker_is_replaced_after_its_last_request(launch: Callable[..., Launched]) -> None:
    served = launch(WORKER_MAX_REQUESTS="10", WORKER_MAX_REQUESTS_JITTER="5").wait_until_served()
    (first,) = served.workers()
    for _ in range(20):
        assert httpx.get(f"{served.url}/nope", timeout=START_SECONDS).status_code == 404
    wait_for(lambda: len(served.workers()) == 1 and first not in served.workers(), START_SECONDS)
    wait_for(served.answers, START_SECONDS)


def test_bad_setting_stops_the_start_with_its_name(tmp_path: Path) -> None:
    environ = {**os.environ, "DATA_DIR": str(tmp_path), "LOG_DIR": str(tmp_path / "logs"), "WSGI_THREADS": "many"}
    ended = subprocess.run(
        [sys.executable, "-m", "serving.serve", "--prepare-only"],
        cwd=ROOT, env=environ, capture_output=True, text=True, timeout=START_SECONDS, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    assert "WSGI_THREADS" in ended.stderr
    assert "Traceback" not in ended.stderr
