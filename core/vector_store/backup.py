"""Writes the vector tables into files: one snapshot of both, streamed, with checksums; all of it or nothing.

Format: docs/contract/databases.md. `cmetadata` is JSON, an empty text is `""` and NULL is nothing, our own columns
stand after the historical ones, and a manifest lists what the files hold.
"""

from __future__ import annotations

import errno
import hashlib
import time
from dataclasses import dataclass
from typing import IO, Any, Final

import psycopg
from psycopg import Connection, sql

from common.errors import ConflictError
from common.messages import vector_backup as texts
from core.vector_store.ann_index import VectorSpace
from core.vector_store.backup_folders import TABLES, BackupFolder, csv_name, manifest_name
from core.vector_store.backup_manifest import BackupError, FileFacts, Manifest

HISTORICAL_COLUMNS: Final = {
    "langchain_pg_collection": ("uuid", "name", "cmetadata"),
    "langchain_pg_embedding": ("id", "collection_id", "embedding", "document", "cmetadata"),
}
KEYS: Final = {"langchain_pg_collection": "uuid", "langchain_pg_embedding": "id"}
LOCK: Final = "citu_vector_backup"
_LEAST_FREE: Final = 256 * 1024 * 1024
_STATEMENT_SECONDS: Final = 1_800
_COLUMNS: Final = (
    "SELECT attname::text FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped"
    " ORDER BY attnum"
)


@dataclass(frozen=True)
class WrittenTable:
    """One table's file and how long it took."""

    facts: FileFacts
    duration_seconds: float


@dataclass(frozen=True)
class WrittenBackup:
    """A complete backup."""

    manifest: Manifest
    tables: dict[str, WrittenTable]


def write_backup(
    connection: Connection[Any], folder: BackupFolder, *, stamp: str, space: VectorSpace, task_id: str | None
) -> WrittenBackup:
    """Write both tables as they are at one moment, then the manifest; files appear when all of it is on disk.

    Args:
        connection: in autocommit mode.
        space: what the service embeds with now.

    Raises:
        BackupError: nothing was kept; names the table at fault.
        ConflictError: another backup or restore runs.
    """
    names = [manifest_name(stamp), *(csv_name(table, stamp) for table in TABLES)]
    try:
        with connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            prepare_session(connection)
            take_turns(connection)
            _require_room(connection, folder)
            written = {table: _write_table(connection, folder, table, stamp) for table in TABLES}
        manifest = Manifest(stamp, task_id, space, {table: one.facts for table, one in written.items()})
        with folder.writing(manifest_name(stamp)) as file:
            file.write(manifest.encoded())
        folder.publish(names)
    except BaseException:
        for name in names:
            folder.remove(f"{name}.tmp")
            folder.remove(name)
        raise
    return WrittenBackup(manifest, written)


def table_columns(connection: Connection[Any], table: str) -> list[str]:
    """The table's columns, historical ones first. Raises `BackupError` when there is no such table."""
    found = [str(row[0]) for row in connection.execute(_COLUMNS, (table,)).fetchall()]
    historical = HISTORICAL_COLUMNS[table]
    if not set(historical) <= set(found):
        raise BackupError(texts.TABLE_MISSING.format(table=table), table=table)
    return [*historical, *(name for name in found if name not in historical)]


def prepare_session(connection: Connection[Any]) -> None:
    """Bound the transaction and make its texts independent of server and session settings."""
    connection.execute(
        f"SET LOCAL statement_timeout = '{_STATEMENT_SECONDS}s'; SET LOCAL lock_timeout = '5s';"
        " SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL TimeZone = 'UTC'; SET LOCAL extra_float_digits = 1".encode()
    )


def take_turns(connection: Connection[Any]) -> None:
    """Hold the lock of backups and restores until the transaction ends; raises `ConflictError` when it is held."""
    row = connection.execute("SELECT pg_try_advisory_xact_lock(hashtext(%s))", (LOCK,)).fetchone()
    if row is None or not row[0]:
        raise ConflictError(texts.BUSY)


def sentence_of(error: psycopg.Error) -> str:
    """The server's sentence, cut short; of a lost connection only that."""
    text = error.diag.message_primary or ""
    return texts.VALUES_REFUSED.format(reason=text[:300]) if text else type(error).__name__


def _require_room(connection: Connection[Any], folder: BackupFolder) -> None:
    row = connection.execute(
        "SELECT coalesce(sum(pg_total_relation_size(to_regclass(name))), 0) FROM unnest(%s::text[]) name",
        (list(TABLES),),
    ).fetchone()
    # a vector's text takes about three times its binary form
    if row is not None and folder.free_bytes() < 3 * int(row[0]) + _LEAST_FREE:
        raise BackupError(texts.DISK_FULL)


def _write_table(connection: Connection[Any], folder: BackupFolder, table: str, stamp: str) -> WrittenTable:
    started = time.monotonic()
    columns = table_columns(connection, table)
    query = sql.SQL("COPY (SELECT {} FROM {} ORDER BY {}) TO STDOUT (FORMAT csv, HEADER true, ENCODING 'UTF8')").format(
        sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(table), sql.Identifier(KEYS[table])
    )
    name = csv_name(table, stamp)
    try:
        with folder.writing(name) as file:
            rows, size, digest = _copy(connection, query, file)
    except psycopg.Error as error:
        raise BackupError(sentence_of(error), table=table) from error
    except OSError as error:
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        text = texts.DISK_FULL if is_full else texts.FILES_FAILED.format(reason=error.strerror)
        raise BackupError(text, table=table) from error
    return WrittenTable(FileFacts(name, rows, size, digest, tuple(columns)), time.monotonic() - started)


def _copy(connection: Connection[Any], query: sql.Composed, file: IO[bytes]) -> tuple[int, int, str]:
    digest, size = hashlib.sha256(), 0
    with connection.cursor() as cursor:
        with cursor.copy(query) as stream:
            for chunk in stream:
                digest.update(chunk)
                size += file.write(chunk)
        return cursor.rowcount, size, digest.hexdigest()
