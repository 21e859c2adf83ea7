"""Creates, shows, watches and stops runs. Doors hand in what they parsed; everything needs the store, or is a 503."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from redis.exceptions import RedisError

from common import messages
from common.askers import asker_of
from common.caller import current_caller
from common.errors import (
    BadRequestError,
    ConflictError,
    NotFoundError,
    StoreUnavailableError,
    TooManyRunsError,
    ValidationFailedError,
)
from common.messages import runs as texts
from common.result import Envelope, success
from common.tenant import DEFAULT_TENANT_NAME
from core.runs.keeper import RunKeeper
from core.runs.live_run import LiveRun
from core.runs.record import Created, NewRun, RunRecord, StoredRun, is_run_id, new_run_id
from core.runs.runner import RunPool
from core.runs.store import RunStore, run_key
from core.runs.watching import LeavingSignal, RunWatching
from features.runs.engines import Opened, RunEngine
from features.runs.execution import RunExecution
from features.runs.schemas import MAX_SEQ, RunRequest
from features.wire.sse import HEARTBEAT, LOST, OPENED, frame
from features.wire.values import last_event_id as read_event_id

TENANT: Final = DEFAULT_TENANT_NAME
SHARED_USER: Final = "guest"
EVENTS_URL: Final = "/api/v0/runs/{run_id}/events"


class RunService:
    """See the module.

    Args:
        engines: by name; the first one is the default.
        user_cap: unfinished runs one user may have by this API; 0 for no cap; the shared user has none.
    """

    def __init__(
        self,
        *,
        engines: Mapping[str, Callable[[], RunEngine]],
        store: RunStore,
        pool: RunPool,
        keeper: RunKeeper,
        watching: RunWatching,
        execution: RunExecution,
        user_cap: int,
    ) -> None:
        self._engines = engines
        self._store = store
        self._pool = pool
        self._keeper = keeper
        self._watching = watching
        self._execution = execution
        self._user_cap = user_cap

    def create(self, wanted: RunRequest) -> Envelope:
        """Keep a question as a run and begin with it as soon as there is room: 202, or 200 for a repeated request.

        Raises:
            BadRequestError: a parameter is wrong.
            ConflictError: the conversation is busy and the caller wants to be refused then.
            ValidationFailedError: the idempotency key was used for another request.
            TooManyRunsError: the user has as many unfinished runs as one may have.
            OverloadedError: no room; it says when to try again.
            StoreUnavailableError: Redis cannot be reached.
        """
        engine = self.engine(wanted.engine)
        user_id = engine.user_of(wanted)
        key = own_idempotency_key(wanted)
        with _needing_store():
            known = self._store.find_known(TENANT, user_id, key)
        if known is not None:
            return self._repeated_run(known, wanted)
        self._pool.check_room()
        opened = engine.open(wanted)
        new = NewRun(
            record=self._record(engine, opened, wanted.question, stops_unwatched=wanted.on_disconnect == "cancel"),
            when_busy=wanted.when_busy,
            idempotency_key=key,
            fingerprint=_fingerprint(wanted),
            user_cap=0 if opened.user_id == SHARED_USER else self._user_cap,
        )
        with _needing_store():
            created, _live = self._start(engine, opened, new, wants_tokens=wanted.tokens, needs_store=True)
            self._refuse_or_interrupt(created, wanted)
            if created.outcome == "known":
                return self._repeated_run(created, wanted)
            return self._run_envelope(created.run_id, texts.RUN_CREATED, 202)

    def state(self, run_id: str, user_id: str | None = None) -> Envelope:
        """The run as it is now; asking counts as watching. A user id that is said must be the run's."""
        with _needing_store():
            self._existing(run_id, user_id)
            envelope = self._run_envelope(run_id, messages.SUCCESS, 200)
            live = self._pool.find(run_id)
            if live is not None:
                live.note_watched()
            elif envelope["data"]["result"] is None:
                self._store.note_watched([run_key(TENANT, run_id)])
        return envelope

    def stop(self, run_id: str, user_id: str | None = None) -> Envelope:
        """Have the run stopped, wherever it executes; stopping an ended run changes nothing."""
        with _needing_store():
            self._existing(run_id, user_id)
            state = self._store.request_stop(TENANT, run_id, "requested")
            live = self._pool.find(run_id)
            if live is not None:
                live.request_stop("requested")
            text = texts.RUN_STOPPING if state in ("queued", "running") else texts.RUN_HAS_ENDED
            return self._run_envelope(run_id, text, 200)

    def events(
        self,
        run_id: str,
        last_event_id: str | None,
        user_id: str | None = None,
        *,
        tokens: bool,
        leaving: LeavingSignal | None,
    ) -> Iterator[str]:
        """The run's events after the one named, as server-sent events with ids.

        Raises:
            NotFoundError, BadRequestError, StoreUnavailableError: at once, not from the iterator.
        """
        after = _sequence(last_event_id)
        with _needing_store():
            self._existing(run_id, user_id)
        return self._frames(run_id, after, tokens=tokens, leaving=leaving)

    def engine(self, name: str) -> RunEngine:
        """
        Raises:
            BadRequestError: there is none of that name.
        """
        build = self._engines.get(name)
        if build is None:
            text = texts.ENGINE_UNKNOWN.format(value=name[:50], allowed=list(self._engines))
            raise BadRequestError(text, invalid_params=["engine"])
        return build()

    def start_watched(
        self, engine: RunEngine, opened: Opened, question: str, *, wants_tokens: bool, stops_unwatched: bool
    ) -> LiveRun:
        """A run of this process for a stream that watches it; without Redis it lives here only.

        Raises:
            OverloadedError: no room.
        """
        record = self._record(engine, opened, question, stops_unwatched=stops_unwatched)
        _created, live = self._start(engine, opened, NewRun(record), wants_tokens=wants_tokens, needs_store=False)
        assert live is not None  # noqa: S101 - only an idempotency key, a cap or `reject` makes none
        return live

    def find(self, run_id: str) -> StoredRun | None:
        """The run of that id, None when there is none or the store is away."""
        try:
            return self._store.read(TENANT, run_id) if is_run_id(run_id) else None
        except RedisError:
            return None

    def _start(
        self, engine: RunEngine, opened: Opened, new: NewRun, *, wants_tokens: bool, needs_store: bool
    ) -> tuple[Created, LiveRun | None]:
        self._keeper.start()
        work = self._execution.work(engine, opened, wants_tokens=wants_tokens)
        return self._pool.start(new, work, needs_store=needs_store)

    def _record(self, engine: RunEngine, opened: Opened, question: str, *, stops_unwatched: bool) -> RunRecord:
        return RunRecord(
            id=new_run_id(),
            tenant=TENANT,
            user_id=opened.user_id,
            conversation_id=opened.conversation_id,
            engine=engine.name,
            question=question,
            stops_unwatched=stops_unwatched,
        )

    def _refuse_or_interrupt(self, created: Created, wanted: RunRequest) -> None:
        if created.outcome == "busy":
            raise ConflictError(texts.CONVERSATION_BUSY)
        if created.outcome == "capped":
            raise TooManyRunsError(texts.TOO_MANY_RUNS.format(limit=self._user_cap), retry_after_seconds=5)
        if wanted.when_busy == "interrupt":
            for earlier in created.ahead:
                self._store.request_stop(TENANT, earlier, "interrupted")
                live = self._pool.find(earlier)
                if live is not None:
                    live.request_stop("interrupted")

    def _repeated_run(self, known: Created, wanted: RunRequest) -> Envelope:
        if known.fingerprint != _fingerprint(wanted):
            raise ValidationFailedError(texts.IDEMPOTENCY_KEY_REUSED)
        with _needing_store():
            return self._run_envelope(known.run_id, texts.RUN_CREATED, 200)

    def _frames(self, run_id: str, after: int, *, tokens: bool, leaving: LeavingSignal | None) -> Iterator[str]:
        yield OPENED
        try:
            for item in self._watching.watch(TENANT, run_id, after, leaving):
                if item == "quiet":
                    yield HEARTBEAT
                elif tokens or item.kind != "text":
                    yield frame(item.body, item.seq)
        except RedisError:
            yield LOST  # without a last event: the client comes back with the id it saw

    def _existing(self, run_id: str, user_id: str | None = None) -> StoredRun:
        """The run; for somebody who says another user's id there is none."""
        found = self._store.read(TENANT, run_id) if is_run_id(run_id) else None
        if found is None or (user_id is not None and user_id != found.record.user_id):
            raise NotFoundError(texts.RUN_NOT_FOUND)
        return found

    def _run_envelope(self, run_id: str, message: str, code: int) -> Envelope:
        found = self._existing(run_id)
        last = self._store.last_event(TENANT, run_id) if found.has_ended else None
        live = self._pool.find(run_id)
        waiting = self._pool.position(live) if live is not None else found.position
        record = found.record
        data = {
            "run_id": record.id,
            "state": found.state,
            "engine": record.engine,
            "user_id": record.user_id,
            "conversation_id": record.conversation_id,
            "thread_id": record.conversation_id,
            "question": record.question,
            "created_at": _local(found.created_at),
            "started_at": _local(found.started_at),
            "ended_at": _local(found.ended_at),
            "position": waiting if found.state == "queued" else None,
            "last_event_id": found.last_seq,
            "events_url": EVENTS_URL.format(run_id=record.id),
            "result": json.loads(last.body) if last is not None and last.is_last else None,
        }
        return success(data, message, code)


@contextmanager
def _needing_store() -> Iterator[None]:
    try:
        yield
    except RedisError as error:
        raise StoreUnavailableError(messages.REDIS_UNAVAILABLE) from error


def own_idempotency_key(wanted: RunRequest) -> str:
    """The key of a request, apart for each guest: guests share a user id, and a key gives away the run it made.

    Returns:
        An empty text when the request has no key.
    """
    key = wanted.idempotency_key or ""
    asker = asker_of(wanted.user_id, wanted.session_id, current_caller().address)
    return key if asker.is_named or not key else f"{asker.beginning.key}:{key}"


def _fingerprint(wanted: RunRequest) -> str:
    text = json.dumps(wanted.model_dump(exclude={"idempotency_key"}), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _sequence(text: str | None) -> int:
    """
    Raises:
        BadRequestError: neither empty nor a number an event of ours could have.
    """
    number = read_event_id(text, MAX_SEQ)
    if number is None:
        raise BadRequestError(texts.LAST_EVENT_ID_INVALID, invalid_params=["Last-Event-ID"])
    return number


def _local(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds).isoformat()  # noqa: DTZ006 - as on all routes
