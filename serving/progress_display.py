"""Shows what the preparation is doing: a live line in a terminal, one line a finished step anywhere else."""

from __future__ import annotations

import re
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status
from rich.text import Text

PERCENT = re.compile(r"(?P<head>.*?)\s*\d+%$")


class ProgressDisplay:
    """Callable with the text of a step; steps that only count on (`… 30%`) replace each other.

    Args:
        shown_seconds: a step that took less leaves no line.
    """

    def __init__(self, console: Console, *, shown_seconds: float = 0.1) -> None:
        self._shown_seconds = shown_seconds
        self._console = console
        self._status: Status | None = console.status("") if console.is_terminal else None
        self._headline = ""
        self._started = time.perf_counter()

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()
        self._finish()

    def __call__(self, step: str) -> None:
        counted = PERCENT.match(step)
        headline = counted["head"] if counted else step
        if self._status is not None:
            self._status.update(Text(step))
        if headline != self._headline:
            self._finish()
            self._headline, self._started = headline, time.perf_counter()

    def _finish(self) -> None:
        if self._headline:
            seconds = time.perf_counter() - self._started
            if seconds >= self._shown_seconds:
                self._console.print(f"{self._headline} {seconds:.1f}s", style="dim", markup=False, soft_wrap=True)
            self._headline = ""
