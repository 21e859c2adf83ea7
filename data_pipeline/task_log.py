"""A task's own log file, `data_pipeline.log`, in the first line format of contract 5.9; secrets never stand in it."""

from __future__ import annotations

import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final

from common.secret_masking import mask_text
from data_pipeline.identifiers import one_line

FILE_NAME: Final = "data_pipeline.log"
_LARGEST: Final = 10 * 1024 * 1024
_BACKUPS: Final = 3
_FORMAT: Final = "%(asctime)s [%(levelname)s] %(name)s: %(message)s"
_LONGEST_LINE: Final = 4_000


class TaskLog:
    """Lines `YYYY-MM-DD HH:MM:SS [LEVEL] TaskDir_<task>: [<step>] <message>`; rotated at 10 MB, three kept.

    The logger belongs to this object alone, so no line is written twice and none goes to another task's file.
    """

    def __init__(self, folder: Path, task_id: str) -> None:
        self._logger = logging.Logger(f"TaskDir_{task_id}", logging.DEBUG)
        self._handler = RotatingFileHandler(
            folder / FILE_NAME, maxBytes=_LARGEST, backupCount=_BACKUPS, encoding="utf-8", errors="replace", delay=True
        )
        self._handler.setFormatter(logging.Formatter(_FORMAT, "%Y-%m-%d %H:%M:%S"))
        self._logger.addHandler(self._handler)

    def write(self, message: str, *, step: str = "", level: int = logging.INFO) -> None:
        """One line, whatever the message holds."""
        prefix = f"[{step}] " if step else ""
        self._logger.log(level, "%s", prefix + one_line(mask_text(message), _LONGEST_LINE))

    def close(self) -> None:
        """Close the file."""
        self._handler.close()
