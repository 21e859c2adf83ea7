"""Several processes share the log files: no line torn, none lost, not even over a change of the day."""

from __future__ import annotations

import logging
import multiprocessing
import re
import time
from pathlib import Path

PROCESSES = 4
LINES = 2000


def _log_over_midnight(path: str, name: int) -> None:
    """Half of the lines before and half after a midnight that each process meets at its own moment."""
    from core.logging.formats import FILE_FORMAT, LineFormatter
    from core.logging.handlers import DailyFileHandler

    noon = time.mktime((2025, 1, 15, 12, 0, 0, 0, 0, -1))
    moment = [noon]
    handler = DailyFileHandler(Path(path), clock=lambda: moment[0])
    handler.setFormatter(LineFormatter(FILE_FORMAT, lambda text: text))
    logger = logging.getLogger(f"app.p{name}")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    for number in range(LINES):
        moment[0] = noon if number < LINES // 2 else noon + 86_400
        logger.info("<%d/%d/%s>", name, number, "汉" * (number % 3000))
    handler.close()


def test_lines_of_four_processes_are_whole_and_complete_over_midnight(tmp_path):
    path = tmp_path / "app.log"
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_log_over_midnight, args=(str(path), name)) for name in range(PROCESSES)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    found = []
    for file in tmp_path.glob("app.log*"):
        for line in file.read_text(encoding="utf-8").splitlines():
            match = re.fullmatch(r".* - <(\d+)/(\d+)/(汉*)>", line)
            assert match, f"torn line: {line[:200]}"
            assert len(match[3]) == int(match[2]) % 3000
            found.append((int(match[1]), int(match[2])))
    assert sorted(found) == [(name, number) for name in range(PROCESSES) for number in range(LINES)]
