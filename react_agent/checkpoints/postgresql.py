"""Threads in PostgreSQL: the pooled synchronous saver of `langgraph-checkpoint-postgres` and records on its tables.

The tables `checkpoints`, `checkpoint_blobs` and `checkpoint_writes` are the saver's own (version 3.2); it creates them
in `set_up`, under the advisory lock, so that several processes may start at once.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Final

import psycopg
from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from psycopg import Connection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool, PoolTimeout

from common import messages
from common.errors import StoreUnavailableError
from react_agent.checkpoints.blocking_saver import BlockingSaver
from react_agent.checkpoints.records import StoredThread, stored_thread
from react_agent.logger import get_react_agent_logger

logger = get_react_agent_logger("Checkpoints")

SETUP_LOCK: Final = "citu.react_checkpoints"
WAIT_SECONDS: Final = 2.0
_EXPIRED_AT_ONCE: Final = 500
_PREFIX_INDEX: Final = (
    "CREATE INDEX CONCURRENTLY IF NOT EXISTS citu_checkpoints_thread_prefix"
    " ON checkpoints (thread_id text_pattern_ops, checkpoint_id)"
)
_COUNTS: Final = (
    "SELECT thread_id, count(*) AS count FROM checkpoints"
    " WHERE checkpoint_ns = '' AND thread_id LIKE %s ESCAPE '!' GROUP BY thread_id"
)
_OLD: Final = (
    "SELECT checkpoint_id FROM checkpoints WHERE thread_id = %s AND checkpoint_ns = ''"
    " ORDER BY checkpoint_id DESC OFFSET %s"
)
_UNUSED_BLOBS: Final = """
DELETE FROM checkpoint_blobs b WHERE b.thread_id = %s AND b.checkpoint_ns = '' AND NOT EXISTS (
    SELECT 1 FROM checkpoints c WHERE c.thread_id = b.thread_id AND c.checkpoint_ns = b.checkpoint_ns
    AND c.checkpoint -> 'channel_versions' ->> b.channel = b.version)
"""
Pool = ConnectionPool[Connection[DictRow]]
AdvisoryLock = Callable[[str], AbstractContextManager[None]]


@contextlib.contextmanager
def translated_errors() -> Iterator[None]:
    """Turn "no connection", "connection broke" and "pool empty" into `StoreUnavailableError`; others pass unchanged."""
    try:
        yield
    except PoolTimeout as error:
        raise StoreUnavailableError(messages.DATABASE_BUSY) from error
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        raise StoreUnavailableError(messages.DATABASE_UNAVAILABLE) from error


def open_pool(url: str, *, size: int) -> Pool:
    """A pool that connects when somebody asks, never at once, and lets idle connections go."""
    plain = url.replace("postgresql+psycopg2://", "postgresql://").replace("postgresql+psycopg://", "postgresql://")
    return ConnectionPool(
        plain,
        min_size=0,
        max_size=size,
        timeout=WAIT_SECONDS,
        max_idle=60.0,
        open=True,
        check=ConnectionPool.check_connection,
        reconnect_timeout=WAIT_SECONDS,
        kwargs={
            "autocommit": True,
            "prepare_threshold": 0,
            "row_factory": dict_row,
            "connect_timeout": 2,
            "application_name": "citu-react-checkpoints",
        },
    )


class _PooledSaver(PostgresSaver):
    """The stock saver lets one thread at a time to its pool; a pool needs no such lock."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool, serde=JsonPlusSerializer(allowed_msgpack_modules=None))
        self.lock = contextlib.nullcontext()  # type: ignore[assignment]


