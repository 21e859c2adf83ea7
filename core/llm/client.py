"""The one way to ask a language model, for threads and for coroutines. Built by `bootstrap`.

A call ends with a `ModelReply` or with an error of `core.llm.errors`, never with an invented answer, and never later
than `timeout_seconds`. The async methods run the sync ones on the shared bounded executor, so the client belongs to no
event loop; a cancelled coroutine closes its connection to the model at once.

Every call names the account it is made for: tenants take turns at the `FairGate`, the meter may refuse the account and
is told what every answer has cost. A call that waits for its turn occupies no thread of the executor.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from core.async_bridge import run_blocking
from core.llm.call_scope import CallScope, activate
from core.llm.circuit_breaker import CircuitBreaker, Trouble
from core.llm.config import LLMClientConfig
from core.llm.errors import ModelCallError
from core.llm.fair_gate import FairGate
from core.llm.messages import (
    WHOLE_KINDS,
    CallKind,
    ChatMessage,
    ChatProvider,
    ModelReply,
    ReplyPart,
    StreamPart,
    ToolSpec,
)
from core.llm.metering import CallAccount, CallMeter, NoMeter
from core.llm.reply_builder import ReplyBuilder
from core.llm.retry import Attempts, RetryPolicy, call_with_retry

Result = TypeVar("Result")


class RunBlocking(Protocol):
    """Runs a sync function off the event loop and returns its result."""

    def __call__(self, function: Callable[..., Result], /, *args: Any) -> Awaitable[Result]: ...


@dataclass(frozen=True)
class _Call:
    """One call on its way."""

    messages: tuple[ChatMessage, ...]
    account: CallAccount
    kind: CallKind
    scope: CallScope
    attempts: Attempts
    tools: tuple[ToolSpec, ...]

    @property
    def must_be_whole(self) -> bool:
        """Whether half a reply is none."""
        return self.kind in WHOLE_KINDS


class LLMClient:
    """See the module.

    Args:
        config: limits of a call.
        provider: the way to the model; closed by `close`.
        gate: who may call when; by default `config.max_connections` calls at a time.
        breaker: of the provider's endpoint; by default one of its own.
        meter: whose call is allowed and what it cost; by default nobody counts.
        retry: pauses between tries; by default derived from `config`.
        run_blocking: how the async methods leave the event loop.
        clock: seconds from any fixed point, never going back.
    """

    def __init__(
        self,
        *,
        config: LLMClientConfig,
        provider: ChatProvider,
        gate: FairGate | None = None,
        breaker: CircuitBreaker | None = None,
        meter: CallMeter | None = None,
        retry: RetryPolicy | None = None,
        run_blocking: RunBlocking = run_blocking,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._provider = provider
        self._gate = gate or FairGate(limit=config.max_connections, clock=clock)
        self._breaker = breaker or CircuitBreaker(clock=clock)
        self._meter = meter or NoMeter()
        self._retry = retry or RetryPolicy(
            max_calls=config.max_calls, attempt_timeout_seconds=config.attempt_timeout_seconds
        )
        self._run_blocking = run_blocking
        self._clock = clock

    @property
    def model(self) -> str:
        """Name of the configured model."""
        return self._config.model

    @property
    def trouble(self) -> Trouble | None:
        """See `CircuitBreaker.trouble`; costs nothing."""
        return self._breaker.trouble

    def generate(self, prompt: str, *, account: CallAccount, kind: CallKind = "other") -> ModelReply:
        """Ask with a single user message; otherwise like `chat`."""
        return self.chat([ChatMessage("user", prompt)], account=account, kind=kind)

    def chat(
        self,
        messages: Sequence[ChatMessage],
        *,
        account: CallAccount,
        kind: CallKind = "other",
        tools: Sequence[ToolSpec] = (),
    ) -> ModelReply:
        """Ask and wait for the complete answer; with `tools`, that may be calls of some of them.

        Raises:
            ModelCallError: one of its subclasses.
            BudgetExceededError: the account has used its tokens of the day.
        """
        call = self._new_call(messages, account, kind, tools)
        with self._gate.enter(account.tenant, call.scope):
            return self._chat(call)

    def stream(
        self,
        messages: Sequence[ChatMessage],
        *,
        account: CallAccount,
        kind: CallKind = "other",
        tools: Sequence[ToolSpec] = (),
    ) -> Generator[StreamPart, None, None]:
        """Ask and hand on the answer as it comes; the last part carries the complete reply.

        A failure before the first part is tried again; after it, it is raised. Close the iterator when you stop early.

        Raises:
            ModelCallError: one of its subclasses.
            BudgetExceededError: the account has used its tokens of the day.
        """
        call = self._new_call(messages, account, kind, tools)
        with self._gate.enter(account.tenant, call.scope):
            yield from self._stream(call)

    async def async_generate(self, prompt: str, *, account: CallAccount, kind: CallKind = "other") -> ModelReply:
        """`generate` for coroutines."""
        return await self.async_chat([ChatMessage("user", prompt)], account=account, kind=kind)

    async def async_chat(
        self,
        messages: Sequence[ChatMessage],
        *,
        account: CallAccount,
        kind: CallKind = "other",
        tools: Sequence[ToolSpec] = (),
    ) -> ModelReply:
        """`chat` for coroutines; cancelling it stops the call."""
        call = self._new_call(messages, account, kind, tools)
        with await self._gate.enter_async(account.tenant, call.scope):
            is_done = False
            try:
                reply = await self._run_blocking(self._chat, call)
                is_done = True
            finally:
                if not is_done:
                    call.scope.cancel()
            return reply

    async def async_stream(
        self,
        messages: Sequence[ChatMessage],
        *,
        account: CallAccount,
        kind: CallKind = "other",
        tools: Sequence[ToolSpec] = (),
    ) -> AsyncGenerator[StreamPart, None]:
        """`stream` for coroutines; the model is read only as fast as the caller takes parts."""
        call = self._new_call(messages, account, kind, tools)
        with await self._gate.enter_async(account.tenant, call.scope):
            parts = self._stream(call)
            try:
                while (part := await self._run_blocking(next, parts, None)) is not None:
                    yield part
            finally:
                call.scope.cancel()
                # "already executing" when a cancelled step still runs in its thread: that step closes the stream.
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

    def _new_call(
        self, messages: Sequence[ChatMessage], account: CallAccount, kind: CallKind, tools: Sequence[ToolSpec]
    ) -> _Call:
        scope = CallScope(self._config.timeout_seconds, self._clock)
        attempts = Attempts(self._retry, scope, kind, self._breaker)
        return _Call(tuple(messages), account, kind, scope, attempts, tuple(tools))

    def _chat(self, call: _Call) -> ModelReply:
        self._meter.admit(call.account)

        def ask(seconds: float) -> ModelReply:
            with self._gathering(call) as gathered:
                if not self._config.asks_for_streams:
                    reply = self._provider.complete(
                        call.messages, kind=call.kind, timeout_seconds=seconds, tools=call.tools
                    )
                    gathered.add(reply)
                    return gathered.reply(must_be_whole=call.must_be_whole)
                with contextlib.closing(self._parts(call, seconds)) as parts:
                    for part in parts:
                        gathered.add(part)
                return gathered.reply(must_be_finished=True, must_be_whole=call.must_be_whole)

        return call_with_retry(ask, call.attempts, call.scope)

    def _stream(self, call: _Call) -> Generator[StreamPart, None, None]:
        self._meter.admit(call.account)
        is_delivered = False
        while True:
            seconds = call.attempts.begin()
            try:
                with call.attempts.observed():
                    for part in self._stream_once(call, seconds):
                        is_delivered = True
                        yield part
                return
            except ModelCallError as error:
                if is_delivered:
                    raise
                call.attempts.wait_or_raise(error)

    def _stream_once(self, call: _Call, seconds: float) -> Generator[StreamPart, None, None]:
        with self._gathering(call) as gathered:
            with contextlib.closing(self._parts(call, seconds)) as parts:
                while True:
                    with activate(call.scope):  # for each step: the next one may run in another thread
                        part = next(parts, None)
                    if part is None:
                        break
                    yield from gathered.add(part)
            reply = gathered.reply(must_be_finished=True, must_be_whole=call.must_be_whole)
            yield from gathered.rest()
            yield StreamPart(reply=reply)

    def _parts(self, call: _Call, seconds: float) -> Generator[ReplyPart, None, None]:
        return self._provider.stream(call.messages, kind=call.kind, timeout_seconds=seconds, tools=call.tools)

    @contextlib.contextmanager
    def _gathering(self, call: _Call) -> Iterator[ReplyBuilder]:
        """One try's answer in the making; whatever of it came is on the account, however the try ends."""
        if call.attempts.made > 1:
            self._gate.note_request()
        gathered = ReplyBuilder(self._config.max_reply_bytes, self._config.model)
        try:
            yield gathered
        finally:
            counted = gathered.usage("".join(message.content for message in call.messages))
            if counted is not None:
                usage, is_estimated = counted
                self._meter.record(
                    call.account, kind=call.kind, model=self._config.model, usage=usage, is_estimated=is_estimated
                )
