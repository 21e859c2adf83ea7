"""Processes speak for each other, and for those that have ended, killed ones included."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.process_snapshots import ENDED, ProcessSnapshots

ROOT = Path(__file__).resolve().parents[2]
SIBLING = """
import sys, time
from pathlib import Path
from core.process_snapshots import ProcessSnapshots
own = ProcessSnapshots(folder=Path(sys.argv[1]), take=lambda: {"n": 5}, merge=dict, launcher=int(sys.argv[2]))
own.start()
print("ready", flush=True)
time.sleep(60)
"""


def added(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return {"n": one["n"] + other["n"]}


@pytest.fixture
def here(tmp_path: Path) -> Iterator[ProcessSnapshots]:
    snapshots = ProcessSnapshots(folder=tmp_path, take=lambda: {"n": 1}, merge=added, launcher=os.getpid())
    snapshots.start()
    yield snapshots
    snapshots.close()


def killed_sibling(folder: Path, here: ProcessSnapshots) -> int:
    command = [sys.executable, "-c", SIBLING, str(folder), str(os.getpid())]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as sibling:
        assert sibling.stdout is not None
        sibling.stdout.readline()
        assert here.read()[str(sibling.pid)] == {"n": 5}
        sibling.send_signal(signal.SIGKILL)
    return sibling.pid


def test_a_killed_process_stays_in_the_sum_once(tmp_path: Path, here: ProcessSnapshots) -> None:
    for expected in (5, 10):
        killed_sibling(tmp_path, here)
        assert here.read() == {str(os.getpid()): {"n": 1}, ENDED: {"n": expected}}
        assert here.read() == {str(os.getpid()): {"n": 1}, ENDED: {"n": expected}}


def test_figures_of_an_earlier_start_are_forgotten(tmp_path: Path) -> None:
    earlier = tmp_path / "999999-1"
    earlier.mkdir()
    (earlier / "999999-1.json").write_text(json.dumps({"n": 9}))
    own = ProcessSnapshots(folder=tmp_path, take=lambda: {"n": 1}, merge=added)
    own.start()
    assert own.read() == {str(os.getpid()): {"n": 1}}
    own.close()
    assert not earlier.exists()


def test_a_folder_that_cannot_be_made_costs_the_siblings_only(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    own = ProcessSnapshots(folder=blocked, take=lambda: {"n": 1}, merge=added)
    own.start()
    assert own.read() == {str(os.getpid()): {"n": 1}}
    own.close()
