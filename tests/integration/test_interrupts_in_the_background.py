"""A run that a shell started in the background ignores Ctrl-C, and would hand that on to the programs it starts."""

import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
IS_IGNORED = "import signal; print(signal.getsignal(signal.SIGINT) == signal.SIG_IGN)"
START_ONE = f"""import subprocess, sys, tests.conftest
subprocess.run([sys.executable, '-c', {IS_IGNORED!r}], check=True)"""


def test_programs_that_tests_start_hear_ctrl_c() -> None:
    def ignore() -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    said = [
        subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, preexec_fn=ignore, capture_output=True, text=True, check=True
        ).stdout
        for code in (IS_IGNORED, START_ONE)
    ]
    assert said == ["True\n", "False\n"]
