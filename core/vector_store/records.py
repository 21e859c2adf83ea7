"""Training records as callers know them and as they are stored (format: docs/contract/training.md)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal
from uuid import uuid4

Kind = Literal["sql", "error_sql", "ddl", "documentation"]
KINDS: Final[tuple[Kind, ...]] = ("sql", "error_sql", "ddl", "documentation")
PAIR_KINDS: Final[frozenset[Kind]] = frozenset({"sql", "error_sql"})
_ID_SUFFIXES: Final[Mapping[Kind, str]] = {
    "sql": "-sql",
    "error_sql": "-error_sql",
    "ddl": "-ddl",
    "documentation": "-doc",
}


@dataclass(frozen=True)
class TrainingItem:
    """Something to remember: SQL with its question, or a DDL or documentation text without one."""

    content: str
    question: str = ""

    def document(self, kind: Kind) -> str:
        """The stored text. Raises `ValueError` when a text is missing or has a NUL character."""
        question, content = self.question.strip(), self.content.strip()
        if not content or (kind in PAIR_KINDS and not question):
            raise ValueError(f"a training record of kind {kind} lacks its text")
        if "\0" in question + content:
            raise ValueError("a training record must not contain NUL characters")
        if kind not in PAIR_KINDS:
            return content
        fields = {"question": question, "sql": content} | ({"type": kind} if kind == "error_sql" else {})
        return json.dumps(fields, ensure_ascii=False)

    def searched_text(self, kind: Kind) -> str:
        """What questions are compared with: the question of a pair, otherwise the content."""
        return (self.question if kind in PAIR_KINDS else self.content).strip()


@dataclass(frozen=True)
class NewRecord:
    """A record that is to be stored; `item.question` is empty when a pair still needs its question."""

    kind: Kind
    item: TrainingItem

    @property
    def lacks_question(self) -> bool:
        return self.kind == "sql" and not self.item.question


@dataclass(frozen=True)
class Match:
    """A record found. `score` is its cosine similarity to the query, 0 to 1; `rank` its place, 1 is best.

    `is_reviewed` says whether an administrator vouched for it. A text with `adds_only` came from somebody nobody
    vouched for and is used for questions that name something new of which it speaks, and for no others.
    """

    id: str
    kind: Kind
    content: str
    question: str
    score: float
    rank: int
    is_reviewed: bool = False
    adds_only: bool = False


@dataclass(frozen=True)
class RecordCounts:
    """How many records a tenant has. `unusable` of them carry a vector of another embedding model, or none."""

    sql: int = 0
    error_sql: int = 0
    ddl: int = 0
    documentation: int = 0
    unusable: int = 0

    @property
    def total(self) -> int:
        return self.sql + self.error_sql + self.ddl + self.documentation


def new_record_id(kind: Kind) -> str:
    """A random id with the suffix readers tell the kind by."""
    return f"{uuid4()}{_ID_SUFFIXES[kind]}"


def is_record_id(text: str) -> bool:
    """Whether `text` could be the id of a record, so that it is worth asking the database for."""
    return text.isascii() and text.isprintable() and text.endswith(tuple(_ID_SUFFIXES.values()))


def content_hash(document: str) -> str:
    """The same for the same document: its SHA-256 in hex."""
    return hashlib.sha256(document.encode()).hexdigest()


def parse_document(kind: Kind, document: str) -> TrainingItem | None:
    """The item a document was made from; None when a pair's document cannot be read."""
    if kind not in PAIR_KINDS:
        return TrainingItem(content=document)
    try:
        fields = json.loads(document)
        return TrainingItem(content=str(fields["sql"]), question=str(fields["question"]))
    except (ValueError, TypeError, KeyError):
        return None
