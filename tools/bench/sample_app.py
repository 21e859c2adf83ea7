"""The Flask application all servers are measured with; also what the counters inside its process say."""

from __future__ import annotations

import contextvars
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import psutil
from flask import Flask, Response, jsonify, request

SEEN_BEFORE: contextvars.ContextVar[str] = contextvars.ContextVar("SEEN_BEFORE", default="nothing")
EVENT_SECONDS = 0.02
STREAM_SECONDS = 60.0


class Counters:
    """What happened inside the process. Safe in any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.streams_closed = 0

    def stream_closed(self) -> None:
        with self._lock:
            self.streams_closed += 1


def create_app(adapter_stats: Callable[[], Mapping[str, Any]] = dict) -> Flask:
    """Trivial, waiting, streaming and receiving routes, and `/state` with the counters."""
    app = Flask(__name__)
    counters = Counters()

    @app.get("/")
    def trivial() -> Any:
        return jsonify(ok=True)

    @app.get("/wait/<int:milliseconds>")
    def wait(milliseconds: int) -> Any:
        time.sleep(milliseconds / 1000)
        return jsonify(worker=os.getpid())

    @app.get("/echo/<word>")
    def echo(word: str) -> Any:
        seen_before = SEEN_BEFORE.get()
        SEEN_BEFORE.set(word)
        return jsonify(word=word, seen_before=seen_before)

    @app.post("/upload")
    def upload() -> Any:
        return jsonify(size=len(request.get_data()))

    @app.get("/state")
    def state() -> Any:
        return jsonify(
            threads=psutil.Process().num_threads(), streams_closed=counters.streams_closed, **adapter_stats()
        )

    _add_streams(app, counters)
    return app


def _add_streams(app: Flask, counters: Counters) -> None:
    @app.get("/events")
    def events() -> Any:
        """An event now and then, whoever listens."""

        def produce() -> Iterator[str]:
            for number in range(int(STREAM_SECONDS / EVENT_SECONDS)):
                yield f"data: {number}\n\n"
                time.sleep(EVENT_SECONDS)

        return _stream(produce(), counters)

    @app.get("/quiet")
    def quiet() -> Any:
        """One event, then nothing until the signal of the adapter; its reason is the last event."""
        signal = request.environ["citu.client_disconnected"]
        going = threading.Event()
        signal.add_callback(going.set)

        def produce() -> Iterator[str]:
            yield "data: open\n\n"
            going.wait(STREAM_SECONDS)
            yield f"data: last {signal.reason}\n\n"

        return _stream(produce(), counters)


def _stream(chunks: Iterator[str], counters: Counters) -> Response:
    response = Response(chunks, mimetype="text/event-stream")
    response.call_on_close(counters.stream_closed)
    return response
