"""No event loop outlives a question of the ReAct agent: 200 in a row, 100 at once, 20 whose callers leave, 20 more.

Under the launcher, plain Flask and gunicorn, each with the offline engine on the demo data. A wrong answer is any
status but 200, or rows that are not there.
"""

from __future__ import annotations

import contextlib
import json
import socket
import statistics
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import app_config
from tools.harness.processes import folders, free_port, inherited_environment, running

from .figures import Figure

SEQUENTIAL: Final = 200
PARALLEL: Final = 100
CANCELLED: Final = 20
AFTERWARDS: Final = 20
CALLERS: Final = 20
START_SECONDS: Final = 180.0
LEAVES_AFTER_SECONDS: Final = 0.03
QUESTION: Final = json.dumps({"question": "How many service areas are there", "user_id": "bench"}).encode()
SERVERS: Final[dict[str, Sequence[str]]] = {
    "uvicorn": ("-m", "serving.serve", "--port", "{port}"),
    "flask": ("unified_api.py",),
    "gunicorn": ("-m", "gunicorn", "--threads", "32", "--bind", "127.0.0.1:{port}", "unified_api:app"),
}


def measure() -> list[Figure]:
    """The four rounds under each server."""
    return [figure for server in SERVERS for figure in _rounds(server)]


def _rounds(server: str) -> list[Figure]:
    with _service(server) as port, ThreadPoolExecutor(CALLERS) as callers:
        alone = [_ask(port) for _ in range(SEQUENTIAL)]
        together = list(callers.map(lambda _: _ask(port), range(PARALLEL)))
        list(callers.map(lambda _: _leave(port), range(CANCELLED)))
        afterwards = [_ask(port) for _ in range(AFTERWARDS)]
    rounds = {"sequential": alone, "parallel": together, "after_cancelled": afterwards}
    figures = [
        Figure(f"react.{server}_{name}_answered", sum(is_right for is_right, _ in answers), "asks", len(answers))
        for name, answers in rounds.items()
    ]
    seconds = [taken for _, taken in alone]
    return [*figures, Figure(f"react.{server}_ask_p50", round(statistics.median(seconds) * 1000, 1), "ms")]


def _ask(port: int) -> tuple[bool, float]:
    """Whether the answer is right, and how long it took."""
    begun = time.perf_counter()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/api/v0/ask_react_agent", QUESTION)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310  our own http address
            body: dict[str, Any] = json.load(response)
    except (OSError, ValueError):
        return False, time.perf_counter() - begun
    return bool(body["data"].get("records", {}).get("rows")), time.perf_counter() - begun


def _leave(port: int) -> None:
    """Ask and hang up before the answer comes."""
    head = f"POST /api/v0/ask_react_agent HTTP/1.1\r\nHost: bench\r\nContent-Length: {len(QUESTION)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(head.encode() + QUESTION)
        time.sleep(LEAVES_AFTER_SECONDS)


@contextlib.contextmanager
def _service(server: str) -> Iterator[int]:
    """The service under that server, its first question answered; its data folder is kept for the next time."""
    port = free_port()
    environ = inherited_environment() | {
        **folders(app_config.project_path("data/bench")),
        "DEMO_DATA": "true",
        "DEMO_END_DATE": "2023-04-30",
        "LLM_PROVIDER": "offline",
        "MAX_WORKERS": "1",
        "HOST": "127.0.0.1",
        "PORT": str(port),
    }
    program = [part.format(port=port) for part in SERVERS[server]]
    with running(program, environ, ready=lambda: _ask(port)[0], start_seconds=START_SECONDS):
        yield port
