"""A run of this process: its events as they come, its stop flag, and the threads that wait for news of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from common.cancellation import CancelFlag
from core.runs.record import RunEvent, RunRecord, StopReason

TEXT_KIND = "text"
RenderText = Callable[[str], str]


class News:
    """Wakes the watchers of one run. Safe in any thread."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._count = 0

    @property
    def count(self) -> int:
        """How much news there was; take it before looking, give it to `wait` after nothing was found."""
        return self._count

    def tell(self) -> None:
        with self._condition:
            self._count += 1
            self._condition.notify_all()

    def wait(self, count: int, seconds: float) -> None:
        """Return as soon as there was news since `count`, or when the time is over."""
        with self._condition:
            self._condition.wait_for(lambda: self._count != count, seconds)


class LiveRun:
    """See the module. The executing thread publishes, any thread reads.

    `write_lock` is held while its events go to the store, so that they arrive there in order.

    Args:
        is_stored: False when the store could not take it: then only this process knows the run.
        on_news: called after each event, for whoever carries the events to the store; must not block.
        render_text: the body of a text event.
    """

    def __init__(
        self, record: RunRecord, *, is_stored: bool, on_news: Callable[[LiveRun], None], render_text: RenderText
    ) -> None:
        self.record = record
        self.is_stored = is_stored
        self.stop = CancelFlag()
        self.stop_reason: StopReason | None = None
        self.has_begun = False
        self.write_lock = threading.Lock()
        self.news = News()
        self._on_news = on_news
        self._render_text = render_text
        self._lock = threading.Lock()
        self._events: list[RunEvent] = []
        self._text: list[str] = []
        self._stored_up_to = 0
        self._watchers = 0
        self._unwatched_since = time.monotonic()
        self.ended_at: float | None = None

    def publish(self, kind: str, body: str) -> None:
        """Add an event; text not yet published goes before it. Nothing is added after the end."""
        with self._lock:
            self._flush_text()
            self._add(kind, body)
        self.news.tell()
        self._on_news(self)

    def write_text(self, text: str) -> None:
        """Collect a piece of the answer's text; `flush_text` makes one event of the pieces."""
        with self._lock:
            self._text.append(text)
        self._on_news(self)

    def flush_text(self) -> None:
        with self._lock:
            is_news = bool(self._text)
            self._flush_text()
        if is_news:
            self.news.tell()

    def unstored(self) -> list[RunEvent]:
        """Events the store does not have yet."""
        with self._lock:
            return [event for event in self._events if event.seq > self._stored_up_to]

    def note_stored(self, seq: int) -> None:
        with self._lock:
            self._stored_up_to = max(self._stored_up_to, seq)

    def end(self, event: RunEvent) -> None:
        """Add the last event, once it is the one that stands."""
        with self._lock:
            if self.ended_at is None:
                self._events.append(event)
                self.ended_at = time.monotonic()
        self.news.tell()

    def next_seq(self) -> int:
        with self._lock:
            return self._next_seq()

    def events_after(self, seq: int) -> list[RunEvent]:
        with self._lock:
            return [event for event in self._events if event.seq > seq]

    def request_stop(self, reason: StopReason) -> None:
        """Have the run stopped; the first reason counts."""
        with self._lock:
            if self.stop_reason is None:
                self.stop_reason = reason
        self.stop.set()

    def watcher_came(self) -> None:
        with self._lock:
            self._watchers += 1

    def watcher_left(self) -> int:
        """The number of watchers in this process that stay."""
        with self._lock:
            self._watchers -= 1
            self._unwatched_since = time.monotonic()
            return self._watchers

    def unwatched_seconds(self) -> float:
        """For how long nobody in this process has watched it."""
        with self._lock:
            return 0.0 if self._watchers else time.monotonic() - self._unwatched_since

    def note_watched(self) -> None:
        """Somebody asked for it: that counts as a look."""
        with self._lock:
            self._unwatched_since = time.monotonic()

    def _flush_text(self) -> None:
        if self._text:
            body = self._render_text("".join(self._text))
            self._text.clear()
            self._add(TEXT_KIND, body)

    def _add(self, kind: str, body: str) -> None:
        if self.ended_at is None:
            self._events.append(RunEvent(self._next_seq(), kind, body))

    def _next_seq(self) -> int:
        return self._events[-1].seq + 1 if self._events else 1
