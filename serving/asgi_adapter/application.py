"""Runs the WSGI application for one request on a worker thread and sorts its answer: whole, streamed, or crashed."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from .headers import HeaderList, UnsafeHeaderError, encode_headers

WsgiApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]

WHOLE_ANSWER_BYTES = 1024 * 1024
_NO_BODY_STATUSES = frozenset({204, 205, 304})


class BrokenApplicationError(RuntimeError):
    """The application broke PEP 3333: no `start_response`, a bad status, a body shorter than its Content-Length."""


@dataclass(slots=True)
class Head:
    """Status and headers as they go on the wire."""

    status: int
    headers: HeaderList
    content_length: int | None

    @property
    def allows_body(self) -> bool:
        return self.status not in _NO_BODY_STATUSES


@dataclass(slots=True)
class WholeAnswer:
    """An answer that is complete: it takes one hop to the event loop."""

    head: Head
    body: bytes


@dataclass(slots=True)
class StreamedAnswer:
    """An answer whose chunks come while it is sent. `chunks` is used up on the worker thread."""

    head: Head
    chunks: Iterator[bytes] = field(repr=False)


class StartResponse:
    """The `start_response` of one request, after PEP 3333: a second call needs `exc_info` and comes before the body."""

    def __init__(self) -> None:
        self.head: Head | None = None
        self.sent = False
        self.written: list[bytes] = []

    def __call__(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None
    ) -> Callable[[bytes], None]:
        if exc_info is not None and self.sent:
            raise exc_info[1].with_traceback(exc_info[2])
        if exc_info is None and self.head is not None:
            raise BrokenApplicationError("start_response called twice without exc_info")
        self.head = _make_head(status, headers)
        return self.written.append


def answer_of(iterable: Iterable[bytes], start: StartResponse, method: str) -> WholeAnswer | StreamedAnswer:
    """Sort what the application returned. The caller closes `iterable` on every path.

    Whole: no body on the wire (HEAD, 204, 304), a list or tuple, a declared length up to `WHOLE_ANSWER_BYTES`, or
    nothing at all. Everything else is streamed, and the first chunk is not held back for a second one.

    Raises:
        BrokenApplicationError, UnsafeHeaderError: the application's fault, nothing has been sent yet.
    """
    iterator = iter(iterable)
    first = b"" if start.head is not None and start.written else next(filter(None, iterator), b"")
    head = start.head
    if head is None:
        raise BrokenApplicationError("the application did not call start_response")
    start.sent = True
    if method == "HEAD" or not head.allows_body:
        return WholeAnswer(_without_body(head), b"")
    chunks = itertools.chain(start.written, (first,), iterator)
    if isinstance(iterable, (list, tuple)) or not (first or start.written):
        return _whole(head, b"".join(chunks))
    if head.content_length is None:
        return StreamedAnswer(head, chunks)
    if head.content_length > WHOLE_ANSWER_BYTES:
        return StreamedAnswer(head, cut_to_length(chunks, head.content_length))
    return _whole(head, b"".join(cut_to_length(chunks, head.content_length)))


def cut_to_length(chunks: Iterable[bytes], length: int) -> Iterator[bytes]:
    """Pass on exactly `length` bytes; raises BrokenApplicationError when there are fewer."""
    left = length
    for chunk in chunks:
        if len(chunk) >= left:
            yield chunk[:left]
            return
        left -= len(chunk)
        yield chunk
    if left:
        raise BrokenApplicationError(f"the body is {left} bytes shorter than its Content-Length")


def _whole(head: Head, body: bytes) -> WholeAnswer:
    if head.content_length is None:
        head.headers.append((b"content-length", b"%d" % len(body)))
    elif head.content_length > len(body):
        raise BrokenApplicationError("the body is shorter than its Content-Length")
    else:
        body = body[: head.content_length]
    return WholeAnswer(head, body)


def _without_body(head: Head) -> Head:
    """RFC 9110: no Content-Length with 204; for 304 it would promise bytes that servers then wait for."""
    if not head.allows_body:
        head.headers = [pair for pair in head.headers if pair[0] != b"content-length"]
    return head


def _make_head(status: str, headers: list[tuple[str, str]]) -> Head:
    code = status[:3]
    if not (code.isascii() and code.isdigit() and 200 <= int(code) <= 599 and status[3:4] in {"", " "}):
        raise BrokenApplicationError("the application gave no valid final status")
    encoded = encode_headers(headers)
    lengths = {value for name, value in encoded if name == b"content-length"}
    if len(lengths) > 1 or not all(value.isdigit() for value in lengths):
        raise UnsafeHeaderError("Content-Length is no single number")
    return Head(int(code), encoded, int(lengths.pop()) if lengths else None)
