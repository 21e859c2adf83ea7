"""The service a set is asked through: the product's container on embedded servers, with the set's database behind it.

Business databases are kept from run to run and built anew when their script changes; the platform database of a run,
with its training records, is made for it and dropped at its end.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import psycopg
import redis
from filelock import FileLock, Timeout
from psycopg import sql

import app_config
from bootstrap.container import Container
from bootstrap.stores import Stores
from common.answering import Brain
from common.config_service import ConfigService
from core.embedded import ServerAddresses, acquire_servers
from core.sql_executor.reader_role import reader_url_of
from tools.evaluate.sets import PROJECT, EvaluationSet
from tools.scratch_databases import drop_database, fresh_database

FOLDER: Final = PROJECT / "data" / "evaluate"
ROLE: Final = "citu_reader_evaluate"
MOST_ROWS: Final = 20_000
_REDIS_DATABASES: Final = range(15, 0, -1)
_PASSED_ON: Final = ("LLM_", "EMBEDDING_", "AGENT_", "RESULT_VECTOR_", "ENABLE_")


@dataclass(frozen=True)
class Scene:
    """A started container and the address of its business database, as the role that answers are read with."""

    container: Container
    business_url: str


@contextmanager
def scene_of(
    questions: EvaluationSet, settings: Mapping[str, str], wrap: Callable[[Brain], Brain] | None = None
) -> Iterator[Scene]:
    """Bring everything up for one set; `settings` come on top of the environment's, `wrap` goes around the brain."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with acquire_servers(FOLDER) as lease, _redis_database(lease.addresses) as redis_url:
        run = f"{questions.name}_{os.getpid()}"
        platform_url = fresh_database(lease.addresses.platform_url, f"evaluation_{run}")
        owner_url = None if questions.database_url else business_database(questions, lease.addresses)
        stores = Stores(
            platform_url=platform_url,
            business_url=reader_url_of(owner_url, ROLE, _password()) if owner_url else questions.database_url,
            redis_url=redis_url,
            business_owner_url=owner_url,
            reader_password=_password(),
        )
        is_demo = owner_url is not None and questions.schema is None
        container = Container(
            _settings(FOLDER / "runs" / run, {"DEMO_DATA": str(is_demo), **questions.settings, **settings}),
            stores=stores,
        )
        try:
            container.start()
            if wrap is not None:
                container.shared.brain = wrap(container.shared.brain)
            yield Scene(container, container.shared.stores.business_url)
        finally:
            container.close()
            drop_database(lease.addresses.platform_url, platform_url)


def business_database(questions: EvaluationSet, servers: ServerAddresses) -> str:
    """The owner's URL of the set's database, which is built when it is missing or its script has changed."""
    name = "evaluation_demo" if questions.schema is None else f"evaluation_{questions.name}"
    with FileLock(FOLDER / f"{name}.lock"):
        url = fresh_database(servers.business_owner_url, name, keep=True)
        if questions.schema is None:  # the container loads the demo data itself and brings it up to today
            return url
        with psycopg.connect(url, autocommit=True) as connection:
            found = connection.execute(
                "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"
            ).fetchone()
        if found and found[0] == questions.schema_hash:
            return url
        url = fresh_database(servers.business_owner_url, name)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(questions.schema.encode())
            connection.execute("ANALYZE")
            mark = sql.SQL("COMMENT ON DATABASE {} IS {}")
            connection.execute(mark.format(sql.Identifier(name), sql.Literal(questions.schema_hash)))
        return url


def _settings(folder: Path, own: Mapping[str, str]) -> ConfigService:
    (folder / "embedded").mkdir(parents=True, exist_ok=True)
    inherited = {name: value for name, value in os.environ.items() if name.startswith(_PASSED_ON)}
    environ = {
        "DATA_DIR": str(folder),
        "LOG_DIR": str(folder / "logs"),
        "BUSINESS_READER_ROLE": ROLE,
        "API_MAX_RETURN_ROWS": str(MOST_ROWS),
        **inherited,
        **own,
    }
    return ConfigService(
        app_config.rows(), environ=environ, dotenv_path=folder / ".env", settings_path=folder / "settings.json"
    )


def _password() -> str:
    """The reader role's password: a role belongs to the whole server, so runs side by side must agree on it."""
    path = FOLDER / "reader_password"
    with FileLock(f"{path}.lock"):
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(secrets.token_urlsafe(24))
        return path.read_text()


@contextmanager
def _redis_database(servers: ServerAddresses) -> Iterator[str]:
    """An empty Redis database that no other run uses now."""
    for number in _REDIS_DATABASES:
        claim = FileLock(FOLDER / f"redis-{number}.lock")
        try:
            claim.acquire(blocking=False)
        except Timeout:
            continue
        url = _with_database(servers.redis_url, number)
        with claim, redis.Redis.from_url(url) as client:
            client.flushdb()
            yield url
            client.flushdb()
            return
    raise RuntimeError("every Redis database is in use by another run")


def _with_database(url: str, number: int) -> str:
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return f"unix://{parts.netloc}{parts.path}?db={number}"
    return urlunsplit(parts._replace(path=f"/{number}"))
