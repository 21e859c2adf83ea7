"""Keeps one pair at a time as the routes of the old entry do (docs/contract/training.md)."""

from __future__ import annotations

from typing import Any

from common.errors import BadRequestError
from common.messages import training_data as texts
from common.result import Envelope, success_response
from core.vector_store.origin import Origin, Standing
from core.vector_store.records import NewRecord, TrainingItem
from features.training_data.answers import rivals_on_the_wire, told_as, waiting_on_the_wire
from features.training_data.records import RecordRefusedError, text_of
from features.training_data.schemas import PairRequest
from features.training_data.writing import Kept, NotKept, TrainingWriter


class PairService:
    """See the module.

    Args:
        writer: keeps the records.
    """

    def __init__(self, *, writer: TrainingWriter) -> None:
        self._writer = writer

    def train(self, tenant: str, wanted: PairRequest, standing: Standing = Standing.OPEN) -> Envelope:
        """Keep a pair; a missing question is written by the model. The SQL is taken as it is.

        Raises:
            BadRequestError: no SQL, or no question to be had; nothing was kept.
            ServiceUnavailableError: nothing was kept.
        """
        sql, question = _text(wanted, "sql"), _text(wanted, "question")
        if not sql:
            raise BadRequestError(texts.TRAIN_SQL_NEEDED, missing_params=["sql"])
        record = NewRecord("sql", TrainingItem(content=sql, question=question))
        with told_as(texts.TRAIN_FAILED):
            kept = self._keep(tenant, record, Origin("citu_train_question_sql", standing, keeps_copies=True))
        data: dict[str, Any] = {"training_id": kept.record_id, "message": texts.TRAIN_DONE_MESSAGE}
        data |= waiting_on_the_wire(kept.waits_for)
        if kept.rivals:
            data["conflicts"] = [rivals_on_the_wire(kept.record.item.question, kept.rivals)]
        return success_response(texts.TRAIN_DONE, data)

    def train_wrong(self, tenant: str, wanted: PairRequest, standing: Standing = Standing.OPEN) -> Envelope:
        """Keep a pair that shows how not to answer.

        Raises:
            BadRequestError: question or SQL is missing; both are named when both are.
            ServiceUnavailableError: nothing was kept.
        """
        given = {name: _text(wanted, name) for name in ("question", "sql")}
        if not all(given.values()):
            missing = [name for name, text in given.items() if not text]
            raise BadRequestError(texts.ERROR_PAIR_NEEDED, missing_params=missing)
        record = NewRecord("error_sql", TrainingItem(content=given["sql"], question=given["question"]))
        with told_as(texts.ERROR_PAIR_FAILED):
            kept = self._keep(tenant, record, Origin("training_error_question_sql", standing, keeps_copies=True))
        data = {"id": kept.record_id, "message": texts.ERROR_PAIR_DONE_MESSAGE, **waiting_on_the_wire(kept.waits_for)}
        return success_response(texts.ERROR_PAIR_DONE, data)

    def _keep(self, tenant: str, record: NewRecord, origin: Origin) -> Kept:
        (outcome,) = self._writer.keep(tenant, [record], origin)
        if isinstance(outcome, NotKept):
            if outcome.cause is not None:
                raise outcome.cause
            waiting = {"quarantine_id": outcome.quarantine_id} if outcome.quarantine_id else None
            raise BadRequestError(outcome.text, data=waiting)
        return outcome


def _text(wanted: PairRequest, name: str) -> str:
    try:
        return text_of({name: getattr(wanted, name)}, name).strip()
    except RecordRefusedError as refusal:
        raise BadRequestError(refusal.text, invalid_params=[name]) from None
