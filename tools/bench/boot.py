"""Many processes start at once on one database, and migrations run under readers: nobody fails, nobody waits long.

Databases are scratch ones on embedded servers of the measurement's own. An event trigger counts who really migrates;
the populated database has the tables, columns and habits of the historical service.
"""

from __future__ import annotations

import multiprocessing
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, LiteralString
from urllib.parse import urlsplit, urlunsplit

import psycopg
from alembic import command
from alembic.config import Config
from psycopg import sql
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from core.database import sqlalchemy_url
from core.embedded.programs import find_programs
from core.schema_migrations import upgrade_to_head

from .figures import Figure
from .service_process import databases

PROCESSES: Final = 8
BOOTS: Final = 10
ROWS: Final = 20_000
DELAY_SECONDS: Final = 0.5
_ROOT: Final = Path(__file__).resolve().parents[2]
_READERS: Final = 4

_WATCH: Final = """
CREATE TABLE IF NOT EXISTS boot_watch (process integer NOT NULL, tag text NOT NULL);
CREATE OR REPLACE FUNCTION boot_watch() RETURNS event_trigger LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO public.boot_watch VALUES (pg_backend_pid(), tg_tag); END $$;
CREATE EVENT TRIGGER boot_watch ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'ALTER TABLE', 'CREATE INDEX')
EXECUTE FUNCTION boot_watch();
"""

_HISTORICAL: Final = """
CREATE EXTENSION IF NOT EXISTS vector;
CREATE TABLE langchain_pg_collection (uuid uuid PRIMARY KEY, name varchar NOT NULL UNIQUE, cmetadata json);
CREATE TABLE langchain_pg_embedding (id varchar PRIMARY KEY,
    collection_id uuid REFERENCES langchain_pg_collection (uuid) ON DELETE CASCADE,
    embedding vector, document varchar, cmetadata jsonb);
CREATE INDEX ix_cmetadata_gin ON langchain_pg_embedding USING gin (cmetadata jsonb_path_ops);
CREATE UNIQUE INDEX ix_langchain_pg_embedding_id ON langchain_pg_embedding (id);
INSERT INTO langchain_pg_collection
    SELECT md5(name)::uuid, name, NULL FROM unnest(ARRAY['sql', 'ddl', 'documentation', 'error_sql']) AS name;
CREATE TABLE qa_feedback (id serial PRIMARY KEY, question text NOT NULL, sql text NOT NULL,
    is_thumb_up boolean NOT NULL, user_id varchar(64) NOT NULL, create_time timestamp DEFAULT CURRENT_TIMESTAMP,
    is_in_training_data boolean DEFAULT false, update_time timestamp);
"""
_HISTORICAL_ROWS: Final = """
INSERT INTO langchain_pg_embedding
    SELECT n || '-sql', md5('sql')::uuid,
        (SELECT array_agg(((n * i) %% 97) / 97.0) FROM generate_series(1, 64) i)::vector,
        json_build_object('question', 'revenue of service area ' || n, 'sql', 'SELECT ' || n)::text,
        jsonb_build_object('id', n || '-sql', 'createdat', n)
    FROM generate_series(1, %(rows)s) AS n;
INSERT INTO qa_feedback (question, sql, is_thumb_up, user_id)
    SELECT 'question ' || n, 'SELECT ' || n, n %% 3 > 0, 'user' || n %% 7 FROM generate_series(1, %(rows)s) AS n;
"""

