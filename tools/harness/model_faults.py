"""The ways a model provider fails, as data; the scripted model server acts them out."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

FaultName = Literal[
    "status",  # an HTTP error
    "reset",  # the connection is reset before any answer
    "hang",  # no byte ever comes
    "slow_drip",  # a byte now and then, without end
    "reset_mid_answer",  # the connection is reset in the middle
    "malformed_json",
    "bad_sse",
    "truncated_tool_call",
    "empty",
    "oversized",  # 5 MB of text
    "wrong_reply",  # well-formed, but nonsense
    "cut_stream",  # a stream that ends properly on the wire, but without saying that it is finished
    "html",  # a proxy's error page with status 200
    "compressed",  # a small answer that would unpack to a large one
]


@dataclass(frozen=True)
class Fault:
    """One failure. `status` and `retry_after` (seconds or an HTTP date) belong to `status`."""

    name: FaultName
    status: int = 0
    retry_after: str | None = None


FIGURE_38: Final[dict[str, Fault]] = {
    "429 with Retry-After": Fault("status", 429, "0"),
    "429": Fault("status", 429),
    "500": Fault("status", 500),
    "503": Fault("status", 503),
    "529": Fault("status", 529),
    "refuse": Fault("reset"),
    "hang": Fault("hang"),
    "slow drip": Fault("slow_drip"),
    "RST mid-stream": Fault("reset_mid_answer"),
    "malformed JSON": Fault("malformed_json"),
    "bad SSE": Fault("bad_sse"),
    "truncated tool call": Fault("truncated_tool_call"),
    "empty": Fault("empty"),
    "5 MB answer": Fault("oversized"),
    "wrong reply": Fault("wrong_reply"),
}
"""Every fault of a provider that the measurements act out."""


def patience_for(fault: Fault) -> dict[str, float]:
    """Time limits of a client that meets `fault`, in seconds.

    Short where time is what ends the call, ample elsewhere, so that a busy machine changes no verdict.
    """
    if fault.name in ("hang", "slow_drip"):
        return {"timeout_seconds": 1.8, "attempt_timeout_seconds": 0.5}
    return {"timeout_seconds": 30.0, "attempt_timeout_seconds": 10.0}


class FaultPlan:
    """Which fault the next call gets: queued ones first, then, when asked to, random ones. Callers lock it."""

    def __init__(self) -> None:
        self._queued: deque[Fault] = deque()
        self._random: random.Random | None = None
        self._share = 0.0
        self._choices: Sequence[Fault] = ()

    def queue(self, fault: Fault, times: int = 1) -> None:
        self._queued.extend([fault] * times)

    def forget(self) -> None:
        """Nothing queued any more."""
        self._queued.clear()

    def randomly(self, share: float, seed: int, choices: Sequence[Fault]) -> None:
        """Let `share` (0..1) of the calls fail, in an order that `seed` fixes."""
        self._random, self._share, self._choices = random.Random(seed), share, choices

    def next(self) -> Fault | None:
        if self._queued:
            return self._queued.popleft()
        if self._random is not None and self._random.random() < self._share:
            return self._random.choice(self._choices)
        return None
