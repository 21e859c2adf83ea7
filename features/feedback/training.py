"""Turns verdicts into training records: right answers into `sql`, wrong ones into `error_sql`, with their flag.

Record and flag change in one transaction of the platform database; the embedder is asked before it begins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Row

from common.messages import feedback as texts
from core.database import Database
from core.sql_guard.refusal import Refusal
from core.sql_guard.single_query import read_query
from core.vector_store.door import Screened, Stored, TrainingDoor
from core.vector_store.origin import Origin, Standing
from core.vector_store.records import Kind, NewRecord, TrainingItem
from core.vector_store.screening import suspicions
from features.feedback.repository import FeedbackRepository

SOURCE: Final = "qa_feedback/add_to_training"
KIND_BY_THUMB: Final[Mapping[bool, Kind]] = {True: "sql", False: "error_sql"}


@dataclass
class Outcomes:
    """What became of each verdict that was found, by id; `waiting` says why a record is stored, but not used yet."""

    records: dict[int, tuple[Kind, str]] = field(default_factory=dict)
    already: set[int] = field(default_factory=set)
    errors: dict[int, str] = field(default_factory=dict)
    waiting: dict[int, tuple[str, ...]] = field(default_factory=dict)

    @property
    def found(self) -> int:
        return len(self.records) + len(self.already) + len(self.errors)

    def count(self, kind: Kind) -> int:
        return sum(trained == kind for trained, _ in self.records.values())


@dataclass(frozen=True)
class Candidate:
    """A verdict as it was read, and the record made of it."""

    seen: Row[Any]
    screened: Screened


class FeedbackTraining:
    """See the module."""

    def __init__(self, *, database: Database, door: TrainingDoor) -> None:
        self._database = database
        self._door = door

    def train(self, tenant: str, ids: set[int], standing: Standing = Standing.OPEN) -> Outcomes:
        """Train every verdict that is fit for it and not trained yet.

        Args:
            standing: what the caller's records may.

        Raises:
            ModelUnavailableError: the embedder does not answer; nothing has changed.
            StoreUnavailableError: the platform database is away; nothing has changed.
        """
        with self._database.session() as session:
            rows = FeedbackRepository(session, tenant).by_ids(ids)
        outcomes = Outcomes()
        candidates = [row for row in rows if self._is_candidate(row, outcomes)]
        if candidates:
            origin = Origin(SOURCE, standing, keeps_copies=True)
            self._store_all(tenant, self._screened(tenant, candidates, origin), outcomes)
        return outcomes

    def _is_candidate(self, row: Row[Any], outcomes: Outcomes) -> bool:
        if row.is_in_training_data:
            outcomes.already.add(row.id)
            return False
        problem = _problem(row)
        if problem is not None:
            outcomes.errors[row.id] = problem
        return problem is None

    def _screened(self, tenant: str, rows: Sequence[Row[Any]], origin: Origin) -> dict[int, Candidate]:
        records = [NewRecord(KIND_BY_THUMB[row.is_thumb_up], TrainingItem(row.sql, row.question)) for row in rows]
        screened = self._door.screen(tenant, records, origin)
        return {row.id: Candidate(row, one) for row, one in zip(rows, screened, strict=True)}

    def _store_all(self, tenant: str, candidates: Mapping[int, Candidate], outcomes: Outcomes) -> None:
        """What somebody changed, trained or deleted since it was read is left alone."""
        trained: dict[int, tuple[Kind, str]] = {}
        waiting: dict[int, tuple[str, ...]] = {}
        with self._database.session() as session:
            repository = FeedbackRepository(session, tenant)
            for row in repository.by_ids(candidates, is_locked=True):
                candidate = candidates[row.id]
                if _still_is(row, candidate.seen, outcomes):
                    stored = self._door.store(session, tenant, candidate.screened)
                    if isinstance(stored, Stored):
                        trained[row.id] = (candidate.screened.record.kind, stored.record_id)
                        waiting |= {row.id: stored.waits_for} if stored.waits_for else {}
            repository.mark_trained(trained)
        outcomes.records |= trained
        outcomes.waiting |= waiting


def _problem(row: Row[Any]) -> str | None:
    """Why the verdict cannot be trained; SQL that is marked as wrong need not be SQL."""
    if not row.question.strip() or not row.sql.strip():
        return texts.ITEM_WITHOUT_TEXT
    if suspicions((row.question, row.sql)):
        return texts.ITEM_SUSPICIOUS
    if not row.is_thumb_up:
        return None
    try:
        read_query(row.sql)
    except Refusal as refusal:
        return refusal.sentence
    return None


def _still_is(row: Row[Any], seen: Row[Any], outcomes: Outcomes) -> bool:
    if row.is_in_training_data:
        outcomes.already.add(row.id)
        return False
    if (row.question, row.sql, row.is_thumb_up) != (seen.question, seen.sql, seen.is_thumb_up):
        outcomes.errors[row.id] = texts.ITEM_CHANGED
        return False
    return True
