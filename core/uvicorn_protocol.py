"""uvicorn's protocol with a deadline and a size cap for request heads, and word of its end; for the launcher.

An ASGI application only sees a request whose head is complete, so half a head, silence and an endless head have to be
answered here. Deadlines and limits of the body are the adapter's.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import Any, Self, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

_LINGER_SECONDS = 1.0
_LINGER_BYTES = 64 * 1024


class BoundedHttpToolsProtocol(HttpToolsProtocol):
    """Answers 408 to a head that is not complete in time and 431 to one that grows too large, then closes.

    A connection that never sent a byte is closed without an answer. Idle kept-alive connections are left to
    `timeout_keep_alive`. The size is counted in whole reads, so up to one read (at most 256 KiB) more may be taken;
    heads that fit into one read are measured exactly by the adapter. The same cap holds for trailers and chunk
    extensions: nothing may grow while neither head nor body gets on.
    """

    @classmethod
    def with_limits(
        cls,
        *,
        max_header_bytes: int,
        receive_header_seconds: float,
        before_shutdown: Callable[[], None] | None = None,
    ) -> type[Self]:
        """For `uvicorn.Config(http=...)`, which only calls what its type says is a class.

        A partial and not a class made here, because uvicorn pickles its configuration for more than one worker; for
        the same reason `before_shutdown` has to be a function of a module there.

        Args:
            max_header_bytes: cap of a head, and of anything else that brings neither head nor body further.
            receive_header_seconds: time from the connection, or from a head's first byte, to its last.
            before_shutdown: called on the event loop for each open connection before uvicorn waits for running
                requests. It sends the lifespan shutdown only after that, too late for a stream to say goodbye.
        """
        limited = functools.partial(
            cls,
            max_header_bytes=max_header_bytes,
            receive_header_seconds=receive_header_seconds,
            before_shutdown=before_shutdown,
        )
        return cast("type[Self]", limited)

    def __init__(
        self,
        *arguments: Any,
        max_header_bytes: int = 64 * 1024,
        receive_header_seconds: float = 20.0,
        before_shutdown: Callable[[], None] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(*arguments, **options)
        self._before_shutdown = before_shutdown
        self.max_header_bytes = max_header_bytes
        self.receive_header_seconds = receive_header_seconds
        self._head_timer: asyncio.TimerHandle | None = None
        self._head_begun = False
        self._got_on = False
        self._bytes_without_progress = 0
        self._refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_timer()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        if self._before_shutdown is not None:
            self._before_shutdown()
        super().shutdown()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            self._discard(data)
            return
        self._got_on = False
        super().data_received(data)
        if self._got_on:
            self._bytes_without_progress = 0
        else:
            self._bytes_without_progress += len(data)
            if self._bytes_without_progress > self.max_header_bytes:
                self._refuse(431)
                return
        if self._head_begun and self._head_timer is None:
            self._start_head_timer()

    def on_message_begin(self) -> None:
        self._got_on = True
        self._head_begun = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._got_on = True
        self._head_begun = False
        self._stop_head_timer()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._got_on = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._got_on = True
        super().on_message_complete()

    def _start_head_timer(self) -> None:
        self._head_timer = self.loop.call_later(self.receive_header_seconds, self._head_is_late)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self._is_answering():
            self._start_head_timer()
        elif self._head_begun:
            self._refuse(408)
        else:
            self.transport.close()

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self, status: int) -> None:
        """Answer, and close a little later: a reset at once could overtake the answer."""
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        self._stop_head_timer()
        if self._is_answering():
            self.transport.close()
            return
        self._bytes_without_progress = 0
        self.transport.write(STATUS_LINE[status] + b"content-length: 0\r\nconnection: close\r\n\r\n")
        self.loop.call_later(_LINGER_SECONDS, self.transport.close)

    def _discard(self, data: bytes) -> None:
        self._bytes_without_progress += len(data)
        if self._bytes_without_progress > _LINGER_BYTES:
            self.flow.pause_reading()
