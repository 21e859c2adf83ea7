"""Reads and checks one training record of a client (docs/contract/training.md); every way to add one uses it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import PydanticCustomError

from common.messages import training_data as texts
from core.sql_guard.refusal import Refusal
from core.sql_guard.single_query import read_query
from core.vector_store.records import KINDS, Kind, NewRecord, TrainingItem
from features.wire.values import wire_text

MAX_QUESTION_CHARS: Final = 5_000
MAX_SQL_CHARS: Final = 20_000
MAX_TEXT_CHARS: Final = 600_000
_FIELDS: Final[Mapping[Kind, tuple[str, ...]]] = {
    "sql": ("sql",),
    "error_sql": ("question", "sql"),
    "documentation": ("content",),
    "ddl": ("ddl",),
}
_NEEDED: Final[Mapping[Kind, str]] = {
    "sql": texts.SQL_NEEDED,
    "error_sql": texts.PAIR_NEEDED,
    "documentation": texts.CONTENT_NEEDED,
    "ddl": texts.DDL_NEEDED,
}
_LIMITS: Final[Mapping[str, int]] = {"question": MAX_QUESTION_CHARS, "sql": MAX_SQL_CHARS}
_NOT_STORABLE: Final = re.compile("[\0\ud800-\udfff]")
_OTHER_VERBS: Final = ("INSERT", "CREATE", "ALTER")


class RecordRefusedError(Exception):
    """Why one record cannot be kept, in words for its writer; a batch goes on without it.

    Attributes:
        missing: names of the fields that are missing.
        is_sql_wrong: the SQL is there but is not a query.
        quarantine_id: the record waits for approval under this id; it is not lost.
    """

    def __init__(
        self, text: str, *, missing: tuple[str, ...] = (), is_sql_wrong: bool = False, quarantine_id: str | None = None
    ) -> None:
        super().__init__(text)
        self.text = text
        self.missing = missing
        self.is_sql_wrong = is_sql_wrong
        self.quarantine_id = quarantine_id


def read_record(fields: Any) -> NewRecord:
    """The record in one object of a request.

    Raises:
        RecordRefusedError: it is no object, of no kind, lacks a field, or has SQL that is not one query.
    """
    if not isinstance(fields, Mapping):
        raise RecordRefusedError(texts.RECORD_NOT_OBJECT)
    kind = known_kind(fields.get("training_data_type"))
    needed = {name: text_of(fields, name) for name in _FIELDS[kind]}
    if not all(needed.values()):
        missing = _FIELDS[kind] if kind == "error_sql" else tuple(name for name in needed if not needed[name])
        raise RecordRefusedError(_NEEDED[kind], missing=missing)
    if kind == "sql":
        require_query(needed["sql"])
        needed["question"] = text_of(fields, "question").strip()
    content = needed.get("sql") or needed.get("content") or needed["ddl"]
    if not content.strip() or (kind == "error_sql" and not needed["question"].strip()):
        raise RecordRefusedError(_NEEDED[kind], missing=_FIELDS[kind])
    return NewRecord(kind, TrainingItem(content=content, question=needed.get("question", "")))


def known_kind(value: Any) -> Kind:
    """The kind a request names.

    Raises:
        RecordRefusedError: there is no such kind.
    """
    for kind in KINDS:
        if value == kind:
            return kind
    shown = _NOT_STORABLE.sub("", str(value))[:100]
    raise RecordRefusedError(texts.KIND_UNKNOWN.format(kind=shown))


def shown_kind(fields: Any) -> str:
    """What a failed record is listed as: the kind it named, or `unknown`."""
    value = fields.get("training_data_type") if isinstance(fields, Mapping) else None
    return _NOT_STORABLE.sub("", str(value))[:100] if value else "unknown"


def text_of(fields: Mapping[str, Any], name: str) -> str:
    """A field as text: scalars become one (docs/contract/README.md, rule 1), what is falsy is empty.

    Raises:
        RecordRefusedError: a list or an object, too long, or a text no database could keep.
    """
    value = fields.get(name)
    if isinstance(value, list | dict):
        raise RecordRefusedError(texts.TEXT_WRONG_TYPE.format(name=name))
    if not value:
        return ""
    try:
        text = wire_text(value)
    except PydanticCustomError:
        raise RecordRefusedError(texts.TEXT_NOT_STORABLE.format(name=name)) from None
    limit = _LIMITS.get(name, MAX_TEXT_CHARS)
    if len(text) > limit:
        raise RecordRefusedError(texts.TEXT_TOO_LONG.format(name=name, limit=limit))
    return text


def require_query(sql: str) -> None:
    """Let pass what reads as one SELECT or WITH query, whether its tables exist or not.

    Raises:
        RecordRefusedError: with the contract's text for what it is instead.
    """
    try:
        read_query(sql)
    except Refusal as refusal:
        raise RecordRefusedError(_why_no_query(sql, refusal.rule), is_sql_wrong=True) from None


def _why_no_query(sql: str, rule: str) -> str:
    head = sql.strip().upper()
    if not head:
        return texts.SQL_EMPTY
    if head.startswith(texts.FORBIDDEN_VERBS):
        return texts.SQL_FORBIDDEN_VERB
    if head.startswith(_OTHER_VERBS):
        return texts.SQL_ONLY_QUERIES
    return {"statement.multiple": texts.SQL_MULTIPLE, "text.too_long": texts.SQL_TOO_LONG}.get(rule, texts.SQL_INVALID)
