"""Verdicts of one tenant in the platform database. The table's name, first columns and indexes are historical."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    DateTime,
    Index,
    Integer,
    Row,
    String,
    Table,
    Text,
    cast,
    func,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.exc import DataError

from core.database import Base
from core.tenant_repository import TenantRepository
from features.feedback.schemas import LONGEST_USER_ID, Filters

LARGEST_ID: Final = 2**31 - 1
FEEDBACK: Final = Table(
    "qa_feedback",
    Base.metadata,
    Column("id", Integer, primary_key=True),
    Column("question", Text, nullable=False),
    Column("sql", Text, nullable=False),
    Column("is_thumb_up", Boolean, nullable=False),
    Column("user_id", String(LONGEST_USER_ID), nullable=False),
    Column("create_time", DateTime, server_default=text("CURRENT_TIMESTAMP")),
    Column("is_in_training_data", Boolean, server_default=text("false")),
    Column("update_time", DateTime),
    Column("tenant_id", String(63), nullable=False, server_default="default"),
    Index("idx_qa_feedback_user_id", "user_id"),
    Index("idx_qa_feedback_create_time", "create_time"),
    Index("idx_qa_feedback_is_thumb_up", "is_thumb_up"),
    Index("idx_qa_feedback_is_in_training", "is_in_training_data"),
    Index("ix_qa_feedback_tenant_id_create_time", "tenant_id", "create_time"),
)
_OF = FEEDBACK.c
_ON_THE_WIRE: Final = (
    _OF.id, _OF.question, _OF.sql, _OF.is_thumb_up, _OF.user_id, _OF.create_time, _OF.is_in_training_data,
    _OF.update_time,
)  # fmt: skip


class FeedbackRepository(TenantRepository):
    """Reads and writes within the session's transaction. Times are the database's clock in the server's local zone."""

    def create(self, values: Mapping[str, Any]) -> int:
        """Store a verdict and return its id."""
        row = {**values, "create_time": self._now(), "is_in_training_data": False}
        created: int = self.session.scalars(self.insert(FEEDBACK, [row]).returning(_OF.id)).one()
        return created

    def page(
        self, filters: Filters, *, sort_by: str, is_descending: bool, limit: int, offset: int
    ) -> tuple[Sequence[Row[Any]], int]:
        """Some verdicts in the order of a column of `SORTABLE`, ties by id, and how many there are in all."""
        conditions = _conditions(filters)
        total = self.session.scalar(self.select(FEEDBACK, func.count()).where(*conditions)) or 0
        keys = [_OF[sort_by], _OF.id]
        order = [key.desc() if is_descending else key.asc() for key in keys]
        statement = self.select(FEEDBACK, *_ON_THE_WIRE).where(*conditions).order_by(*order)
        return self.session.execute(statement.limit(limit).offset(offset)).all(), total

    def is_timestamp(self, words: str) -> bool:
        """Whether PostgreSQL reads the text as a moment. It leaves the transaction as it was."""
        try:
            with self.session.begin_nested():
                self.session.execute(select(cast(literal(words), DateTime).is_not(None)))
        except DataError:
            return False
        return True

    def change(self, feedback_id: int, values: Mapping[str, Any]) -> bool:
        """Set some columns; False when there is no such verdict."""
        return is_id(feedback_id) and self.update(FEEDBACK, feedback_id, **values, update_time=self._now())

    def remove(self, feedback_id: int) -> bool:
        """False when there is no such verdict."""
        return is_id(feedback_id) and self.delete(FEEDBACK, feedback_id)

    def by_ids(self, ids: Collection[int], *, is_locked: bool = False) -> Sequence[Row[Any]]:
        """The verdicts with these ids, by id. Locked ones nobody else changes until the transaction ends."""
        statement = self.select(FEEDBACK, *_ON_THE_WIRE).where(_OF.id.in_(list(filter(is_id, ids)))).order_by(_OF.id)
        return self.session.execute(statement.with_for_update() if is_locked else statement).all()

    def mark_trained(self, ids: Collection[int]) -> None:
        """Say of these verdicts that they are training data now."""
        if not ids:
            return
        values = {"is_in_training_data": True, "update_time": self._now()}
        self.session.execute(self.scoped(update(FEEDBACK), FEEDBACK).where(_OF.id.in_(ids)).values(**values))

    def totals(self) -> Row[Any]:
        """All verdicts counted at once: `total`, `positive`, `trained`."""
        counts = (
            func.count().label("total"),
            func.count().filter(_OF.is_thumb_up).label("positive"),
            func.count().filter(_OF.is_in_training_data).label("trained"),
        )
        return self.session.execute(self.select(FEEDBACK, *counts)).one()

    def _now(self) -> datetime:
        moment: datetime = self.session.scalars(select(func.clock_timestamp())).one()
        return moment.astimezone().replace(tzinfo=None)


def is_id(number: int) -> bool:
    """Whether the number fits the column; a larger one is nobody's id."""
    return 0 <= number <= LARGEST_ID


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if filters.is_thumb_up is not None:
        conditions.append(_OF.is_thumb_up.is_(filters.is_thumb_up))
    if filters.is_in_training_data is not None:
        conditions.append(_OF.is_in_training_data.is_(filters.is_in_training_data))
    if filters.since is not None:
        conditions.append(_OF.create_time >= cast(literal(filters.since), DateTime))
    if filters.until is not None:
        until = cast(literal(filters.until), DateTime)
        is_before = _OF.create_time < until + func.make_interval(0, 0, 0, 1)
        conditions.append(is_before if filters.is_until_a_day else _OF.create_time <= until)
    return conditions
