"""One request: a worker thread runs the application, the event loop sends its answer and watches the client."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import IO, Any

from core.disconnect import DisconnectSignal, Reason
from core.thread_lane import Lane

from .application import Head, StartResponse, StreamedAnswer, WholeAnswer, WsgiApplication, answer_of
from .body import Message, Receive
from .refusal import RefusedError
from .stream import StreamChannel, StreamInterruptedError

logger = logging.getLogger("app.asgi_adapter")

Send = Callable[[Message], Awaitable[None]]

# Watching a client costs a task; most answers are there before it is worth one.
_WATCH_AFTER_SECONDS = 0.05
_IDLE_MESSAGES_BEFORE_GIVING_UP = 16


class Exchange:
    """`run` belongs to a worker thread and ends every request exactly once; `conduct` belongs to the event loop.

    The thread never touches the loop except through `call_soon_threadsafe`; the loop never touches environ or iterable.
    """

    __slots__ = (
        "_application",
        "_body",
        "_channel",
        "_environ",
        "_is_winding_up",
        "_lane",
        "_loop",
        "_note_lag",
        "_outcome",
        "_reason",
        "_send_timeout",
        "signal",
    )

    def __init__(
        self,
        *,
        application: WsgiApplication,
        environ: dict[str, Any],
        body: IO[bytes],
        signal: DisconnectSignal,
        lane: Lane,
        send_timeout_seconds: float,
        note_lag: Callable[[float], None],
        is_winding_up: Callable[[], bool],
    ) -> None:
        self._application = application
        self._environ = environ
        self._body = body
        self._lane = lane
        self._loop = asyncio.get_running_loop()
        self._note_lag = note_lag
        self._is_winding_up = is_winding_up
        self._outcome: asyncio.Future[WholeAnswer | StreamedAnswer | RefusedError | None] = self._loop.create_future()
        self._channel: StreamChannel | None = None
        self._reason: Reason | None = None
        self._send_timeout = send_timeout_seconds
        self.signal = signal

    # The thread's side.

    def run(self) -> None:
        """Serve the request in a context of its own, so that no variable of another request is seen."""
        try:
            if not self.signal.is_set():
                contextvars.Context().run(self._serve)
        finally:
            self.signal.close()
            self._body.close()

    def _serve(self) -> None:
        start = StartResponse()
        iterable: Iterable[bytes] | None = None
        error: BaseException | None = None
        outcome: WholeAnswer | RefusedError | None = None
        try:
            iterable = self._application(self._environ, start)
            answer = answer_of(iterable, start, self._environ["REQUEST_METHOD"])
            if isinstance(answer, StreamedAnswer):
                self._stream(answer)
            else:
                outcome = answer
        except BaseException as failure:  # noqa: BLE001  the boundary of the application: whatever it raised becomes a 500
            error = failure
        self._close(iterable)
        if self._channel is not None:
            self._channel.end(error)
            return
        if error is not None:
            logger.error("%s %s crashed", self._environ["REQUEST_METHOD"], self._path(), exc_info=error)
            outcome = RefusedError(500, "internal error", body_unread=False)
        self._hand_over(outcome)

    def _stream(self, answer: StreamedAnswer) -> None:
        self._lane.become_stream()
        self._channel = StreamChannel(self._loop)
        self._hand_over(answer)
        for chunk in answer.chunks:
            if chunk and not self._channel.push(chunk):
                return

    def _close(self, iterable: Iterable[bytes] | None) -> None:
        close = getattr(iterable, "close", None)
        if close is None:
            return
        try:
            close()
        except BaseException:  # the answer stands; the application's clean-up is reported, not passed on
            logger.exception("%s %s: closing the answer failed", self._environ["REQUEST_METHOD"], self._path())

    def _path(self) -> str:
        return repr(self._environ["PATH_INFO"][:200])

    def _hand_over(self, outcome: WholeAnswer | StreamedAnswer | RefusedError | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens
            self._loop.call_soon_threadsafe(self._settle, outcome, time.monotonic())

    # The loop's side.

    async def conduct(self, receive: Receive, send: Send) -> RefusedError | None:
        """Send the answer. Returns a refusal for the caller to send when there is none, None otherwise.

        Raises what a streaming application raised after its answer had begun: the server then cuts the connection,
        which is the only way left to tell the client.
        """
        watching: list[asyncio.Task[None]] = []
        timer = self._loop.call_later(_WATCH_AFTER_SECONDS, self._start_watching, receive, watching)
        try:
            outcome = await self._outcome
            if isinstance(outcome, RefusedError):
                return outcome
            if isinstance(outcome, WholeAnswer):
                await send(_start_message(outcome.head))
                await send({"type": "http.response.body", "body": outcome.body})
            elif outcome is not None:
                if not watching:
                    self._start_watching(receive, watching)
                await self._send_stream(outcome.head, send)
            elif self._reason == "shutting_down":
                return RefusedError(503, "shutting down", body_unread=False)
            return None
        except asyncio.CancelledError:
            self.give_up("shutting_down")
            raise
        finally:
            timer.cancel()
            for task in watching:
                task.cancel()

    def give_up(self, reason: Reason) -> None:
        """Tell the application, and stop sending: nobody waits for this answer any more."""
        self._reason = reason
        self.signal.fire(reason)
        if self._channel is not None:
            self._channel.interrupt()
        self._settle(None, None)

    def wind_up(self) -> None:
        """Tell a stream that the server is going: it may still send its last event."""
        if self._channel is not None:
            self.signal.fire("shutting_down")

    async def _send_stream(self, head: Head, send: Send) -> None:
        channel = self._channel
        if channel is None:
            raise RuntimeError("a streamed answer has a channel")
        try:
            await send(_start_message(head))
            if self._is_winding_up():
                self.wind_up()
            ended = False
            while not ended:
                chunk, ended = await channel.take()
                async with asyncio.timeout(self._send_timeout):
                    await send({"type": "http.response.body", "body": chunk, "more_body": not ended})
        except StreamInterruptedError:
            return
        except (OSError, TimeoutError):
            self.give_up("client_left")
            raise

    def _settle(self, outcome: WholeAnswer | StreamedAnswer | RefusedError | None, sent_at: float | None) -> None:
        if sent_at is not None:
            self._note_lag(time.monotonic() - sent_at)
        if not self._outcome.done():
            self._outcome.set_result(outcome)
        elif isinstance(outcome, StreamedAnswer) and self._channel is not None:
            self._channel.interrupt()

    def _start_watching(self, receive: Receive, watching: list[asyncio.Task[None]]) -> None:
        watching.append(self._loop.create_task(self._watch_client(receive)))

    async def _watch_client(self, receive: Receive) -> None:
        for _ in range(_IDLE_MESSAGES_BEFORE_GIVING_UP):
            message = await receive()
            if message["type"] == "http.disconnect":
                self.give_up("client_left")
                return


def _start_message(head: Head) -> Message:
    return {"type": "http.response.start", "status": head.status, "headers": head.headers}
