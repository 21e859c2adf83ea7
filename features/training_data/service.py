"""Lists, counts, adds, replaces and deletes training records (docs/contract/training.md); every entry calls it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from common.errors import BadRequestError, StoreUnavailableError
from common.messages import training_data as texts
from common.result import Envelope, local_timestamp, success_response
from core.database import Database
from core.vector_store.origin import Origin, Standing
from core.vector_store.records import KINDS, Kind, NewRecord
from features.training_data.answers import batch_answer, echoed, rivals_on_the_wire, told_as, waiting_on_the_wire
from features.training_data.quarantine_repository import QuarantineRepository
from features.training_data.records import RecordRefusedError, read_record, shown_kind
from features.training_data.repository import TrainingRepository
from features.training_data.schemas import (
    LONGEST_KEYWORD,
    CreateRequest,
    DeleteRequest,
    QueryRequest,
    UpdateRequest,
    page_of,
)
from features.training_data.writing import Kept, NotKept, Outcome, TrainingWriter

MOST_AT_ONCE: Final = 50
LONGEST_ID: Final = 200
_CREATED: Final = (texts.CREATE_DONE, texts.CREATE_NOTHING, texts.CREATE_PARTIAL)
_DELETED: Final = (texts.DELETE_DONE, texts.DELETE_NOTHING, texts.DELETE_PARTIAL)


class TrainingDataService:
    """See the module.

    Args:
        database: the platform database.
        writer: keeps new records.
    """

    def __init__(self, *, database: Database, writer: TrainingWriter) -> None:
        self._database = database
        self._writer = writer

    def stats(self, tenant: str) -> Envelope:
        """How many records there are of each kind, and how many wait for approval."""
        with told_as(texts.STATS_FAILED), self._database.session() as session:
            counts = TrainingRepository(session, tenant).counts()
            waiting = QuarantineRepository(session, tenant).pending_count()
        total = sum(counts.values())
        data = {
            "total_count": total,
            "type_breakdown": counts,
            "type_percentages": {kind: _percent(count, total) for kind, count in counts.items()},
            "last_updated": local_timestamp(),
            "quarantined_count": waiting,
        }
        return success_response(texts.STATS_DONE, data)

    def query(self, tenant: str, wanted: QueryRequest) -> Envelope:
        """A page of records.

        Raises:
            BadRequestError: a parameter is wrong; nothing was asked.
        """
        page = page_of(wanted.page, wanted.page_size)
        keyword = wanted.search_keyword or ""
        if len(keyword) > LONGEST_KEYWORD:
            raise BadRequestError(texts.KEYWORD_TOO_LONG, missing_params=["search_keyword"])
        kind = wanted.training_data_type
        with told_as(texts.QUERY_FAILED), self._database.session() as session:
            repository = TrainingRepository(session, tenant)
            records, total = repository.page(
                kind=str(kind) if kind else None,
                keyword=keyword,
                sort_by=wanted.sort_by or "id",
                is_descending=(wanted.sort_order or "desc").lower() == "desc",
                limit=page.page_size,
                offset=page.offset,
            )
            is_empty = not total and not repository.total()
        pagination = page.as_wire(total)
        if is_empty:
            pagination["has_prev"] = False
        data = {
            "records": records,
            "pagination": pagination,
            "filters_applied": {"training_data_type": kind, "search_keyword": wanted.search_keyword},
        }
        return success_response(texts.QUERY_EMPTY if is_empty else texts.QUERY_DONE.format(total=total), data)

    def create(self, tenant: str, wanted: CreateRequest, standing: Standing = Standing.OPEN) -> Envelope:
        """Keep one record or up to 50; each has its own outcome.

        Args:
            standing: what the caller's records may.

        Raises:
            BadRequestError: `data` is missing, no object or array, or too long.
            ServiceUnavailableError: nothing was kept, and trying again may help.
        """
        given = _as_list(wanted.data)
        with told_as(texts.CREATE_FAILED):
            outcomes = self._create_each(tenant, given, Origin("training_data/create", standing, keeps_copies=True))
            _raise_when_nothing_could(outcomes)
        created: dict[Kind, int] = dict.fromkeys(KINDS, 0)
        for outcome in outcomes:
            if isinstance(outcome, Kept):
                created[outcome.record.kind] += 1
        done = sum(created.values())
        kept = [outcome for outcome in outcomes if isinstance(outcome, Kept)]
        data = {
            "total_requested": len(given),
            "successfully_created": done,
            "failed_count": len(given) - done,
            "results": [_result(index, given[index], outcome) for index, outcome in enumerate(outcomes)],
            "summary": created,
            "current_total_count": self._total(tenant),
            "conflicts": [rivals_on_the_wire(one.record.item.question, one.rivals) for one in kept if one.rivals],
            "quarantined_count": sum(isinstance(one, NotKept) and one.quarantine_id is not None for one in outcomes),
            "waiting_count": sum(bool(one.waits_for) for one in kept),
        }
        return batch_answer(data, done, len(given) - done, _CREATED)

    def delete(self, tenant: str, wanted: DeleteRequest) -> Envelope:
        """Delete records by id; each has its own outcome.

        Raises:
            BadRequestError: no ids, no confirmation, or too many.
        """
        ids = wanted.ids
        if not isinstance(ids, list) or not ids:
            raise BadRequestError(texts.IDS_NEEDED, missing_params=["ids"])
        if wanted.confirm is not True:
            raise BadRequestError(texts.CONFIRM_NEEDED)
        if len(ids) > MOST_AT_ONCE:
            raise BadRequestError(texts.DELETE_TOO_MANY)
        with told_as(texts.DELETE_FAILED), self._database.session() as session:
            repository = TrainingRepository(session, tenant)
            removed = [is_plausible_id(one) and repository.remove(one) for one in ids]
            total = repository.total()
        deleted = [one for one, was_there in zip(ids, removed, strict=True) if was_there]
        missing = [echoed(one) for one, was_there in zip(ids, removed, strict=True) if not was_there]
        data = {
            "total_requested": len(ids),
            "successfully_deleted": len(deleted),
            "failed_count": len(missing),
            "deleted_ids": deleted,
            "failed_ids": missing,
            "failed_details": [{"id": one, "error": texts.NOT_DELETED} for one in missing],
            "current_total_count": total,
        }
        return batch_answer(data, len(deleted), len(missing), _DELETED)

    def update(self, tenant: str, wanted: UpdateRequest, standing: Standing = Standing.OPEN) -> Envelope:
        """Replace a record: the new one is checked and stored first, both in one transaction.

        Raises:
            BadRequestError: something is missing or wrong, or the old record is absent; nothing was changed.
            ServiceUnavailableError: nothing was changed.
        """
        if not wanted.id:
            raise BadRequestError(texts.ID_NEEDED, missing_params=["id"])
        if not wanted.training_data_type:
            raise BadRequestError(texts.KIND_NEEDED, missing_params=["training_data_type"])
        with told_as(texts.UPDATE_FAILED):
            self._require(tenant, wanted.id)
            record = _replacement(wanted)
            try:
                origin = Origin("training_data/update", standing, keeps_copies=True)
                kept = self._writer.exchange(tenant, wanted.id, record, origin)
            except RecordRefusedError as refusal:
                raise _refused(refusal) from None
        data = {
            "original_id": wanted.id,
            "new_training_id": kept.record_id,
            "type": record.kind,
            "current_total_count": self._total(tenant),
            "conflicts": [rivals_on_the_wire(kept.record.item.question, rivals)]
            if (rivals := [one for one in kept.rivals if one["id"] != wanted.id])
            else [],
        }
        return success_response(texts.UPDATE_DONE, data)

    def _create_each(self, tenant: str, given: Sequence[Any], origin: Origin) -> list[Outcome]:
        outcomes: dict[int, Outcome] = {}
        records: dict[int, NewRecord] = {}
        for index, fields in enumerate(given):
            try:
                records[index] = read_record(fields)
            except RecordRefusedError as refusal:
                outcomes[index] = NotKept(refusal.text)
        kept = self._writer.keep(tenant, list(records.values()), origin)
        outcomes.update(zip(records, kept, strict=True))
        return [outcomes[index] for index in range(len(given))]

    def _require(self, tenant: str, record_id: str) -> None:
        with self._database.session() as session:
            is_there = is_plausible_id(record_id) and TrainingRepository(session, tenant).exists(record_id)
        if not is_there:
            raise BadRequestError(texts.ORIGINAL_ABSENT.format(id=record_id[:LONGEST_ID]))

    def _total(self, tenant: str) -> int:
        """0 when it cannot be counted: what was asked for is done already."""
        try:
            with self._database.session() as session:
                return TrainingRepository(session, tenant).total()
        except StoreUnavailableError:
            return 0


def is_plausible_id(value: Any) -> bool:
    """Whether it is worth asking the database for a record of this id."""
    return isinstance(value, str) and 0 < len(value) <= LONGEST_ID and value.isprintable()


def _as_list(data: Any) -> list[Any]:
    if not data:
        raise BadRequestError(texts.DATA_NEEDED, missing_params=["data"])
    if not isinstance(data, list | dict):
        raise BadRequestError(texts.DATA_WRONG)
    listed = data if isinstance(data, list) else [data]
    if len(listed) > MOST_AT_ONCE:
        raise BadRequestError(texts.BATCH_TOO_LARGE)
    return listed


def _raise_when_nothing_could(outcomes: Sequence[Outcome]) -> None:
    """A batch that failed only because something is away is a 503, not the writer's mistake."""
    causes = [outcome.cause for outcome in outcomes if isinstance(outcome, NotKept)]
    if len(causes) == len(outcomes) and causes and causes[0] is not None and all(causes):
        raise causes[0]


