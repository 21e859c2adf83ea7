"""Size and depth: whatever grows, the guard gives a verdict; in a child process, so that a crash would show."""

import json
import subprocess
import sys
from pathlib import Path

from tools.guard_ladder import COUNTS, SHAPES

ROOT = Path(__file__).resolve().parents[3]


def test_every_step_of_the_ladder_gets_a_verdict() -> None:
    command = [sys.executable, "-m", "tools.guard_ladder"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    steps = [json.loads(line) for line in done.stdout.splitlines()]
    found = {(step["shape"], step["count"]): step["verdict"] for step in steps}
    assert set(found) == {(shape, count) for shape in SHAPES for count in COUNTS}
    assert all(found[shape, 1] == "admitted" for shape in SHAPES if shape not in ("quotes", "dollars"))
    assert all(found[shape, COUNTS[-1]] != "admitted" for shape in SHAPES)
    assert "internal.error" not in found.values()
