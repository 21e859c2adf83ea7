"""What `ask_cached` answered lately, by user and session, in the memory of one process; the cache_* routes show it.

A session is one user's run of questions without a pause of half an hour; a later question begins a new one. Memory is
bounded by entries and by bytes, the oldest entries go first, and a session without entries is gone. Other processes
have sessions of their own, as the historical service's processes had; answers themselves are shared through the answer
cache in Redis.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from common.answering import ResultSet
from common.tenant import Tenant
from core.sql_executor.row_values import value_bytes

ACTIVE_SECONDS: Final = 1_800
_ENTRY_BYTES: Final = 512


@dataclass(frozen=True)
class AnsweredQuestion:
    """What was asked and found; `answer_name` is the Redis key of the shared answer."""

    question: str
    sql: str
    records: ResultSet
    summary: str | None
    answer_name: str = ""

    @property
    def size_bytes(self) -> int:
        """About what it takes."""
        texts = (self.question, self.sql, self.summary, self.answer_name)
        rows = sum(value_bytes(dict(row)) for row in self.records.rows)
        return _ENTRY_BYTES + rows + sum(value_bytes(text) for text in texts if text)


@dataclass(frozen=True)
class CachedConversation:
    """One answered question and its place. Times are seconds since 1970."""

    conversation_id: str
    session_id: str
    session_started_at: float
    started_at: float
    answered: AnsweredQuestion


@dataclass(frozen=True)
class CachedSession:
    """A run of questions, oldest first; it has at least one. It begins with its first question, kept or not."""

    session_id: str
    conversations: tuple[CachedConversation, ...]

    @property
    def started_at(self) -> float:
        return self.conversations[0].session_started_at

    @property
    def last_activity(self) -> float:
        return self.conversations[-1].started_at


@dataclass
class _Open:
    """A user's latest session."""

    session_id: str
    started_at: float
    last_activity: float


class SessionCache:
    """See the module. Safe in any thread.

    Args:
        max_entries: conversations kept, all tenants together; 0 keeps none.
        max_bytes: what they may take together; a larger one is not taken.
        clock: seconds since 1970.
    """

    def __init__(self, *, max_entries: int, max_bytes: int, clock: Callable[[], float] = time.time) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: OrderedDict[tuple[Tenant, str], tuple[CachedConversation, int]] = OrderedDict()
        self._open: dict[tuple[Tenant, str], _Open] = {}
        self._bytes = 0

    def remember(self, tenant: str, user_id: str, conversation_id: str, answered: AnsweredQuestion) -> None:
        """Take an answer into the user's session."""
        now, size = self._clock(), answered.size_bytes
        key = (Tenant(tenant), conversation_id)
        with self._lock:
            if size > self._max_bytes or not self._max_entries:
                return
            session = self._session_of(Tenant(tenant), user_id, now)
            self._forget(key)
            entry = CachedConversation(conversation_id, session.session_id, session.started_at, now, answered)
            self._entries[key] = (entry, size)
            self._bytes += size
            while len(self._entries) > self._max_entries or self._bytes > self._max_bytes:
                self._forget(next(iter(self._entries)))
            self._forget_sessions()

    def sessions(self, tenant: str) -> list[CachedSession]:
        """The tenant's sessions, the oldest first."""
        name = Tenant(tenant)
        by_session: dict[str, list[CachedConversation]] = {}
        with self._lock:
            entries = [entry for (owner, _), (entry, _size) in self._entries.items() if owner == name]
        for entry in entries:
            by_session.setdefault(entry.session_id, []).append(entry)
        return [CachedSession(session_id, tuple(members)) for session_id, members in by_session.items()]

    def remove_before(self, tenant: str, moment: float) -> list[CachedSession]:
        """Remove the sessions whose last question was asked before `moment`, whole, and return them."""
        ended = [session for session in self.sessions(tenant) if session.last_activity < moment]
        with self._lock:
            for session in ended:
                for entry in session.conversations:
                    self._forget((Tenant(tenant), entry.conversation_id))
        return ended

    def _session_of(self, tenant: Tenant, user_id: str, now: float) -> _Open:
        session = self._open.get((tenant, user_id))
        if session is None or now - session.last_activity >= ACTIVE_SECONDS:
            session = _Open(f"{user_id}:session:{int(now * 1000)}", now, now)
            self._open[tenant, user_id] = session
        session.last_activity = now
        return session

    def _forget(self, key: tuple[Tenant, str]) -> None:
        _entry, size = self._entries.pop(key, (None, 0))
        self._bytes -= size

    def _forget_sessions(self) -> None:
        """A user who does not come back is not remembered for ever."""
        if len(self._open) > 2 * len(self._entries):
            living = {(owner, entry.session_id) for (owner, _), (entry, _size) in self._entries.items()}
            kept = {key: session for key, session in self._open.items() if (key[0], session.session_id) in living}
            self._open = kept


def conversations_of(sessions: Iterable[CachedSession]) -> list[CachedConversation]:
    """All their conversations, newest first."""
    entries = [entry for session in sessions for entry in session.conversations]
    return sorted(entries, key=lambda entry: entry.started_at, reverse=True)
