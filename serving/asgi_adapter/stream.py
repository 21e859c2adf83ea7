"""Carries the chunks of one streamed answer from its worker thread to the event loop, with back-pressure."""

from __future__ import annotations

import asyncio
import contextlib
import threading

HIGH_WATER_BYTES = 64 * 1024


class StreamInterruptedError(Exception):
    """The stream was cut from the consumer's side: the client left, stalled, or the grace of a shutdown is over."""


class StreamChannel:
    """One producer thread, one consumer coroutine, at most `HIGH_WATER_BYTES` plus one chunk between them.

    The producer waits while the consumer is behind; `interrupt` makes every further `push` answer False at once.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._changed = asyncio.Event()
        self._lock = threading.Lock()
        self._room = threading.Condition(self._lock)
        self._chunks: list[bytes] = []
        self._size = 0
        self._ended = False
        self._interrupted = False
        self._error: BaseException | None = None

    def push(self, chunk: bytes) -> bool:
        """Thread side: hand over `chunk`; False when nobody wants more, then the producer stops."""
        with self._room:
            while self._size >= HIGH_WATER_BYTES and not self._interrupted:
                self._room.wait()
            if self._interrupted:
                return False
            self._chunks.append(chunk)
            self._size += len(chunk)
            first = len(self._chunks) == 1
        if first:
            self._wake_consumer()
        return True

    def end(self, error: BaseException | None = None) -> None:
        """Thread side: nothing follows; `error` is raised in the consumer after the last chunk."""
        with self._lock:
            self._ended = True
            self._error = error
        self._wake_consumer()

    async def take(self) -> tuple[bytes, bool]:
        """Loop side: everything handed over since the last call as one chunk, and whether the stream has ended.

        Raises what the producer ended with, once its chunks are delivered; StreamInterruptedError after `interrupt`.
        """
        await self._changed.wait()
        with self._room:
            self._changed.clear()
            if self._interrupted:
                raise StreamInterruptedError
            chunk = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
            self._chunks.clear()
            self._size = 0
            ended, error = self._ended, self._error
            self._room.notify()
        if error is not None:
            if chunk:
                self._changed.set()
                return chunk, False
            raise error
        return chunk, ended

    def interrupt(self) -> None:
        """Loop side: cut the stream; the producer stops at its next chunk."""
        with self._room:
            self._interrupted = True
            self._chunks.clear()
            self._size = 0
            self._room.notify_all()
        self._changed.set()

    def _wake_consumer(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens
            self._loop.call_soon_threadsafe(self._changed.set)
