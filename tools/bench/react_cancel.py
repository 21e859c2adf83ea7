"""On the ReAct routes: how long a statement without end outlives the one who no longer wants it.

A plain question whose caller leaves, a run that is stopped, and a stream that is to end with its watcher.
"""

from __future__ import annotations

import json
import socket
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from .figures import Figure
from .react_scene import ENDLESS, ReactScene, react_scene, stream_path

QUESTIONS: Final = 20
GONE_SECONDS: Final = 2.0
_PATIENCE_SECONDS: Final = 20.0
_PAUSE_SECONDS: Final = 0.02
Way = Callable[[ReactScene, int], Any]


def measure() -> list[Figure]:
    """Twenty of each, one after the other."""
    with react_scene() as scene:
        return [figure for name, way in WAYS.items() for figure in _by_way(scene, name, way)]


def _by_way(scene: ReactScene, name: str, way: Way) -> list[Figure]:
    taken = []
    for number in range(QUESTIONS):
        with way(scene, number):
            _wait_until(lambda: scene.statements() > 0)
        taken.append(_wait_until(lambda: scene.statements() == 0))
    in_time = sum(seconds <= GONE_SECONDS for seconds in taken)
    return [
        Figure(f"react_cancel.{name}_gone_in_time", in_time, "statements", QUESTIONS),
        Figure(f"react_cancel.{name}_gone_p50", round(statistics.median(taken), 3), "s"),
        Figure(f"react_cancel.{name}_gone_worst", round(max(taken), 3), "s", GONE_SECONDS, "lower"),
    ]


@contextmanager
def _left_post(scene: ReactScene, number: int) -> Iterator[None]:
    body = json.dumps({"question": ENDLESS, "user_id": f"post{number}"}).encode()
    head = f"POST /api/v0/ask_react_agent HTTP/1.1\r\nHost: bench\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", scene.service.port), timeout=5) as connection:
        connection.sendall(head.encode() + body)
        yield


@contextmanager
def _stopped_run(scene: ReactScene, number: int) -> Iterator[None]:
    with scene.service.client() as client:
        body = {"question": ENDLESS, "user_id": f"run{number}", "engine": "react"}
        run_id = client.post("/api/v0/runs", json=body).json()["data"]["run_id"]
        yield
        client.post(f"/api/v0/runs/{run_id}/stop")


@contextmanager
def _left_stream(scene: ReactScene, number: int) -> Iterator[None]:
    path = stream_path(ENDLESS, f"stream{number}", f"stream{number}:1", "&on_disconnect=cancel")
    with socket.create_connection(("127.0.0.1", scene.service.port), timeout=5) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
        yield


WAYS: Final[Mapping[str, Way]] = {"post": _left_post, "run": _stopped_run, "stream": _left_stream}


def _wait_until(holds: Callable[[], bool]) -> float:
    """Seconds until it held; raises RuntimeError when it never did."""
    begun = time.perf_counter()
    while not holds():
        if time.perf_counter() - begun > _PATIENCE_SECONDS:
            raise RuntimeError("it took too long")
        time.sleep(_PAUSE_SECONDS)
    return time.perf_counter() - begun
