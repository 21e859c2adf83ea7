"""Training records as entries of a catalogue: what a stored row is.

The training services use it beside `VectorStore`, which finds records by meaning. Rows of any writer are read; what is
no record (no id in its metadata, an id of no kind, a pair that cannot be read) does not exist here.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, String, and_, case, func, literal, or_
from sqlalchemy.dialects.postgresql import JSONB

from core.vector_store.tables import EMBEDDING

_OF: Final = EMBEDDING.c
RECORD_ID: Final[ColumnElement[Any]] = _OF.cmetadata["id"].astext
"""The id clients know a record by; null in rows that are none."""

KIND: Final[ColumnElement[Any]] = case(
    (RECORD_ID.like("%-doc"), literal("documentation", String)),
    (RECORD_ID.like("%-error_sql"), literal("error_sql", String)),
    (RECORD_ID.like("%-sql"), literal("sql", String)),
    (RECORD_ID.like("%-ddl"), literal("ddl", String)),
)
"""The kind its id's ending names, in the order readers have always tried them."""

PAIR: Final[ColumnElement[Any]] = func.training_pair(_OF.document, type_=JSONB)
QUESTION: Final[ColumnElement[Any]] = case((KIND.in_(("sql", "error_sql")), PAIR["question"].astext))
CONTENT: Final[ColumnElement[Any]] = case((KIND.in_(("sql", "error_sql")), PAIR["sql"].astext), else_=_OF.document)
IS_RECORD: Final[ColumnElement[bool]] = and_(
    KIND.is_not(None), _OF.document.is_not(None), or_(KIND.in_(("ddl", "documentation")), PAIR.is_not(None))
)
QUESTION_KEY: Final[ColumnElement[Any]] = func.training_question_key(PAIR["question"].astext)
"""Equal for questions that differ only in white space, width, case or closing marks; indexed."""


def question_key(question: str) -> ColumnElement[Any]:
    """What `QUESTION_KEY` is for a record with this question."""
    return func.training_question_key(question)


def has_id(record_id: str) -> ColumnElement[bool]:
    """Whether a row is the record of this id; uses the index on the metadata."""
    return _OF.cmetadata.contains({"id": record_id})
