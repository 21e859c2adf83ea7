"""Pipeline tasks of one tenant: their rows, their steps, the events of their runs. Times are naive and local."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, DateTime, Row, cast, delete, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DataError
from sqlalchemy.orm import Session

from core.tenant_repository import TenantRepository
from data_pipeline.task import STEPS as STEP_NAMES
from features.pipeline_tasks.tables import EVENTS, STEPS, TASKS

QUEUED: Final = "queued"
RUNNING: Final = "running"
_OF = TASKS.c
SORTABLE: Final[Mapping[str, ColumnElement[Any]]] = {
    name: _OF[name] for name in ("created_at", "started_at", "completed_at", "task_name", "status")
}


@dataclass(frozen=True)
class Filters:
    """Which tasks; None stands for all. `times` are (column, is_end, text PostgreSQL reads as a moment), inclusive."""

    status: str | None = None
    is_nothing: bool = False
    task_name: str | None = None
    created_by: str | None = None
    db_name: str | None = None
    times: Sequence[tuple[str, bool, str]] = field(default_factory=tuple)


class TaskRepository(TenantRepository):
    """Reads and writes within the session's transaction."""

    def create(self, ids: Iterable[str], values: Mapping[str, Any]) -> Row[Any] | None:
        """A new task with its four steps, under the first of `ids` that is free; None when none is."""
        for task_id in ids:
            row = {**values, "task_id": task_id, "tenant_id": str(self.tenant), "created_at": self.now()}
            statement = insert(TASKS).values(row).on_conflict_do_nothing(index_elements=["task_id"])
            created = self.session.execute(statement.returning(_OF.task_id, _OF.created_at)).one_or_none()
            if created is not None:
                steps = [{"task_id": task_id, "step_name": name, "step_status": "pending"} for name in STEP_NAMES]
                self.session.execute(self.insert(STEPS, steps))
                return created
        return None

    def task(self, task_id: str, *, is_locked: bool = False) -> Row[Any] | None:
        """The task; a locked one nobody else changes until the transaction ends."""
        statement = self.select(TASKS, *TASKS.c).where(_OF.task_id == task_id)
        return self.session.execute(statement.with_for_update() if is_locked else statement).one_or_none()

    def change(self, task_id: str, **values: Any) -> bool:
        """Set some columns; False when there is no such task."""
        return self.update(TASKS, task_id, **values)

    def remove(self, task_id: str) -> bool:
        """Delete the task with its steps and events; False when there is none."""
        self.session.execute(self.scoped(delete(STEPS), STEPS).where(STEPS.c.task_id == task_id))
        return self.delete(TASKS, task_id)

    def steps_of(self, task_ids: Iterable[str]) -> dict[str, list[Row[Any]]]:
        """The steps of each task in the order of the pipeline."""
        statement = self.select(STEPS, *STEPS.c).where(STEPS.c.task_id.in_(list(task_ids)))
        found: dict[str, list[Row[Any]]] = {}
        for row in self.session.execute(statement).all():
            found.setdefault(row.task_id, []).append(row)
        order = {name: position for position, name in enumerate(STEP_NAMES)}
        return {task: sorted(rows, key=lambda row: (order[row.step_name], row.id)) for task, rows in found.items()}

    def change_steps(self, task_id: str, names: Sequence[str], **values: Any) -> None:
        """Set some columns of these steps."""
        statement = self.scoped(update(STEPS), STEPS).where(STEPS.c.task_id == task_id, STEPS.c.step_name.in_(names))
        self.session.execute(statement.values(**values))

    def count(self) -> int:
        """How many tasks there are."""
        return self.session.scalar(self.select(TASKS, func.count())) or 0

    def page(
        self, filters: Filters, *, sort_by: str, is_descending: bool, limit: int, offset: int
    ) -> tuple[Sequence[Row[Any]], int]:
        """Some tasks in order, ties by id, and how many there are in all."""
        conditions = _conditions(filters)
        total = self.session.scalar(self.select(TASKS, func.count()).where(*conditions)) or 0
        keys = [SORTABLE[sort_by], _OF.task_id]
        order = [key.desc() if is_descending else key.asc() for key in keys]
        statement = self.select(TASKS, *TASKS.c).where(*conditions).order_by(*order)
        return self.session.execute(statement.limit(limit).offset(offset)).all(), total

    def is_time(self, words: str) -> bool:
        """Whether PostgreSQL reads the text as a moment. It leaves the transaction as it was."""
        try:
            with self.session.begin_nested():
                self.session.execute(select(cast(literal(words), DateTime).is_not(None)))
        except DataError:
            return False
        return True

    def now(self) -> datetime:
        """The database's clock in the server's local zone."""
        moment: datetime = self.session.scalars(select(func.clock_timestamp())).one()
        return moment.astimezone().replace(tzinfo=None)

    def add_event(self, task_id: str, run_number: int, event: Mapping[str, Any]) -> None:
        """Append an event; the task's row stays locked to the transaction's end, so events become visible in order."""
        statement = self.scoped(update(TASKS), TASKS).where(_OF.task_id == task_id)
        counted = statement.values(last_event_seq=_OF.last_event_seq + 1).returning(_OF.last_event_seq)
        seq = self.session.scalar(counted)
        if seq is not None:
            row = {
                "task_id": task_id,
                "seq": seq,
                "run_number": run_number,
                "event": dict(event),
                "created_at": func.clock_timestamp(),
            }
            self.session.execute(self.insert(EVENTS, [row]))

    def forget_events(self, task_id: str) -> None:
        """Delete the events of earlier runs; their numbers are not used again."""
        self.session.execute(self.scoped(delete(EVENTS), EVENTS).where(EVENTS.c.task_id == task_id))

    def events_after(self, task_id: str, seq: int, limit: int) -> Sequence[Row[Any]]:
        """Events in order."""
        statement = self.select(EVENTS, EVENTS.c.seq, EVENTS.c.event, EVENTS.c.created_at)
        statement = statement.where(EVENTS.c.task_id == task_id, EVENTS.c.seq > seq)
        return self.session.execute(statement.order_by(EVENTS.c.seq).limit(limit)).all()

    # Leases: a worker owns a run until its lease ends; the database's clock decides.

    def claim(self, task_id: str, owner: str, lease_seconds: float) -> Row[Any] | None:
        """Take a queued run, or one whose worker fell silent; None when there is nothing to take."""
        is_silent = (_OF.run_state == RUNNING) & (_OF.lease_expires_at < func.clock_timestamp())
        statement = self.scoped(update(TASKS), TASKS).where(
            _OF.task_id == task_id, (_OF.run_state == QUEUED) | is_silent
        )
        taken = statement.values(
            run_state=RUNNING,
            lease_owner=owner,
            lease_expires_at=_in_seconds(lease_seconds),
            run_attempts=_OF.run_attempts + 1,
        )
        return self.session.execute(taken.returning(*TASKS.c)).one_or_none()

    def renew(self, task_id: str, owner: str, lease_seconds: float) -> Row[Any] | None:
        """Keep the lease and see whether a stop was asked for; None when the lease is somebody else's by now."""
        kept = self._owned(task_id, owner).values(lease_expires_at=_in_seconds(lease_seconds))
        return self.session.execute(kept.returning(_OF.cancel_requested)).one_or_none()

    def release(self, task_id: str, owner: str, **values: Any) -> bool:
        """End the ownership with these values; False when the lease is somebody else's by now."""
        released = self._owned(task_id, owner).values(lease_owner=None, lease_expires_at=None, **values)
        return self.session.execute(released.returning(_OF.task_id)).one_or_none() is not None

    def is_owned(self, task_id: str, owner: str) -> bool:
        """Whether the run is still the owner's; its row stays locked to the transaction's end."""
        statement = self.select(TASKS, _OF.task_id).where(
            _OF.task_id == task_id, _OF.run_state == RUNNING, _OF.lease_owner == owner
        )
        return self.session.execute(statement.with_for_update()).one_or_none() is not None

    def _owned(self, task_id: str, owner: str) -> Any:
        statement = self.scoped(update(TASKS), TASKS)
        return statement.where(_OF.task_id == task_id, _OF.run_state == RUNNING, _OF.lease_owner == owner)


