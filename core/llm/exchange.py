"""The words of a model call: messages in, parts and replies out, and the protocol a provider fulfils.

Used by `core.llm.client`, by providers, and by everyone who calls the client.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

Role = Literal["system", "user", "assistant"]
CallKind = Literal["classify", "write_sql", "repair_sql", "summarise", "chat", "embed", "other"]

CALL_KIND_HEADER: Final = "X-Citu-Call"
"""Every request to a model carries its `CallKind` here, so that nobody needs to read prompts to tell calls apart."""


@dataclass(frozen=True)
class ChatMessage:
    """One turn."""

    role: Role
    content: str


@dataclass(frozen=True)
class TokenUsage:
    """Tokens the provider counted for one call."""

    input_tokens: int
    output_tokens: int

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True)
class ReplyPart:
    """What a provider hands over at once: a whole reply, or one piece of a stream.

    `text` may still hold `<think>` tags; `thinking` is what the provider itself kept apart.
    """

    text: str = ""
    thinking: str = ""
    finish_reason: str | None = None
    usage: TokenUsage | None = None
    model: str = ""


@dataclass(frozen=True)
class ModelReply:
    """A complete, non-empty answer. `thinking` never appears in `text`."""

    text: str
    thinking: str
    usage: TokenUsage | None
    model: str
    finish_reason: str | None


@dataclass(frozen=True)
class StreamPart:
    """A piece of a streamed answer; the last one carries the complete `reply` and no text of its own."""

    text: str = ""
    thinking: str = ""
    reply: ModelReply | None = None


class ChatProvider(Protocol):
    """One way to reach a model. Makes exactly one request a call and retries nothing.

    `timeout_seconds` bounds each wait for the network; the `CallScope` active in the thread bounds the sum.
    Both raise the errors of `core.llm.errors`, without any text of the provider in them.
    """

    def complete(self, messages: Sequence[ChatMessage], *, kind: CallKind, timeout_seconds: float) -> ReplyPart: ...

    def stream(
        self, messages: Sequence[ChatMessage], *, kind: CallKind, timeout_seconds: float
    ) -> Generator[ReplyPart, None, None]: ...

    def close(self) -> None: ...
