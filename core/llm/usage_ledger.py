"""Keeps usage entries until they are written: never blocks or fails a call, and writes all before an orderly stop.

`core.llm.metering` records, one thread of its own writes batches through a function of `core.llm.usage_store`.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from common.errors import StoreUnavailableError
from core.llm.metering import UsageEntry
from core.logging import get_app_logger

logger = get_app_logger("llm.usage")

_BATCH: Final = 200


@dataclass(frozen=True)
class PendingEntry:
    """An entry on its way; `entry_id` makes writing it twice harmless, `age_seconds` is as old as it is now."""

    entry_id: uuid.UUID
    entry: UsageEntry
    recorded_at: float


WriteEntries = Callable[[Sequence[tuple[PendingEntry, float]]], None]


class UsageLedger:
    """A bounded buffer and its writer.

    Args:
        write: stores `(entry, age in seconds)` pairs in one transaction; may raise `StoreUnavailableError`.
        capacity: entries kept while the database is away; further ones are dropped, counted and reported.
        interval_seconds: how long an entry waits for others to share its transaction.
        patience_seconds: how long `close` waits for a write under way.
    """

    def __init__(
        self,
        *,
        write: WriteEntries,
        capacity: int = 10_000,
        interval_seconds: float = 1.0,
        patience_seconds: float = 8.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write = write
        self._capacity = capacity
        self._interval_seconds = interval_seconds
        self._patience_seconds = patience_seconds
        self._clock = clock
        self._buffer: deque[PendingEntry] = deque()
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._dropped = 0
        self._reported = 0

    @property
    def dropped(self) -> int:
        """Entries lost since the start."""
        return self._dropped

    @property
    def waiting(self) -> int:
        """Entries not written yet."""
        return len(self._buffer)

    def record(self, entry: UsageEntry) -> None:
        """Take an entry; it is written soon."""
        with self._lock:
            if self._stopping.is_set() or len(self._buffer) >= self._capacity:
                self._dropped += 1
                return
            self._buffer.append(PendingEntry(uuid.uuid4(), entry, self._clock()))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="llm-usage", daemon=True)
                self._thread.start()

    def flush(self) -> bool:
        """Write what has been recorded so far; False when the database is away."""
        with self._writing:
            while batch := self._oldest():
                try:
                    self._write([(item, self._clock() - item.recorded_at) for item in batch])
                except StoreUnavailableError:
                    return False
                except (SQLAlchemyError, ValueError, TypeError):
                    self._dropped += len(batch)
                    logger.exception("usage entries refused by the database")
                self._forget(len(batch))
            return True

    def close(self) -> None:
        """Write what is left, in one attempt, and take nothing more; a write that hangs is not waited for."""
        self._stopping.set()
        thread = self._thread
        if thread is not None:
            thread.join(self._patience_seconds)
        is_stuck = thread is not None and thread.is_alive()
        if is_stuck or not self.flush():
            with self._lock:
                self._dropped += len(self._buffer)
                self._buffer.clear()
        self._report()

    def _run(self) -> None:
        while not self._stopping.wait(self._interval_seconds):
            if not self.flush():
                logger.warning("usage is not written, the platform database is away: %d entries wait", self.waiting)
            self._report()

    def _oldest(self) -> list[PendingEntry]:
        with self._lock:
            return [self._buffer[index] for index in range(min(_BATCH, len(self._buffer)))]

    def _forget(self, count: int) -> None:
        with self._lock:
            for _ in range(min(count, len(self._buffer))):
                self._buffer.popleft()

    def _report(self) -> None:
        if self._dropped > self._reported:
            logger.error("usage entries dropped so far: %d", self._dropped)
            self._reported = self._dropped
