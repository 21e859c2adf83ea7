"""Backup, wipe and restore of 100,000 vectors: whether they come back identical, how long it takes, MB a second."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any, Final

import psycopg

from core.embedded import acquire_servers
from core.schema_migrations import upgrade_to_head
from core.sql_executor.reader_pool import libpq_url
from core.vector_store.ann_index import VectorSpace
from core.vector_store.backup import write_backup
from core.vector_store.backup_folders import BackupFolders, Place
from core.vector_store.restore import RestoreOrder, restore_backup
from tools.scratch_databases import drop_database, fresh_database

from .figures import Figure

DATA: Final = Path(__file__).resolve().parents[2] / "data" / "test"
ROWS: Final = 100_000
SPACE: Final = VectorSpace("bench", 1024)
STAMP: Final = "20260101_000000"
_MEGABYTE: Final = 1_000_000
_CONTENT: Final = "SELECT count(*), md5(string_agg(md5(e::text), '' ORDER BY id)) FROM langchain_pg_embedding e"
_COLLECTION: Final = "INSERT INTO langchain_pg_collection VALUES ('6d1610ec-ea78-4d6c-9d67-745184d40a65', 'sql', NULL)"
_FILL: Final = """
WITH vectors AS MATERIALIZED (
    SELECT v, (SELECT array_agg(random()::real) FROM generate_series(1, %s + v * 0))::vector AS vector
    FROM generate_series(0, 999) v
)
INSERT INTO langchain_pg_embedding
    (id, collection_id, embedding, document, cmetadata, content_hash, embedding_model, embedding_dimension)
SELECT n || '-sql', '6d1610ec-ea78-4d6c-9d67-745184d40a65', vectors.vector,
       json_build_object('question', 'question ' || n, 'sql', 'SELECT ' || n)::text,
       jsonb_build_object('id', n || '-sql'), md5(n::text), %s, %s
FROM generate_series(1, %s) n JOIN vectors ON vectors.v = n %% 1000
"""


def measure() -> list[Figure]:
    """On a database of its own on the tests' embedded server."""
    with acquire_servers(DATA) as lease, tempfile.TemporaryDirectory() as folder:
        url = fresh_database(lease.addresses.platform_url, "citu_bench_vector_backup")
        upgrade_to_head(url)
        with psycopg.connect(libpq_url(url), autocommit=True) as connection:
            connection.execute(_COLLECTION)
            connection.execute(_FILL, (SPACE.dimension, SPACE.model, SPACE.dimension, ROWS))
            figures = _round_trip(connection, BackupFolders(Path(folder)))
        drop_database(lease.addresses.platform_url, url)
    return figures


def _round_trip(connection: psycopg.Connection[Any], folders: BackupFolders) -> list[Figure]:
    before = connection.execute(_CONTENT).fetchone()
    with folders.opened(Place(), makes=True) as folder:
        started = time.monotonic()
        written = write_backup(connection, folder, stamp=STAMP, space=SPACE, task_id=None)
        backup_seconds = time.monotonic() - started
        connection.execute("TRUNCATE langchain_pg_embedding, langchain_pg_collection")
        started = time.monotonic()
        restore_backup(connection, folder, RestoreOrder(STAMP, truncates=True), SPACE)
        restore_seconds = time.monotonic() - started
    size = sum(one.facts.byte_count for one in written.tables.values()) / _MEGABYTE
    is_identical = before == connection.execute(_CONTENT).fetchone()
    return [
        Figure("vector_backup_rows", float(ROWS), "rows"),
        Figure("vector_backup_identical", float(is_identical), "yes or no", 1.0),
        Figure("vector_backup_size", round(size, 1), "MB"),
        Figure("vector_backup_seconds", round(backup_seconds, 1), "s"),
        Figure("vector_backup_rate", round(size / backup_seconds, 1), "MB/s"),
        Figure("vector_restore_seconds", round(restore_seconds, 1), "s"),
        Figure("vector_restore_rate", round(size / restore_seconds, 1), "MB/s"),
    ]
