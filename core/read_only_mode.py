"""Read-only mode: one switch for every process of every machine; whatever writes asks it first.

The platform database holds the switch, so it survives a restart; Redis holds a copy, so that it survives a restored
database, too. The younger of the two counts, by the database's clock. When neither can be read, a process goes on with
what it knew last; one that never knew is read-only. So the service never becomes writable by itself.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import Boolean, Column, DateTime, String, Table, Text, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError

from common.errors import ReadOnlyError, StoreUnavailableError
from common.messages import maintenance as texts
from core.database import Base, Database
from core.logging import get_app_logger

REFRESH_SECONDS: Final = 0.5
RETRY_AFTER_SECONDS: Final = 30
REDIS_KEY: Final = "citu:service_mode:read_only"
_NAME: Final = "read_only"
_LOGGER = get_app_logger("read_only_mode")

SERVICE_MODE: Final = Table(
    "service_mode",
    Base.metadata,
    Column("name", String(40), primary_key=True),
    Column("is_enabled", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
)
_OF = SERVICE_MODE.c


@dataclass(frozen=True)
class ModeState:
    """Whether nothing may be written, why, and since when (aware UTC; None when nobody ever switched)."""

    is_read_only: bool
    reason: str = ""
    changed_at: datetime | None = None


_WRITABLE: Final = ModeState(is_read_only=False)
_UNKNOWN: Final = ModeState(is_read_only=True, reason=texts.UNKNOWN_STATE)


class ReadOnlyMode:
    """The switch. Threads share it; asking costs nothing while the last look is younger than `refresh_seconds`."""

    def __init__(
        self,
        *,
        database: Database,
        redis: Redis,
        refresh_seconds: float = REFRESH_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Args: redis: a client with text responses and short timeouts."""
        self._database = database
        self._redis = redis
        self._refresh_seconds = refresh_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._known: ModeState | None = None
        self._looked_at = float("-inf")

    def is_read_only(self) -> bool:
        """Whether nothing may be written now, as of at most a second ago."""
        return self.state().is_read_only

    def refuse_writes(self) -> None:
        """Let a write pass or raise.

        Raises:
            ReadOnlyError: with the reason.
        """
        state = self.state()
        if state.is_read_only:
            text = texts.REFUSED.format(reason=state.reason)
            raise ReadOnlyError(
                text, data={"read_only": True, "reason": state.reason}, retry_after_seconds=RETRY_AFTER_SECONDS
            )

    def state(self) -> ModeState:
        """What holds now. While one thread looks, others go on with what was known, if anything was."""
        known = self._known
        if known is not None and self._clock() - self._looked_at < self._refresh_seconds:
            return known
        if not self._lock.acquire(blocking=known is None):
            return known or _UNKNOWN
        try:
            if self._known is None or self._clock() - self._looked_at >= self._refresh_seconds:
                self._known = self._look()
                self._looked_at = self._clock()
            return self._known
        finally:
            self._lock.release()

    def switch(self, *, is_read_only: bool, reason: str) -> ModeState:
        """Switch for every process; this one obeys at once, the others within a second.

        Raises:
            StoreUnavailableError: the platform database is away; nothing was switched.
        """
        values = {"name": _NAME, "is_enabled": is_read_only, "reason": reason, "changed_at": func.clock_timestamp()}
        statement = insert(SERVICE_MODE).values(**values)
        changed = {name: statement.excluded[name] for name in ("is_enabled", "reason", "changed_at")}
        with self._database.session() as session:
            moment = session.scalars(
                statement.on_conflict_do_update(index_elements=["name"], set_=changed).returning(_OF.changed_at)
            ).one()
        state = ModeState(is_read_only, reason, moment.astimezone(UTC))
        self._copy(state)
        with self._lock:
            self._known, self._looked_at = state, self._clock()
        _LOGGER.warning("read-only mode switched %s: %s", "on" if is_read_only else "off", reason)
        return state

    def _look(self) -> ModeState:
        copy = self._read_copy()
        try:
            stored = self._read_database()
        except (StoreUnavailableError, SQLAlchemyError) as error:
            _LOGGER.warning("the service mode cannot be read: %s", type(error).__name__)
            return _younger(self._known, copy) or _UNKNOWN
        return _younger(stored, copy) or _WRITABLE

    def _read_database(self) -> ModeState | None:
        statement = select(_OF.is_enabled, _OF.reason, _OF.changed_at).where(_OF.name == _NAME)
        with self._database.session() as session:
            row = session.execute(statement).one_or_none()
        return None if row is None else ModeState(row.is_enabled, row.reason, row.changed_at.astimezone(UTC))

    def _read_copy(self) -> ModeState | None:
        try:
            members: Any = json.loads(str(self._redis.get(REDIS_KEY) or "null"))
            if members is None:
                return None
            moment = datetime.fromisoformat(members["changed_at"])
            return ModeState(bool(members["is_read_only"]), str(members["reason"]), moment.astimezone(UTC))
        except (RedisError, ValueError, TypeError, KeyError):
            return None

    def _copy(self, state: ModeState) -> None:
        moment = state.changed_at.isoformat() if state.changed_at else ""
        members = {"is_read_only": state.is_read_only, "reason": state.reason, "changed_at": moment}
        try:
            self._redis.set(REDIS_KEY, json.dumps(members))
        except RedisError as error:
            _LOGGER.warning("the service mode is in the platform database only: %s", type(error).__name__)


def _younger(one: ModeState | None, other: ModeState | None) -> ModeState | None:
    """The state switched to last; one that nobody switched to is the oldest."""
    if one is None or other is None:
        return one or other
    oldest = datetime.min.replace(tzinfo=UTC)
    return max((one, other), key=lambda state: state.changed_at or oldest)
