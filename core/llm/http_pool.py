"""The pooled HTTP client under the model clients: every network wait ends at the call's deadline, answers have a size.

httpx restarts its read timeout with each byte, so a server that drips never times out; here each read gets only what
is left of the active `CallScope`. Called by `bootstrap`, which hands the client to the providers.
"""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import httpcore
import httpx

from core.llm.call_scope import current_scope
from core.llm.errors import ModelCallError, ModelConnectionError, ModelReplyError, ModelTimeoutError

CONNECT_TIMEOUT_SECONDS: Final = 5.0
STREAM_FRAMING_FACTOR: Final = 8
"""A streamed answer is about this many times larger on the wire than its text."""

_WRITTEN_AT_ONCE: Final = 16_384
_CONNECTIONS_A_POOL: Final = 16
_SHORTEST_WAIT: Final = 0.001  # zero would mean "do not block" to a socket


MALFORMED: Final = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError)
"""What reading an answer of an unexpected shape raises."""


class UnacceptableReplyError(httpx.RequestError):
    """The answer is larger than allowed, or compressed although we asked for plain bytes."""


def build_http_client(*, max_reply_bytes: int, max_connections: int) -> httpx.Client:
    """A client for threads to share; close it once, at the end.

    It follows no redirects and takes no proxy from the environment, so a key goes only where it was configured to go.

    Args:
        max_reply_bytes: cap of an answer's body; event streams get `STREAM_FRAMING_FACTOR` times that.
        max_connections: further requests wait for a free connection, as long as their timeout allows.
    """
    return httpx.Client(
        transport=_CappedTransport(_spread(max_connections), max_reply_bytes),
        headers={"Accept-Encoding": "identity"},
        follow_redirects=False,
        trust_env=False,
    )


@contextlib.contextmanager
def typed_errors() -> Iterator[None]:
    """Turn what sending and reading raise into our errors, and cut the chain, which quotes the provider.

    Raises:
        ModelTimeoutError: the answer did not come in time.
        ModelConnectionError: it did not come.
        ModelReplyError: it came and cannot be read, or is too large.
    """
    failure: ModelCallError
    try:
        yield
        return
    except UnacceptableReplyError:
        failure = ModelReplyError()
    except httpx.TimeoutException:
        failure = ModelTimeoutError()
    except (httpx.HTTPError, httpx.StreamError):
        failure = ModelConnectionError()
    except MALFORMED:
        failure = ModelReplyError()
    raise failure from None


def _spread(max_connections: int) -> httpx.BaseTransport:
    """One pool, or several small ones: each request makes httpcore look at every connection of its pool, squared."""
    count = -(-max_connections // _CONNECTIONS_A_POOL)
    limits = httpx.Limits(max_connections=-(-max_connections // count), max_keepalive_connections=_CONNECTIONS_A_POOL)
    context = httpx.create_ssl_context()
    pools = [_DeadlineTransport(limits, context) for _ in range(count)]
    return pools[0] if count == 1 else _SpreadTransport(pools)


class _SpreadTransport(httpx.BaseTransport):
    """Several pools; a request goes to the one with the fewest requests under way."""

    def __init__(self, pools: Sequence[httpx.BaseTransport]) -> None:
        self._pools = pools
        self._lock = threading.Lock()
        self._busy = [0] * len(pools)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            number = self._busy.index(min(self._busy))
            self._busy[number] += 1
        try:
            response = self._pools[number].handle_request(request)
        except BaseException:
            self._ended(number)
            raise
        if isinstance(response.stream, httpx.SyncByteStream):
            response.stream = _CountedStream(response.stream, lambda: self._ended(number))
        return response

    def close(self) -> None:
        for pool in self._pools:
            pool.close()

    def _ended(self, number: int) -> None:
        with self._lock:
            self._busy[number] -= 1


class _CountedStream(httpx.SyncByteStream):
    """Tells once that it was closed."""

    def __init__(self, inner: httpx.SyncByteStream, ended: Callable[[], None]) -> None:
        self._inner = inner
        self._ended: Callable[[], None] | None = ended

    def __iter__(self) -> Iterator[bytes]:
        yield from self._inner

    def close(self) -> None:
        ended, self._ended = self._ended, None
        try:
            self._inner.close()
        finally:
            if ended is not None:
                ended()


class _DeadlineTransport(httpx.HTTPTransport):
    """httpx's own transport over a pool whose network operations know the deadline."""

    def __init__(self, limits: httpx.Limits, context: ssl.SSLContext) -> None:
        super().__init__(verify=context, limits=limits)
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=_DeadlineBackend(),
        )


class _DeadlineBackend(httpcore.NetworkBackend):
    """Opens TCP connections that keep to the deadline."""

    def __init__(self) -> None:
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        bounded = min(_bounded(timeout, httpcore.ConnectTimeout), CONNECT_TIMEOUT_SECONDS)
        return _DeadlineStream(self._inner.connect_tcp(host, port, bounded, local_address, socket_options))


class _DeadlineStream(httpcore.NetworkStream):
    """A connection whose reads and writes end at the deadline and can be broken off by `CallScope.cancel`."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with self._cancellable(httpcore.ReadError):
            return self._inner.read(max_bytes, _bounded(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _WRITTEN_AT_ONCE):
            with self._cancellable(httpcore.WriteError):
                piece = buffer[start : start + _WRITTEN_AT_ONCE]
                self._inner.write(piece, _bounded(timeout, httpcore.WriteTimeout))

    @contextlib.contextmanager
    def _cancellable(self, error: type[httpcore.NetworkError]) -> Iterator[None]:
        scope = current_scope()
        if scope is None:
            yield
            return
        with scope.using(self._inner.get_extra_info("socket")) as is_wanted:
            if not is_wanted:
                raise error
            yield

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        bounded = _bounded(timeout, httpcore.ConnectTimeout)
        return _DeadlineStream(self._inner.start_tls(ssl_context, server_hostname, bounded))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _bounded(timeout: float | None, error: type[httpcore.TimeoutException]) -> float:
    """`timeout`, cut to what the running try has left; raises `error` when that is nothing."""
    scope = current_scope()
    if scope is None:
        return CONNECT_TIMEOUT_SECONDS if timeout is None else timeout
    left = scope.attempt_remaining()
    if left <= 0:
        raise error
    return max(_SHORTEST_WAIT, left if timeout is None else min(timeout, left))


class _CappedTransport(httpx.BaseTransport):
    """Refuses answers beyond the cap while they arrive, before anything decodes them."""

    def __init__(self, inner: httpx.BaseTransport, max_reply_bytes: int) -> None:
        self._inner = inner
        self._max_reply_bytes = max_reply_bytes

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self._inner.handle_request(request)
        if response.headers.get("content-encoding", "identity") != "identity":
            response.close()
            raise UnacceptableReplyError("compressed", request=request)
        is_stream = response.headers.get("content-type", "").startswith("text/event-stream")
        cap = self._max_reply_bytes * (STREAM_FRAMING_FACTOR if is_stream else 1)
        if isinstance(response.stream, httpx.SyncByteStream):
            response.stream = _CappedStream(response.stream, cap, request)
        return response

    def close(self) -> None:
        self._inner.close()


class _CappedStream(httpx.SyncByteStream):
    def __init__(self, inner: httpx.SyncByteStream, cap: int, request: httpx.Request) -> None:
        self._inner = inner
        self._left = cap
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._inner:
            self._left -= len(chunk)
            if self._left < 0:
                raise UnacceptableReplyError("too large", request=self._request)
            yield chunk

    def close(self) -> None:
        self._inner.close()