HISTORICAL_READS: Final[tuple[LiteralString, ...]] = (
    "SELECT uuid, name, cmetadata FROM langchain_pg_collection ORDER BY name",
    "SELECT e.id, e.document FROM langchain_pg_embedding e JOIN langchain_pg_collection c ON c.uuid = e.collection_id "
    "WHERE c.name = 'sql' ORDER BY e.embedding <=> (SELECT embedding FROM langchain_pg_embedding WHERE id = '7-sql'), "
    "e.id LIMIT 5",
    'SELECT id, document, cmetadata FROM langchain_pg_embedding WHERE cmetadata @> \'{"id": "42-sql"}\'',
    "SELECT count(*), min(id), max(id) FROM langchain_pg_embedding",
    "SELECT id, question, sql, is_thumb_up, user_id, is_in_training_data FROM qa_feedback ORDER BY id DESC LIMIT 20",
    "SELECT is_thumb_up, count(*) FROM qa_feedback WHERE user_id = 'user3' GROUP BY is_thumb_up ORDER BY 1",
)
"""What the historical service asks; it must get the same before and after."""
HISTORICAL_WRITES: Final[tuple[LiteralString, ...]] = (
    "INSERT INTO langchain_pg_embedding (id, collection_id, embedding, document, cmetadata) "
    'SELECT \'new-sql\', uuid, \'[1,2]\', \'{"question": "q", "sql": "s"}\', \'{"id": "new-sql"}\' '
    "FROM langchain_pg_collection WHERE name = 'sql' ON CONFLICT (id) DO UPDATE SET document = excluded.document",
    "UPDATE langchain_pg_embedding SET document = document || ' ' WHERE id = 'new-sql'",
    "DELETE FROM langchain_pg_embedding WHERE id = 'new-sql'",
    "INSERT INTO qa_feedback (question, sql, is_thumb_up, user_id, is_in_training_data) "
    "VALUES ('q', 's', true, 'u', false) RETURNING id",
    "UPDATE qa_feedback SET is_in_training_data = true, update_time = now() WHERE user_id = 'u'",
    "DELETE FROM qa_feedback WHERE user_id = 'u'",
)