def _result(index: int, fields: Any, outcome: Outcome) -> Mapping[str, Any]:
    if isinstance(outcome, Kept):
        kind = outcome.record.kind
        message = texts.CREATED.format(kind=kind)
        done = {"index": index, "success": True, "training_id": outcome.record_id, "type": kind, "message": message}
        return done | waiting_on_the_wire(outcome.waits_for)
    result = {
        "index": index,
        "success": False,
        "type": shown_kind(fields),
        "error": outcome.text,
        "message": texts.NOT_CREATED,
    }
    return result | ({"quarantine_id": outcome.quarantine_id} if outcome.quarantine_id else {})


def _replacement(wanted: UpdateRequest) -> NewRecord:
    try:
        return read_record(wanted.model_dump())
    except RecordRefusedError as refusal:
        raise _refused(refusal) from None


def _refused(refusal: RecordRefusedError) -> BadRequestError:
    text = texts.UPDATE_SQL_WRONG.format(reason=refusal.text) if refusal.is_sql_wrong else refusal.text
    data = {"quarantine_id": refusal.quarantine_id} if refusal.quarantine_id else None
    return BadRequestError(text, missing_params=list(refusal.missing), data=data)


def _percent(count: int, total: int) -> float:
    return round(100.0 * count / total, 2) if total else 0.0
