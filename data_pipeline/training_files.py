"""Reads a task's files as training items: which files count and how they are split. Rules: contract 5.7."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from common.messages import data_pipeline as texts
from core.vector_store.records import Kind, TrainingItem
from data_pipeline.errors import PipelineError
from data_pipeline.pair_files import read_pair_file

Shape = Literal["ddl", "md", "pairs", "pair_blocks", "sql"]
_SKIPPED: Final = re.compile(r"(\.(ddl|md)_\d+|_old|_new(_\d+)?)$|\.backup")
_HEADING: Final = re.compile(r"^#{1,3}", re.MULTILINE)
_ENDINGS: Final[tuple[tuple[tuple[str, ...], Shape, Kind], ...]] = (
    ((".ddl",), "ddl", "ddl"),
    ((".md", ".markdown"), "md", "documentation"),
    (("_pair.json", "_pairs.json"), "pairs", "sql"),
    (("_pair.sql", "_pairs.sql"), "pair_blocks", "sql"),
    ((".sql",), "sql", "sql"),
)
LARGEST_FILE: Final = 10 * 1024 * 1024
LOAD_ORDER: Final[tuple[Shape, ...]] = ("ddl", "md", "pairs", "pair_blocks", "sql")


class Splitting(Protocol):
    """Cuts texts into records; the training service's own cutting, so that uploads and tasks agree."""

    def statements(self, text: str, /) -> list[str]: ...

    def sections(self, text: str, /) -> list[str]: ...

    def labelled_pairs(self, text: str, /) -> list[tuple[str, str]]: ...


@dataclass(frozen=True)
class TrainingFile:
    """A file that counts. `shape` says how it is read, `kind` what it becomes."""

    name: str
    shape: Shape
    kind: Kind


def training_file(name: str) -> TrainingFile | None:
    """How a file of a task folder is loaded, None when it is not."""
    lower = name.lower()
    if _SKIPPED.search(lower):
        return None
    found = (TrainingFile(name, shape, kind) for endings, shape, kind in _ENDINGS if lower.endswith(endings))
    return next(found, None)


def items_of(file: TrainingFile, content: bytes, splitting: Splitting) -> list[TrainingItem]:
    """What a file teaches, in order. Plain SQL comes without its question.

    Raises:
        PipelineError: it cannot be read as what its name says.
    """
    if file.shape == "pairs":
        return [TrainingItem(pair.sql, pair.question) for pair in read_pair_file(file.name, content).pairs.values()]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise PipelineError(texts.FILE_UNREADABLE.format(file=file.name)) from None
    if file.shape == "md":
        heading = _HEADING.search(text)
        return [TrainingItem(section) for section in splitting.sections(text[heading.start() if heading else 0 :])]
    if file.shape == "pair_blocks":
        return [TrainingItem(sql, question) for question, sql in splitting.labelled_pairs(text) if question and sql]
    return [TrainingItem(statement) for statement in splitting.statements(text)]