def measure_boots(*, boots: int = BOOTS) -> list[Figure]:
    """`PROCESSES` processes migrate one database together, `boots` times an empty and `boots` times a populated one."""
    with _server() as server:
        _populate(_database(server, "citu_boot_populated"), ROWS // 10)
        return [
            *_boots(server, "empty", "template1", boots),
            *_boots(server, "populated", "citu_boot_populated", boots),
        ]


def _boots(server: str, name: str, template: str, boots: int) -> list[Figure]:
    errors = 0
    migrators: list[int] = []
    slowest = 0.0
    for number in range(boots):
        url = _database(server, f"citu_boot_{name}_{number}", template=template)
        _run(url, _WATCH)
        started = time.perf_counter()
        errors += _boot_together(url)
        slowest = max(slowest, time.perf_counter() - started)
        [(count,)] = _run(url, "SELECT count(DISTINCT process) FROM boot_watch")
        migrators.append(int(count))
    prefix = f"boot.{name}"
    return [
        Figure(f"{prefix}.boots", PROCESSES * boots, "boots"),
        Figure(f"{prefix}.errors", errors, "boots", 0, "lower"),
        Figure(f"{prefix}.fewest_migrators", min(migrators), "processes", 1),
        Figure(f"{prefix}.most_migrators", max(migrators), "processes", 1, "lower"),
        Figure(f"{prefix}.slowest_boot", round(slowest, 2), "s"),
    ]


def _boot_together(url: str) -> int:
    """How many of the processes ended with an error, which they print."""
    context = multiprocessing.get_context("fork")
    start = context.Barrier(PROCESSES)

    def boot() -> None:
        start.wait(30)
        upgrade_to_head(url)

    workers = [context.Process(target=boot) for _ in range(PROCESSES)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(worker.exitcode != 0 for worker in workers)


def measure_migrations(*, rows: int = ROWS) -> list[Figure]:
    """Up, down and up on a populated database while others read it."""
    with _server() as server:
        url = _database(server, "citu_migrations")
        _populate(url, rows)
        before = [_run(url, query) for query in HISTORICAL_READS]
        first = _under_readers(url, lambda: upgrade_to_head(url))
        schema, after = _schema(url), [_run(url, query) for query in HISTORICAL_READS]
        failed = sum(found != expected for found, expected in zip(after, before, strict=True)) + _failed_writes(url)
        down = _under_readers(url, lambda: _downgrade(url))
        below = [_run(url, query) for query in HISTORICAL_READS]
        second = _under_readers(url, lambda: upgrade_to_head(url))
        changed = set(schema) ^ set(_schema(url))
    queries = len(HISTORICAL_READS) + len(HISTORICAL_WRITES)
    return [
        Figure("migrations.rows", rows, "training records and verdicts each"),
        *_delays("up", first),
        *_delays("down", down),
        *_delays("up_again", second),
        Figure("migrations.schema_differences", len(changed), "lines of the dump", 0, "lower"),
        Figure("migrations.historical_queries_that_fail", failed, f"of {queries}", 0, "lower"),
        Figure("migrations.historical_reads_changed_by_down", sum(a != b for a, b in zip(below, before, strict=True)),
               f"of {len(before)}", 0, "lower"),
    ]  # fmt: skip


def _delays(name: str, found: tuple[float, float]) -> list[Figure]:
    seconds, longest = found
    return [
        Figure(f"migrations.{name}", round(seconds, 2), "s"),
        Figure(f"migrations.{name}.longest_read", round(longest, 3), "s", DELAY_SECONDS, "lower"),
    ]


def _under_readers(url: str, change: Callable[[], object]) -> tuple[float, float]:
    """Seconds the change took, and the longest of the reads meanwhile."""
    over = threading.Event()
    longest: list[float] = []

    def read() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            slowest = 0.0
            while not over.is_set():
                started = time.perf_counter()
                connection.execute("SELECT document FROM langchain_pg_embedding WHERE id = '7-sql'").fetchall()
                connection.execute("SELECT sql FROM qa_feedback WHERE id = 7").fetchall()
                slowest = max(slowest, time.perf_counter() - started)
                time.sleep(0.005)
        longest.append(slowest)

    readers = [threading.Thread(target=read) for _ in range(_READERS)]
    for reader in readers:
        reader.start()
    time.sleep(0.3)
    started = time.perf_counter()
    try:
        change()
    finally:
        seconds = time.perf_counter() - started
        over.set()
        for reader in readers:
            reader.join()
    return seconds, max(longest)


def _failed_writes(url: str) -> int:
    failed = 0
    for statement in HISTORICAL_WRITES:
        with psycopg.connect(url, autocommit=True) as connection:
            try:
                failed += connection.execute(statement).rowcount != 1
            except psycopg.Error:
                failed += 1
    return failed


def _downgrade(url: str) -> None:
    engine = create_engine(sqlalchemy_url(url), poolclass=NullPool)
    with engine.connect() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(_ROOT / "migrations"))
        config.set_main_option("path_separator", "os")
        command.downgrade(config, "base")


def _schema(url: str) -> list[str]:
    """The lines of `pg_dump --schema-only`, without its random marks."""
    program = find_programs().postgres.with_name("pg_dump")
    dumped = subprocess.run([str(program), "--schema-only", url], capture_output=True, text=True, check=True)
    return [line for line in dumped.stdout.splitlines() if not line.startswith(("\\restrict", "\\unrestrict", "--"))]


def _populate(url: str, rows: int) -> None:
    _run(url, _HISTORICAL)
    with psycopg.connect(url, autocommit=True) as connection, psycopg.ClientCursor(connection) as cursor:
        cursor.execute(_HISTORICAL_ROWS, {"rows": rows})


@contextmanager
def _server() -> Iterator[str]:
    """The administrator's address of a server of the measurement's own."""
    with tempfile.TemporaryDirectory(prefix="citu-boot-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with databases(folder) as servers:
            yield servers.business_owner_url


def _database(server: str, name: str, *, template: str = "template1") -> str:
    with psycopg.connect(server, autocommit=True) as connection:
        names = sql.Identifier(name), sql.Identifier(template)
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))
    return urlunsplit(urlsplit(server)._replace(path=f"/{name}"))


def _run(url: str, statement: LiteralString) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []
