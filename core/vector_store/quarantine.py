"""The quarantine of the training store: records that wait for an administrator, and the one statement that adds them.

The training door (`core.vector_store.door`) and the restore of a backup write here, nobody else; ADR 0024 says when. A
record of which an administrator said yes or no before is not shown again, unless a person sends it anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg import Connection
from sqlalchemy import Column, DateTime, Index, String, Table, Text, func
from sqlalchemy.dialects.postgresql import JSONB

from core.database import Base
from core.vector_store.origin import Recall
from core.vector_store.records import KINDS, Kind, TrainingItem, new_record_id, parse_document
from core.vector_store.screening import suspicions

QUARANTINE: Final = Table(
    "training_quarantine",
    Base.metadata,
    Column("id", String(64), primary_key=True, comment="the id the training record gets when it is approved"),
    Column("tenant_id", String(63), nullable=False),
    Column("training_data_type", String(20), nullable=False),
    Column("question", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("reasons", JSONB, nullable=False),
    Column("source", String(40), nullable=False),
    Column("replaces_id", Text, comment="the record an approved one takes the place of"),
    Column("status", String(10), nullable=False, server_default="pending"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("decided_at", DateTime(timezone=True)),
    Index("ix_training_quarantine_tenant_id_status_created_at", "tenant_id", "status", "created_at"),
)

_BATCH: Final = 1_000
_RESTORE: Final = "vector_restore"

# One statement for any number of texts: what was decided last counts, what waits already keeps its id.
_HOLD: Final = r"""
WITH asked AS MATERIALIZED (SELECT %s::text AS recall), doubtful AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%s::jsonb)
        AS d(position int, new_id text, tenant_id text, kind text, question text, content text, reasons jsonb,
             replaces_id text)
), known AS MATERIALIZED (
    SELECT DISTINCT ON (1, 2, 3, 4, CASE WHEN recall = 'pending' THEN replaces_id END)
        tenant_id, training_data_type AS kind,
        btrim(question, E' \t\r\n') AS question, btrim(content, E' \t\r\n') AS content, id, status, replaces_id
    FROM training_quarantine CROSS JOIN asked
    WHERE recall = 'decided' OR (recall = 'pending' AND status = 'pending')
    ORDER BY 1, 2, 3, 4, CASE WHEN recall = 'pending' THEN replaces_id END, decided_at DESC NULLS LAST, created_at
), judged AS MATERIALIZED (
    SELECT d.*, known.id AS known_id, known.status FROM doubtful d CROSS JOIN asked
    LEFT JOIN known ON (known.tenant_id, known.kind, known.question, known.content)
        = (d.tenant_id, d.kind, d.question, d.content)
        AND (recall <> 'pending' OR known.replaces_id IS NOT DISTINCT FROM d.replaces_id)
), added AS (
    INSERT INTO training_quarantine (id, tenant_id, training_data_type, question, content, reasons, source, replaces_id)
    SELECT DISTINCT ON (tenant_id, kind, question, content)
        new_id, tenant_id, kind, question, content, reasons, %s, replaces_id
    FROM judged WHERE known_id IS NULL
    ORDER BY tenant_id, kind, question, content, position
)
SELECT position, coalesce(known_id, first_value(new_id) OVER (
    PARTITION BY tenant_id, kind, question, content ORDER BY position)), coalesce(status, 'pending')
FROM judged
"""
# Rows of this transaction alone: what was in the table before is not what is being restored.
_RESTORED: Final = """
SELECT e.id, e.tenant_id, c.name, e.document
FROM langchain_pg_embedding e JOIN langchain_pg_collection c ON c.uuid = e.collection_id
WHERE e.document IS NOT NULL AND c.name = ANY(%s)
  AND e.xmin::text::bigint = pg_current_xact_id()::text::bigint & 4294967295
"""
_HAS_QUARANTINE: Final = "SELECT to_regclass('training_quarantine') IS NOT NULL"

Execute = Callable[[str, tuple[Any, ...]], Iterable[Any]]


@dataclass(frozen=True)
class Doubtful:
    """A record that may not be used unseen; `position` is its writer's.

    Attributes:
        record_id: the id it gets here, and as a record when it is approved; a new one when empty.
        replaces_id: the record an approved one takes the place of.
    """

    position: int
    tenant: str
    kind: Kind
    item: TrainingItem
    reasons: tuple[str, ...]
    record_id: str = ""
    replaces_id: str | None = None

    def as_row(self) -> Mapping[str, Any]:
        return {
            "position": self.position,
            "new_id": self.record_id or new_record_id(self.kind),
            "replaces_id": self.replaces_id,
            "tenant_id": self.tenant,
            "kind": self.kind,
            "question": _storable(self.item.question),
            "content": _storable(self.item.content),
            "reasons": self.reasons,
        }


def doubtful(position: int, tenant: str, kind: Kind, item: TrainingItem) -> Doubtful | None:
    """The text with its reasons; None when nothing speaks against it."""
    reasons = suspicions((item.question, item.content))
    return Doubtful(position, tenant, kind, item, reasons) if reasons else None


@dataclass(frozen=True)
class Held:
    """The quarantine's row for a text, new or known: its id, and what an administrator decided or `pending`."""

    id: str
    status: str

    @property
    def is_approved(self) -> bool:
        return self.status == "approved"


def hold(execute: Execute, found: Sequence[Doubtful], source: str, recall: Recall = "decided") -> dict[int, Held]:
    """Put records in quarantine within the caller's transaction.

    Args:
        execute: runs one statement with psycopg's placeholders and returns its rows.
        source: who wants them stored, at most 40 characters.
        recall: which earlier rows count; a record that has one keeps it and adds none.

    Returns:
        The row of each record, by position.
    """
    held: dict[int, Held] = {}
    for start in range(0, len(found), _BATCH):
        rows = json.dumps([one.as_row() for one in found[start : start + _BATCH]])
        held.update((row[0], Held(row[1], row[2])) for row in execute(_HOLD, (recall, rows, source)))
    return held


def hold_restored(connection: Connection[Any]) -> int:
    """Take doubtful rows this transaction has written out of the store and into quarantine; how many.

    A database without a quarantine is none this service learns from; nothing is done there.
    """
    row = connection.execute(_HAS_QUARANTINE).fetchone()
    if row is None or not row[0]:
        return 0
    count = 0
    with connection.cursor(name="restored_records") as cursor:
        cursor.execute(_RESTORED, (list(KINDS),))
        while rows := cursor.fetchmany(_BATCH):
            found = [one for position, row in enumerate(rows) if (one := _doubtful_row(position, row)) is not None]
            held = [place for place, one in hold(connection.execute, found, _RESTORE).items() if not one.is_approved]
            if held:
                ids = [rows[position][0] for position in held]
                connection.execute("DELETE FROM langchain_pg_embedding WHERE id = ANY(%s)", (ids,))
            count += len(held)
    return count


def _doubtful_row(position: int, row: Sequence[Any]) -> Doubtful | None:
    """A pair that cannot be read is no record: no search finds it."""
    _, tenant, kind, document = row
    item = parse_document(kind, document)
    return None if item is None else doubtful(position, tenant, kind, item)


def _storable(text: str) -> str:
    """As JSON and the database take it: a document may name characters in escapes that neither knows."""
    return text.replace("\0", "").encode("utf-8", "replace").decode().strip(" \t\r\n")
