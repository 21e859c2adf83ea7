"""Records waiting for an administrator: written by the training door, decided on by the review services."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import func, select, update

from core.tenant_repository import TenantRepository
from core.vector_store.quarantine import QUARANTINE
from core.vector_store.records import NewRecord, TrainingItem

_OF: Final = QUARANTINE.c


class QuarantineRepository(TenantRepository):
    """Records in quarantine within the session's transaction."""

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
