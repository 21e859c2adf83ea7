"""Backs up, lists and restores the vector tables, of all tenants, for API clients (docs/contract/databases.md)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from threading import Lock
from typing import Any, Final

from common.errors import ConflictError, NotFoundError
from common.messages import vector_backup as texts
from common.result import Envelope, internal_error_response, local_timestamp, success_response
from core.logging import get_app_logger
from core.storage_quotas import NO_FILE_QUOTA, FileQuota
from core.vector_store.ann_index import VectorSpace
from core.vector_store.backup import WrittenBackup, write_backup
from core.vector_store.backup_folders import (
    COLLECTION,
    EMBEDDING,
    LOG,
    TABLES,
    BackupFolder,
    BackupFolders,
    BackupSet,
    Place,
    csv_name,
    manifest_name,
)
from core.vector_store.backup_manifest import BackupError
from core.vector_store.restore import Restored, RestoreOrder, restore_backup
from features.vector_backup.backup_log import write_log
from features.vector_backup.schemas import parse_backup, parse_restore, parse_task_id
from features.vector_backup.sessions import Sessions

logger = get_app_logger("vector_backup")
Body = Mapping[str, Any]
STAMP_FORMAT: Final = "%Y%m%d_%H%M%S"
_UNITS: Final = ("B", "KB", "MB", "GB")


class VectorBackupService:
    """Methods take what a request carries and return the contract's envelope.

    Args:
        folders: where backups lie.
        sessions: connections to the platform database, or another a request may name.
        space: what the service embeds with.
        after_restore: called after the platform's own vectors changed, to see to their index.
    """

    def __init__(
        self,
        *,
        folders: BackupFolders,
        sessions: Sessions,
        space: Callable[[], VectorSpace],
        after_restore: Callable[[], None],
        quota: FileQuota = NO_FILE_QUOTA,
    ) -> None:
        self._folders = folders
        self._sessions = sessions
        self._space = space
        self._after_restore = after_restore
        self._quota = quota
        self._one_at_a_time = Lock()

    def back_up(self, body: Body) -> Envelope:
        """Write a backup.

        Raises:
            BadRequestError, NotFoundError, ForbiddenError: as the contract has them.
            ConflictError: another backup or restore runs.
            StorageFullError: there are as many backups as there may be; nothing was written.
        """
        wanted = parse_backup(body)
        if not wanted.is_wanted:
            return success_response(texts.BACKED_UP, {"backup_performed": False, "truncate_performed": False})
        if wanted.task_id and not self._folders.has_task(wanted.task_id):
            raise NotFoundError(texts.TASK_MISSING.format(task_id=wanted.task_id))
        place, started = Place(wanted.task_id), time.monotonic()
        target = self._sessions.target(wanted.db_connection)
        try:
            with self._turn(), self._folders.opened(place, makes=True) as folder:
                self._quota.admit_backup(len(folder.sets()))
                stamp = _free_stamp(folder)
                try:
                    with self._sessions.opened(target) as connection:
                        written = write_backup(
                            connection, folder, stamp=stamp, space=self._space(), task_id=wanted.task_id
                        )
                except BackupError as error:
                    results = failed_tables(error)
                    write_log(folder, place, results, time.monotonic() - started, [texts.SOME_BACKUPS_FAILED])
                    return _backup_failure(place, results, error, time.monotonic() - started)
                results = written_tables(written)
                write_log(folder, place, results, time.monotonic() - started, [])
        except OSError as error:
            failure = BackupError(texts.FILES_FAILED.format(reason=error.strerror))
            return _backup_failure(place, failed_tables(failure), failure, time.monotonic() - started)
        data = _backup_data(place, results, [], time.monotonic() - started)
        return success_response(texts.BACKED_UP, data)

    def backups(self, task_id: str | None = None, global_only: str | None = None) -> Envelope:
        """The complete backups. Raises `BadRequestError`."""
        name = parse_task_id(task_id)
        is_global = (global_only or "").lower() == "true"
        places = [Place(name)] if name else [Place()] if is_global else self._folders.places()
        found = {place: self._entries(place) for place in places}
        found = {place: entries for place, entries in found.items() if entries}
        count = sum(map(len, found.values()))
        text = texts.LISTED.format(locations=len(found), sets=count) if found else texts.NOTHING_LISTED
        of_installation = sum(len(entries) for place, entries in found.items() if place.task_id is None)
        summary = {
            "total_locations": len(found),
            "total_backup_sets": count,
            "global_backups": of_installation,
            "task_backups": count - of_installation,
            "scan_time": local_timestamp(),
        }
        locations = [_location(place, entries) for place, entries in found.items()]
        return success_response(text, {"backup_locations": locations, "summary": summary})

    def restore(self, body: Body) -> Envelope:
        """Put a backup back, all that was asked for or nothing.

        Raises:
            BadRequestError, NotFoundError, ForbiddenError: as the contract has them.
            ConflictError: the vectors are another model's, or another backup or restore runs.
        """
        wish = parse_restore(body)
        order, started = wish.order, time.monotonic()
        missing = texts.DIRECTORY_MISSING.format(path=wish.backup_path)
        place = self._folders.place_of(wish.backup_path)
        if place is None or not self._folders.exists(place):
            raise NotFoundError(missing)
        data = _restore_data(wish.backup_path, order)
        target = self._sessions.target(wish.db_connection)
        with self._turn(), self._folders.opened(place) as folder:
            _require_files(folder, order)
            try:
                with self._sessions.opened(target) as connection:
                    done = restore_backup(connection, folder, order, self._space())
            except BackupError as error:
                logger.error("a restore failed and changed nothing: %s %s", error.table, error.message)
                return _restore_failure(data, order, error, time.monotonic() - started)
        if not order.is_rehearsal and EMBEDDING in order.tables and target.is_configured:
            self._after_restore()
        return _restore_success(data, order, done, time.monotonic() - started)

    def _entries(self, place: Place) -> list[dict[str, Any]]:
        try:
            with self._folders.opened(place) as folder:
                has_log = folder.size(LOG) is not None
                return [_entry(one, has_log, folder.size(manifest_name(one.stamp))) for one in folder.sets()]
        except OSError:
            return []

    def _turn(self) -> _Turn:
        return _Turn(self._one_at_a_time)


class _Turn:
    """Holds the lock for a block, or refuses at once."""

    def __init__(self, lock: Lock) -> None:
        self._lock = lock

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            raise ConflictError(texts.BUSY)

    def __exit__(self, *_details: object) -> None:
        self._lock.release()


def _free_stamp(folder: BackupFolder) -> str:
    """Now, or the first second after it that names no backup yet."""
    while True:
        stamp = datetime.now().strftime(STAMP_FORMAT)  # noqa: DTZ005 - file names carry local time
        if not any(folder.size(csv_name(table, stamp)) is not None for table in TABLES):
            return stamp
        time.sleep(0.05)


def shown_size(size: float) -> str:
    """Bytes as the historical service wrote them: `209.0 B`, `200.6 KB`."""
    for unit in _UNITS:
        if size < 1024 or unit == _UNITS[-1]:
            return f"{size:.1f} {unit}"
        size /= 1024
    return ""


def written_tables(written: WrittenBackup) -> dict[str, dict[str, Any]]:
    """`tables_backed_up` of a backup that was written."""
    return {
        table: {
            "success": True,
            "row_count": one.facts.row_count,
            "file_size": shown_size(one.facts.byte_count),
            "backup_file": one.facts.file,
            "duration": one.duration_seconds,
        }
        for table, one in written.tables.items()
    }


def failed_tables(error: BackupError) -> dict[str, dict[str, Any]]:
    """`tables_backed_up` of one that failed: the table at fault has the reason, the other was given up."""
    return {
        table: {"success": False, "error": error.message if error.table in ("", table) else texts.ABANDONED}
        for table in TABLES
    }


def _backup_data(
    place: Place, results: Mapping[str, Any], errors: list[str], duration_seconds: float
) -> dict[str, Any]:
    return {
        "backup_performed": True,
        "truncate_performed": False,
        "tables_backed_up": dict(results),
        "truncate_results": {},
        "errors": errors,
        "backup_directory": place.shown_path,
        "duration": duration_seconds,
    }


def _backup_failure(place: Place, results: Mapping[str, Any], error: BackupError, duration_seconds: float) -> Envelope:
    logger.error("a backup failed: %s %s", error.table, error.message)
    envelope = internal_error_response(texts.BACKUP_FAILED)
    envelope["data"].update(_backup_data(place, results, [texts.SOME_BACKUPS_FAILED], duration_seconds))
    return envelope


def _date_of(stamp: str) -> str:
    day, moment = stamp[:8], stamp[9:]
    return f"{day[:4]}-{day[4:6]}-{day[6:]} {moment[:2]}:{moment[2:4]}:{moment[4:]}"


def _entry(one: BackupSet, has_log: bool, manifest_size: int | None) -> dict[str, Any]:
    return {
        "timestamp": one.stamp,
        "collection_file": csv_name(COLLECTION, one.stamp),
        "embedding_file": csv_name(EMBEDDING, one.stamp),
        "collection_size": shown_size(one.collection_bytes),
        "embedding_size": shown_size(one.embedding_bytes),
        "backup_date": _date_of(one.stamp),
        "has_log": has_log,
        "log_file": LOG if has_log else None,
        "has_manifest": manifest_size is not None,
    }


def _location(place: Place, entries: list[dict[str, Any]]) -> dict[str, Any]:
    named = {"task_id": place.task_id} if place.task_id else {}
    kind = "task" if place.task_id else "global"
    return {"type": kind, "relative_path": f"./{place.shown_path}", "backups": entries, **named}


def _require_files(folder: BackupFolder, order: RestoreOrder) -> None:
    names = [csv_name(table, order.stamp) for table in order.tables]
    missing = [name for name in names if folder.size(name) is None]
    if missing:
        raise NotFoundError(texts.FILES_MISSING.format(names=", ".join(missing)))


def _restore_data(path: str, order: RestoreOrder) -> dict[str, Any]:
    info = {"backup_path": path, "timestamp": order.stamp, "backup_date": _date_of(order.stamp)}
    return {
        "restore_performed": not order.is_rehearsal,
        "dry_run": order.is_rehearsal,
        "truncate_performed": order.truncates,
        "backup_info": info,
        "truncate_results": {},
        "restore_results": {},
        "errors": [],
        "requires_reembedding": 0,
    }


def _restore_success(data: dict[str, Any], order: RestoreOrder, done: Restored, seconds: float) -> Envelope:
    results = {table: {**one, "file_size": shown_size(one["file_size"])} for table, one in done.tables.items()}
    text = texts.REHEARSED if order.is_rehearsal else texts.RESTORED
    facts = {
        "truncate_results": done.truncated,
        "restore_results": {table: results[table] for table in order.tables},
        "requires_reembedding": done.stale_count,
        "duration": seconds,
    }
    if done.quarantined_count:
        facts["quarantined_count"] = done.quarantined_count
    if done.stale_count:
        facts["notice"] = texts.NEEDS_REEMBEDDING.format(count=done.stale_count)
    return success_response(text, data | facts)


def _restore_failure(data: dict[str, Any], order: RestoreOrder, error: BackupError, seconds: float) -> Envelope:
    failed = {
        table: {
            "success": False,
            "source_file": csv_name(table, order.stamp),
            "error": error.message if error.table in ("", table) else texts.ABANDONED,
        }
        for table in order.tables
    }
    envelope = internal_error_response(texts.RESTORE_FAILED)
    facts = {
        "restore_performed": False,
        "truncate_performed": False,
        "restore_results": failed,
        "errors": [texts.TABLE_RESTORE_FAILED.format(table=table) for table in order.tables],
        "notice": texts.NOTHING_CHANGED,
        "duration": seconds,
    }
    envelope["data"].update(data | facts)
    return envelope
