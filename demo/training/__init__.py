"""What the training store learns about the demo database: table texts, documentation, question/SQL pairs.

Read by the preparations of a bare machine; the pairs were written for this demo and run on it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from common.answering import TrainedPair
from demo.schema import training_ddl

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class TrainingExamples:
    """One text a table, one text a documentation section, and the trained pairs."""

    ddl: tuple[str, ...]
    documentation: tuple[str, ...]
    pairs: tuple[TrainedPair, ...]


def load_training_documentation() -> list[str]:
    """The sections of `documentation.md`, each with its heading as first line."""
    text = (_FOLDER / "documentation.md").read_text(encoding="utf-8")
    sections = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    return [section.strip() for section in sections]


def load_training_pairs() -> list[TrainedPair]:
    """The question/SQL pairs of `pairs.json`."""
    raw = json.loads((_FOLDER / "pairs.json").read_text(encoding="utf-8"))
    return [TrainedPair(question=item["question"], sql=item["sql"]) for item in raw]


def training_examples() -> TrainingExamples:
    """Everything the demo teaches."""
    return TrainingExamples(
        ddl=tuple(training_ddl()),
        documentation=tuple(load_training_documentation()),
        pairs=tuple(load_training_pairs()),
    )
