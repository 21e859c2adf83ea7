"""The runs of this process: a bounded pool they execute in, and their one way to an end.

A run ends in the store first, in one atomic step with its state, then before its watchers; so both tell the same end.
When the store is away a run ends in this process alone and the keeper stores the end later.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from redis.exceptions import RedisError

from common import messages
from common.errors import OverloadedError
from core.logging import get_app_logger
from core.runs.live_run import LiveRun, RenderText
from core.runs.record import ENDED, Created, NewRun, RunEvent, RunState, StopReason
from core.runs.store import RunStore, run_key
from core.thread_lane import Lane

logger = get_app_logger("runs")

LONGEST_RETRY_SECONDS: Final = 60


@dataclass(frozen=True)
class RunEnd:
    """How a run ended: its state and the JSON text of its last event."""

    state: RunState
    body: str


Work = Callable[[LiveRun], RunEnd]
"""What a run does, on a thread of the pool; `crashed` of the runner says what an exception becomes."""


class RunPool:
    """See the module. Threads share it.

    Args:
        threads: runs that execute at a time.
        queue: runs that may wait, for a thread or for their conversation's turn.
        crashed: the end of a run whose work raised.
        stopped: the end of a run that was stopped before it began.
    """

    def __init__(
        self,
        *,
        store: RunStore,
        threads: int,
        queue: int,
        crashed: Callable[[LiveRun, Exception], RunEnd],
        stopped: Callable[[StopReason], RunEnd],
        render_text: RenderText,
    ) -> None:
        self._store = store
        self._threads = threads
        self._room = threads + queue
        self._lane = Lane(name="run", threads=threads, queue=self._room)
        self._crashed = crashed
        self._stopped = stopped
        self._render_text = render_text
        self._lock = threading.Lock()
        self._live: dict[str, LiveRun] = {}
        self._work: dict[str, Work] = {}
        self._parked: dict[str, LiveRun] = {}
        self._unsettled: dict[str, tuple[LiveRun, RunEnd]] = {}
        self._dirty: set[LiveRun] = set()
        self._has_dirty = threading.Event()
        self._refuses = False

    def check_room(self) -> None:
        """
        Raises:
            OverloadedError: no further run is taken now; it says when to try again.
        """
        with self._lock:
            waiting = len(self._live)
            if not self._refuses and waiting < self._room:
                return
        seconds = min(LONGEST_RETRY_SECONDS, 1 + waiting // self._threads)
        raise OverloadedError(messages.OVERLOADED, retry_after_seconds=seconds)

    def start(self, new: NewRun, work: Work, *, needs_store: bool) -> tuple[Created, LiveRun | None]:
        """Keep a run and have it executed; the live run is None when the store says that there is to be none.

        Args: needs_store: without Redis raise redis's error; otherwise the run lives in this process only.

        Raises:
            OverloadedError: no room.
            RedisError: the store is away and is needed.
        """
        self.check_room()
        is_stored = True
        try:
            created = self._store.create(new)
        except RedisError:
            if needs_store:
                raise
            created, is_stored = Created("created", new.record.id), False
        if created.outcome != "created":
            return created, None
        live = LiveRun(new.record, is_stored=is_stored, on_news=self._note_dirty, render_text=self._render_text)
        with self._lock:
            self._live[live.record.id] = live
            self._work[live.record.id] = work
            if created.ahead:
                self._parked[live.record.id] = live
        live.stop.add_callback(lambda: self._end_parked(live))
        if not created.ahead:
            self._submit(live)
        return created, live

    def find(self, run_id: str) -> LiveRun | None:
        """The run when this process has it."""
        with self._lock:
            return self._live.get(run_id)

    def live_runs(self) -> list[LiveRun]:
        with self._lock:
            return list(self._live.values())

    def parked_runs(self) -> list[LiveRun]:
        """Runs that wait for the end of another one of their conversation."""
        with self._lock:
            return list(self._parked.values())

    def position(self, live: LiveRun) -> int | None:
        """Its place among the waiting runs of this process, from 1; None when it executes."""
        if live.has_begun:
            return None
        with self._lock:
            waiting = [other for other in self._live.values() if not other.has_begun]
        return waiting.index(live) + 1 if live in waiting else None

    def unpark(self, live: LiveRun) -> None:
        """Its conversation's turn has come."""
        with self._lock:
            is_parked = self._parked.pop(live.record.id, None) is not None
        if is_parked:
            self._submit(live)

    def refuse_new(self) -> None:
        self._refuses = True

    def end_all_stopped(self) -> None:
        """Give an end to runs that did not heed their stop flag in time."""
        for live in self.live_runs():
            if live.ended_at is None:
                self.end(live, self._stopped(live.stop_reason or "shutting_down"))

    def close(self) -> None:
        """Take no more; threads end when their runs have."""
        self.refuse_new()
        self._lane.stop()

    def carry_events(self, seconds: float) -> None:
        """Bring new events of all runs to the store, after waiting for some at most so long."""
        if not self._has_dirty.wait(seconds):
            return
        with self._lock:
            self._has_dirty.clear()
            dirty, self._dirty = self._dirty, set()
        for live in dirty:
            live.flush_text()
            self._carry(live)

    def settle(self) -> None:
        """Store the ends that could not be stored when they came about."""
        with self._lock:
            unsettled = list(self._unsettled.values())
        for live, end in unsettled:
            if self._stored_end(live, end) is not None:
                with self._lock:
                    del self._unsettled[live.record.id]
                    self._live.pop(live.record.id, None)

    def forget_old(self, after_seconds: float) -> None:
        """Let go of ended runs that only this process knows."""
        now = time.monotonic()
        with self._lock:
            for live in list(self._live.values()):
                if live.ended_at is not None and now - live.ended_at > after_seconds:
                    self._live.pop(live.record.id, None)
                    self._unsettled.pop(live.record.id, None)

    def end(self, live: LiveRun, end: RunEnd) -> None:
        """End a run: in the store when it answers, then before its watchers; the first end stands."""
        with live.write_lock:
            if live.ended_at is not None:
                return
            live.flush_text()
            standing = self._stored_end(live, end) if live.is_stored else None
            live.end(standing or RunEvent(live.next_seq(), end.state, end.body))
        with self._lock:
            self._work.pop(live.record.id, None)
            self._parked.pop(live.record.id, None)
            if standing is not None:
                self._live.pop(live.record.id, None)
            elif live.is_stored:
                self._unsettled[live.record.id] = (live, end)

    def _submit(self, live: LiveRun) -> None:
        if not self._lane.submit(lambda: self._execute(live)):
            self.end(live, self._stopped("shutting_down"))

    def _execute(self, live: LiveRun) -> None:
        with self._lock:
            work = self._work.get(live.record.id)
        if work is None:
            return
        live.has_begun = True
        if live.stop.is_set():
            self.end(live, self._stopped(live.stop_reason or "requested"))
            return
        self._note_begun(live)
        try:
            end = work(live)
        except Exception as error:  # noqa: BLE001 - a pool thread outlives every run: this is its boundary
            end = self._crashed(live, error)
        self.end(live, end)

    def _note_begun(self, live: LiveRun) -> None:
        if live.is_stored:
            try:
                self._store.begin(live.record.tenant, live.record.id)
            except RedisError:
                logger.warning("the store does not know that a run has begun")

    def _end_parked(self, live: LiveRun) -> None:
        """A run that waits for its turn has no thread that could see its stop flag."""
        with self._lock:
            is_parked = self._parked.pop(live.record.id, None) is not None
        if is_parked:
            self.end(live, self._stopped(live.stop_reason or "requested"))

    def _note_dirty(self, live: LiveRun) -> None:
        with self._lock:
            self._dirty.add(live)
        self._has_dirty.set()

    def _carry(self, live: LiveRun) -> None:
        with live.write_lock:
            events = live.unstored()
            if not events or not live.is_stored or live.ended_at is not None:
                return
            try:
                state = self._store.append(live.record.tenant, live.record.id, events)
            except RedisError:
                return  # the next event, or the end, carries them
            live.note_stored(events[-1].seq)
        if state in ENDED:
            live.request_stop("lost")

    def _stored_end(self, live: LiveRun, end: RunEnd) -> RunEvent | None:
        """The end that stands in the store, None when the store is away or has forgotten the run."""
        record = live.record
        unstored = [event for event in live.unstored() if not event.is_last]
        try:
            state, seq = self._store.finish(record.tenant, record.id, end.state, end.body, unstored=unstored)
            if seq:
                return RunEvent(seq, end.state, end.body)
            return self._store.last_event(record.tenant, record.id) if state else None
        except RedisError:
            logger.warning("the end of run %s could not be stored yet", run_key(record.tenant, record.id)[-8:])
            return None
