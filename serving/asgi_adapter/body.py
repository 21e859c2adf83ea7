"""Receives a request body within its limits: in memory while small, in a temporary file above that."""

from __future__ import annotations

import asyncio
import io
import tempfile
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import IO, Any

from .refusal import RefusedError

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

_WRITE_BATCH = 256 * 1024


class ClientLeftError(Exception):
    """The client went away before its request was complete: nobody is there to be answered."""


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """`timeout_seconds` is the grace for the whole body; each `min_bytes_per_second` bytes received add one second."""

    max_bytes: int
    spool_bytes: int
    timeout_seconds: float
    min_bytes_per_second: int


def declared_length(environ: dict[str, Any], *, max_bytes: int) -> int | None:
    """The Content-Length, None without one.

    Raises:
        RefusedError: 400 when it is no number, 413 above `max_bytes`; both before any of the body is asked for.
    """
    text = environ.get("CONTENT_LENGTH")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise RefusedError(400, "content length is no number")
    if int(text) > max_bytes:
        raise RefusedError(413, "body too large")
    return int(text)


async def receive_body(receive: Receive, limits: BodyLimits, disk: Callable[[], Executor]) -> tuple[IO[bytes], int]:
    """Read the body to its end; returns a binary file at position 0, which the caller closes, and its size in bytes.

    Disk writes happen on the executor `disk()` gives, never on the event loop.

    Raises:
        RefusedError: 413 once more than `max_bytes` arrived, 408 when it comes too slowly.
        ClientLeftError: the connection ended first.
    """
    try:
        async with asyncio.timeout(limits.timeout_seconds) as deadline:
            message = await _next_part(receive)
            if not message.get("more_body"):
                return _small_body(message.get("body", b""), limits)
            return await _receive_parts(message, receive, limits, deadline, disk)
    except TimeoutError:
        raise RefusedError(408, "body came too slowly") from None


def _small_body(content: bytes, limits: BodyLimits) -> tuple[IO[bytes], int]:
    _check_size(len(content), limits, unread=False)
    return io.BytesIO(content), len(content)


def _check_size(size: int, limits: BodyLimits, *, unread: bool) -> None:
    if size > limits.max_bytes:
        raise RefusedError(413, "body too large", body_unread=unread, is_over_read=True)


async def _next_part(receive: Receive) -> Message:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientLeftError
    return message


async def _receive_parts(
    message: Message, receive: Receive, limits: BodyLimits, deadline: asyncio.Timeout, disk: Callable[[], Executor]
) -> tuple[IO[bytes], int]:
    started = deadline.when() or 0.0
    batch = bytearray()
    spool: IO[bytes] | None = None
    size = 0
    try:
        while True:
            part = message.get("body", b"")
            size += len(part)
            _check_size(size, limits, unread=bool(message.get("more_body")))
            batch += part
            if spool is None and size > limits.spool_bytes:
                spool = tempfile.TemporaryFile(prefix="request-body-")  # noqa: SIM115  closed by the caller or below
            if spool is not None and len(batch) >= _WRITE_BATCH:
                await _write(spool, batch, disk)
                batch = bytearray()
            if not message.get("more_body"):
                break
            deadline.reschedule(started + size / limits.min_bytes_per_second)
            message = await _next_part(receive)
        if spool is None:
            return io.BytesIO(bytes(batch)), size
        await _write(spool, batch, disk)
        spool.seek(0)
    except BaseException:
        if spool is not None:
            spool.close()
        raise
    return spool, size


async def _write(spool: IO[bytes], batch: bytearray, disk: Callable[[], Executor]) -> None:
    await asyncio.get_running_loop().run_in_executor(disk(), spool.write, batch)
