"""Serves an application by werkzeug's WSGI server: a thread a connection, a connection a request, no ASGI server.

werkzeug closes every connection after its answer; where that costs too much, serve `app` by another WSGI server.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wsgi import ClosingIterator

from common.config_service import ConfigService
from core.logging import get_app_logger
from serving.garbage_collection import collect_less_often
from serving.worker_processes import worker_processes
from web.exposure import exposure_warnings, wanted_host

logger = get_app_logger("plain_server")

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Service(Protocol):
    """What is started before an application is served, and stopped after it."""

    @property
    def settings(self) -> ConfigService:
        """The settings of this process."""

    def start(self) -> None:
        """Prepare databases and Redis."""

    def share_figures(self) -> None:
        """Begin to write this process's figures for `/metrics`."""

    def load_agent(self) -> None:
        """Build the classic agent."""

    def close(self) -> None:
        """Stop what was started."""


class QuietHandler(WSGIRequestHandler):
    """Speaks HTTP/1.1. Lines a request are written by `web.request_hooks`, not here."""

    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:
        """What is left to say are broken connections."""
        logger.debug(message, *args)


class RunningRequests:
    """WSGI middleware that knows how many requests run, so that a stop can wait for them."""

    def __init__(self, app: WsgiApp) -> None:
        self._app = app
        self._count = 0
        self._changed = threading.Condition()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        self._add(1)
        try:
            answer = self._app(environ, start_response)
        except BaseException:
            self._add(-1)
            raise
        return ClosingIterator(answer, lambda: self._add(-1))

    def wait(self, seconds: float) -> bool:
        """Whether none ran any more within `seconds`."""
        with self._changed:
            return self._changed.wait_for(lambda: self._count == 0, timeout=seconds)

    def _add(self, number: int) -> None:
        with self._changed:
            self._count += number
            self._changed.notify_all()


def run_plain(service: Service, app: Flask) -> None:
    """Serve `app` as plain WSGI on HOST and PORT, a thread a connection, until the process is told to stop."""
    settings = service.settings
    host = wanted_host(settings)
    for warning in exposure_warnings(settings, host):
        logger.warning("%s", warning)
    service.start()
    service.share_figures()
    collect_less_often()
    threading.Thread(target=service.load_agent, name="warm-up", daemon=True).start()
    try:
        address = {"host": host, "port": settings.get("PORT")}
        with worker_processes(settings.get("PIPELINE_WORKERS")):
            serve_plain(app, **address, grace_seconds=settings.get("GRACEFUL_TIMEOUT"))
    finally:
        service.close()


def serve_plain(app: WsgiApp, *, host: str, port: int, grace_seconds: float) -> None:
    """Serve until SIGTERM or Ctrl-C; requests that run then get `grace_seconds` to end.

    Raises:
        SystemExit: the address cannot be bound.
    """
    running = RunningRequests(app)
    server = make_server(host, port, running, threaded=True, request_handler=QuietHandler)
    stop = threading.Thread(target=server.shutdown, daemon=True)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: stop.start())
    logger.info("serving on http://%s:%s", host, port)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        logger.info("stopping")
    finally:
        server.server_close()
        if not running.wait(grace_seconds):
            logger.warning("stopped with requests still running")
