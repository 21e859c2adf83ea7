"""The one way to ask a language model, for threads and for coroutines. Built by `bootstrap`.

A call ends with a `ModelReply` or with an error of `core.llm.errors`, never with an invented answer, and never later
than `timeout_seconds`. The async methods run the sync ones on the shared bounded executor, so the client belongs to no
event loop; a cancelled coroutine closes its connection to the model at once.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from core.async_bridge import run_blocking
from core.llm.call_scope import CallScope, activate
from core.llm.config import LLMClientConfig
from core.llm.errors import ModelCallError
from core.llm.exchange import CallKind, ChatMessage, ChatProvider, ModelReply, StreamPart
from core.llm.reply_builder import ReplyBuilder
from core.llm.retry import Attempts, RetryPolicy, call_with_retry

Result = TypeVar("Result")


class RunBlocking(Protocol):
    """Runs a sync function off the event loop and returns its result."""

    def __call__(self, function: Callable[..., Result], /, *args: Any) -> Awaitable[Result]: ...


class LLMClient:
    """See the module.

    Args:
        config: limits of a call.
        provider: the way to the model; closed by `close`.
        retry: pauses between tries; by default derived from `config`.
        run_blocking: how the async methods leave the event loop.
        clock: seconds from any fixed point, never going back.
    """

    def __init__(
        self,
        *,
        config: LLMClientConfig,
        provider: ChatProvider,
        retry: RetryPolicy | None = None,
        run_blocking: RunBlocking = run_blocking,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._provider = provider
        self._retry = retry or RetryPolicy(
            max_calls=config.max_calls, attempt_timeout_seconds=config.attempt_timeout_seconds
        )
        self._run_blocking = run_blocking
        self._clock = clock

    @property
    def model(self) -> str:
        """Name of the configured model."""
        return self._config.model

    def generate(self, prompt: str, *, kind: CallKind = "other") -> ModelReply:
        """Ask with a single user message; otherwise like `chat`."""
        return self.chat([ChatMessage("user", prompt)], kind=kind)

    def chat(self, messages: Sequence[ChatMessage], *, kind: CallKind = "other") -> ModelReply:
        """Ask and wait for the complete answer.

        Raises:
            ModelCallError: one of its subclasses.
        """
        return self._chat(messages, kind, self._new_scope())

    def stream(self, messages: Sequence[ChatMessage], *, kind: CallKind = "other") -> Generator[StreamPart, None, None]:
        """Ask and hand on the answer as it comes; the last part carries the complete reply.

        A failure before the first part is tried again; after it, it is raised. Close the iterator when you stop early.

        Raises:
            ModelCallError: one of its subclasses.
        """
        return self._stream(messages, kind, self._new_scope())

    async def async_generate(self, prompt: str, *, kind: CallKind = "other") -> ModelReply:
        """`generate` for coroutines."""
        return await self.async_chat([ChatMessage("user", prompt)], kind=kind)

    async def async_chat(self, messages: Sequence[ChatMessage], *, kind: CallKind = "other") -> ModelReply:
        """`chat` for coroutines; cancelling it stops the call."""
        scope = self._new_scope()
        is_done = False
        try:
            reply = await self._run_blocking(self._chat, messages, kind, scope)
            is_done = True
        finally:
            if not is_done:
                scope.cancel()
        return reply

    async def async_stream(
        self, messages: Sequence[ChatMessage], *, kind: CallKind = "other"
    ) -> AsyncGenerator[StreamPart, None]:
        """`stream` for coroutines; the model is read only as fast as the caller takes parts."""
        scope = self._new_scope()
        parts = self._stream(messages, kind, scope)
        try:
            while (part := await self._run_blocking(next, parts, None)) is not None:
                yield part
        finally:
            scope.cancel()
            # "already executing" when a cancelled step still runs in its thread: that step closes the stream itself.
            with contextlib.suppress(ValueError):
                parts.close()

    def close(self) -> None:
        """Give the pooled connections back; calls made after it fail."""
        self._provider.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _new_scope(self) -> CallScope:
        return CallScope(self._config.timeout_seconds, self._clock)

    def _chat(self, messages: Sequence[ChatMessage], kind: CallKind, scope: CallScope) -> ModelReply:
        def ask(seconds: float) -> ModelReply:
            gathered = ReplyBuilder(self._config.max_reply_bytes, self._config.model)
            if not self._config.enable_thinking:
                gathered.add(self._provider.complete(messages, kind=kind, timeout_seconds=seconds))
                return gathered.reply()
            with contextlib.closing(self._provider.stream(messages, kind=kind, timeout_seconds=seconds)) as parts:
                for part in parts:
                    gathered.add(part)
            return gathered.reply(must_be_finished=True)

        return call_with_retry(ask, self._retry, scope, kind)

    def _stream(
        self, messages: Sequence[ChatMessage], kind: CallKind, scope: CallScope
    ) -> Generator[StreamPart, None, None]:
        attempts = Attempts(self._retry, scope, kind)
        is_delivered = False
        while True:
            seconds = attempts.begin()
            try:
                for part in self._stream_once(messages, kind, scope, seconds):
                    is_delivered = True
                    yield part
                return
            except ModelCallError as error:
                if is_delivered:
                    raise
                attempts.wait_or_raise(error)

    def _stream_once(
        self, messages: Sequence[ChatMessage], kind: CallKind, scope: CallScope, seconds: float
    ) -> Generator[StreamPart, None, None]:
        gathered = ReplyBuilder(self._config.max_reply_bytes, self._config.model)
        with contextlib.closing(self._provider.stream(messages, kind=kind, timeout_seconds=seconds)) as parts:
            while True:
                with activate(scope):  # for each step: the next one may run in another thread
                    part = next(parts, None)
                if part is None:
                    break
                yield from gathered.add(part)
        reply = gathered.reply(must_be_finished=True)
        yield from gathered.rest()
        yield StreamPart(reply=reply)
