"""Start-up migrations: many processes at once, old data, readers, a newer schema, and clear words when it cannot be."""

import multiprocessing
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from common.errors import ConfigurationError, StoreUnavailableError
from core.database import Base, advisory_key, sqlalchemy_url
from core.llm.usage_store import LLM_USAGE
from core.read_only_mode import SERVICE_MODE
from core.schema_migrations import current_revision, known_revisions, upgrade_to_head
from core.vector_store import tables
from features.feedback.repository import FEEDBACK
from tools.scratch_databases import drop_database, fresh_database

ROOT = Path(__file__).resolve().parents[2]
HEAD = known_revisions()[1]
OLD_TABLES = """
CREATE EXTENSION IF NOT EXISTS vector;
CREATE TABLE langchain_pg_collection (uuid uuid PRIMARY KEY, name varchar NOT NULL UNIQUE, cmetadata json);
CREATE TABLE langchain_pg_embedding (id varchar PRIMARY KEY,
    collection_id uuid REFERENCES langchain_pg_collection (uuid) ON DELETE CASCADE,
    embedding vector, document varchar, cmetadata jsonb);
INSERT INTO langchain_pg_collection VALUES ('00000000-0000-0000-0000-000000000001', 'sql', NULL);
INSERT INTO langchain_pg_embedding VALUES
    ('x-sql', '00000000-0000-0000-0000-000000000001', '[1,2]', '{"question": "q", "sql": "s"}', '{"id": "x-sql"}');
"""


@pytest.fixture
def empty_url(platform_url: str) -> Iterator[str]:
    """A database of this test, with the extension where the server's administrator would have put it."""
    url = fresh_database(platform_url, f"citu_test_migration_{uuid4().hex[:12]}")
    yield url
    drop_database(platform_url, url)


def run(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)  # type: ignore[call-overload]
        return cursor.fetchall() if cursor.description else []


def columns(url: str) -> list[tuple[object, ...]]:
    return run(
        url,
        "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns "
        "WHERE table_schema = 'public' AND table_name <> 'alembic_version' ORDER BY table_name, ordinal_position",
    )


def indexes(url: str) -> list[tuple[object, ...]]:
    return run(url, "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexname")


def boot(url: str, start: "multiprocessing.synchronize.Barrier", outcomes: "multiprocessing.Queue[str]") -> None:
    start.wait(30)
    try:
        outcomes.put(upgrade_to_head(url))
    except Exception as error:  # noqa: BLE001
        outcomes.put(repr(error))


def boot_together(url: str, processes: int = 8) -> list[str]:
    context = multiprocessing.get_context("fork")
    start, outcomes = context.Barrier(processes), context.Queue()
    workers = [context.Process(target=boot, args=(url, start, outcomes)) for _ in range(processes)]
    for worker in workers:
        worker.start()
    answers = [outcomes.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join()
    outcomes.close()
    outcomes.join_thread()
    return answers


def test_empty_database_is_brought_to_head(empty_url: str) -> None:
    assert current_revision(empty_url) is None
    assert upgrade_to_head(empty_url) == HEAD
    assert current_revision(empty_url) == HEAD
    assert upgrade_to_head(empty_url) == HEAD


def test_models_and_migrations_describe_the_same_schema(empty_url: str) -> None:
    upgrade_to_head(empty_url)
    ours = set(Base.metadata.tables)  # the migrations' environment imports every model
    assert {tables.EMBEDDING.name, LLM_USAGE.name, FEEDBACK.name, SERVICE_MODE.name} <= ours
    engine = create_engine(sqlalchemy_url(empty_url), poolclass=NullPool)
    with engine.connect() as connection:
        options = {"include_name": lambda name, kind, _parents: kind != "table" or name in ours}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata) == []


def test_historical_columns_come_first(empty_url: str) -> None:
    upgrade_to_head(empty_url)
    names = [row[1] for row in columns(empty_url) if row[0] == "langchain_pg_embedding"]
    assert names[:5] == ["id", "collection_id", "embedding", "document", "cmetadata"]
    assert "tenant_id" in names[5:]


