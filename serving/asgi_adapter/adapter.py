"""`ThreadedWsgiToAsgi`: the door from an ASGI server to a WSGI application; `asgi_app` sends every http scope here."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from asgiref.wsgi import WsgiToAsgi

from core.disconnect import CLIENT_DISCONNECTED_KEY, DisconnectSignal
from core.thread_lane import Lane

from .application import WsgiApplication
from .body import BodyLimits, ClientLeftError, Message, Receive, Scope, declared_length, receive_body
from .environ import build_environ, check_head_size
from .exchange import Exchange, Send
from .refusal import RefusalRenderer, RefusedError, render_plain_refusal

logger = logging.getLogger("app.asgi_adapter")

_LINGER_BYTES = 64 * 1024
_LINGER_SECONDS = 1.0
_RESERVED_QUEUE = 64
_SIDE_THREADS = 4
_CLOSE_POLL_SECONDS = 0.02


class ThreadedWsgiToAsgi(WsgiToAsgi):
    """Serves `wsgi_application` on own, bounded threads; each request in a fresh context, each answer closed once.

    Args:
        wsgi_application: any PEP 3333 application.
        threads, queue: requests running and waiting at most; one more is answered 503 with Retry-After.
        max_body_bytes: larger bodies are answered 413, as soon as that is known.
        body_limit: that number for a path, where it is another one.
        max_header_bytes: larger heads are answered 431 (headers) or 414 (address).
        receive_timeout_seconds: a body that takes longer is answered 408; `min_receive_bytes_per_second` received
            bytes buy one more second.
        spool_bytes: larger bodies go to a temporary file.
        reserved_paths, reserved_threads: paths with threads of their own: they answer while the others are busy.
        streams: open streams that do not count against `threads`; further ones do.
        send_timeout_seconds: a streaming client that takes no byte for so long is cut off.
        render_refusal: headers and body of an answer the adapter gives itself; plain text by default.
        duplicate_header_limit: headers of one name in a request; more are answered 400.

    `environ["citu.client_disconnected"]` holds a `DisconnectSignal`. Streams should watch it: a generator that waits
    for something else cannot be interrupted from outside, it is stopped at its next chunk.
    """

    def __init__(
        self,
        wsgi_application: WsgiApplication,
        *,
        threads: int = 32,
        queue: int = 256,
        max_body_bytes: int,
        max_header_bytes: int = 64 * 1024,
        receive_timeout_seconds: float = 30,
        min_receive_bytes_per_second: int = 16 * 1024,
        spool_bytes: int = 1024 * 1024,
        reserved_paths: frozenset[str] = frozenset({"/health", "/metrics"}),
        reserved_threads: int = 2,
        streams: int = 128,
        send_timeout_seconds: float = 60,
        render_refusal: RefusalRenderer | None = None,
        duplicate_header_limit: int = 100,
        body_limit: Callable[[str], int] | None = None,
    ) -> None:
        super().__init__(wsgi_application, duplicate_header_limit)  # type: ignore[no-untyped-call]
        self._application = wsgi_application
        self._lane = Lane(name="wsgi", threads=threads, queue=queue, streams=streams)
        self._reserved_lane = Lane(name="wsgi-reserved", threads=reserved_threads, queue=_RESERVED_QUEUE)
        self._reserved_paths = reserved_paths
        self._body_limits = BodyLimits(
            max_body_bytes, spool_bytes, receive_timeout_seconds, min_receive_bytes_per_second
        )
        self._body_limit = body_limit or (lambda _path: max_body_bytes)
        self._max_header_bytes = max_header_bytes
        self._send_timeout = send_timeout_seconds
        self._render_refusal = render_refusal or render_plain_refusal
        self._lock = threading.Lock()
        self._side_threads: ThreadPoolExecutor | None = None
        self._exchanges: set[Exchange] = set()
        self._refused: dict[int, int] = {}
        self._loop_lag_seconds = 0.0
        self._received_bytes = 0
        self._winding_up = False
        self._closed = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one http scope; ValueError for any other kind, which the caller has to dispatch before."""
        if scope["type"] != "http":
            raise ValueError(
                f"ThreadedWsgiToAsgi serves http only, not {scope['type']!r}: dispatch it before the adapter"
            )
        try:
            refusal = await self._serve(scope, receive, send)
        except RefusedError as refused:
            refusal = refused
        except ClientLeftError:
            return
        if refusal is not None:
            await self._send_refusal(refusal, scope["method"], receive, send)

    def stats(self) -> dict[str, Any]:
        """Counters for `/metrics`; `loop_lag_ms` is how late the event loop takes an answer, smoothed over some ten."""
        ordinary, reserved = self._lane.counts(), self._reserved_lane.counts()
        by_status = dict(self._refused)
        return {
            "threads": ordinary.threads + reserved.threads,
            "busy": ordinary.busy + reserved.busy,
            "queued": ordinary.queued + reserved.queued,
            "streams": ordinary.streams,
            "in_flight": ordinary.in_flight + reserved.in_flight,
            "completed": ordinary.completed + reserved.completed,
            "refused": sum(by_status.values()),
            "refused_by_status": by_status,
            "received_bytes": self._received_bytes,
            "loop_lag_ms": round(self._loop_lag_seconds * 1000, 3),
        }

    def begin_shutdown(self) -> None:
        """Tell running streams to finish; requests are still taken. For the launcher, on the event loop, at SIGTERM.

        May be called any number of times; streams that begin later are told as well. A server closes its listening
        sockets by itself: refusing here would fail requests it has already accepted.
        """
        if self._winding_up:
            return
        self._winding_up = True
        for exchange in list(self._exchanges):
            exchange.wind_up()

    async def close(self, grace_seconds: float) -> None:
        """No new work (503); running requests get `grace_seconds`, then they are told to stop and streams are cut."""
        self._closed = True
        self.begin_shutdown()
        await self._wait_until_idle(grace_seconds)
        for exchange in list(self._exchanges):
            exchange.give_up("shutting_down")
        # One turn for the refusals and the closing of streams that looked at their signal.
        await self._wait_until_idle(min(1.0, grace_seconds))
        left = self.stats()["in_flight"]
        if left:
            logger.warning("%d request(s) still running when the adapter closed", left)
        self._lane.stop()
        self._reserved_lane.stop()
        if self._side_threads is not None:
            self._side_threads.shutdown(wait=False)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> RefusedError | None:
        check_head_size(scope, max_header_bytes=self._max_header_bytes)
        environ = build_environ(scope, duplicate_header_limit=self.duplicate_header_limit)
        limits = replace(self._body_limits, max_bytes=self._body_limit(environ["PATH_INFO"]))
        length = declared_length(environ, max_bytes=limits.max_bytes)
        has_body = bool(length) or "HTTP_TRANSFER_ENCODING" in environ
        lane = self._reserved_lane if environ["PATH_INFO"] in self._reserved_paths else self._lane
        if self._closed or not lane.has_room():
            raise self._overloaded(body_unread=has_body)
        counted = self._counting(receive) if has_body else receive
        body, size = await receive_body(counted, limits, self._side_executor)
        if environ.pop("HTTP_TRANSFER_ENCODING", None) is not None or size:
            environ["CONTENT_LENGTH"] = str(size)
        signal = DisconnectSignal(self._run_aside)
        environ["wsgi.input"] = body
        environ[CLIENT_DISCONNECTED_KEY] = signal
        exchange = Exchange(
            application=self._application,
            environ=environ,
            body=body,
            signal=signal,
            lane=lane,
            send_timeout_seconds=self._send_timeout,
            note_lag=self._note_lag,
            is_winding_up=lambda: self._winding_up,
        )
        if not lane.submit(exchange.run):
            body.close()
            raise self._overloaded(body_unread=False)
        self._exchanges.add(exchange)
        try:
            return await exchange.conduct(receive, send)
        finally:
            self._exchanges.discard(exchange)

    def _overloaded(self, *, body_unread: bool) -> RefusedError:
        return RefusedError(503, "shutting down" if self._closed else "overloaded", body_unread=body_unread)

    async def _send_refusal(self, refusal: RefusedError, method: str, receive: Receive, send: Send) -> None:
        self._refused[refusal.status] = self._refused.get(refusal.status, 0) + 1
        headers, body = self._rendered(refusal)
        headers = [pair for pair in headers if pair[0].lower() != b"content-length"]
        headers.append((b"content-length", b"%d" % len(body)))
        if refusal.status == 503:
            headers.append((b"retry-after", b"1"))
        if refusal.body_unread:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
        content = b"" if method == "HEAD" else body
        await send({"type": "http.response.body", "body": content, "more_body": refusal.body_unread})
        if refusal.body_unread:
            await _linger(None if refusal.is_over_read else self._counting(receive))
            await send({"type": "http.response.body", "body": b""})

    def _rendered(self, refusal: RefusedError) -> tuple[list[tuple[bytes, bytes]], bytes]:
        try:
            return self._render_refusal(refusal.status, refusal.reason)
        except Exception:  # the house's renderer must not turn a refusal into a broken connection
            logger.exception("rendering a %d refusal failed", refusal.status)
            return render_plain_refusal(refusal.status, refusal.reason)

    def _counting(self, receive: Receive) -> Receive:
        async def counted() -> Message:
            message = await receive()
            self._received_bytes += len(message.get("body", b""))
            return message

        return counted

    def _note_lag(self, seconds: float) -> None:
        self._loop_lag_seconds += (seconds - self._loop_lag_seconds) * 0.1

    def _side_executor(self) -> Executor:
        """Threads for disk writes and disconnect callbacks, started with the first of them."""
        with self._lock:
            if self._side_threads is None:
                self._side_threads = ThreadPoolExecutor(_SIDE_THREADS, thread_name_prefix="wsgi-side")
            return self._side_threads

    def _run_aside(self, work: Callable[[], None]) -> None:
        def run() -> None:
            try:
                work()
            except Exception:  # a callback of a service: reported, the others go on
                logger.exception("a client-left callback failed")

        with contextlib.suppress(RuntimeError):  # the process is ending
            self._side_executor().submit(run)

    async def _wait_until_idle(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while loop.time() < until and (self.stats()["in_flight"] or self._exchanges):
            await asyncio.sleep(_CLOSE_POLL_SECONDS)


async def _linger(receive: Receive | None) -> None:
    """Wait a little for a client that is still sending, so that it reads the refusal before a reset.

    Args: receive: what takes a little more from it; None to leave that to the buffers of the system.
    """
    if receive is None:
        await asyncio.sleep(_LINGER_SECONDS)
        return
    taken = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LINGER_SECONDS):
            while taken <= _LINGER_BYTES:
                message = await receive()
                taken += len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body"):
                    return
