"""uvicorn's protocol with a deadline and a size cap for request heads, and word of its end; for the launcher.

An ASGI application only sees a request whose head is complete, so half a head, silence and an endless head have to be
answered here. Deadlines and limits of the body are the adapter's.
"""

from __future__ import annotations

import asyncio
import functools
import re
import threading
from collections.abc import Callable
from typing import Any, Self, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

_LINGER_SECONDS = 1.0
_LINGER_BYTES = 64 * 1024
# A kept-alive connection may carry a request that was sent before its client could know of the shutdown.
_LAST_REQUEST_SECONDS = 0.5

# A loop's own reads take up to 256 KiB at once, four times what a refused upload may go over its limit.
READ_BYTES = 16 * 1024


class BoundedHttpToolsProtocol(HttpToolsProtocol):
    """Answers 408 to a head that is not complete in time and 431 to one that grows too large, then closes.

    A connection that never sent a byte is closed without an answer. Idle kept-alive connections are left to
    `timeout_keep_alive`; at a shutdown each may bring one more request. The size is counted in whole reads, so up to
    `READ_BYTES` more may be taken; heads that fit into one read are measured exactly by the adapter. The same cap holds
    for trailers and chunk extensions: nothing may grow while neither head nor body gets on.

    Of a body at most one and a half reads are taken before the application asks for more.
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
            _reading_in_small_parts,
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
        self._winding_up = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_timer()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Let the connection carry one more answer, which says `connection: close`, or close it when none is asked for.

        uvicorn closes idle connections at once and so resets requests already on their way.
        """
        if self._before_shutdown is not None:
            self._before_shutdown()
        self._winding_up = True
        if self._is_answering():
            super().shutdown()
        else:
            self.loop.call_later(_LAST_REQUEST_SECONDS, self._close_if_idle)

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
        self._name_the_target()
        super().on_headers_complete()
        if self._winding_up and self.cycle is not None:
            self.cycle.keep_alive = False

    def _name_the_target(self) -> None:
        """Of a target in absolute form the authority counts and `Host` does not (RFC 9112, section 3.2.2)."""
        scheme, separator, rest = self.url.partition(b"://")
        if separator and not scheme.startswith((b"/", b"*")):
            authority = re.split(rb"[/?#]", rest, maxsplit=1)[0]
            self.headers[:] = [(b"host", authority), *(one for one in self.headers if one[0] != b"host")]

    def on_body(self, body: bytes) -> None:
        self._got_on = True
        super().on_body(body)
        if len(self.cycle.body) >= READ_BYTES // 2:  # the next part is read when the application asks for it
            self.flow.pause_reading()

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

    def _close_if_idle(self) -> None:
        if not self._is_answering():
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


class _SmallReads(asyncio.BufferedProtocol):
    """Between transport and protocol: hands on at most `READ_BYTES` at a time."""

    _of_thread = threading.local()  # a loop fills the buffer and has it read before it turns to the next connection

    def __init__(self, protocol: asyncio.Protocol) -> None:
        self._protocol = protocol

    def get_buffer(self, _size_hint: int) -> memoryview:
        buffer: memoryview | None = getattr(self._of_thread, "buffer", None)
        if buffer is None:
            buffer = self._of_thread.buffer = memoryview(bytearray(READ_BYTES))
        return buffer

    def buffer_updated(self, size: int) -> None:
        self._protocol.data_received(bytes(self._of_thread.buffer[:size]))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._protocol.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._protocol.connection_lost(exc)

    def eof_received(self) -> bool | None:
        return self._protocol.eof_received()

    def pause_writing(self) -> None:
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        self._protocol.resume_writing()


def _reading_in_small_parts(protocol: type[asyncio.Protocol], *arguments: Any, **options: Any) -> _SmallReads:
    return _SmallReads(protocol(*arguments, **options))
