"""Writes `vector_backup_log.txt` beside a backup (format: docs/contract/databases.md); people read it, nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from common.messages import vector_backup as texts
from common.result import local_timestamp
from core.logging import get_app_logger
from core.vector_store.backup_folders import BACKUPS, LOG, BackupFolder, Place

logger = get_app_logger("vector_backup")


def write_log(
    folder: BackupFolder,
    place: Place,
    tables: Mapping[str, Mapping[str, Any]],
    duration_seconds: float,
    errors: Sequence[str],
    truncated: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Replace the log. A log that cannot be written does not make a backup worse."""
    lines = [
        texts.LOG_TITLE,
        f"Backup Time: {local_timestamp()[:19].replace('T', ' ')}",
        f"Task ID: {place.task_id or BACKUPS}",
        f"Duration: {duration_seconds:.2f}s",
        "",
        "Tables Backup Status:",
        *(_backup_line(table, one) for table, one in tables.items()),
        "",
        "Truncate Status:",
        *([_truncate_line(table, one) for table, one in (truncated or {}).items()] or ["- Not performed"]),
    ]
    if errors:
        lines += ["", "Errors:", *(f"- {error}" for error in errors)]
    try:
        with folder.writing(LOG) as file:
            file.write(("\n".join(lines) + "\n").encode())
        folder.publish([LOG])
    except OSError as error:
        logger.warning("the backup's log cannot be written: %s", error.strerror)


def _backup_line(table: str, one: Mapping[str, Any]) -> str:
    if one["success"]:
        return f"✓ {table}: {one['row_count']} rows -> {one['backup_file']} ({one['file_size']})"
    return f"✗ {table}: FAILED - {one['error']}"


def _truncate_line(table: str, one: Mapping[str, Any]) -> str:
    if one["success"]:
        return f"✓ {table}: TRUNCATED ({one['rows_before']} rows removed)"
    return f"✗ {table}: FAILED - {one['error']}"
