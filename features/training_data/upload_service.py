"""Takes an uploaded file apart and keeps its records (docs/contract/training.md). Nothing touches the disk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, BinaryIO, Final

from common.messages import training_data as texts
from common.result import Envelope, success_response
from core.vector_store.origin import Origin, Standing
from core.vector_store.records import NewRecord
from features.training_data.answers import answered, bad_request, rivals_on_the_wire, told_as
from features.training_data.decoding import FileRefusedError, decode_text
from features.training_data.records import RecordRefusedError, read_record
from features.training_data.uploads import FILE_TYPES, Fields, extension_of, plain_name
from features.training_data.writing import Kept, NotKept, Outcome, TrainingWriter

MAX_BYTES: Final = 500 * 1024
MAX_ITEMS: Final = 2_000
_SHOWN_ERRORS: Final = 100
_SHOWN_CHARS: Final = 100
_SHOWN_NAME: Final = 255


class UploadService:
    """See the module.

    Args:
        writer: keeps the records.
    """

    def __init__(self, *, writer: TrainingWriter) -> None:
        self._writer = writer

    def upload(
        self,
        tenant: str,
        stream: BinaryIO | None,
        filename: str | None,
        file_type: str | None,
        standing: Standing = Standing.OPEN,
    ) -> Envelope:
        """The envelope in every case, also for what is refused; nothing of a refused file is kept.

        Args:
            stream: the file; at most the size limit and one byte are read. None when none was sent.
            filename: as the client names it; only its extension matters.
        """
        return answered(lambda: self._upload(tenant, stream, filename, file_type, standing))

    def _upload(
        self, tenant: str, stream: BinaryIO | None, filename: str | None, file_type: str | None, standing: Standing
    ) -> Envelope:
        try:
            data, name, kind = _accepted(stream, filename, file_type)
            given = _records_in(kind, data)
        except FileRefusedError as refusal:
            return bad_request(refusal.text)
        with told_as(texts.UPLOAD_FAILED):
            outcomes = self._keep(tenant, given, Origin("training_data/upload", standing, keeps_copies=True))
            _raise_when_away(outcomes)
        return _answer(name, kind, len(data), given, outcomes)

    def _keep(self, tenant: str, given: Sequence[Fields], origin: Origin) -> list[Outcome]:
        outcomes: dict[int, Outcome] = {}
        records: dict[int, NewRecord] = {}
        for index, fields in enumerate(given):
            try:
                records[index] = _needs_question(read_record(fields), fields)
            except RecordRefusedError as refusal:
                outcomes[index] = NotKept(refusal.text)
        kept = self._writer.keep(tenant, list(records.values()), origin)
        outcomes.update(zip(records, kept, strict=True))
        return [outcomes[index] for index in range(len(given))]


def _accepted(stream: BinaryIO | None, filename: str | None, file_type: str | None) -> tuple[bytes, str, str]:
    """Content, name and type of a file, checked in the contract's order."""
    if stream is None:
        raise FileRefusedError(texts.FILE_NEEDED)
    if not filename:
        raise FileRefusedError(texts.FILE_NOT_CHOSEN)
    if not file_type:
        raise FileRefusedError(texts.FILE_TYPE_NEEDED)
    known = FILE_TYPES.get(file_type)
    if known is None:
        shown = plain_name(file_type)[:_SHOWN_CHARS]
        raise FileRefusedError(texts.FILE_TYPE_UNKNOWN.format(file_type=shown, supported=", ".join(FILE_TYPES)))
    data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise FileRefusedError(texts.FILE_TOO_LARGE)
    name = plain_name(filename)
    if not name:
        raise FileRefusedError(texts.FILE_NOT_CHOSEN)
    extension = extension_of(name)
    if extension not in known.extensions:
        words = {"file_type": file_type, "extension": extension[:_SHOWN_CHARS], "supported": known.supported}
        raise FileRefusedError(texts.FILE_EXTENSION_WRONG.format(**words))
    return data, name[:_SHOWN_NAME], file_type


def _records_in(kind: str, data: bytes) -> list[Fields]:
    given = FILE_TYPES[kind].read(decode_text(data))
    if len(given) > MAX_ITEMS:
        raise FileRefusedError(texts.CONTENT_TOO_MANY.format(limit=MAX_ITEMS, count=len(given)))
    return given


def _needs_question(record: NewRecord, fields: Fields) -> NewRecord:
    """In a file of pairs a question is never made up; only a file of bare SQL gets them."""
    if record.lacks_question and "question" in fields:
        raise RecordRefusedError(texts.PAIR_NEEDED, missing=("question",))
    return record


def _raise_when_away(outcomes: Sequence[Outcome]) -> None:
    cause = next((one.cause for one in outcomes if isinstance(one, NotKept) and one.cause is not None), None)
    if cause is not None and not any(isinstance(outcome, Kept) for outcome in outcomes):
        raise cause


def _answer(name: str, kind: str, size: int, given: Sequence[Fields], outcomes: Sequence[Outcome]) -> Envelope:
    kept = [outcome for outcome in outcomes if isinstance(outcome, Kept)]
    errors = [
        {"index": index, "error": outcome.text, "quarantine_id": outcome.quarantine_id}
        for index, outcome in enumerate(outcomes)
        if isinstance(outcome, NotKept)
    ]
    data: dict[str, Any] = {
        "filename": name,
        "file_type": kind,
        "file_size": size,
        "items_total": len(given),
        "items_created": len(kept),
        "items_failed": len(errors),
        "items_quarantined": sum(error["quarantine_id"] is not None for error in errors),
        "items_waiting": sum(bool(one.waits_for) for one in kept),
        "item_errors": errors[:_SHOWN_ERRORS],
        "conflicts": [rivals_on_the_wire(one.record.item.question, one.rivals) for one in kept if one.rivals],
    }
    if not kept:
        envelope = bad_request(texts.UPLOAD_NOTHING)
        envelope["data"].update(data, status="failed")
        return envelope
    return success_response(texts.UPLOAD_DONE.format(filename=name), {**data, "status": "completed"})
