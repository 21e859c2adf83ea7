"""One caller who asks without a pause beside twenty who ask: what the twenty notice, with the limits and without.

Every caller has an address of its own, told by a proxy that the service trusts. See `fairness` for slow statements.
"""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

import httpx

from .ask_service import QUESTION, AskedService, asked_service
from .figures import Figure

USERS: Final = 20
QUESTIONS_EACH: Final = 10
PAUSE_SECONDS: Final = 1.0
ABUSERS_CONNECTIONS: Final = 16
_BURST_SECONDS: Final = 5.0
_CLIENT_SECONDS: Final = 60.0
_PROXY: Final = "127.0.0.1"


def measure() -> list[Figure]:
    """The users alone, beside the abuser under the default limits, and beside the abuser without limits."""
    with asked_service(TRUSTED_PROXIES=_PROXY) as service:
        _users(service)
        alone, _ = _users(service)
        with _abuser(service) as answers:
            limited, codes = _users(service)
    with asked_service(TRUSTED_PROXIES=_PROXY, RATE_LIMIT_QUESTIONS="0") as service:
        _users(service)
        with _abuser(service):
            unlimited, _ = _users(service)
    asked = sum(codes.values())
    load = f"times, load {os.getloadavg()[0]:.1f}"
    return [
        Figure("request_limits.users_p95_alone", round(_p95(alone), 3), "s"),
        Figure("request_limits.users_p95_limited", round(_p95(limited), 3), "s"),
        Figure("request_limits.users_p95_unlimited", round(_p95(unlimited), 3), "s"),
        Figure("request_limits.limited_times_alone", round(_p95(limited) / _p95(alone), 2), load),
        Figure("request_limits.unlimited_times_alone", round(_p95(unlimited) / _p95(alone), 2), load),
        Figure("request_limits.users_answered", codes[200], f"of {asked}", asked),
        Figure("request_limits.abuser_told_429", answers[429], f"of {sum(answers.values())}"),
    ]


def _p95(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=20)[-1]


def _users(service: AskedService) -> tuple[list[float], Counter[int]]:
    """Each asks, waits a moment and asks again; the seconds and codes of all answers."""
    seconds: list[float] = []
    codes: Counter[int] = Counter()
    lock = threading.Lock()

    def ask(number: int) -> None:
        headers = {"X-Forwarded-For": f"198.51.100.{number + 1}"}
        time.sleep(PAUSE_SECONDS * number / USERS)
        with httpx.Client(base_url=service.url, timeout=_CLIENT_SECONDS, trust_env=False, headers=headers) as client:
            for _ in range(QUESTIONS_EACH):
                begin = time.perf_counter()
                code = client.post("/api/v0/ask_agent", json=_question(f"user{number}")).status_code
                with lock:
                    seconds.append(time.perf_counter() - begin)
                    codes[code] += 1
                time.sleep(PAUSE_SECONDS)

    with ThreadPoolExecutor(USERS) as threads:
        list(threads.map(ask, range(USERS)))
    return seconds, codes


@contextmanager
def _abuser(service: AskedService) -> Iterator[Counter[int]]:
    """Asks over many connections for as long as the block lasts, which begins when his burst is used up."""
    over = threading.Event()
    codes: Counter[int] = Counter()

    def send() -> None:
        headers = {"X-Forwarded-For": "203.0.113.9"}
        with httpx.Client(base_url=service.url, timeout=_CLIENT_SECONDS, trust_env=False, headers=headers) as client:
            while not over.is_set():
                try:
                    codes[client.post("/api/v0/ask_agent", json=_question("abuser")).status_code] += 1
                except httpx.HTTPError:
                    codes[0] += 1

    threads = [threading.Thread(target=send, daemon=True) for _ in range(ABUSERS_CONNECTIONS)]
    for thread in threads:
        thread.start()
    time.sleep(_BURST_SECONDS)
    try:
        yield codes
    finally:
        over.set()
        for thread in threads:
            thread.join(_CLIENT_SECONDS)


def _question(user_id: str) -> dict[str, str]:
    return {"question": QUESTION, "user_id": user_id, "routing_mode": "database_direct"}
