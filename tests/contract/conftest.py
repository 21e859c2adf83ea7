"""Services under contract, with real stores and real HTTP: one on the recordings' data, one on a small database."""

import itertools
import os
import runpy
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import psycopg
import pytest
import redis
from psycopg import sql

from core.sql_executor.reader_role import ensure_reader_role
from tests.contract import recordings
from tests.contract.service_in_process import Service, serving
from tools.harness.model_server import ScriptedModelServer
from tools.scratch_databases import BackgroundDrops, drop_database, fresh_database

READER_PASSWORD = "contract reader"
COMPANIES = ("宜春分公司", "南昌分公司", "九江分公司")

Start = Callable[..., AbstractContextManager[Service]]
ENTRIES = ("unified", "citu")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests that ask for `entry`, as `service` does, run on both, unless marked `entries("unified")`."""
    if "entry" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("entries")
        metafunc.parametrize("entry", marker.args if marker else ENTRIES, scope="module")


@pytest.fixture(scope="session")
def reader_role(scratch_business_url: str, worker_name: str) -> Iterator[str]:
    """The role that runs the model's SQL; it goes after the databases it may read."""
    role = f"citu_contract_{worker_name}_{os.getpid()}"
    yield role
    with psycopg.connect(scratch_business_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))


@pytest.fixture(scope="session")
def recorded_business_url(scratch_business_url: str, reader_role: str, worker_name: str) -> Iterator[str]:
    """A database with the rows the recordings were made on."""
    if not recordings.are_present():
        pytest.skip(recordings.ABSENT_REASON)
    url = fresh_database(scratch_business_url, f"citu_contract_recorded_{worker_name}_{os.getpid()}")
    runpy.run_path(str(recordings.SEED_BUSINESS))["main"](url)
    yield url
    drop_database(scratch_business_url, url)


@pytest.fixture(scope="session")
def small_business_url(scratch_business_url: str, reader_role: str, worker_name: str) -> Iterator[str]:
    """A database with one table of three companies, for tests that try to change it."""
    url = fresh_database(scratch_business_url, f"citu_contract_small_{worker_name}_{os.getpid()}")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE bss_company (id integer PRIMARY KEY, company_name text NOT NULL)")
        connection.cursor().executemany("INSERT INTO bss_company VALUES (%s, %s)", list(enumerate(COMPANIES)))
    yield url
    drop_database(scratch_business_url, url)


def schemas_of(business_url: str) -> list[str]:
    """Those of the schemas the historical service could read that are there."""
    with psycopg.connect(business_url) as connection:
        rows = connection.execute(
            "SELECT nspname::text FROM pg_namespace WHERE nspname IN ('public', 'ods')"
        ).fetchall()
    return [row[0] for row in rows]


@pytest.fixture(scope="session")
def start(
    platform_server: str,
    migrated_template: str,
    redis_url: str,
    reader_role: str,
    worker_name: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Start]:
    """`start(business_url, model, entry, **settings)` serves on a platform database of its own and an emptied Redis."""
    numbers = itertools.count()
    drops = BackgroundDrops(platform_server)

    @contextmanager
    def begin(
        business_url: str, model: ScriptedModelServer, entry: str = "unified", **settings: str
    ) -> Iterator[Service]:
        name = f"citu_contract_platform_{worker_name}_{os.getpid()}_{next(numbers)}"
        platform_url = fresh_database(platform_server, name, template=migrated_template)
        with redis.Redis.from_url(redis_url) as client:
            client.flushdb()
        schemas = schemas_of(business_url)
        environ = {
            "DATABASE_URL": platform_url,
            "BUSINESS_DATABASE_URL": ensure_reader_role(
                business_url, role=reader_role, password=READER_PASSWORD, schemas=schemas
            ),
            "BUSINESS_SCHEMAS": ",".join(schemas),
            "REDIS_URL": redis_url,
            "LLM_BASE_URL": model.base_url,
        }
        try:
            with serving({**environ, **settings}, tmp_path_factory.mktemp("contract"), entry) as service:
                yield service
        finally:
            drops.drop(platform_url)

    yield begin
    drops.finish()


@pytest.fixture(scope="module")
def model() -> Iterator[ScriptedModelServer]:
    """A model that chats and classifies nothing, until a test adds rules; earlier rules win."""
    with ScriptedModelServer() as server:
        yield server


@pytest.fixture(scope="module")
def service(start: Start, small_business_url: str, model: ScriptedModelServer, entry: str) -> Iterator[Service]:
    """An entry on the small database, shared by the tests of a module."""
    with start(small_business_url, model, entry) as running:
        yield running


@pytest.fixture
def statements(small_business_url: str) -> Callable[[], int]:
    """Counts the statements that run on the small database now."""

    def count() -> int:
        with psycopg.connect(small_business_url) as connection:
            found = connection.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE state = 'active' AND datname = current_database() AND pid <> pg_backend_pid()"
            ).fetchone()
        return found[0] if found else 0

    return count
