"""The requests and answers of the vector backup routes (docs/contract/databases.md), as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, Field

from common.errors import BadRequestError
from common.messages import vector_backup as texts
from core.vector_store.backup_folders import TABLES, is_stamp, is_task_id
from core.vector_store.restore import RestoreOrder, is_half_of_both
from features.wire.envelopes import Envelope
from features.wire.values import member_boolean, member_text

LONGEST_PATH: Final = 500


@dataclass(frozen=True)
class BackupOrder:
    """What to back up, and where."""

    task_id: str | None = None
    db_connection: str = ""
    is_wanted: bool = True


@dataclass(frozen=True)
class RestoreWish:
    """What to restore, and from where."""

    backup_path: str
    db_connection: str
    order: RestoreOrder


def parse_backup(body: Mapping[str, Any]) -> BackupOrder:
    """Raises `BadRequestError`."""
    return BackupOrder(
        task_id=parse_task_id(member_text(body, "task_id")),
        db_connection=member_text(body, "db_connection"),
        is_wanted=member_boolean(body, "backup_vector_tables", default=True),
    )


def parse_task_id(text: str | None) -> str | None:
    """None when no task is meant; raises `BadRequestError`."""
    if not text:
        return None
    if not is_task_id(text):
        raise BadRequestError(texts.TASK_ID_WRONG)
    return text


def parse_restore(body: Mapping[str, Any]) -> RestoreWish:
    """In the order the contract checks; raises `BadRequestError`."""
    missing = [name for name in ("backup_path", "timestamp") if body.get(name) in (None, "")]
    if missing:
        raise BadRequestError(texts.MISSING_PARAMETERS.format(names=", ".join(missing)), missing_params=missing)
    tables = body.get("tables")
    if tables is not None and not isinstance(tables, list):
        raise BadRequestError(texts.TABLES_NOT_A_LIST)
    stamp = member_text(body, "timestamp")
    if not is_stamp(stamp):
        raise BadRequestError(texts.STAMP_WRONG)
    path = member_text(body, "backup_path")
    if len(path) > LONGEST_PATH or not path.isprintable():
        raise BadRequestError(texts.PATH_WRONG, invalid_params=["backup_path"])
    order = RestoreOrder(
        stamp=stamp,
        tables=TABLES if tables is None else _tables(tables),
        truncates=member_boolean(body, "truncate_before_restore", default=False),
        is_rehearsal=member_boolean(body, "dry_run", default=False),
        allows_reembedding=member_boolean(body, "allow_reembed", default=False),
    )
    if is_half_of_both(order):
        raise BadRequestError(texts.COLLECTION_ALONE, invalid_params=["tables"])
    return RestoreWish(path, member_text(body, "db_connection"), order)


def _tables(values: list[Any]) -> list[str]:
    unknown = [str(value)[:100] for value in values if value not in TABLES]
    if unknown:
        raise BadRequestError(texts.TABLE_UNKNOWN.format(names=unknown[:10]))
    return list(dict.fromkeys(values))


class BackupRequest(BaseModel):
    """A backup; all members may be left out."""

    task_id: str | None = Field(None, description="Into this task's folder instead of the common one")
    db_connection: str | None = Field(None, description="PostgreSQL URL; by default the platform database")
    backup_vector_tables: bool = Field(True, description="false does nothing")


class RestoreRequest(BaseModel):
    """A restore. Everything happens in one transaction."""

    backup_path: str = Field(description="A `relative_path` of the list")
    timestamp: str = Field(description="A `timestamp` of the list", examples=["20250722_173950"])
    tables: list[str] | None = Field(None, description="By default both")
    db_connection: str | None = Field(None, description="PostgreSQL URL; by default the platform database")
    truncate_before_restore: bool = Field(False, description="Empty the tables first")
    dry_run: bool = Field(False, description="Do all of it, then take it back")
    allow_reembed: bool = Field(
        False, description="Take vectors of another model, to be made anew by `python -m scripts.reembed`"
    )


class BackupData(BaseModel):
    """What was written."""

    backup_performed: bool
    truncate_performed: bool
    tables_backed_up: dict[str, Any] = Field({}, description="By table: rows, file, size, or the error")
    truncate_results: dict[str, Any] = {}
    errors: list[str] = []
    backup_directory: str | None = None
    duration: float = 0.0
    response: str
    timestamp: str


BackupEnvelope = Envelope[BackupData]


class BackupEntry(BaseModel):
    """One backup."""

    timestamp: str
    collection_file: str
    embedding_file: str
    collection_size: str
    embedding_size: str
    backup_date: str
    has_log: bool
    log_file: str | None
    has_manifest: bool = Field(description="Whether checksums and the embedding model are known")


class BackupLocation(BaseModel):
    """One folder with its backups, newest first."""

    type: str = Field(description="global or task")
    task_id: str | None = Field(None, description="Only for a task")
    relative_path: str
    backups: list[BackupEntry]


class BackupSummary(BaseModel):
    """The list in numbers."""

    total_locations: int
    total_backup_sets: int
    global_backups: int
    task_backups: int
    scan_time: str


class ListedBackups(BaseModel):
    """The backups there are."""

    backup_locations: list[BackupLocation]
    summary: BackupSummary
    response: str
    timestamp: str


BackupListEnvelope = Envelope[ListedBackups]


class RestoreData(BaseModel):
    """What was put back."""

    restore_performed: bool = Field(description="false in a dry run")
    dry_run: bool
    truncate_performed: bool
    backup_info: dict[str, Any]
    truncate_results: dict[str, Any]
    restore_results: dict[str, Any]
    errors: list[str]
    duration: float
    requires_reembedding: int = Field(description="Records without a vector of the current model")
    response: str
    timestamp: str


RestoreEnvelope = Envelope[RestoreData]
