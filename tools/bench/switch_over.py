"""Traffic goes from the unified entry to the old one and back in the middle of conversations: no turn is lost.

Both entries are real processes on the same stores. A switch is what an operator does: start the other, point the
traffic there, stop the first. Afterwards a checker compares each conversation with what its writer was told.
"""

from __future__ import annotations

import itertools
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tools.harness.processes import OLD_ENTRY, UNIFIED

from .figures import Figure
from .service_process import ServiceProcess, databases, settings_of

WRITERS = 6
USER = "switched"
_SECONDS_EACH = 3.0
_DRAIN_SECONDS = 0.5
"""As a balancer does: what chose the first entry just now reaches it before it is told to stop."""
_LIMITS = {"CONVERSATION_MAX_LENGTH": "100000", "USER_MAX_CONVERSATIONS": "10000"}


@dataclass
class Talk:
    """One writer's conversation as the writer saw it."""

    conversation_id: str | None = None
    acknowledged: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    without_context: int = 0


class Traffic:
    """Where requests go now."""

    def __init__(self, to: ServiceProcess) -> None:
        self.to = to
        self.answers: dict[str, int] = {}
        self._lock = threading.Lock()

    def ask(self, talk: Talk, text: str) -> None:
        """One turn of a talk."""
        body = {"question": text, "user_id": USER, "routing_mode": "chat_direct"}
        if talk.conversation_id:
            body["conversation_id"] = talk.conversation_id
        to = self.to
        try:
            answer = httpx.post(f"{to.url}/api/v0/ask_agent", json=body, timeout=30, trust_env=False)
        except httpx.HTTPError as error:
            talk.failed.append(f"{text}: {type(error).__name__}")
            return
        if answer.status_code != 200:
            talk.failed.append(f"{text}: {answer.status_code}")
            return
        data: dict[str, Any] = answer.json()["data"]
        talk.without_context += talk.conversation_id is not None and not data["context_used"]
        talk.conversation_id = talk.conversation_id or data["conversation_id"]
        talk.acknowledged.append(text)
        with self._lock:
            self.answers[to.url] = self.answers.get(to.url, 0) + 1


def measure() -> list[Figure]:
    """Unified, old entry, unified again."""
    with tempfile.TemporaryDirectory(prefix="citu-switch-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with databases(folder) as servers:
            settings = settings_of(servers, **_LIMITS)
            steps = [ServiceProcess(folder, settings, program=one) for one in (UNIFIED, OLD_ENTRY, UNIFIED)]
            steps[0].start()
            traffic, talks = Traffic(steps[0]), [Talk() for _ in range(WRITERS)]
            try:
                with _talking(traffic, talks):
                    for before, after in itertools.pairwise(steps):
                        time.sleep(_SECONDS_EACH)
                        after.start()
                        traffic.to = after
                        time.sleep(_DRAIN_SECONDS)
                        before.stop()
                    time.sleep(_SECONDS_EACH)
                return _figures(steps, traffic, talks)
            finally:
                for step in steps:
                    step.stop()


@contextmanager
def _talking(traffic: Traffic, talks: list[Talk]) -> Iterator[None]:
    over = threading.Event()

    def go_on(number: int, talk: Talk) -> None:
        for turn in itertools.count():
            if over.is_set():
                return
            traffic.ask(talk, f"writer {number} turn {turn}")

    threads = [threading.Thread(target=go_on, args=pair) for pair in enumerate(talks)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _figures(steps: list[ServiceProcess], traffic: Traffic, talks: list[Talk]) -> list[Figure]:
    lost = doubled = disordered = half = 0
    with steps[-1].client() as client:
        for talk in talks:
            answer = client.get(f"/api/v0/conversation/{talk.conversation_id}/messages")
            messages = answer.json()["data"]["messages"]
            told = [one["content"] for one in messages if one["role"] == "user"]
            kept = [text for text in told if text in set(talk.acknowledged)]
            lost += len(set(talk.acknowledged) - set(told))
            doubled += len(told) - len(set(told))
            disordered += list(dict.fromkeys(kept)) != [text for text in talk.acknowledged if text in set(kept)]
            half += abs(len(messages) - 2 * len(told))
    served = [traffic.answers.get(step.url, 0) for step in steps]
    failed = [text for talk in talks for text in talk.failed]
    unit = "acknowledged turns"
    return [
        Figure("switch_over.turns", sum(served), unit),
        Figure("switch_over.turns_by_the_old_entry", served[1], unit, 1),
        Figure("switch_over.fewest_turns_by_a_step", min(served), unit, 1),
        Figure("switch_over.lost", lost, unit, 0, "lower"),
        Figure("switch_over.doubled", doubled, unit, 0, "lower"),
        Figure("switch_over.conversations_out_of_order", disordered, f"of {len(talks)}", 0, "lower"),
        Figure("switch_over.half_turns", half, "turns", 0, "lower"),
        Figure("switch_over.without_context", sum(talk.without_context for talk in talks), "turns", 0, "lower"),
        Figure("switch_over.failed", len(failed), failed[0] if failed else "turns", 0, "lower"),
    ]
