"""Brings records that people send to the training door: completes their questions, stores each in its own transaction.

Either a record is stored with its vector, or it waits in quarantine, or its writer is told why it was refused; there is
nothing in between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from common.errors import ServiceUnavailableError, StoreUnavailableError
from common.messages import training_data as texts
from core.database import Database
from core.llm.metering import CallAccount
from core.vector_store.door import HeldBack, Screened, Stored, TrainingDoor
from core.vector_store.origin import Origin
from core.vector_store.records import NewRecord
from features.training_data.quarantine_repository import QuarantineRepository
from features.training_data.questions import QuestionSource
from features.training_data.records import RecordRefusedError
from features.training_data.repository import Record, TrainingRepository

_GUEST: Final = "guest"


@dataclass(frozen=True)
class Kept:
    """A stored record. `rivals` are older pairs with the same question and other SQL.

    One with `waits_for` is not used before an administrator approves it.
    """

    record_id: str
    record: NewRecord
    rivals: Sequence[Record] = ()
    waits_for: tuple[str, ...] = ()


@dataclass(frozen=True)
class NotKept:
    """A record that was not stored and why; `cause` is set when trying again may help."""

    text: str
    quarantine_id: str | None = None
    cause: ServiceUnavailableError | None = None


Outcome = Kept | NotKept


class TrainingWriter:
    """See the module.

    Args:
        database: the platform database.
        door: screens, embeds and stores.
        questions: writes the question of a pair that has none.
        most_questions: how many questions are written for one call; further pairs without one are refused.
    """

    def __init__(
        self, *, database: Database, door: TrainingDoor, questions: QuestionSource, most_questions: int = 50
    ) -> None:
        self._database = database
        self._door = door
        self._questions = questions
        self._most_questions = most_questions

    def keep(self, tenant: str, records: Sequence[NewRecord], origin: Origin) -> list[Outcome]:
        """What became of each record, in order; model calls are accounted to the origin's source.

        Raises:
            ModelUnavailableError: the embedder does not answer. Nothing is stored then.
            StoreUnavailableError: the platform database is away before anything was stored.
        """
        outcomes: dict[int, Outcome] = {}
        completed = self._with_questions(tenant, records, origin.source, outcomes)
        places = [place for place in range(len(completed)) if place not in outcomes]
        account = CallAccount(tenant, _GUEST, origin.source)
        screened = self._door.screen(tenant, [completed[place] for place in places], origin, account=account)
        for place, one in zip(places, screened, strict=True):
            outcomes[place] = self._keep_one(tenant, one, is_first=not _any_kept(outcomes))
        return [outcomes[place] for place in range(len(completed))]

    def exchange(self, tenant: str, old_id: str, record: NewRecord, origin: Origin) -> Kept:
        """Store `record` and remove the old one, in one transaction.

        Raises:
            RecordRefusedError: it has no question and gets none, it was put in quarantine, or the old one is absent.
            ServiceUnavailableError: nothing was changed.
        """
        outcomes: dict[int, Outcome] = {}
        (completed,) = self._with_questions(tenant, [record], origin.source, outcomes)
        refused = outcomes.get(0)
        if isinstance(refused, NotKept):
            if refused.cause is not None:
                raise refused.cause
            raise RecordRefusedError(refused.text, missing=("question",))
        account = CallAccount(tenant, _GUEST, origin.source)
        (screened,) = self._door.screen(tenant, [completed], origin, account=account)
        with self._database.session() as session:
            repository = TrainingRepository(session, tenant)
            rivals = _rivals(repository, completed)
            stored = self._door.store(session, tenant, screened, replaces_id=old_id)
            if isinstance(stored, Stored) and not repository.remove(old_id):
                raise RecordRefusedError(texts.ORIGINAL_ABSENT.format(id=old_id))
        if isinstance(stored, HeldBack):
            raise RecordRefusedError(texts.QUARANTINED, quarantine_id=stored.quarantine_id)
        return Kept(stored.record_id, completed, rivals, stored.waits_for)

    def approve(self, tenant: str, record_id: str) -> None:
        """Use a record that waits, under the id it was promised; all of it in one transaction.

        Raises:
            RecordRefusedError: it does not wait any more, or the record it replaces is absent; nothing was changed.
            ServiceUnavailableError: nothing was changed.
        """
        with self._database.session() as session:
            waiting = QuarantineRepository(session, tenant).pending(record_id)
        if waiting is None:
            raise RecordRefusedError(texts.NOT_PENDING)
        record, replaces_id = waiting
        row = self._door.prepare_approved(
            tenant, record, record_id, account=CallAccount(tenant, _GUEST, "training_data/quarantine/approve")
        )
        with self._database.session() as session:
            if not QuarantineRepository(session, tenant).decide(record_id, "approved"):
                raise RecordRefusedError(texts.NOT_PENDING)
            self._door.approve(session, tenant, record, row)
            if replaces_id is not None and not TrainingRepository(session, tenant).remove(replaces_id):
                raise RecordRefusedError(texts.ORIGINAL_ABSENT.format(id=replaces_id))

    def _with_questions(
        self, tenant: str, records: Sequence[NewRecord], source: str, outcomes: dict[int, Outcome]
    ) -> list[NewRecord]:
        """The records with a question where one was missing; those that get none have an outcome."""
        lacking = [position for position, record in enumerate(records) if record.lacks_question]
        asked = lacking[: self._most_questions]
        for position in lacking[self._most_questions :]:
            outcomes[position] = NotKept(texts.QUESTIONS_TOO_MANY.format(limit=self._most_questions))
        statements = [records[position].item.content for position in asked]
        written = self._questions.questions_for(tenant, statements, source)
        completed = list(records)
        for position in asked:
            record = records[position]
            answer = written[record.item.content]
            if isinstance(answer, str):
                completed[position] = replace(record, item=replace(record.item, question=answer))
            elif isinstance(answer, RecordRefusedError):
                outcomes[position] = NotKept(answer.text)
            else:
                outcomes[position] = NotKept(texts.QUESTION_MODEL_FAILED, cause=answer)
        return completed

    def _keep_one(self, tenant: str, screened: Screened, *, is_first: bool) -> Outcome:
        try:
            with self._database.session() as session:
                rivals = _rivals(TrainingRepository(session, tenant), screened.record)
                stored = self._door.store(session, tenant, screened)
        except StoreUnavailableError as error:
            if is_first:
                raise
            return NotKept(error.message, cause=error)
        if isinstance(stored, HeldBack):
            return NotKept(texts.QUARANTINED, quarantine_id=stored.quarantine_id)
        return Kept(stored.record_id, screened.record, rivals, stored.waits_for)


def _any_kept(outcomes: Mapping[int, Outcome]) -> bool:
    return any(isinstance(outcome, Kept) for outcome in outcomes.values())


def _rivals(repository: TrainingRepository, record: NewRecord) -> Sequence[Record]:
    return repository.rivals(record.item.question, record.item.content) if record.kind == "sql" else ()
