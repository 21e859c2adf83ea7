"""Runs in Redis: one hash, one stream of events each, leases of the workers that execute them, turns of conversations.

A run belongs to a tenant; its keys expire `keep_seconds` after its end. Every change of state is one script, so the
last event and the stored state are always the same. Redis being away is redis's own error: the callers decide.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from redis import Redis

from common.tenant import redis_key
from core.runs import scripts
from core.runs.record import Created, NewRun, RunEvent, RunRecord, RunState, StoredRun

CHANNEL: Final = "citu:runs"
LEASES: Final = "citu:run_leases"
READ_AT_ONCE: Final = 500
TAKEN_OVER_GAP: Final = 100_000
"""A worker that died may have shown events it had not stored; the last event, written for it, comes after those."""


@dataclass(frozen=True)
class Renewed:
    """What the store says of an own run; `watched_ago_seconds` is about watchers elsewhere, None without any."""

    state: str
    stop_reason: str
    watched_ago_seconds: float | None
    first_of_turns: str


class RunStore:
    """See the module. Threads share it.

    Args:
        redis: a client with text responses and short timeouts.
        keep_seconds: how long a run is readable after its end.
        max_events: of one run; the oldest go first.
        lease_seconds: how long a run outlives a worker that no longer renews it.
    """

    def __init__(self, redis: Redis, *, keep_seconds: int, max_events: int, lease_seconds: float) -> None:
        self._redis = redis
        self._keep_seconds = keep_seconds
        self._max_events = max_events
        self._lease_ms = int(lease_seconds * 1000)
        self._create = redis.register_script(scripts.CREATE)
        self._begin = redis.register_script(scripts.BEGIN)
        self._append = redis.register_script(scripts.APPEND)
        self._finish = redis.register_script(scripts.FINISH)
        self._stop = redis.register_script(scripts.STOP)
        self._renew = redis.register_script(scripts.RENEW)
        self._watched = redis.register_script(scripts.WATCHED)

    def create(self, new: NewRun) -> Created:
        """Keep a new run as queued, last in its conversation's turns, leased to the caller; or say why not."""
        record = new.record
        keys = [
            run_key(record.tenant, record.id),
            LEASES,
            _idempotency_key(record.tenant, record.user_id, new.idempotency_key),
            turns_key(record.tenant, record.conversation_id),
            redis_key(record.tenant, f"run_user:{record.user_id}"),
        ]
        fingerprint = new.fingerprint if new.idempotency_key else ""
        refuses_busy = "1" if new.when_busy == "reject" else "0"
        fields = json.dumps(_fields(record), ensure_ascii=False)
        arguments: list[str | int] = [
            record.id,
            fields,
            self._lease_ms,
            self._keep_seconds,
            fingerprint,
            new.user_cap,
            refuses_busy,
        ]
        outcome, *rest = self._create(keys=keys, args=arguments)
        if outcome == "known":
            return _read_created(rest[0])
        return Created(outcome, record.id, fingerprint, tuple(rest))

    def find_known(self, tenant: str, user_id: str, idempotency_key: str) -> Created | None:
        """The run that this user's key has made before."""
        if not idempotency_key:
            return None
        found = cast(str | None, self._redis.get(_idempotency_key(tenant, user_id, idempotency_key)))
        return _read_created(found) if found else None

    def begin(self, tenant: str, run_id: str) -> str:
        """Note that a queued run executes now; the state that stands, "" when the run is gone."""
        return str(self._begin(keys=[run_key(tenant, run_id)]))

    def append(self, tenant: str, run_id: str, events: Sequence[RunEvent]) -> str:
        """Add events of an unfinished run; the state that stands, "" when the run is gone."""
        key = run_key(tenant, run_id)
        return str(self._append(keys=[key, _events_key(key)], args=[self._max_events, *_flat(events)]))

    def finish(
        self, tenant: str, run_id: str, state: RunState, body: str, *, unstored: Sequence[RunEvent] = ()
    ) -> tuple[str, int]:
        """End an unfinished run with its last event.

        Returns:
            The state that stands, "" without a run, and the last event's seq, 0 when somebody else had ended the run.
        """
        return self._finished(run_key(tenant, run_id), state, body, unstored=unstored)

    def finish_lost(self, key: str, state: RunState, body: str) -> bool:
        """End the run at `key` in place of a worker whose lease has run out; False when it lives or has ended."""
        _state, seq = self._finished(key, state, body, gap=TAKEN_OVER_GAP, only_lost=True)
        return seq > 0

    def _finished(
        self,
        key: str,
        state: RunState,
        body: str,
        *,
        unstored: Sequence[RunEvent] = (),
        gap: int = 0,
        only_lost: bool = False,
    ) -> tuple[str, int]:
        arguments: list[str | int] = [
            state,
            body,
            self._keep_seconds,
            self._max_events,
            gap,
            int(only_lost),
            *_flat(unstored),
        ]
        found, seq = self._finish(keys=[key, _events_key(key)], args=arguments)
        return str(found), int(seq)

    def request_stop(self, tenant: str, run_id: str, reason: str) -> str:
        """Tell whoever executes the run to stop it; its state now, "" without a run."""
        return str(self._stop(keys=[run_key(tenant, run_id)], args=[reason]))

    def renew(self, runs: Sequence[tuple[RunRecord, int | None]]) -> list[Renewed]:
        """Keep the leases of own runs, each with its place in the queue, and hear what others want of them."""
        if not runs:
            return []
        pairs = [(run_key(record.tenant, record.id), "" if place is None else place) for record, place in runs]
        flat = [item for pair in pairs for item in pair]
        rows = self._renew(keys=[LEASES], args=[self._lease_ms, self._keep_seconds, *flat])
        return [
            Renewed(state, reason, None if int(ago) < 0 else int(ago) / 1000, first)
            for state, reason, ago, first in rows
        ]

    def lost_runs(self) -> list[str]:
        """Keys of runs whose worker no longer renews them."""
        seconds, microseconds = self._redis.time()
        now = seconds * 1000 + microseconds // 1000
        return list(cast(list[str], self._redis.zrangebyscore(LEASES, "-inf", now, start=0, num=200)))

    def note_watched(self, keys: Iterable[str]) -> None:
        """Say that somebody watches these runs from here."""
        self._watched(keys=list(keys))

    def read(self, tenant: str, run_id: str) -> StoredRun | None:
        """The run, None when there is none (any more)."""
        found = cast(dict[str, str], self._redis.hgetall(run_key(tenant, run_id)))
        return _stored(tenant, found) if "state" in found and "id" in found else None

    def events_after(self, tenant: str, run_id: str, seq: int) -> list[RunEvent]:
        """The next events after `seq`, some hundred at most."""
        key = _events_key(run_key(tenant, run_id))
        rows = cast(list[Any], self._redis.xrange(key, min=f"{seq + 1}-0", count=READ_AT_ONCE))
        return [_event(row) for row in rows]

    def last_event(self, tenant: str, run_id: str) -> RunEvent | None:
        rows = cast(list[Any], self._redis.xrevrange(_events_key(run_key(tenant, run_id)), count=1))
        return _event(rows[0]) if rows else None


