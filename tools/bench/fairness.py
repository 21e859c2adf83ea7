"""One caller with many slow statements beside twenty who ask: what the twenty notice, through the whole service."""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import httpx

from .ask_service import QUESTION, AskedService, asked_service
from .figures import Figure

USERS: Final = 20
SLOW_AT_ONCE: Final = 16
QUESTIONS_EACH: Final = 10
# It keeps one processor busy until the statement's time is over.
_SLOW: Final = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) AS n FROM r"
_TIMES_ALONE: Final = 3.0
_REFUSALS: Final = (429, 503)
_CLIENT_SECONDS: Final = 60.0


@dataclass(frozen=True)
class Asked:
    """What the users saw."""

    seconds: list[float]
    codes: Counter[int]

    @property
    def p95_seconds(self) -> float:
        return statistics.quantiles(self.seconds, n=20)[-1]

    @property
    def refused(self) -> int:
        return sum(self.codes[code] for code in _REFUSALS)


def measure() -> list[Figure]:
    """The users alone, beside the abuser, and beside the abuser when one caller may hold every connection."""
    figures = []
    with asked_service() as service:
        _users(service)
        alone = _users(service)
        with _abuser(service) as abuser:
            beside = _users(service)
        figures += _figures("shares", alone, beside, abuser, refusals_goal=0)
    with asked_service(BUSINESS_POOL_SHARE="200", BUSINESS_POOL_QUEUE="10000") as service:
        _users(service)
        with _abuser(service) as abuser:
            beside = _users(service)
        figures += _figures("no_shares", alone, beside, abuser, refusals_goal=None)
    return figures


def _figures(
    name: str, alone: Asked, beside: Asked, abuser: Counter[int], *, refusals_goal: float | None
) -> list[Figure]:
    times = beside.p95_seconds / alone.p95_seconds
    load = os.getloadavg()[0]
    goal = None if refusals_goal is None else _TIMES_ALONE
    return [
        Figure(f"fairness.{name}.users_p95_alone", round(alone.p95_seconds, 3), "s"),
        Figure(f"fairness.{name}.users_p95_beside", round(beside.p95_seconds, 3), "s"),
        Figure(f"fairness.{name}.users_p95_times_alone", round(times, 2), f"times, load {load:.1f}", goal, "lower"),
        Figure(f"fairness.{name}.users_refused", beside.refused, f"of {len(beside.seconds)}", refusals_goal, "lower"),
        Figure(f"fairness.{name}.users_answered", beside.codes[200], f"of {len(beside.seconds)}"),
        Figure(f"fairness.{name}.abuser_told_429", abuser[429], f"of {sum(abuser.values())}"),
        Figure(f"fairness.{name}.abuser_told_503", abuser[503], f"of {sum(abuser.values())}"),
    ]


def _users(service: AskedService) -> Asked:
    """Each asks one question after the other, all of them at once."""
    seconds: list[float] = []
    codes: Counter[int] = Counter()
    lock = threading.Lock()

    def ask(number: int) -> None:
        with httpx.Client(base_url=service.url, timeout=_CLIENT_SECONDS, trust_env=False) as client:
            for _ in range(QUESTIONS_EACH):
                body = {"question": QUESTION, "user_id": f"user{number}", "routing_mode": "database_direct"}
                begin = time.perf_counter()
                code = client.post("/api/v0/ask_agent", json=body).status_code
                with lock:
                    seconds.append(time.perf_counter() - begin)
                    codes[code] += 1

    with ThreadPoolExecutor(USERS) as threads:
        list(threads.map(ask, range(USERS)))
    return Asked(seconds, codes)


@contextmanager
def _abuser(service: AskedService) -> Iterator[Counter[int]]:
    """Sends slow statements for as long as the block lasts, always so many at once; gives the codes of its answers."""
    over = threading.Event()
    codes: Counter[int] = Counter()

    def send() -> None:
        with httpx.Client(base_url=service.url, timeout=_CLIENT_SECONDS, trust_env=False) as client:
            while not over.is_set():
                try:
                    codes[client.post("/api/v0/citu_run_sql", json={"sql": _SLOW}).status_code] += 1
                except httpx.HTTPError:
                    codes[0] += 1

    threads = [threading.Thread(target=send, daemon=True) for _ in range(SLOW_AT_ONCE)]
    for thread in threads:
        thread.start()
    time.sleep(2.0)
    try:
        yield codes
    finally:
        over.set()
        for thread in threads:
            thread.join(_CLIENT_SECONDS)
