"""What the training store holds now and did not hold then, or the reverse, as far as earlier exchanges tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from features.training_data.decoding import FileRefusedError
from features.training_data.records import RecordRefusedError, read_record
from features.training_data.uploads import FILE_TYPES
from scripts.parity.exchanges import Exchange
from scripts.parity.rules.rule import body_of, old_answer

TRAINING = "/api/v0/training_data/"
SINGLE_PAIRS = ("/api/v0/citu_train_question_sql", "/api/v0/training_error_question_sql")
FEEDBACK = "/api/v0/qa_feedback/add_to_training"


@dataclass
class Effects:
    """Contents that are missing now or new; the numbers count records whose content the recording does not tell."""

    lost: Counter[str] = field(default_factory=Counter)
    gained: Counter[str] = field(default_factory=Counter)
    unknown_lost: int = 0
    unknown_gained: int = 0

    @property
    def most_lost(self) -> int:
        return self.lost.total() + self.unknown_lost

    @property
    def most_gained(self) -> int:
        return self.gained.total() + self.unknown_gained

    def __bool__(self) -> bool:
        return bool(self.most_lost or self.most_gained)


def items_of(exchange: Exchange) -> list[Any]:
    """The records of a create request; empty when there are none."""
    data = body_of(exchange).get("data")
    listed = data if isinstance(data, list) else [data] if isinstance(data, Mapping) else []
    return listed if len(listed) <= 50 else []


def is_kept_now(fields: Any) -> bool:
    """Whether a record of a request is one that is kept; a model that writes missing questions is there."""
    try:
        read_record(fields)
    except RecordRefusedError:
        return False
    return True


def was_kept(result: Any) -> bool:
    """Whether the old service had stored a record: its "success" with no id was none."""
    return isinstance(result, Mapping) and result.get("success") is True and result.get("training_id") is not None


def content_of(fields: Any) -> str:
    if not isinstance(fields, Mapping):
        return ""
    return str(fields.get("sql") or fields.get("content") or fields.get("ddl") or "").strip()


def effects_before(exchange: Exchange) -> Effects:
    """All that earlier exchanges of the same phase have changed."""
    effects = Effects()
    for earlier in exchange.earlier():
        _add(effects, earlier)
    return effects


def pairs_of(exchange: Exchange) -> Iterator[tuple[Any, Any]]:
    """Each record of a create request with its old result; none when the old service broke off."""
    results = old_answer(exchange).data.get("results")
    for index, fields in enumerate(items_of(exchange)):
        known = isinstance(results, list) and index < len(results)
        yield fields, results[index] if known and isinstance(results, list) else None


def _add(effects: Effects, earlier: Exchange) -> None:
    path = earlier.request["path"]
    if path == TRAINING + "create":
        for fields, result in pairs_of(earlier):
            if was_kept(result) and not is_kept_now(fields):
                effects.lost[content_of(fields)] += 1
            elif is_kept_now(fields) and not was_kept(result):
                effects.gained[content_of(fields)] += 1
    elif path == TRAINING + "update":
        _add_update(effects, earlier)
    elif path == TRAINING + "delete" and body_of(earlier).get("confirm") is not True:
        effects.unknown_gained += int(old_answer(earlier).data.get("successfully_deleted", 0))
    elif path == TRAINING + "upload":
        _add_upload(effects, earlier)
    elif path == FEEDBACK:
        summary = old_answer(earlier).data.get("summary", {})
        effects.unknown_lost += int(summary.get("positive_trained", 0))
        effects.unknown_gained += int(summary.get("errors", 0))
    elif path in SINGLE_PAIRS and earlier.response["status"] == 200 and "training_id" in old_answer(earlier).data:
        effects.unknown_gained += old_answer(earlier).data["training_id"] is None


def _add_update(effects: Effects, earlier: Exchange) -> None:
    """An update removed the old record first; when it then failed, or stored nothing, the record was lost."""
    stored = earlier.response["status"] == 200 and old_answer(earlier).data.get("new_training_id") is not None
    fields = body_of(earlier)
    if not stored and fields.get("id") and "不存在" not in old_answer(earlier).response:
        effects.unknown_gained += 1
    elif stored and not is_kept_now(fields):
        effects.lost[content_of(fields)] += 1
        effects.unknown_gained += 1


def _add_upload(effects: Effects, earlier: Exchange) -> None:
    """Files are cut differently, so what an upload stored is known only roughly."""
    parts = earlier.request.get("multipart") or {}
    file = (parts.get("files") or {}).get("file") or {}
    known = FILE_TYPES.get(str((parts.get("fields") or {}).get("file_type")))
    if known is None or "content" not in file:
        return
    try:
        count = len(known.read(str(file["content"])))
    except FileRefusedError:
        count = 0
    effects.unknown_gained += count
    effects.unknown_lost += max(count, 1)
