"""Fifty callers of the same cold question cost one model chain and one statement, on both question routes.

Two services share Redis, databases and model. In the second round the one that leads is killed while the model writes;
its place is taken once. A chain is counted by its `write_sql` call; it runs one statement and then asks for a summary.
"""

from __future__ import annotations

import json
import time
import urllib.request
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from typing import Any, Final

from tools.harness.model_server import ScriptedModelServer

from .ask_service import QUESTION, AskedService, asked_service
from .figures import Figure

ROUTES: Final = ("ask_agent", "ask_cached")
CALLERS: Final = 50
DELAY_SECONDS: Final = 0.5
PATIENCE_SECONDS: Final = 30.0
ON: Final = "true"
THREADS: Final = "64"


def measure() -> list[Figure]:
    """One round with both services, one in which a leader is killed."""
    with ExitStack() as stack:
        first = stack.enter_context(asked_service(ENABLE_QUESTION_ANSWER_CACHE=ON, WSGI_THREADS=THREADS))
        second = stack.enter_context(_beside(first))
        for service in (first, second):
            for route in ROUTES:
                _ask(service, route, _fresh_question())
        first.model.delay_seconds = DELAY_SECONDS
        figures = [figure for route in ROUTES for figure in _together(first, second, route)]
        return [*figures, *_with_killed_leader(first, second)]


def _beside(first: AskedService) -> AbstractContextManager[AskedService]:
    """Another service on the same stores, with the first one's model."""
    url = first.model.base_url
    return asked_service(ENABLE_QUESTION_ANSWER_CACHE=ON, WSGI_THREADS=THREADS, LLM_BASE_URL=url)


def _together(first: AskedService, second: AskedService, route: str) -> list[Figure]:
    question = _fresh_question()
    calls = len(first.model.calls)
    with ThreadPoolExecutor(CALLERS) as threads:
        answers = list(threads.map(lambda n: _ask((first, second)[n % 2], route, question), range(CALLERS)))
    kinds = Counter(call.kind for call in first.model.calls[calls:])
    return [
        Figure(f"stampede_{route}_chains", kinds["write_sql"], "chains", 1, "lower"),
        Figure(f"stampede_{route}_statements", kinds["summarise"], "statements", 1, "lower"),
        Figure(f"stampede_{route}_count_answered", _count_answered(answers), "callers", CALLERS),
    ]


def _with_killed_leader(first: AskedService, second: AskedService) -> list[Figure]:
    """The second service leads for both routes' questions and is killed while its model calls are open."""
    questions = {route: _fresh_question() for route in ROUTES}
    calls = len(first.model.calls)
    with ThreadPoolExecutor(2 * CALLERS) as threads:
        lost = [threads.submit(_ask, second, route, question) for route, question in questions.items()]
        _wait_until(lambda: _writing(first.model, calls) >= len(ROUTES))
        begun = time.monotonic()
        asked = {route: _callers(threads, first, route, question) for route, question in questions.items()}
        second.process.kill()
        answers = {route: [future.result() for future in futures] for route, futures in asked.items()}
        seconds = time.monotonic() - begun
        del lost
    chains = _writing(first.model, calls)
    figures = [
        Figure(f"stampede_killed_{route}_count_answered", _count_answered(got), "callers", CALLERS - 1)
        for route, got in answers.items()
    ]
    figures.append(Figure("stampede_killed_chains_a_question", chains / len(ROUTES), "chains", 2, "lower"))
    figures.append(Figure("stampede_killed_wall", round(seconds, 2), "s"))
    return figures


def _callers(threads: ThreadPoolExecutor, service: AskedService, route: str, question: str) -> list[Future[int]]:
    return [threads.submit(_ask, service, route, question) for _ in range(CALLERS - 1)]


def _ask(service: AskedService, route: str, question: str) -> int:
    """The HTTP status, 0 when the service is gone."""
    body: dict[str, Any] = {"question": question, "user_id": "stampede", "routing_mode": "database_direct"}
    request = urllib.request.Request(  # noqa: S310  our own http address
        f"{service.url}api/v0/{route}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as response:  # noqa: S310
            return int(response.status)
    except OSError as error:
        return int(getattr(error, "code", 0) or 0)


def _count_answered(statuses: Sequence[int]) -> int:
    return sum(status == 200 for status in statuses)


def _writing(model: ScriptedModelServer, since: int) -> int:
    return sum(call.kind == "write_sql" for call in model.calls[since:])


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)


def _fresh_question() -> str:
    """One nobody has asked before: answers are kept from run to run."""
    return f"{QUESTION} {uuid.uuid4().hex}"
