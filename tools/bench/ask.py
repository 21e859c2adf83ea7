"""What questions cost beside the model: one after the other, and many at once, over HTTP with a scripted model."""

from __future__ import annotations

import json
import statistics
import threading
import time
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any, Final
from urllib.parse import urlsplit

from .ask_service import QUESTION, AskedService, asked_service
from .figures import Figure

ONE_BY_ONE: Final = 200
WARM_UP: Final = 30
MODEL_CALLS: Final = 2
BARE_CALLS: Final = 50
CROWD: Final = 64
CALLS_OF_A_QUESTION: Final = 3
TWENTY: Final = 20
CALLS_WITH_REPAIR: Final = 4


@dataclass(frozen=True)
class Asked:
    """One question's outcome."""

    seconds: float
    is_answered: bool
    body: dict[str, Any]


class Asker:
    """A caller with a connection of its own."""

    def __init__(self, url: str, name: str) -> None:
        parts = urlsplit(url)
        self._connection = HTTPConnection(parts.hostname or "", parts.port, timeout=120)
        self._name = name

    def ask(self, *, routing_mode: str = "database_direct", question: str = QUESTION) -> Asked:
        body = json.dumps({"question": question, "user_id": self._name, "routing_mode": routing_mode})
        started = time.perf_counter()
        self._connection.request(
            "POST", "/api/v0/ask_agent", body.encode(), {"Content-Type": "application/json; charset=utf-8"}
        )
        response = self._connection.getresponse()
        content = response.read()
        return Asked(time.perf_counter() - started, response.status == 200, json.loads(content))

    def close(self) -> None:
        self._connection.close()


def measure_own_cost() -> list[Figure]:
    """One question at a time, the model answering at once: all of it, and what is left without the model."""
    with asked_service() as service:
        asker = Asker(service.url, "bench")
        outcomes = [asker.ask() for _ in range(WARM_UP + ONE_BY_ONE)][WARM_UP:]
        asker.close()
        model_ms = 1000 * MODEL_CALLS * _model_seconds(service)
    milliseconds = [1000 * outcome.seconds for outcome in outcomes]
    failed = sum(not outcome.is_answered for outcome in outcomes)
    return [
        Figure("ask.whole_p50", round(statistics.median(milliseconds), 2), "ms"),
        Figure("ask.whole_p95", round(statistics.quantiles(milliseconds, n=20)[-1], 2), "ms"),
        Figure("ask.own_cost_p50", round(statistics.median(milliseconds) - model_ms, 2), "ms", 25.0, "lower"),
        Figure("ask.failures", failed, "questions", 0, "lower"),
    ]


def measure_crowd() -> list[Figure]:
    """64 questions at once, three model calls of a second each: how far from three seconds."""
    with asked_service() as service:
        askers = [Asker(service.url, f"user{number}") for number in range(CROWD)]
        _all_at_once(askers, "llm_only")
        service.model.delay_seconds = 1.0
        wall, outcomes = _all_at_once(askers, "llm_only")
        for asker in askers:
            asker.close()
    failed = sum(not outcome.is_answered for outcome in outcomes)
    return [
        Figure("ask.crowd_wall", round(wall, 3), "s"),
        Figure("ask.crowd_wall_of_ideal", round(wall / CALLS_OF_A_QUESTION, 3), "times", 1.15, "lower"),
        Figure("ask.crowd_failures", failed, "questions", 0, "lower"),
    ]


def measure_twenty(*, seconds: float) -> list[Figure]:
    """20 callers, each asking again and again, four model calls of 200 ms: classify, write, repair, summarise."""
    ideal = 0.2 * CALLS_WITH_REPAIR
    with asked_service(needs_repair=True) as service:
        askers = [Asker(service.url, f"user{number}") for number in range(TWENTY)]
        _all_at_once(askers, "llm_only")
        service.model.delay_seconds = 0.2
        _, outcomes = _all_at_once(askers, "llm_only", seconds=seconds)
        for asker in askers:
            asker.close()
    latencies = [outcome.seconds for outcome in outcomes]
    p95 = statistics.quantiles(latencies, n=20)[-1]
    failed = sum(not outcome.is_answered for outcome in outcomes)
    return [
        Figure("ask.twenty_questions", len(outcomes), "questions"),
        Figure("ask.twenty_p95", round(p95, 3), "s", 2.0, "lower"),
        Figure("ask.twenty_overhead_p95", round(1000 * (p95 - ideal), 1), "ms", 150.0, "lower"),
        Figure("ask.twenty_failures", failed, "questions", 0, "lower"),
    ]


def _model_seconds(service: AskedService) -> float:
    """What the scripted model takes for one bare call, asked without any client library."""
    parts = urlsplit(service.model.base_url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    body = json.dumps({"model": "scripted", "messages": [{"role": "user", "content": QUESTION}]}).encode()
    headers = {"Content-Type": "application/json", "X-Citu-Call": "write_sql"}
    taken = []
    for _ in range(BARE_CALLS):
        started = time.perf_counter()
        connection.request("POST", f"{parts.path}/chat/completions", body, headers)
        connection.getresponse().read()
        taken.append(time.perf_counter() - started)
    connection.close()
    return statistics.median(taken)


def _all_at_once(askers: list[Asker], routing_mode: str, *, seconds: float = 0.0) -> tuple[float, list[Asked]]:
    """Each asks at least once, and again until `seconds` have passed; how long that took in all."""
    outcomes: list[Asked] = []
    started = time.perf_counter()

    def ask(asker: Asker) -> None:
        outcomes.append(asker.ask(routing_mode=routing_mode))
        while time.perf_counter() - started < seconds:
            outcomes.append(asker.ask(routing_mode=routing_mode))

    threads = [threading.Thread(target=ask, args=(asker,)) for asker in askers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - started, outcomes
