"""The backup and emptying of the vector tables inside a pipeline run (docs/contract/databases.md)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from core.vector_store.ann_index import VectorSpace
from core.vector_store.backup import prepare_session, take_turns, write_backup
from core.vector_store.backup_folders import EMBEDDING, TABLES, BackupFolder, BackupFolders, Place, csv_name
from core.vector_store.backup_manifest import read_manifest
from features.vector_backup.backup_log import write_log
from features.vector_backup.service import shown_size, written_tables
from features.vector_backup.sessions import Sessions


class PipelineVectorTables:
    """Fulfils `data_pipeline.stages.training_load.VectorTables`."""

    def __init__(self, *, sessions: Sessions, space: Callable[[], VectorSpace]) -> None:
        self._sessions = sessions
        self._space = space

    def prepare(self, *, task_id: str, folder: Path, stamp: str, truncate: bool) -> Mapping[str, Any]:
        """See the protocol. Raises `BackupError`, `ConflictError`; nothing is emptied without a backup then."""
        started = time.monotonic()
        place = Place(folder.name)
        truncated: dict[str, Any] = {}
        target = self._sessions.target("")
        with BackupFolders(folder.parent).opened(place, makes=True) as files:
            with self._sessions.opened(target) as connection:
                tables = _finished_backup(files, stamp)
                if tables is None:
                    written = write_backup(connection, files, stamp=stamp, space=self._space(), task_id=task_id)
                    tables = written_tables(written)
                if truncate:
                    truncated = {EMBEDDING: _empty(connection)}
            seconds = time.monotonic() - started
            write_log(files, place, tables, seconds, [], truncated)
        return {
            "backup_performed": True,
            "truncate_performed": truncate,
            "tables_backed_up": tables,
            "truncate_results": truncated,
            "errors": [],
            "backup_directory": place.shown_path,
            "duration": seconds,
        }


def _finished_backup(files: BackupFolder, stamp: str) -> dict[str, dict[str, Any]] | None:
    """The finished backup of that time, None when there is none."""
    manifest = read_manifest(files, stamp)
    if manifest is None or any(files.size(csv_name(table, stamp)) is None for table in TABLES):
        return None
    return {
        table: {
            "success": True,
            "row_count": facts.row_count,
            "file_size": shown_size(facts.byte_count),
            "backup_file": facts.file,
            "duration": 0.0,
        }
        for table, facts in manifest.files.items()
    }


def _empty(connection: Any) -> dict[str, Any]:
    started = time.monotonic()
    with connection.transaction():
        prepare_session(connection)
        take_turns(connection)
        row = connection.execute("SELECT count(*) FROM langchain_pg_embedding").fetchone()
        connection.execute("TRUNCATE langchain_pg_embedding")
    return {"success": True, "rows_before": int(row[0]), "rows_after": 0, "duration": time.monotonic() - started}
