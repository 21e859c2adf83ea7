"""Question/SQL files: what is in them, how they are written, which belong to a run. Format: contract 5.5."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from common.messages import data_pipeline as texts
from data_pipeline.errors import PipelineError
from data_pipeline.task_folder import TaskFolder
from data_pipeline.text_writer import QuestionPair

SUFFIX: Final = "_pair.json"
_UNSAFE: Final = re.compile(r"[^\w-]+")
_LONGEST_NAME: Final = 60


@dataclass(frozen=True)
class PairFile:
    """A parsed file. `items` is the array as it stands; `pairs` are its readable items by their place in it."""

    items: list[Any]
    pairs: dict[int, QuestionPair]


def pair_file_name(database: str, stamp: str) -> str:
    """`qs_<database>_<stamp>_pair.json`, a plain file name whatever the database is called."""
    return f"qs_{_UNSAFE.sub('_', database)[:_LONGEST_NAME] or 'database'}_{stamp}{SUFFIX}"


def clean_pair(pair: QuestionPair) -> QuestionPair | None:
    """White space collapsed, one semicolon at the end of the SQL; None when a part is empty."""
    question, sql = " ".join(pair.question.split()), " ".join(pair.sql.split()).rstrip("; ")
    return QuestionPair(question, f"{sql};") if question and sql else None


def render_pairs(pairs: Iterable[QuestionPair]) -> str:
    """The file's text."""
    return render_items([{"question": pair.question, "sql": pair.sql} for pair in pairs])


def render_items(items: Sequence[Any]) -> str:
    """The file's text, of whatever items."""
    return json.dumps(items, ensure_ascii=False, indent=2)


def read_pair_file(name: str, content: bytes) -> PairFile:
    """Parse a file; items that are no pairs stay where they are.

    Raises:
        PipelineError: it is no JSON array.
    """
    try:
        items = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise PipelineError(texts.PAIR_FILE_UNREADABLE.format(file=name)) from None
    if not isinstance(items, list):
        raise PipelineError(texts.PAIR_FILE_UNREADABLE.format(file=name))
    pairs: dict[int, QuestionPair] = {}
    for place, item in enumerate(items):
        if isinstance(item, dict):
            fields = {str(key).lower(): value for key, value in item.items()}
            question, sql = fields.get("question"), fields.get("sql")
            if isinstance(question, str) and isinstance(sql, str) and question.strip() and sql.strip():
                pairs[place] = QuestionPair(question.strip(), sql.strip())
    return PairFile(items, pairs)


def newest_pair_file(folder: TaskFolder) -> str | None:
    """The pair file changed last, None when there is none."""
    names = [name for name in folder.names() if name.endswith(SUFFIX)]
    return max(names, key=lambda name: (folder.file(name).stat().st_mtime_ns, name), default=None)


def set_aside(folder: TaskFolder) -> None:
    """Rename earlier pair files and their backups to `..._old`; those that people edited stay."""
    for name in folder.names():
        if name.endswith((SUFFIX, f"{SUFFIX}.backup")) and folder.is_ours(name):
            folder.rename(name, f"{name}_old")
