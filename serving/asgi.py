"""Builds the ASGI application: one place decides what each kind of scope is answered by."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from flask import Flask

from bootstrap.container import Container
from common import messages
from common.errors import CituError
from common.result import error_response
from core.logging import get_app_logger
from core.process_tree import is_worker_of_launcher, stop_with_parent
from serving.asgi_adapter import ThreadedWsgiToAsgi
from serving.supervisor import WorkerLife
from web.body_limits import body_limit
from web.exposure import exposure_warnings, is_announced
from web.forwarding import forwarded_address
from web.security_headers import SECURITY_HEADERS

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

logger = get_app_logger("asgi")

REFUSALS = {
    400: ("malformed_request", messages.MALFORMED_REQUEST),
    408: ("receive_timeout", messages.RECEIVE_TIMED_OUT),
    413: ("payload_too_large", messages.PAYLOAD_TOO_LARGE),
    414: ("uri_too_long", messages.URI_TOO_LONG),
    431: ("headers_too_large", messages.HEADERS_TOO_LARGE),
    500: ("request_processing_failed", messages.REQUEST_FAILED),
    503: ("overloaded", messages.OVERLOADED),
}

_THIS_MACHINE = "127.0.0.1"
_serving: list[AsgiApp] = []


class AsgiApp:
    """Dispatches on the scope's type; `http` is the only one that carries requests so far."""

    def __init__(self, adapter: ThreadedWsgiToAsgi, container: Container, life: WorkerLife) -> None:
        self._adapter = adapter
        self._life = life
        self._container = container
        self._warming: asyncio.Task[None] | None = None
        self._is_launched = is_worker_of_launcher()

    def begin_shutdown(self) -> None:
        """Take no new work and let streams send their last event."""
        self._container.begin_shutdown()
        self._adapter.begin_shutdown()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self._life.count_request()
            await self._adapter(scope if self._is_launched else with_believed_caller_undone(scope), receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send(await self._start())
            elif message["type"] == "lifespan.shutdown":
                await self._stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _start(self) -> Message:
        try:
            await asyncio.to_thread(self._container.start)
        except CituError as error:
            logger.error("start failed: %s", error.message)
            return {"type": "lifespan.startup.failed", "message": error.message}
        for warning in () if is_announced() else exposure_warnings(self._container.settings):
            logger.warning("%s", warning)
        self._warming = asyncio.create_task(asyncio.to_thread(self._container.warm_up))
        return {"type": "lifespan.startup.complete"}

    async def _stop(self) -> None:
        if self._warming is not None:
            await self._warming
        await self._adapter.close(self._container.settings.get("GRACEFUL_TIMEOUT"))
        await asyncio.to_thread(self._container.close)


def create_asgi_app(app: Flask, container: Container) -> AsgiApp:
    """The ASGI application around `app`, bounded as the settings say."""
    if is_worker_of_launcher():
        stop_with_parent()
    settings = container.settings
    adapter = ThreadedWsgiToAsgi(
        app,
        threads=settings.get("WSGI_THREADS"),
        streams=settings.get("WSGI_STREAMS"),
        queue=settings.get("WSGI_QUEUE"),
        max_body_bytes=settings.get("MAX_REQUEST_BYTES"),
        body_limit=body_limit(settings),
        max_header_bytes=settings.get("MAX_HEADER_BYTES"),
        receive_timeout_seconds=settings.get("RECEIVE_TIMEOUT"),
        send_timeout_seconds=settings.get("SEND_TIMEOUT"),
        render_refusal=render_refusal,
    )
    container.serve_through(adapter.stats)
    life = WorkerLife(
        max_requests=settings.get("WORKER_MAX_REQUESTS"), jitter=settings.get("WORKER_MAX_REQUESTS_JITTER")
    )
    asgi_app = AsgiApp(adapter, container, life)
    _serving.append(asgi_app)
    return asgi_app


def with_believed_caller_undone(scope: Scope) -> Scope:
    """The scope with this machine as its client when another server took the client from `X-Forwarded-For`.

    uvicorn and gunicorn's uvicorn workers believe that header from this machine unless told otherwise, and the address
    it came from is gone then. `TRUSTED_PROXIES` alone decides who is believed: it may list this machine.
    """
    client = scope.get("client")
    named = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for").decode("latin-1")
    hosts = {part.strip() for part in named.split(",")} - {""}
    if client is None or not any(host == client[0] or forwarded_address(host) == client[0] for host in hosts):
        return scope
    return {**scope, "client": (_THIS_MACHINE, 0)}


def begin_shutdown() -> None:
    """Tell the applications of this process that a stop was asked for; called by the server's protocol, in any worker.

    uvicorn sends lifespan.shutdown only after the last request, too late for a stream to say goodbye.
    """
    for asgi_app in _serving:
        asgi_app.begin_shutdown()


def render_refusal(status: int, reason: str) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Headers and body for a request that is refused before Flask sees it, in the envelope."""
    error_type, text = REFUSALS.get(status, ("request_processing_failed", messages.MALFORMED_REQUEST))
    envelope = error_response(text, error_type, text, status, can_retry=True if status == 503 else None)
    body = json.dumps(envelope, ensure_ascii=False).encode()
    headers = {"content-type": "application/json", "content-length": str(len(body)), **SECURITY_HEADERS}
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()], body
