"""Reads a task's log: two line formats, lines that go on, and each entry's step (docs/contract/pipeline.md)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from common.secret_masking import mask_text
from data_pipeline.task import STEPS

_TIME: Final = r"(?P<timestamp>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)"
_LEVEL: Final = r"\[(?P<level>[A-Z]{1,10})\]"
_OF_MODULES: Final = re.compile(
    rf"{_TIME} {_LEVEL} (?P<logger>\[[^\]]{{1,200}}\] [^\s:]{{1,200}}:\d+) - (?P<message>.*)"
)
_OF_TASKS: Final = re.compile(rf"{_TIME} {_LEVEL} (?P<logger>[^:]{{1,200}}): (?P<message>.*)")
_TAG: Final = re.compile(r"\[(" + "|".join(STEPS) + r")\]")
_STEP_OF_LOGGER: Final = {
    "DDLGenerator": "ddl_generation",
    "SchemaTrainingDataAgent": "ddl_generation",
    "QAGenerator": "qa_generation",
    "QSGenerator": "qa_generation",
    "QuestionSQLGenerationAgent": "qa_generation",
    "SQLValidator": "sql_validation",
    "SQLValidationAgent": "sql_validation",
    "TrainingDataLoader": "training_load",
    "VannaTrainer": "training_load",
    "VectorTableManager": "training_load",
}
MOST_CONTINUED: Final = 1_000


@dataclass
class LogEntry:
    """One entry; `line_number` is where it begins, from 1. Texts are without secrets."""

    timestamp: str
    level: str
    logger: str
    step: str | None
    line_number: int
    lines: list[str] = field(default_factory=list)

    @property
    def message(self) -> str:
        """The whole text, its lines joined."""
        return "\n".join(self.lines)


def read_entries(lines: Iterable[str]) -> Iterator[LogEntry]:
    """The entries in order; lines before the first one are dropped."""
    entry: LogEntry | None = None
    for number, line in enumerate(lines, start=1):
        found = _OF_MODULES.fullmatch(line) or _OF_TASKS.fullmatch(line)
        if found is None:
            if entry is not None and len(entry.lines) < MOST_CONTINUED:
                entry.lines.append(mask_text(line))
            continue
        if entry is not None:
            yield entry
        message = mask_text(found["message"])
        step = step_of(found["logger"], message)
        entry = LogEntry(found["timestamp"], found["level"], mask_text(found["logger"]), step, number, [message])
    if entry is not None:
        yield entry


def step_of(logger: str, message: str) -> str | None:
    """The step an entry is about: by its tag, else by who wrote it."""
    tag = _TAG.match(message)
    if tag is not None:
        return tag[1]
    return next((step for name, step in _STEP_OF_LOGGER.items() if name in logger), None)