def run_key(tenant: str, run_id: str) -> str:
    return redis_key(tenant, f"run:{run_id}")


def turns_key(tenant: str, conversation_id: str) -> str:
    return redis_key(tenant, f"run_turns:{conversation_id}")


def _events_key(key: str) -> str:
    return f"{key}:events"


def _idempotency_key(tenant: str, user_id: str, key: str) -> str:
    digest = hashlib.sha256(json.dumps([user_id, key]).encode()).hexdigest()
    return redis_key(tenant, f"run_idempotency:{digest}")


def _read_created(value: str) -> Created:
    run_id, _, fingerprint = value.partition(" ")
    return Created("known", run_id, fingerprint)


def _flat(events: Sequence[RunEvent]) -> list[str | int]:
    return [part for event in events for part in (event.seq, event.kind, event.body)]


def _fields(record: RunRecord) -> dict[str, str]:
    return {
        "id": record.id,
        "user_id": record.user_id,
        "conversation_id": record.conversation_id,
        "engine": record.engine,
        "question": record.question,
        "stops_unwatched": "1" if record.stops_unwatched else "0",
    }


def _stored(tenant: str, found: dict[str, str]) -> StoredRun:
    record = RunRecord(
        id=found["id"],
        tenant=tenant,
        user_id=found["user_id"],
        conversation_id=found["conversation_id"],
        engine=found["engine"],
        question=found["question"],
        stops_unwatched=found["stops_unwatched"] == "1",
    )
    return StoredRun(
        record=record,
        state=cast(RunState, found["state"]),
        created_at=int(found["created_at"]) / 1000,
        started_at=_seconds(found.get("started_at")),
        ended_at=_seconds(found.get("ended_at")),
        position=int(found["position"]) if "position" in found else None,
        last_seq=int(found["last_seq"]),
        stop_reason=found.get("stop_reason"),
    )


def _seconds(milliseconds: str | None) -> float | None:
    return None if milliseconds is None else int(milliseconds) / 1000


def _event(row: Any) -> RunEvent:
    identifier, members = row
    return RunEvent(int(identifier.partition("-")[0]), members["kind"], members["body"])
