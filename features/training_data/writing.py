"""Keeps new records: completes their questions, screens them, embeds them, and stores each in its own transaction.

Every way to add training data goes through here, so none skips the screening. Either a record is stored with its
vector, or it waits in quarantine, or its writer is told why it was refused; there is nothing in between.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sqlalchemy.orm import Session

from common.errors import ServiceUnavailableError, StoreUnavailableError
from common.messages import training_data as texts
from core.database import Database
from core.llm.metering import CallAccount
from core.vector_store.catalogue import renamed
from core.vector_store.records import KINDS
from core.vector_store.screening import suspicions
from core.vector_store.store import VectorStore
from features.training_data.quarantine_repository import QuarantineRepository
from features.training_data.questions import QuestionSource
from features.training_data.records import NewRecord, RecordRefusedError
from features.training_data.repository import Record, TrainingRepository

_GUEST: Final = "guest"


@dataclass(frozen=True)
class Kept:
    """A stored record. `rivals` are older pairs with the same question and other SQL."""

    record_id: str
    record: NewRecord
    rivals: Sequence[Record] = ()


@dataclass(frozen=True)
class NotKept:
    """A record that was not stored and why; `cause` is set when trying again may help."""

    text: str
    quarantine_id: str | None = None
    cause: ServiceUnavailableError | None = None


Outcome = Kept | NotKept


@dataclass
class _Batch:
    """Outcomes by position; a position without one is still to be stored."""

    outcomes: dict[int, Outcome] = field(default_factory=dict)
    rows: dict[int, Mapping[str, Any]] = field(default_factory=dict)


class TrainingWriter:
    """See the module.

    Args:
        database: the platform database.
        store: embeds and prepares rows.
        questions: writes the question of a pair that has none.
        most_questions: how many questions are written for one call; further pairs without one are refused.
    """

    def __init__(
        self, *, database: Database, store: VectorStore, questions: QuestionSource, most_questions: int = 50
    ) -> None:
        self._database = database
        self._store = store
        self._questions = questions
        self._most_questions = most_questions

    def keep(self, tenant: str, records: Sequence[NewRecord], *, source: str) -> list[Outcome]:
        """What became of each record, in order.

        Args:
            source: the route they came through; model calls are accounted to it.

        Raises:
            ModelUnavailableError: the embedder does not answer. Nothing is stored then.
            StoreUnavailableError: the platform database is away before anything was stored.
        """
        batch = _Batch()
        completed = self._with_questions(tenant, records, source, batch)
        self._embed(tenant, completed, source, batch)
        for position, record in enumerate(completed):
            if position not in batch.outcomes:
                batch.outcomes[position] = self._keep_one(tenant, record, batch, position, source)
        return [batch.outcomes[position] for position in range(len(completed))]

    def exchange(self, tenant: str, old_id: str, record: NewRecord, *, source: str) -> Kept:
        """Store `record` and remove the old one, in one transaction.

        Raises:
            RecordRefusedError: it has no question and gets none, it was put in quarantine, or the old one is absent.
            ServiceUnavailableError: nothing was changed.
        """
        batch = _Batch()
        (completed,) = self._with_questions(tenant, [record], source, batch)
        refused = batch.outcomes.get(0)
        if isinstance(refused, NotKept):
            if refused.cause is not None:
                raise refused.cause
            raise RecordRefusedError(refused.text, missing=("question",))
        reasons = _suspicions(completed)
        if reasons:
            with self._database.session() as session:
                waiting = QuarantineRepository(session, tenant).keep(completed, reasons, source, old_id)
            raise RecordRefusedError(texts.QUARANTINED, quarantine_id=waiting)
        return self.store_completed(tenant, completed, source=source, replaces_id=old_id)

    def store_completed(
        self,
        tenant: str,
        record: NewRecord,
        *,
        source: str,
        record_id: str | None = None,
        replaces_id: str | None = None,
        also: Callable[[Session], bool] = lambda _session: True,
    ) -> Kept:
        """Store a record as it is, unscreened.

        Args:
            record_id: the id it was promised.
            replaces_id: a record that leaves in the same transaction.
            also: done in the same transaction; when it returns False nothing is stored.

        Raises:
            RecordRefusedError: `replaces_id` or what `also` needs is absent; nothing was changed.
            ServiceUnavailableError: nothing was changed.
        """
        account = CallAccount(tenant, _GUEST, source)
        (row,) = self._store.prepare(tenant, record.kind, [record.item], account=account)
        row = renamed(row, record_id) if record_id else row
        with self._database.session() as session:
            repository = TrainingRepository(session, tenant)
            if not also(session):
                raise RecordRefusedError(texts.NOT_PENDING)
            kept = _write(repository, record, row)
            if replaces_id is not None and not repository.remove(replaces_id):
                raise RecordRefusedError(texts.ORIGINAL_ABSENT.format(id=replaces_id))
        return kept

    def _with_questions(self, tenant: str, records: Sequence[NewRecord], source: str, batch: _Batch) -> list[NewRecord]:
        """The records with a question where one was missing; those that get none have an outcome."""
        lacking = [position for position, record in enumerate(records) if record.lacks_question]
        asked = lacking[: self._most_questions]
        for position in lacking[self._most_questions :]:
            batch.outcomes[position] = NotKept(texts.QUESTIONS_TOO_MANY.format(limit=self._most_questions))
        statements = [records[position].item.content for position in asked]
        written = self._questions.questions_for(tenant, statements, source)
        completed = list(records)
        for position in asked:
            record = records[position]
            answer = written[record.item.content]
            if isinstance(answer, str):
                completed[position] = replace(record, item=replace(record.item, question=answer))
            elif isinstance(answer, RecordRefusedError):
                batch.outcomes[position] = NotKept(answer.text)
            else:
                batch.outcomes[position] = NotKept(texts.QUESTION_MODEL_FAILED, cause=answer)
        return completed

    def _embed(self, tenant: str, records: Sequence[NewRecord], source: str, batch: _Batch) -> None:
        """Rows of everything that is to be stored, before anything is: a lost embedder stores nothing."""
        account = CallAccount(tenant, _GUEST, source)
        for kind in KINDS:
            positions = [
                position
                for position, record in enumerate(records)
                if record.kind == kind and position not in batch.outcomes and not _suspicions(record)
            ]
            items = [records[position].item for position in positions]
            rows = self._store.prepare(tenant, kind, items, account=account)
            batch.rows.update(zip(positions, rows, strict=True))

    def _keep_one(self, tenant: str, record: NewRecord, batch: _Batch, position: int, source: str) -> Outcome:
        row = batch.rows.get(position)
        try:
            with self._database.session() as session:
                if row is None:
                    waiting = QuarantineRepository(session, tenant).keep(record, _suspicions(record), source)
                    return NotKept(texts.QUARANTINED, quarantine_id=waiting)
                return _write(TrainingRepository(session, tenant), record, row)
        except StoreUnavailableError as error:
            if not any(isinstance(outcome, Kept) for outcome in batch.outcomes.values()):
                raise
            return NotKept(error.message, cause=error)


def _write(repository: TrainingRepository, record: NewRecord, row: Mapping[str, Any]) -> Kept:
    rivals: Sequence[Record] = ()
    if record.kind == "sql":
        rivals = repository.rivals(record.item.question, record.item.content)
    return Kept(repository.add_row(record.kind, row), record, rivals)


def _suspicions(record: NewRecord) -> tuple[str, ...]:
    return suspicions((record.item.question, record.item.content))
