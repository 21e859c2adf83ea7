"""Records waiting for an administrator: written by whoever adds records, decided on by the review services."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Column, DateTime, Index, String, Table, Text, func, select, update
from sqlalchemy.dialects.postgresql import JSONB

from core.database import Base
from core.tenant_repository import TenantRepository
from core.vector_store.records import TrainingItem, new_record_id
from features.training_data.records import NewRecord

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
_OF: Final = QUARANTINE.c


class QuarantineRepository(TenantRepository):
    """Records in quarantine within the session's transaction."""

    def keep(self, record: NewRecord, reasons: Sequence[str], source: str, replaces_id: str | None = None) -> str:
        """Put a record in quarantine and return its id; one that waits already keeps its own."""
        values: dict[str, Any] = {
            "training_data_type": record.kind,
            "question": record.item.question,
            "content": record.item.content,
            "replaces_id": replaces_id,
        }
        same = [_OF[name].is_not_distinct_from(value) for name, value in values.items()]
        waiting = self.session.scalar(self.select(QUARANTINE, _OF.id).where(_OF.status == "pending", *same).limit(1))
        if waiting is not None:
            return str(waiting)
        row = {**values, "id": new_record_id(record.kind), "reasons": list(reasons), "source": source}
        self.session.execute(self.insert(QUARANTINE, [row]))
        return str(row["id"])

    def page(self, status: str, *, limit: int, offset: int) -> tuple[list[Mapping[str, Any]], int]:
        """Records of a status, newest first, and how many there are."""
        statement = self.select(QUARANTINE, *_OF).where(_OF.status == status)
        total = self.session.scalar(select(func.count()).select_from(statement.subquery())) or 0
        ordered = statement.order_by(_OF.created_at.desc(), _OF.id).limit(limit).offset(offset)
        return [row._asdict() for row in self.session.execute(ordered)], total

    def pending_count(self) -> int:
        """How many records wait."""
        return self.session.scalar(self.select(QUARANTINE, func.count()).where(_OF.status == "pending")) or 0

    def pending(self, record_id: str) -> tuple[NewRecord, str | None] | None:
        """A waiting record and the id of the one it is to replace; None when there is none."""
        statement = self.select(QUARANTINE, *_OF).where(_OF.id == record_id, _OF.status == "pending")
        row = self.session.execute(statement.with_for_update()).one_or_none()
        if row is None:
            return None
        item = TrainingItem(content=row.content, question=row.question)
        return NewRecord(row.training_data_type, item), row.replaces_id

    def decide(self, record_id: str, status: str) -> bool:
        """Settle a waiting record; False when there is none."""
        statement = self.scoped(update(QUARANTINE), QUARANTINE).where(_OF.id == record_id, _OF.status == "pending")
        changed = statement.values(status=status, decided_at=func.now()).returning(_OF.id)
        return self.session.execute(changed).first() is not None
