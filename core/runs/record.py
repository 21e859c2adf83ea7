"""What a run is: its identity, its states, its events. Shared by the store, the runner and the doors."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from typing import Final, Literal

RunState = Literal["queued", "running", "completed", "failed", "cancelled", "timed_out"]
WhenBusy = Literal["enqueue", "reject", "interrupt"]
StopReason = Literal["requested", "interrupted", "unwatched", "watcher_left", "shutting_down", "lost"]

ENDED: Final[frozenset[str]] = frozenset({"completed", "failed", "cancelled", "timed_out"})
_ID: Final = re.compile(r"[A-Za-z0-9_-]{32}")
_ID_BYTES: Final = 24


def new_run_id() -> str:
    """192 random bits as 32 characters, so that nobody can guess an id."""
    return secrets.token_urlsafe(_ID_BYTES)


def is_run_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


@dataclass(frozen=True)
class RunRecord:
    """A run as it is created.

    Attributes:
        conversation_id: runs of one conversation execute one after the other.
        stops_unwatched: end it when its last watcher leaves.
    """

    id: str
    tenant: str
    user_id: str
    conversation_id: str
    engine: str
    question: str
    stops_unwatched: bool = False


@dataclass(frozen=True)
class RunEvent:
    """One event. `seq` counts from 1, gaps are possible; `body` is JSON text; an ended state as `kind` is the last."""

    seq: int
    kind: str
    body: str

    @property
    def is_last(self) -> bool:
        return self.kind in ENDED


@dataclass(frozen=True)
class StoredRun:
    """A run as the store shows it. Times are seconds since the epoch by the store's clock, None while not reached."""

    record: RunRecord
    state: RunState
    created_at: float
    started_at: float | None = None
    ended_at: float | None = None
    position: int | None = None
    last_seq: int = 0
    stop_reason: str | None = None

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED


@dataclass(frozen=True)
class NewRun:
    """How a run is to be created.

    Attributes:
        when_busy: what becomes of it while its conversation has unfinished runs.
        idempotency_key: the same key of the same user finds the run it made before; "" for none.
        fingerprint: of the request, so that a key is not used for another one.
        user_cap: unfinished runs this user may have with it; 0 for no cap.
    """

    record: RunRecord
    when_busy: WhenBusy = "enqueue"
    idempotency_key: str = ""
    fingerprint: str = ""
    user_cap: int = 0


@dataclass(frozen=True)
class Created:
    """What `create` did. `ahead` are the ids of the conversation's unfinished runs before it."""

    outcome: Literal["created", "known", "busy", "capped"]
    run_id: str = ""
    fingerprint: str = ""
    ahead: tuple[str, ...] = field(default_factory=tuple)