def waiting_runs(session: Session, *, queued_for_seconds: float, limit: int) -> list[tuple[str, str]]:
    """`tenant_id` and `task_id` of runs nobody works on, oldest first; of every tenant, for workers serve them all."""
    is_silent = (_OF.run_state == RUNNING) & (_OF.lease_expires_at < func.clock_timestamp())
    is_queued = (_OF.run_state == QUEUED) & (_OF.queued_at < _in_seconds(-queued_for_seconds))
    statement = select(_OF.tenant_id, _OF.task_id).where(is_silent | is_queued)
    rows = session.execute(statement.order_by(_OF.queued_at).limit(limit)).all()
    return [(row.tenant_id, row.task_id) for row in rows]


def _in_seconds(seconds: float) -> ColumnElement[Any]:
    return func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, seconds)


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if filters.is_nothing:
        conditions.append(literal(value=False))
    if filters.status is not None:
        conditions.append(_OF.status == filters.status)
    if filters.task_name is not None:
        conditions.append(_OF.task_name.ilike(f"%{filters.task_name}%"))
    if filters.created_by is not None:
        conditions.append(_OF.by_user == filters.created_by)
    if filters.db_name is not None:
        conditions.append(_OF.db_name == filters.db_name)
    for column, is_end, words in filters.times:
        moment = cast(literal(words), DateTime)
        conditions.append(_OF[column] <= moment if is_end else _OF[column] >= moment)
    return conditions
