"""What a process does beside executing runs: carries events, renews leases, hears stop requests, ends lost runs.

Three threads, started at the first run or watch (or by `start`) and ended by `close`. None of them may die: whatever
Redis does to them, they try again.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

from redis import Redis
from redis.exceptions import RedisError

from core.logging import get_app_logger
from core.runs.live_run import LiveRun, News
from core.runs.record import ENDED, StopReason
from core.runs.runner import RunEnd, RunPool
from core.runs.store import CHANNEL, Renewed, RunStore, run_key

logger = get_app_logger("runs")

TICK_SECONDS: Final = 0.5
SWEEP_SECONDS: Final = 3.0
CARRY_SECONDS: Final = 0.5
PIECES_SECONDS: Final = 0.03
"""Events that come within this time go to the store together; pieces of text become one event."""
SETTLE_SECONDS: Final = 600.0
WATCHED_ELSEWHERE_SECONDS: Final = 3.0


@dataclass(frozen=True)
class KeeperLimits:
    """`orphan_seconds`: how long an unwatched run may go on; `drain_seconds`: what runs get when the process stops."""

    orphan_seconds: float
    drain_seconds: float


class RunKeeper:
    """See the module.

    Args:
        lost: the end of a run whose worker died.
        redis: a client of its own for the news; the threads share it.
    """

    def __init__(
        self, *, pool: RunPool, store: RunStore, redis: Redis, limits: KeeperLimits, lost: Callable[[], RunEnd]
    ) -> None:
        self._pool = pool
        self._store = store
        self._redis = redis
        self._limits = limits
        self._lost = lost
        self._lock = threading.Lock()
        self._news: defaultdict[str, list[News]] = defaultdict(list)
        self._threads: list[threading.Thread] = []
        self._stopping = threading.Event()
        self._tick_now = threading.Event()
        self._deadline: float | None = None
        self._next_sweep = 0.0

    def start(self) -> None:
        """Start the threads unless they run."""
        with self._lock:
            if self._threads or self._stopping.is_set():
                return
            for name, work in (("carry", self._carry), ("tick", self._tick), ("news", self._listen)):
                thread = threading.Thread(target=work, name=f"runs-{name}", daemon=True)
                self._threads.append(thread)
                thread.start()

    def begin_shutdown(self) -> None:
        """Runs get the drain time, those that requests still on their way begin now too; then no more are taken."""
        if self._deadline is None:
            self._deadline = time.monotonic() + self._limits.drain_seconds
        self._tick_now.set()

    def close(self, *, seconds: float = 3.0) -> None:
        """Stop what still runs and end the threads. Every run has its end in the store, if that answers."""
        self._pool.refuse_new()
        self._stop_all("shutting_down")
        until = time.monotonic() + seconds
        while any(live.ended_at is None for live in self._pool.live_runs()) and time.monotonic() < until:
            time.sleep(0.02)
        self._pool.end_all_stopped()
        self._pool.settle()
        self._stopping.set()
        self._tick_now.set()
        with suppress(RedisError):
            self._redis.publish(CHANNEL, "closing")  # wakes the own listener
        self._pool.close()
        with self._lock:
            threads, self._threads = self._threads, []
        for thread in threads:
            thread.join(seconds)

    @contextmanager
    def news_of(self, tenant: str, run_id: str) -> Iterator[News]:
        """News of a run that another process has; it is noted as watched until the block ends."""
        self.start()
        key, news = run_key(tenant, run_id), News()
        with self._lock:
            self._news[key].append(news)
        try:
            yield news
        finally:
            with self._lock:
                self._news[key].remove(news)
                if not self._news[key]:
                    del self._news[key]

    def stop_unwatched(self, live: LiveRun) -> None:
        """Called when a watcher left: a run that lives for its watchers ends with the last one."""
        if live.record.stops_unwatched and live.unwatched_seconds() > 0 and not self._is_watched_elsewhere(live):
            live.request_stop("watcher_left")

    def _is_watched_elsewhere(self, live: LiveRun) -> bool:
        if not live.is_stored:
            return False
        try:
            [found] = self._store.renew([(live.record, None)])
        except RedisError:
            return False
        ago = found.watched_ago_seconds
        return ago is not None and ago < WATCHED_ELSEWHERE_SECONDS

    def _carry(self) -> None:
        while not self._stopping.is_set():
            self._pool.carry_events(CARRY_SECONDS)
            self._stopping.wait(PIECES_SECONDS)

    def _tick(self) -> None:
        while not self._stopping.is_set():
            self._tick_now.wait(TICK_SECONDS)
            self._tick_now.clear()
            if self._deadline is not None and time.monotonic() >= self._deadline:
                self._pool.refuse_new()
                self._stop_all("shutting_down")
            self._pool.forget_old(SETTLE_SECONDS)
            with suppress(RedisError):
                self._renew()
                self._pool.settle()
                self._note_watched()
                self._sweep()

    def _renew(self) -> None:
        runs = [live for live in self._pool.live_runs() if live.is_stored and live.ended_at is None]
        found = self._store.renew([(live.record, self._pool.position(live)) for live in runs])
        parked = set(self._pool.parked_runs())
        for live, renewed in zip(runs, found, strict=True):
            self._heed(live, renewed, is_parked=live in parked)

    def _heed(self, live: LiveRun, renewed: Renewed, *, is_parked: bool) -> None:
        if renewed.state in ENDED:
            live.request_stop("lost")
        elif renewed.stop_reason:
            live.request_stop(_reason(renewed.stop_reason))
        elif self._is_orphan(live, renewed):
            live.request_stop("unwatched")
        elif is_parked and renewed.first_of_turns in (live.record.id, ""):
            self._pool.unpark(live)

    def _is_orphan(self, live: LiveRun, renewed: Renewed) -> bool:
        if live.unwatched_seconds() < self._limits.orphan_seconds:
            return False
        ago = renewed.watched_ago_seconds
        return ago is None or ago >= self._limits.orphan_seconds

    def _note_watched(self) -> None:
        with self._lock:
            keys = list(self._news)
        if keys:
            self._store.note_watched(keys)

    def _sweep(self) -> None:
        if time.monotonic() < self._next_sweep:
            return
        self._next_sweep = time.monotonic() + SWEEP_SECONDS
        for key in self._store.lost_runs():
            end = self._lost()
            if self._store.finish_lost(key, end.state, end.body):
                logger.warning("ended a run whose worker died")

    def _stop_all(self, reason: StopReason) -> None:
        for live in self._pool.live_runs():
            live.request_stop(reason)

    def _listen(self) -> None:
        while not self._stopping.is_set():
            try:
                with self._redis.pubsub(ignore_subscribe_messages=True) as subscription:  # type: ignore[no-untyped-call]
                    subscription.subscribe(CHANNEL)
                    while not self._stopping.is_set():
                        message = subscription.get_message(timeout=TICK_SECONDS)
                        if message is not None:
                            self._heard(str(message["data"]))
            except (RedisError, OSError):
                self._stopping.wait(TICK_SECONDS)

    def _heard(self, text: str) -> None:
        verb, _, key = text.partition(" ")
        if verb == "news":
            with self._lock:
                listeners = list(self._news.get(key, ()))
            for news in listeners:
                news.tell()
        elif verb == "stop":
            if any(run_key(live.record.tenant, live.record.id) == key for live in self._pool.live_runs()):
                self._tick_now.set()
        elif verb == "turn" and self._pool.parked_runs():
            self._tick_now.set()


def _reason(text: str) -> StopReason:
    return "interrupted" if text == "interrupted" else "watcher_left" if text == "watcher_left" else "requested"
