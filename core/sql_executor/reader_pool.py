"""A bounded pool of reader connections that come back clean; the executor and the schema catalogue share one.

Callers share the connections fairly (`fair_shares`), and the server process behind a connection has a bound on its
memory where it runs on this machine (`backend_memory`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from common.caller import Caller, current_caller
from core.sql_executor.backend_memory import local_backend
from core.sql_executor.database_errors import unavailable
from core.sql_executor.fair_shares import FairShares, Shares
from core.sql_executor.reader_connection import ReaderConnection
from core.sql_executor.row_values import register_loaders

BACKEND_MEMORY_BYTES: Final = 256 * 1024 * 1024
_CONNECT_TIMEOUT_SECONDS = 3


class ReaderPool:
    """Connections of the reader role. Threads share it; opened at first use, `close` ends it.

    Args:
        url: libpq URL (`postgresql://…`, also `…/db?host=/socket/folder&port=…`).
        size: most connections this process keeps.
        wait_seconds: how long a caller waits for a free connection.
        per_caller: connections one caller may hold at once; 0 for half of them.
        queue: requests for a connection that may wait.
        backend_memory_bytes: private memory a server process may come to have beyond an idle one's; 0 for no bound.
        application_name: what `pg_stat_activity` shows.
    """

    def __init__(
        self,
        url: str,
        *,
        size: int = 8,
        wait_seconds: float = 2.0,
        per_caller: int = 0,
        queue: int = 64,
        backend_memory_bytes: int = BACKEND_MEMORY_BYTES,
        application_name: str = "citu-reader",
    ) -> None:
        self._shares = FairShares(Shares.of(size, per_caller=per_caller, queue=queue))
        self._wait_seconds = wait_seconds
        self._backend_memory_bytes = backend_memory_bytes
        self._lock = threading.Lock()
        self._is_open = False
        self._pool: ConnectionPool[ReaderConnection] = ConnectionPool(
            libpq_url(url),
            connection_class=ReaderConnection,
            min_size=0,
            max_size=size,
            timeout=wait_seconds,
            open=False,
            kwargs={
                "autocommit": True,
                "prepare_threshold": None,
                "connect_timeout": _CONNECT_TIMEOUT_SECONDS,
                "application_name": application_name,
                "client_encoding": "utf8",
            },
            configure=self._prepare,
            reset=_discard_all,
            reconnect_timeout=wait_seconds,
            max_idle=300.0,
            name=application_name,
        )

    @contextmanager
    def connection(self, caller: Caller | None = None) -> Iterator[ReaderConnection]:
        """A clean connection in autocommit mode, given back at the end; a closed or dirty one is thrown away.

        Args:
            caller: whose share it counts for; default the caller of this context.

        Raises:
            TooManyQueriesError: the caller's share is in use and no connection of it came free in time.
            OverloadedError: connections are in use by others, and none came free in time; or too many wait already.
            StoreUnavailableError: the database cannot be reached.
        """
        self._open_once()
        with self._shares.place(caller or current_caller(), wait_seconds=self._wait_seconds):
            try:
                connection = self._pool.getconn()
            except (PoolTimeout, PoolClosed, psycopg.OperationalError) as error:
                raise unavailable(error) from error
            try:
                yield connection
            finally:
                self._pool.putconn(connection)

    def drop_stale(self) -> None:
        """Replace the idle connections a server restart has broken."""
        self._pool.check()

    def close(self) -> None:
        """Close every connection; the pool cannot be used again."""
        self._pool.close(timeout=2.0)

    def _prepare(self, connection: ReaderConnection) -> None:
        """Done once for each connection, before it is handed out."""
        register_loaders(connection)
        if self._backend_memory_bytes:
            connection.backend = local_backend(connection, self._backend_memory_bytes)
            if connection.backend is not None:
                connection.backend.cap()

    def _open_once(self) -> None:
        if self._is_open:
            return
        with self._lock:
            if not self._is_open:
                self._pool.open(wait=False)
                self._is_open = True


def libpq_url(url: str) -> str:
    """`url` without a SQLAlchemy driver name in its scheme."""
    scheme, separator, rest = url.partition("://")
    return f"{scheme.split('+', 1)[0]}{separator}{rest}"


def _discard_all(connection: ReaderConnection) -> None:
    connection.execute("DISCARD ALL")
