"""One reader over the events of a run, wherever it executes: this process, another one, or only the store any more."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final, Literal, Protocol

from common.cancellation import CancelSignal
from core.runs.keeper import RunKeeper
from core.runs.live_run import LiveRun, News
from core.runs.record import RunEvent
from core.runs.runner import RunPool
from core.runs.store import RunStore

LOOK_SECONDS: Final = 1.0
"""How long a watcher of another process's run may miss news that got lost."""

Pause = Literal["quiet"]
Item = RunEvent | Pause


class LeavingSignal(CancelSignal, Protocol):
    """The adapter's signal; `reason` distinguishes a client that left from a server that stops."""

    @property
    def reason(self) -> str | None: ...


class RunWatching:
    """Args: quiet_seconds: after so long without an event a watcher gets a `quiet` item."""

    def __init__(self, *, pool: RunPool, store: RunStore, keeper: RunKeeper, quiet_seconds: float) -> None:
        self._pool = pool
        self._store = store
        self._keeper = keeper
        self._quiet_seconds = quiet_seconds

    def watch(self, tenant: str, run_id: str, after: int, leaving: LeavingSignal | None) -> Iterator[Item]:
        """Every event after seq `after` once, in order, up to the last; "quiet" when nothing happened for a while.

        Ends early when the watcher leaves, and on another process's run when this server stops.

        Raises:
            RedisError: the run is not of this process and the store is away.
        """
        live = self._pool.find(run_id)
        if live is not None and live.record.tenant == tenant:
            return self.watch_live(live, after, leaving)
        return self._watch_stored(tenant, run_id, after, leaving)

    def watch_live(self, live: LiveRun, after: int, leaving: LeavingSignal | None) -> Iterator[Item]:
        """The same for a run of this process; it goes on while the server stops, for the run gets an end then."""
        self._keeper.start()
        live.watcher_came()
        try:
            with _Waiting(live.news, leaving, self._quiet_seconds) as waiting:
                yield from waiting.follow(after, live.events_after, is_over=lambda _seq: live.ended_at is not None)
        finally:
            if live.watcher_left() == 0 and live.ended_at is None:
                self._keeper.stop_unwatched(live)

    def _watch_stored(self, tenant: str, run_id: str, after: int, leaving: LeavingSignal | None) -> Iterator[Item]:
        def is_over(_seq: int) -> bool:
            found = self._store.read(tenant, run_id)
            return found is None or (found.has_ended and found.last_seq <= _seq)

        def events(seq: int) -> list[RunEvent]:
            return self._store.events_after(tenant, run_id, seq)

        with (
            self._keeper.news_of(tenant, run_id) as news,
            _Waiting(news, leaving, self._quiet_seconds, look_seconds=LOOK_SECONDS, stays=False) as waiting,
        ):
            yield from waiting.follow(after, events, is_over=is_over)


class _Waiting:
    """Waits for news of a run, and for the watcher to leave.

    Args:
        look_seconds: look for events after this time even without news.
        stays: the watcher stays when the server stops.
    """

    def __init__(
        self,
        news: News,
        leaving: LeavingSignal | None,
        quiet_seconds: float,
        *,
        look_seconds: float | None = None,
        stays: bool = True,
    ) -> None:
        self._news = news
        self._leaving = leaving
        self._quiet_seconds = quiet_seconds
        self._look_seconds = look_seconds or quiet_seconds
        self._stays = stays

    def __enter__(self) -> _Waiting:
        if self._leaving is not None:
            self._leaving.add_callback(self._news.tell)
        return self

    def __exit__(self, *_error: object) -> None:
        if self._leaving is not None:
            self._leaving.remove_callback(self._news.tell)

    def follow(
        self, seq: int, events: Callable[[int], list[RunEvent]], *, is_over: Callable[[int], bool]
    ) -> Iterator[Item]:
        quiet_since = time.monotonic()
        while not self._has_left():
            count = self._news.count
            was_over = is_over(seq)  # before looking: what comes between is seen by the next look
            found = events(seq)
            for event in found:
                seq = event.seq
                yield event
                if event.is_last:
                    return
            if found:
                quiet_since = time.monotonic()
                continue
            if was_over:
                return
            if time.monotonic() - quiet_since >= self._quiet_seconds:
                quiet_since = time.monotonic()
                yield "quiet"
            self._news.wait(count, min(self._look_seconds, self._quiet_seconds))

    def _has_left(self) -> bool:
        leaving = self._leaving
        if leaving is None or not leaving.is_set():
            return False
        return not self._stays or getattr(leaving, "reason", None) != "shutting_down"
