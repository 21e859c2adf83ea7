"""Repeats a step's last progress report while no new one comes, so that long work is not taken for a dead run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from data_pipeline.task import Progress, ProgressEvent

SECONDS: Final = 0.5
_LOOKS: Final = 5
_GOES_ON: Final = ("started", "advanced")
_SLOWING: Final = 1 / 20
"""Each pause is at least this share of the silence so far: an hour's call is reported some hundred times, not 7,000."""


class Heartbeat:
    """A `Progress` that passes reports on, never two at once.

    Args:
        seconds: the longest silence while `beating`, but for what a report itself takes, and for long silences, in
            which a step is told ever more rarely.
        clock: seconds from any fixed point.
    """

    def __init__(
        self, report: Progress, *, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._report = report
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._last: ProgressEvent | None = None
        self._told_at = self._news_at = clock()

    def __call__(self, event: ProgressEvent) -> None:
        with self._lock:
            self._tell(event)
            self._news_at = self._told_at

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Repeat the last report of an unfinished step whenever no new one came for `seconds`."""
        ended = threading.Event()
        thread = threading.Thread(target=self._beat, args=(ended,), name="pipeline-heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def repeat(self) -> None:
        """Tell the last report again if it is that long ago and its step goes on."""
        with self._lock:
            last, now = self._last, self._clock()
            is_silent = now - self._told_at >= max(self._seconds, (now - self._news_at) * _SLOWING)
            if is_silent and last is not None and last.state in _GOES_ON:
                self._tell(replace(last, state="advanced", message=""))

    def _tell(self, event: ProgressEvent) -> None:
        self._report(event)
        self._last = event
        self._told_at = self._clock()

    def _beat(self, ended: threading.Event) -> None:
        while not ended.wait(self._seconds / _LOOKS):
            self.repeat()
