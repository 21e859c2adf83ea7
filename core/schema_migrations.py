"""Brings the platform database to the newest schema at start. Every process may call it; one does the work.

Migrations only expand: tables, nullable columns, columns with a constant default, indexes. Nothing that a release
which may still be started again reads or writes is renamed, narrowed or dropped. So an older release also starts on
a newer schema. A migration waits for locks only briefly and is tried again, because a waiting DDL statement holds up
every reader behind it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from common import messages
from common.errors import StoreUnavailableError
from core.database import acquire_advisory_lock, release_advisory_lock, sqlalchemy_url, translated_errors
from core.logging import get_app_logger

_LOGGER = get_app_logger("schema_migrations")
_ROOT: Final = Path(__file__).resolve().parents[1]
_LOCK_NAME: Final = "citu.schema_migrations"
_LOCK_NOT_AVAILABLE: Final = "55P03"
_REVISION: Final = re.compile(
    r'^(revision|down_revision)[ \t]*+(?::[^=\n]++)?=\s*+(?:"([^"]+)"|\'([^\']+)\'|None)', re.M
)
_ATTEMPTS: Final = 20
_PAUSE_SECONDS: Final = 0.25


@cache
def known_revisions() -> tuple[frozenset[str], str]:
    """All revisions in `migrations/versions` and the newest, read from the files without loading Alembic."""
    revisions: dict[str, str | None] = {}
    for path in sorted((_ROOT / "migrations" / "versions").glob("*.py")):
        found = {match[1]: match[2] or match[3] for match in _REVISION.finditer(path.read_text(encoding="utf-8"))}
        revisions[found["revision"]] = found.get("down_revision")
    heads = set(revisions) - set(revisions.values())
    if len(heads) != 1:
        raise RuntimeError(f"migrations must end in one revision, found {sorted(heads)}")
    return frozenset(revisions), heads.pop()


def current_revision(database_url: str) -> str | None:
    """The revision the database is at, None when it was never migrated.

    Raises:
        StoreUnavailableError: the database cannot be reached.
    """
    with _connected(database_url) as connection:
        return _revision(connection)


def upgrade_to_head(database_url: str, *, lock_timeout_seconds: float = 0.5, wait_seconds: float = 60.0) -> str:
    """Apply the missing migrations and return the revision the database is at then.

    Args:
        lock_timeout_seconds: how long a DDL statement may wait for a table lock before it is tried again.
        wait_seconds: how long to wait for another process that migrates.

    Raises:
        ConfigurationError: the server lacks what the schema needs; the message says what.
        StoreUnavailableError: the database cannot be reached, or others held their locks all the time.
    """
    known, head = known_revisions()
    with _connected(database_url) as connection:
        found = _revision(connection)
        if found == head:
            return head
        acquire_advisory_lock(connection, _LOCK_NAME, timeout_seconds=wait_seconds)
        try:
            found = _revision(connection)
            if found is not None and found not in known:
                _LOGGER.warning("the platform database is at revision %s, newer than this release's %s", found, head)
                return found
            if found != head:
                _upgrade(database_url, lock_timeout_seconds)
            return head
        finally:
            release_advisory_lock(connection, _LOCK_NAME)


def _revision(connection: Connection) -> str | None:
    if connection.execute(text("SELECT to_regclass('alembic_version')")).scalar_one() is None:
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def _upgrade(database_url: str, lock_timeout_seconds: float) -> None:
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with _connected(database_url, is_autocommit=False) as connection:
                _run_alembic(connection, lock_timeout_seconds)
            return
        except DBAPIError as error:
            if getattr(error.orig, "pgcode", None) != _LOCK_NOT_AVAILABLE:
                raise
            _LOGGER.info("a migration waits for a table lock, attempt %s of %s", attempt, _ATTEMPTS)
            time.sleep(_PAUSE_SECONDS)
    raise StoreUnavailableError(messages.DATABASE_BUSY)


def _run_alembic(connection: Connection, lock_timeout_seconds: float) -> None:
    from alembic import command
    from alembic.config import Config

    connection.execute(text(f"SET lock_timeout = {int(lock_timeout_seconds * 1000)}"))
    connection.commit()
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_ROOT / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    command.upgrade(config, "head")


@contextmanager
def _connected(database_url: str, *, is_autocommit: bool = True) -> Iterator[Connection]:
    """A connection without a pool. In autocommit mode it can wait for a lock without holding a snapshot."""
    engine = create_engine(
        sqlalchemy_url(database_url),
        poolclass=NullPool,
        hide_parameters=True,
        connect_args={"connect_timeout": 2, "application_name": "citu-migrations"},
    )
    options = {"isolation_level": "AUTOCOMMIT"} if is_autocommit else {}
    with translated_errors(), engine.connect().execution_options(**options) as connection:
        yield connection
