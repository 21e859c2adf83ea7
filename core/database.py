"""A PostgreSQL database behind sessions: transactions, the clock, locks and the check that it is there.

`Database` serves our own statements over psycopg2; SQL written by a model never runs here. The container builds one
for each URL, repositories and stores receive it. A database that cannot be reached is a `StoreUnavailableError`.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import URL, Connection, MetaData, create_engine, make_url, select, text
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import DeclarativeBase, Session

from common import messages
from common.errors import ConfigurationError, StoreUnavailableError
from core.logging import get_app_logger

_LOGGER = get_app_logger("database")
_SCHEMES: Final = frozenset({"postgres", "postgresql", "postgresql+psycopg2", "postgresql+psycopg"})
_LOCK_POLL_SECONDS: Final = 0.05
_CONNECTION_OPTIONS: Final = {
    "connect_timeout": 2,
    "tcp_user_timeout": 5_000,
    "keepalives_idle": 30,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
_MAX_POOL_TIMEOUT_SECONDS: Final = 2.0
_GONE_SQLSTATE_PREFIXES: Final = ("08", "53", "57P")
_LOCK_NOT_FREE: Final = "55P03"


class Base(DeclarativeBase):
    """The parent of every mapped class. Its naming convention gives each constraint a name migrations can use."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def sqlalchemy_url(url: str) -> URL:
    """The SQLAlchemy URL for a libpq-style one, with psycopg2 as driver.

    Args:
        url: `postgresql://user:pw@host:port/db`, `postgres://…`, or over a unix socket
            `postgresql://user:pw@/db?host=/folder&port=5432`. Reserved characters are percent-encoded; `+` is
            itself, as libpq has it.

    Raises:
        ConfigurationError: not a PostgreSQL URL, or no database named. The message never repeats the URL.
    """
    address, mark, parameters = url.partition("?")
    try:
        parsed = make_url(address + mark + parameters.replace("+", "%2B"))
    except (ArgumentError, ValueError):
        parsed = None
    if parsed is None or parsed.drivername not in _SCHEMES or not parsed.database:
        raise ConfigurationError("a database URL must look like postgresql://user:password@host:port/database")
    return parsed.set(drivername="postgresql+psycopg2")


def advisory_key(name: str) -> int:
    """The signed 64-bit advisory lock key of a name, the same in every process."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)


def is_unavailable(error: DBAPIError) -> bool:
    """Whether the database is away, rather than unhappy with a statement.

    SQLSTATE classes 08 (connection), 53 (resources) and 57P (shutdown); libpq gives none when it never got through.
    """
    if error.connection_invalidated:
        return True
    if not isinstance(error, (OperationalError, InterfaceError)):
        return False
    sqlstate = _sqlstate(error)
    return sqlstate is None or sqlstate.startswith(_GONE_SQLSTATE_PREFIXES)


def _sqlstate(error: DBAPIError) -> str | None:
    return getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn "no connection", "connection broke" and "pool empty" into `StoreUnavailableError`; others pass unchanged."""
    try:
        yield
    except PoolTimeoutError as error:
        raise StoreUnavailableError(messages.DATABASE_BUSY) from error
    except DBAPIError as error:
        if not is_unavailable(error):
            raise
        _LOGGER.warning("the platform database cannot be reached: %s", type(error.orig).__name__)
        raise StoreUnavailableError(messages.DATABASE_UNAVAILABLE) from error


@contextmanager
def _busy_when_locked() -> Iterator[None]:
    """Turn "lock not free in time" into `StoreUnavailableError`; migrations try again instead."""
    try:
        yield
    except DBAPIError as error:
        if _sqlstate(error) != _LOCK_NOT_FREE:
            raise
        raise StoreUnavailableError(messages.DATABASE_BUSY) from error


class Database:
    """One PostgreSQL database. Threads share it; a forked process must build its own.

    Args:
        url: see `sqlalchemy_url`.
        pool_size: connections kept open by this process.
        max_overflow: connections beyond that under load.
        pool_timeout_seconds: how long to wait for a free connection, at most 2.
        application_name: what `pg_stat_activity` shows.
    """

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 5,
        max_overflow: int = 0,
        pool_timeout_seconds: float = 2.0,
        application_name: str = "citu",
    ) -> None:
        if not 0 < pool_timeout_seconds <= _MAX_POOL_TIMEOUT_SECONDS:
            raise ConfigurationError("the database pool timeout must be above 0 and at most 2 seconds")
        self._engine = create_engine(
            sqlalchemy_url(url),
            pool_size=pool_size,
            max_overflow=max_overflow,
            pool_timeout=pool_timeout_seconds,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args={**_CONNECTION_OPTIONS, "application_name": application_name},
        )

    def __repr__(self) -> str:
        return f"Database({self._engine.url.render_as_string(hide_password=True)!r})"

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session in one transaction: committed at the end, rolled back when the block raises.

        Raises:
            StoreUnavailableError: no connection, it broke, or a lock was not free within the server's or role's
                `lock_timeout`. Other database errors pass unchanged.
        """
        with (
            translated_errors(),
            _busy_when_locked(),
            Session(self._engine, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    @contextmanager
    def autocommit(self) -> Iterator[Connection]:
        """A connection without a transaction, for statements that may not run in one (`CREATE INDEX CONCURRENTLY`).

        Raises:
            StoreUnavailableError: no connection, or it broke. Other database errors pass unchanged.
        """
        with translated_errors(), self._engine.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")

    def is_available(self) -> bool:
        """Whether the database answers a query now."""
        try:
            with self.session() as session:
                return bool(session.scalar(select(1)) == 1)
        except StoreUnavailableError:
            return False

    def now(self) -> datetime:
        """The database's clock, aware UTC."""
        with self.session() as session:
            moment: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
        return moment.astimezone(UTC)

    @contextmanager
    def advisory_lock(self, name: str, *, timeout_seconds: float = 30.0) -> Iterator[None]:
        """Hold the database-wide lock `name` for the block. It needs a connection of its own and no transaction.

        A process that dies gives the lock back with its connection.

        Raises:
            StoreUnavailableError: the database is away, or somebody else held the lock all the time.
        """
        with translated_errors(), self._engine.connect() as connection:
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")
            acquire_advisory_lock(connection, name, timeout_seconds=timeout_seconds)
            try:
                yield
            finally:
                release_advisory_lock(connection, name)

    def dispose(self) -> None:
        """Close every pooled connection. Calling it twice is harmless."""
        self._engine.dispose()


def acquire_advisory_lock(connection: Connection, name: str, *, timeout_seconds: float) -> None:
    """Take the session-level lock `name`, asking again and again.

    A blocked `pg_advisory_lock` would hold a snapshot and so stall `CREATE INDEX CONCURRENTLY` of the lock's owner.

    Raises:
        StoreUnavailableError: not free within `timeout_seconds`.
    """
    deadline = time.monotonic() + timeout_seconds
    statement = text("SELECT pg_try_advisory_lock(:key)").bindparams(key=advisory_key(name))
    while not connection.execute(statement).scalar_one():
        if time.monotonic() >= deadline:
            raise StoreUnavailableError(messages.DATABASE_BUSY)
        time.sleep(_LOCK_POLL_SECONDS)


def release_advisory_lock(connection: Connection, name: str) -> None:
    """Give the lock back; a connection that broke has given it back already."""
    if connection.invalidated or connection.closed:
        return
    connection.execute(text("SELECT pg_advisory_unlock(:key)").bindparams(key=advisory_key(name)))