class PostgresCheckpoints:
    """Saver and records on one pool; threads share it.

    Args:
        pool: from `open_pool`; closed by `close`.
        advisory_lock: the platform database's, held while tables are created.
    """

    store: str = "postgresql"

    def __init__(self, *, pool: Pool, advisory_lock: AdvisoryLock) -> None:
        self._pool = pool
        self._advisory_lock = advisory_lock
        self._inner = _PooledSaver(pool)
        self.saver = BlockingSaver(self._inner, translated_errors)

    def set_up(self) -> None:
        """Create the tables that are missing.

        Raises:
            StoreUnavailableError: the database is away, or another process was setting up all the time.
        """
        with self._advisory_lock(SETUP_LOCK), translated_errors(), self._pool.connection() as connection:
            PostgresSaver(connection).setup()
            connection.execute(_PREFIX_INDEX)

    def latest(self, thread_id: str) -> StoredThread | None:
        """See `CheckpointRecords.latest`."""
        found = self.saver.get_tuple({"configurable": {"thread_id": thread_id, "checkpoint_ns": ""}})
        if found is None:
            return None
        with translated_errors(), self._pool.connection() as connection:
            counted = connection.execute(
                "SELECT count(*) AS count FROM checkpoints WHERE thread_id = %s AND checkpoint_ns = ''", (thread_id,)
            ).fetchone()
        return stored_thread(found, int(counted["count"]) if counted else 1)

    def counts(self, prefix: str = "") -> dict[str, int]:
        """See `CheckpointRecords.counts`."""
        pattern = "".join(f"!{character}" if character in "!%_" else character for character in prefix) + "%"
        with translated_errors(), self._pool.connection() as connection:
            rows = connection.execute(_COUNTS, (pattern,)).fetchall()
        return {str(row["thread_id"]): int(row["count"]) for row in rows}

    def trim(self, thread_id: str, keep: int) -> int:
        """See `CheckpointRecords.trim`."""
        with translated_errors(), self._pool.connection() as connection, connection.transaction():
            old = [row["checkpoint_id"] for row in connection.execute(_OLD, (thread_id, keep)).fetchall()]
            if not old:
                return 0
            for table in ("checkpoints", "checkpoint_writes"):
                connection.execute(
                    f"DELETE FROM {table} WHERE thread_id = %s AND checkpoint_ns = ''"  # noqa: S608 - two fixed names
                    " AND checkpoint_id = ANY (%s)".encode(),
                    (thread_id, old),
                )
            connection.execute(_UNUSED_BLOBS, (thread_id,))
        return len(old)

    def expire(self, older_than_seconds: float) -> int:
        """See `CheckpointRecords.expire`; a checkpoint's id begins with its time (UUID version 6)."""
        border = str(_uuid6(datetime.now(UTC) - timedelta(seconds=older_than_seconds)))
        query = (
            "SELECT thread_id FROM checkpoints WHERE checkpoint_ns = '' GROUP BY thread_id"
            " HAVING max(checkpoint_id) < %s LIMIT %s"
        )
        with translated_errors(), self._pool.connection() as connection:
            rows = connection.execute(query, (border, _EXPIRED_AT_ONCE)).fetchall()
        threads = [str(row["thread_id"]) for row in rows]
        if threads:
            with translated_errors():
                self._inner.prune(threads, strategy="delete")
            logger.info("forgot %d threads unused for %d seconds", len(threads), int(older_than_seconds))
        return len(threads)

    def is_available(self) -> bool:
        """See `CheckpointRecords.is_available`."""
        try:
            with translated_errors(), self._pool.connection() as connection:
                connection.execute("SELECT 1")
        except StoreUnavailableError:
            return False
        return True

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()


def _uuid6(moment: datetime) -> uuid.UUID:
    """The smallest UUID version 6 of a moment (RFC 9562 section 5.6)."""
    ticks = int(moment.timestamp() * 10_000_000) + 0x01B21DD213814000
    high, middle, low = (ticks >> 28) & 0xFFFFFFFF, (ticks >> 12) & 0xFFFF, ticks & 0x0FFF
    return uuid.UUID(int=(high << 96) | (middle << 80) | (0x6000 | low) << 64 | 0x8000 << 48)
