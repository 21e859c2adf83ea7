"""A connection that refuses messages above a size limit; the reader pool hands out these.

libpq reads a row whole before anyone sees it, so a cap on rows already read comes too late for one huge value. Here the
first messages of an answer are looked at while they still wait on the socket: one that announces more than the budget
is never read. Later ones are counted as they leave the socket; what arrives during one read escapes that count.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import os
import socket
import termios
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from psycopg import Connection
from psycopg.waiting import Ready

from core.sql_executor.backend_memory import LocalBackend

RV = TypeVar("RV")
_LEAST_READ: Final = 8192  # libpq keeps at least that much room free
_LOOKED_AT: Final = 64 * 1024
_HEADER: Final = 5  # one byte of type, four of length that count themselves


class TooMuchReceivedError(Exception):
    """The server sent more than the budget; the connection is closed."""


class ReaderConnection(Connection[Any]):
    """A psycopg connection with a budget of bytes to receive, None while there is no bound.

    `backend` is the server process behind it when that runs on this machine.
    """

    backend: LocalBackend | None = None
    _budget: int | None = None

    @contextmanager
    def receiving_at_most(self, budget: int) -> Iterator[None]:
        """Within the block `budget` bytes may come, give or take what arrives during one read.

        Raises:
            TooMuchReceivedError: more came.
        """
        self._budget = budget
        try:
            yield
        finally:
            self._budget = None

    def wait(self, gen: Generator[Any, Any, RV], *arguments: Any, **options: Any) -> RV:
        """Drive one operation of psycopg; called by psycopg itself."""
        return super().wait(gen if self._budget is None else self._metered(gen), *arguments, **options)

    def _metered(self, gen: Generator[Any, Any, RV]) -> Generator[Any, Any, RV]:
        try:
            state = next(gen)
            is_first = True
            while True:
                ready = yield state
                if is_first and ready & Ready.R:
                    is_first = False
                    self._refuse_announced()
                before = _waiting_bytes(self.pgconn.socket)
                state = gen.send(ready)
                if ready & Ready.R:
                    left = before - _waiting_bytes(self.pgconn.socket)
                    self._spend(max(left, min(before, _LEAST_READ)))
        except StopIteration as end:
            result: RV = end.value
            return result

    def _refuse_announced(self) -> None:
        """Look for a message longer than the budget in what has arrived; it begins at a message (not under TLS)."""
        if self.pgconn.ssl_in_use:
            return
        arrived = _peek(self.pgconn.socket)
        position = 0
        while position + _HEADER <= len(arrived):
            length = int.from_bytes(arrived[position + 1 : position + _HEADER], "big")
            self._spend(0 if length <= (self._budget or 0) else length)
            position += 1 + length

    def _spend(self, size: int) -> None:
        if self._budget is None:
            return
        self._budget -= size
        if self._budget < 0:
            self.close()
            raise TooMuchReceivedError


def _peek(descriptor: int) -> bytes:
    with socket.socket(fileno=os.dup(descriptor)) as copy, contextlib.suppress(BlockingIOError):
        return copy.recv(_LOOKED_AT, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    return b""


def _waiting_bytes(descriptor: int) -> int:
    count = array.array("i", [0])
    fcntl.ioctl(descriptor, termios.FIONREAD, count)
    return count[0]
