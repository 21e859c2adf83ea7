"""Real servers for every test that needs them.

With DATABASE_URL, BUSINESS_DATABASE_URL or REDIS_URL set, scratch databases are made on those servers; otherwise the
embedded servers run under `data/test` and are shared by all test processes. Nothing outside the scratch databases and
one Redis database a process, claimed by a lock, is touched. Two runs at once share neither, from one tree or from two;
the demo business database and the migrated template are made once and only read. Reader roles are shared by runs.
"""

import hashlib
import os
import signal
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import pytest
import redis
from filelock import FileLock, Timeout

from core.logging import clear_log_context
from tools.scratch_databases import drop_database, fresh_database, one_at_a_time, template_database

if TYPE_CHECKING:
    from core.embedded import ServerAddresses


ROOT = Path(__file__).resolve().parents[1]
DEMO_END = date(2024, 6, 30)
REDIS_DATABASES = range(15, 0, -1)


if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # A shell that starts a run in the background lets it ignore Ctrl-C; the programs that tests start must not inherit
    # that, for some tests are about Ctrl-C. A caught signal has its default again in a started program.
    signal.signal(signal.SIGINT, signal.default_int_handler)


FOLDERS = ("contract", "integration", "architecture", "unit")
"""The order of a run: the longest files first, so that the last ones fill the test processes evenly."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Unit and architecture tests open no sockets: they fail when they ask for a server."""
    servers = {"platform_server", "business_owner_url", "redis_url", "embedded"}
    for item in items:
        if folder_of(item) in ("unit", "architecture") and servers & set(getattr(item, "fixturenames", ())):
            raise pytest.UsageError(f"{item.nodeid} asks for a real server: move it to tests/integration")
    items.sort(key=lambda item: FOLDERS.index(folder_of(item)))


def folder_of(item: pytest.Item) -> str:
    """The folder of `tests` that a test lies in."""
    return Path(item.path).relative_to(ROOT / "tests").parts[0]


@pytest.fixture(autouse=True)
def no_log_context_of_others() -> None:
    """A test that calls a service in its own thread leaves whom it asked for in the context of log lines."""
    clear_log_context()


@pytest.fixture(scope="session")
def worker_name(request: pytest.FixtureRequest) -> str:
    return getattr(request.config, "workerinput", {}).get("workerid", "master")


@pytest.fixture(scope="session")
def embedded() -> Iterator["ServerAddresses"]:
    from core.embedded import acquire_servers

    with acquire_servers(ROOT / "data" / "test", is_scratch=True) as lease:
        yield lease.addresses


@pytest.fixture(scope="session")
def platform_server(request: pytest.FixtureRequest) -> str:
    """The URL of the server that scratch platform databases are made on."""
    return os.environ.get("DATABASE_URL") or str(request.getfixturevalue("embedded").platform_url)


@pytest.fixture(scope="session")
def migrated_template(platform_server: str) -> str:
    """The name of a platform database at the newest revision, to make copies of: quicker than migrating each."""
    from core.schema_migrations import upgrade_to_head

    versions = sorted((ROOT / "migrations" / "versions").glob("*.py"))
    state = hashlib.sha256(b"".join(path.read_bytes() for path in versions)).hexdigest()[:12]
    return template_database(platform_server, f"citu_test_template_{state}", upgrade_to_head)


@pytest.fixture(scope="session")
def platform_url(platform_server: str, migrated_template: str, worker_name: str) -> Iterator[str]:
    """A scratch platform database of this test process at the newest revision, without rows."""
    server = platform_server
    url = fresh_database(server, f"citu_test_platform_{worker_name}_{os.getpid()}", template=migrated_template)
    yield url
    drop_database(server, url)


@pytest.fixture(scope="session")
def business_owner_url(request: pytest.FixtureRequest) -> str:
    """The demo business database up to 2024-06-30, filled once and shared; tests only read the public tables."""
    from demo.loader import load_demo

    server = os.environ.get("BUSINESS_DATABASE_URL") or request.getfixturevalue("embedded").business_owner_url
    with one_at_a_time(server, "citu_test_business"):
        url = fresh_database(server, "citu_test_business", keep=True)
        load_demo(url, end_date=DEMO_END, progress=lambda *_step: None)
    return url


@pytest.fixture(scope="session")
def scratch_business_url(request: pytest.FixtureRequest, worker_name: str) -> Iterator[str]:
    """An empty business database of this test process, for tests that make their own tables and roles' rights."""
    server = os.environ.get("BUSINESS_DATABASE_URL") or request.getfixturevalue("embedded").business_owner_url
    url = fresh_database(server, f"citu_test_scratch_{worker_name}_{os.getpid()}")
    yield url
    drop_database(server, url)


@pytest.fixture(scope="session")
def redis_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A Redis database of this test process, empty at the start and flushed at the end."""
    server = os.environ.get("REDIS_URL") or request.getfixturevalue("embedded").redis_url
    number, claim = claim_redis_database(server)
    parts = urlsplit(server)
    if parts.scheme == "unix":
        url = f"unix://{parts.netloc}{parts.path}?db={number}"
    else:
        url = urlunsplit(parts._replace(path=f"/{number}"))
    with redis.Redis.from_url(url) as client:
        client.flushdb()
        yield url
        client.flushdb()
    claim.release()


def claim_redis_database(server: str) -> tuple[int, FileLock]:
    """A database number that no other test process of this machine uses; the lock ends with the process."""
    folder = Path(tempfile.gettempdir()) / f"citu-test-redis-{hashlib.sha256(server.encode()).hexdigest()[:12]}"
    folder.mkdir(exist_ok=True)
    for number in REDIS_DATABASES:
        claim = FileLock(folder / f"{number}.lock")
        try:
            claim.acquire(blocking=False)
        except (Timeout, PermissionError):
            continue
        return number, claim
    raise RuntimeError("every Redis database is in use by another test process")
