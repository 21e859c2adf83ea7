"""What an administrator reviews: records in quarantine, and questions that several pairs answer differently."""

from __future__ import annotations

from typing import Any, Final

from common.errors import BadRequestError
from common.messages import training_data as texts
from common.result import Envelope, success_response
from core.database import Database
from features.training_data.answers import batch_answer, echoed, told_as
from features.training_data.quarantine_repository import QuarantineRepository
from features.training_data.records import RecordRefusedError
from features.training_data.repository import TrainingRepository
from features.training_data.schemas import Page, ReviewRequest
from features.training_data.service import MOST_AT_ONCE, is_plausible_id
from features.training_data.writing import TrainingWriter

STATUSES: Final = ("pending", "approved", "rejected")
_REVIEWED: Final = (texts.REVIEW_DONE, texts.REVIEW_NOTHING, texts.REVIEW_DONE)


class ReviewService:
    """See the module.

    Args:
        database: the platform database.
        writer: stores what was approved.
    """

    def __init__(self, *, database: Database, writer: TrainingWriter) -> None:
        self._database = database
        self._writer = writer

    def conflicts(self, tenant: str, page: Page) -> Envelope:
        """Questions with more than one SQL, each with its pairs."""
        with told_as(texts.REVIEW_FAILED), self._database.session() as session:
            groups, total = TrainingRepository(session, tenant).conflicts(limit=page.page_size, offset=page.offset)
        listed = [{"question": group[0]["question"], "records": group} for group in groups if group]
        data = {"conflicts": listed, "pagination": page.as_wire(total)}
        return success_response(texts.CONFLICTS_DONE.format(total=total), data)

    def quarantine(self, tenant: str, status: str, page: Page) -> Envelope:
        """Records of a status in quarantine, newest first.

        Raises:
            BadRequestError: there is no such status.
        """
        if status not in STATUSES:
            raise BadRequestError(texts.STATUS_WRONG, invalid_params=["status"])
        with told_as(texts.REVIEW_FAILED), self._database.session() as session:
            repository = QuarantineRepository(session, tenant)
            rows, total = repository.page(status, limit=page.page_size, offset=page.offset)
            waiting = repository.pending_count()
        times = ("created_at", "decided_at")
        hidden = ("tenant_id",)
        records = [
            {name: _local(value) if name in times else value for name, value in row.items() if name not in hidden}
            for row in rows
        ]
        data = {"records": records, "pagination": page.as_wire(total), "pending_count": waiting}
        return success_response(texts.QUARANTINE_DONE.format(total=waiting), data)

    def approve(self, tenant: str, wanted: ReviewRequest) -> Envelope:
        """Make training records of waiting ones; each by itself, stored and settled in one transaction.

        Raises:
            BadRequestError: no ids, or too many.
            ServiceUnavailableError: the first that failed was not changed; earlier ones are approved.
        """
        ids = _ids(wanted)
        with told_as(texts.REVIEW_FAILED):
            return _answer(ids, {index: self._approve_one(tenant, one) for index, one in enumerate(ids)})

    def reject(self, tenant: str, wanted: ReviewRequest) -> Envelope:
        """Settle waiting records without using them.

        Raises:
            BadRequestError: no ids, or too many.
        """
        ids = _ids(wanted)
        with told_as(texts.REVIEW_FAILED), self._database.session() as session:
            repository, records = QuarantineRepository(session, tenant), TrainingRepository(session, tenant)
            errors = {}
            for index, one in enumerate(ids):
                is_rejected = is_plausible_id(one) and repository.decide(one, "rejected")
                errors[index] = "" if is_rejected else texts.NOT_PENDING
                if is_rejected:
                    records.remove(one)  # a record that was stored, but not used
        return _answer(ids, errors)

    def _approve_one(self, tenant: str, record_id: Any) -> str:
        """An empty text, or why the record was not approved."""
        if not is_plausible_id(record_id):
            return texts.NOT_PENDING
        try:
            self._writer.approve(tenant, record_id)
        except RecordRefusedError as refusal:
            return refusal.text
        return ""


def _ids(wanted: ReviewRequest) -> list[Any]:
    if not isinstance(wanted.ids, list) or not wanted.ids:
        raise BadRequestError(texts.IDS_NEEDED, missing_params=["ids"])
    if len(wanted.ids) > MOST_AT_ONCE:
        raise BadRequestError(texts.BATCH_TOO_LARGE)
    return wanted.ids


def _answer(ids: list[Any], errors: dict[int, str]) -> Envelope:
    done = [ids[index] for index, error in errors.items() if not error]
    failures = [{"id": echoed(ids[index]), "error": error} for index, error in errors.items() if error]
    data = {"decided_ids": done, "failed_details": failures, "total_requested": len(ids)}
    envelope = batch_answer(data, len(done), len(failures), _REVIEWED)
    envelope["data"]["response"] = envelope["data"]["response"].format(done=len(done), failed=len(failures))
    return envelope


def _local(moment: Any) -> str | None:
    """A time as clients read it: local and naive."""
    return None if moment is None else moment.astimezone().replace(tzinfo=None).isoformat()
