"""Puts a backup of the vector tables back, in one transaction: all that was asked for, or nothing.

A backup is a file anybody may have written: its texts are screened like any other before they count, and those that
speak to the model go to quarantine in the same transaction.

Triggers of the tables count the change, so cached answers that rest on older training are not found any more. The
approximate index is dropped before many rows come in; whoever restores builds it again afterwards.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
from psycopg import Connection, sql

from common.errors import ConflictError
from common.messages import vector_backup as texts
from core.vector_store.ann_index import PREFIX, VectorSpace
from core.vector_store.backup import prepare_session, sentence_of, table_columns, take_turns
from core.vector_store.backup_folders import COLLECTION, EMBEDDING, TABLES, BackupFolder, csv_name
from core.vector_store.backup_manifest import BackupError, Manifest, read_manifest
from core.vector_store.backup_reading import BackupReader, metadata_as_json
from core.vector_store.quarantine import hold_restored

_BATCH: Final = 1_000
_INDEXES: Final = (
    "SELECT c.relname::text FROM pg_class c WHERE starts_with(c.relname, %s) AND pg_table_is_visible(c.oid)"
)
_OTHER_DIMENSION: Final = (
    "SELECT vector_dims(embedding) FROM langchain_pg_embedding WHERE embedding IS NOT NULL"
    " AND embedding_model IS NULL AND vector_dims(embedding) <> %s LIMIT 1"
)
_STALE: Final = (
    "SELECT count(*) FROM langchain_pg_embedding WHERE document IS NOT NULL AND (embedding_model IS DISTINCT FROM %s"
    " OR embedding_dimension IS DISTINCT FROM %s OR embedding IS NULL)"
)


@dataclass(frozen=True)
class RestoreOrder:
    """What is wanted.

    Attributes:
        tables: which, any order; the collection always comes first, for the other refers to it.
        is_rehearsal: do everything, then take it back.
        allows_reembedding: take vectors of another model; they are not searched until they are made anew.
    """

    stamp: str
    tables: Sequence[str] = TABLES
    truncates: bool = False
    is_rehearsal: bool = False
    allows_reembedding: bool = False


@dataclass
class Restored:
    """What was done. `stale_count` records have no vector of the current model, `quarantined_count` were not kept."""

    truncated: dict[str, dict[str, Any]] = field(default_factory=dict)
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    stale_count: int = 0
    quarantined_count: int = 0


def restore_backup(
    connection: Connection[Any], folder: BackupFolder, order: RestoreOrder, space: VectorSpace
) -> Restored:
    """Do what `order` says, or nothing of it.

    Args:
        connection: in autocommit mode, of the tables' owner.
        space: what the service embeds with now.

    Raises:
        BackupError: a file is broken or the database refused it; nothing was changed. Names the table at fault.
        ConflictError: the vectors are another model's, or another backup or restore runs; nothing was changed.
        psycopg.OperationalError: the connection broke; nothing was changed.
    """
    manifest = read_manifest(folder, order.stamp)
    if manifest is not None and manifest.space != space and not order.allows_reembedding:
        raise _other_space(manifest.space, space)
    done = Restored()
    try:
        with connection.transaction(force_rollback=order.is_rehearsal):
            prepare_session(connection)
            take_turns(connection)
            wanted = [table for table in TABLES if table in order.tables]
            columns = {table: table_columns(connection, table) for table in wanted}
            if order.truncates:
                _truncate(connection, wanted, done)
            for table in wanted:
                done.tables[table] = _restore_table(connection, folder, table, order, manifest, columns[table])
            if EMBEDDING in wanted:
                done.quarantined_count = hold_restored(connection)
            _check_vectors(connection, wanted, order, space, done)
    except psycopg.OperationalError as error:
        if error.diag.message_primary is None or connection.closed:
            raise
        raise BackupError(sentence_of(error)) from error
    except psycopg.Error as error:
        raise BackupError(sentence_of(error)) from error
    return done


def _other_space(found: VectorSpace, own: VectorSpace) -> ConflictError:
    text = texts.OTHER_SPACE.format(
        model=found.model or texts.UNKNOWN_MODEL,
        dimension=found.dimension,
        own_model=own.model,
        own_dimension=own.dimension,
    )
    return ConflictError(text)


def _truncate(connection: Connection[Any], tables: Sequence[str], done: Restored) -> None:
    started = time.monotonic()
    counts = {table: _count(connection, table) for table in tables}
    if not tables:
        return
    if EMBEDDING in tables:
        for (name,) in connection.execute(_INDEXES, (PREFIX,)).fetchall():
            connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(name)))
    try:
        connection.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(map(sql.Identifier, tables))))
    except psycopg.Error as error:
        raise BackupError(sentence_of(error), table=tables[0]) from error
    duration = time.monotonic() - started
    for table in tables:
        done.truncated[table] = {
            "success": True,
            "rows_before": counts[table],
            "rows_after": 0,
            "duration": duration,
        }


def _count(connection: Connection[Any], table: str) -> int:
    row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
    return int(row[0]) if row else 0


def _restore_table(
    connection: Connection[Any],
    folder: BackupFolder,
    table: str,
    order: RestoreOrder,
    manifest: Manifest | None,
    known: Sequence[str],
) -> dict[str, Any]:
    started = time.monotonic()
    name = csv_name(table, order.stamp)
    try:
        with folder.reading(name) as file:
            reader = BackupReader(file, table=table, name=name, known=known)
            load = _load_historical if reader.is_historical else _load
            rows = load(connection, reader, table, name)
    except psycopg.Error as error:
        if connection.closed:
            raise
        raise BackupError(sentence_of(error), table=table) from error
    except OSError as error:
        raise BackupError(texts.FILES_FAILED.format(reason=error.strerror), table=table) from error
    if manifest is not None:
        facts = manifest.files[table]
        if reader.sha256 != facts.sha256:
            raise BackupError(texts.CHECKSUM_WRONG.format(file=name), table=table)
        if rows != facts.row_count:
            text = texts.ROWS_WRONG.format(file=name, found=rows, expected=facts.row_count)
            raise BackupError(text, table=table)
    return {
        "success": True,
        "source_file": name,
        "rows_restored": rows,
        "file_size": folder.size(name) or 0,
        "duration": time.monotonic() - started,
    }


def _load(connection: Connection[Any], reader: BackupReader, table: str, _name: str) -> int:
    query = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, reader.columns))
    )
    return _copy(connection, query, reader)


def _load_historical(connection: Connection[Any], reader: BackupReader, table: str, name: str) -> int:
    """By way of a table of texts, where `cmetadata` becomes JSON."""
    staged = sql.Identifier(f"staged_{table}")
    columns = [sql.Identifier(column) for column in reader.columns]
    listed = sql.SQL(", ").join(columns)
    texts_of = sql.SQL(", ").join(sql.SQL("{} text").format(column) for column in columns)
    connection.execute(
        sql.SQL("CREATE TEMP TABLE {} (number bigint GENERATED ALWAYS AS IDENTITY, {}) ON COMMIT DROP").format(
            staged, texts_of
        )
    )
    _copy(connection, sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(staged, listed), reader)
    _convert_metadata(connection, staged, table, name)
    casts = sql.SQL(", ").join(
        sql.SQL("{}::{}").format(column, sql.SQL(_TYPES.get(str(plain), "text")))
        for column, plain in zip(columns, reader.columns, strict=True)
    )
    inserted = connection.execute(
        sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {} ORDER BY number").format(
            sql.Identifier(table), listed, casts, staged
        )
    )
    return inserted.rowcount


_TYPES: Final = {"uuid": "uuid", "collection_id": "uuid", "embedding": "vector", "cmetadata": "jsonb"}


def _convert_metadata(connection: Connection[Any], staged: sql.Identifier, table: str, name: str) -> None:
    update = sql.SQL("UPDATE {} SET cmetadata = %s WHERE number = %s").format(staged)
    connection.execute(sql.SQL("CREATE INDEX ON {} (number)").format(staged))
    after = 0
    while True:
        query = sql.SQL(
            "SELECT number, cmetadata FROM {} WHERE cmetadata IS NOT NULL AND number > %s ORDER BY number LIMIT %s"
        ).format(staged)
        rows = connection.execute(query, (after, _BATCH)).fetchall()
        if not rows:
            return
        changes: list[tuple[str, int]] = []
        for number, text in rows:
            try:
                changes.append((metadata_as_json(text), number))
            except ValueError as error:
                raise BackupError(texts.METADATA_WRONG.format(file=name, row=number), table=table) from error
        with connection.cursor() as cursor:
            cursor.executemany(update, changes)
        after = rows[-1][0]


def _copy(connection: Connection[Any], query: sql.Composed, reader: BackupReader) -> int:
    with connection.cursor() as cursor:
        with cursor.copy(query) as stream:
            for chunk in reader.chunks():
                stream.write(chunk)
        return cursor.rowcount


def _check_vectors(
    connection: Connection[Any], tables: Sequence[str], order: RestoreOrder, space: VectorSpace, done: Restored
) -> None:
    if EMBEDDING not in tables:
        return
    other = connection.execute(_OTHER_DIMENSION, (space.dimension,)).fetchone()
    if other is not None and not order.allows_reembedding:
        raise _other_space(VectorSpace("", int(other[0])), space)
    row = connection.execute(_STALE, (space.model, space.dimension)).fetchone()
    done.stale_count = int(row[0]) if row else 0


def is_half_of_both(order: RestoreOrder) -> bool:
    """Whether the collection is to be emptied without the vectors that refer to it."""
    return order.truncates and COLLECTION in order.tables and EMBEDDING not in order.tables
