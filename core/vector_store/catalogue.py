"""Training records as entries of a catalogue: what a stored row is, and how a prepared one is written.

The training services use it beside `VectorStore`, which finds records by meaning. Rows of any writer are read; what is
no record (no id in its metadata, an id of no kind, a pair that cannot be read) does not exist here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, String, and_, case, func, literal, or_, select
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Session

from core.vector_store.records import Kind
from core.vector_store.store import collection_of
from core.vector_store.tables import COLLECTION, EMBEDDING

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


def insert_record(session: Session, kind: Kind, row: Mapping[str, Any]) -> str:
    """Write a row of `VectorStore.prepare` and return its id. The session's owner commits.

    A record of the same content may be there already: training has always kept both, so the new one leaves the hash
    to the old one.
    """
    known = session.scalar(select(COLLECTION.c.uuid).where(COLLECTION.c.name == kind))
    complete = {**row, "collection_id": known or collection_of(session, kind)}
    once = (
        insert(EMBEDDING)
        .values(complete)
        .on_conflict_do_nothing(index_elements=["tenant_id", "collection_id", "content_hash"])
    )
    if session.execute(once.returning(_OF.id)).first() is None:
        session.execute(insert(EMBEDDING).values({**complete, "content_hash": None}))
    return str(row["id"])


def renamed(row: Mapping[str, Any], record_id: str) -> dict[str, Any]:
    """The prepared row under an id that was promised before."""
    return {**row, "id": record_id, "cmetadata": {**row["cmetadata"], "id": record_id}}