def test_tables_of_the_older_service_keep_their_rows(empty_url: str) -> None:
    run(empty_url, OLD_TABLES)
    upgrade_to_head(empty_url)
    assert run(empty_url, "SELECT id, embedding::text, tenant_id, embedding_model FROM langchain_pg_embedding") == [
        ("x-sql", "[1,2]", "default", None)
    ]


@pytest.mark.slow
def test_eight_processes_boot_together_three_times_without_an_error(platform_url: str) -> None:
    for _ in range(3):
        url = fresh_database(platform_url, f"citu_test_boot_{uuid4().hex[:12]}")
        try:
            assert boot_together(url) == [HEAD] * 8
        finally:
            drop_database(platform_url, url)


def test_down_and_up_again_gives_the_same_schema_and_keeps_historical_rows(empty_url: str) -> None:
    run(empty_url, OLD_TABLES)
    upgrade_to_head(empty_url)
    before = columns(empty_url), indexes(empty_url)
    engine = create_engine(sqlalchemy_url(empty_url), poolclass=NullPool)
    with engine.connect() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(ROOT / "migrations"))
        config.set_main_option("path_separator", "os")
        command.downgrade(config, "base")
    assert run(empty_url, "SELECT id FROM langchain_pg_embedding") == [("x-sql",)]
    assert upgrade_to_head(empty_url) == HEAD
    assert (columns(empty_url), indexes(empty_url)) == before


def test_migration_waits_for_a_reader_in_short_tries(empty_url: str) -> None:
    run(empty_url, OLD_TABLES)
    with psycopg.connect(empty_url) as reader:
        reader.execute("SELECT 1 FROM langchain_pg_embedding")
        worker = threading.Thread(target=upgrade_to_head, args=(empty_url,), kwargs={"lock_timeout_seconds": 0.05})
        worker.start()
        worker.join(0.5)
        assert worker.is_alive()
        assert run(empty_url, "SELECT id FROM langchain_pg_embedding") == [("x-sql",)]
        reader.rollback()
        worker.join(30)
    assert current_revision(empty_url) == HEAD


def test_newer_schema_is_left_alone(empty_url: str) -> None:
    upgrade_to_head(empty_url)
    run(empty_url, "UPDATE alembic_version SET version_num = 'from-the-future'")
    assert upgrade_to_head(empty_url) == "from-the-future"


def test_busy_migrator_is_a_store_error(empty_url: str) -> None:
    with psycopg.connect(empty_url, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", (advisory_key("citu.schema_migrations"),))
        with pytest.raises(StoreUnavailableError):
            upgrade_to_head(empty_url, wait_seconds=0.1)


@pytest.fixture
def powerless_url(platform_url: str) -> Iterator[str]:
    """A database without pgvector and a role that may not install it (our own, unless that is a superuser)."""
    name = f"citu_test_{uuid4().hex[:12]}"
    parts = urlsplit(platform_url)._replace(path=f"/{name}")
    run(platform_url, f"CREATE DATABASE {name} TEMPLATE template0")
    [(is_superuser,)] = run(platform_url, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    if is_superuser:
        run(urlunsplit(parts), f"CREATE ROLE {name} LOGIN PASSWORD 'secret'; GRANT CREATE ON SCHEMA public TO {name}")
    yield urlunsplit(
        parts._replace(netloc=f"{name}:secret@{parts.netloc.rpartition('@')[2]}") if is_superuser else parts
    )
    drop_database(platform_url, urlunsplit(parts))
    if is_superuser:
        run(platform_url, f"DROP ROLE {name}")


def test_role_that_may_not_create_pgvector_is_told_what_to_do(powerless_url: str) -> None:
    with pytest.raises(ConfigurationError, match="CREATE EXTENSION vector"):
        upgrade_to_head(powerless_url)


def test_absent_server_is_a_store_error() -> None:
    with pytest.raises(StoreUnavailableError):
        upgrade_to_head("postgresql://u@/db?host=/nonexistent")
