"""The words of a model call: messages in, parts and replies out, and the protocol a provider fulfils.

Used by `core.llm.client`, by providers, and by everyone who calls the client.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

Role = Literal["system", "user", "assistant", "tool"]
CallKind = Literal[
    "classify", "write_sql", "write_candidate", "repair_sql", "summarise", "chat", "react", "embed", "describe_table",
    "write_themes", "write_pairs", "write_scope", "repair_pairs", "write_question", "other",
]  # fmt: skip

CALL_KIND_HEADER: Final = "X-Citu-Call"
"""Every request to a model carries its `CallKind` here, so that nobody needs to read prompts to tell calls apart."""

CUT_REASONS: Final = frozenset({"length", "max_tokens", "content_filter"})
"""Values of `finish_reason` of a reply that was cut (OpenAI's chat completions; `max_tokens` by some servers)."""

BROKEN_REASONS: Final = frozenset({"insufficient_system_resource"})
"""Values of `finish_reason` of a reply that the provider gave up (DeepSeek); asked again it may come."""

WHOLE_KINDS: Final[frozenset[CallKind]] = frozenset(
    {"classify", "write_sql", "write_candidate", "repair_sql", "write_question"}
)
"""Calls whose reply is read by structure: half of one means something else, or nothing."""

EXACT_KINDS: Final[frozenset[CallKind]] = frozenset({"classify", "write_sql", "repair_sql"})
"""Calls asked at temperature 0 whatever is configured: the same question gets the same SQL.

`write_candidate` is SQL that is to differ from one call to the next, so that results can be voted on.
"""


@dataclass(frozen=True)
class ToolSpec:
    """A tool the model may call; `parameters` is the JSON Schema of its arguments, an object."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class ToolCall:
    """A call the model asks for. `id` ties the tool's answer to it; providers need not make it unique."""

    id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class ToolCallPiece:
    """A piece of a streamed call: pieces of the same `index` belong together, `arguments` is a piece of JSON text."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(frozen=True)
class ChatMessage:
    """One turn. `tool_calls` are the assistant's, `tool_call_id` says which call a `tool` turn answers."""

    role: Role
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""


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
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_pieces: tuple[ToolCallPiece, ...] = ()


@dataclass(frozen=True)
class ModelReply:
    """A complete answer: text, calls of tools, or both. `thinking` never appears in `text`."""

    text: str
    thinking: str
    usage: TokenUsage | None
    model: str
    finish_reason: str | None
    tool_calls: tuple[ToolCall, ...] = ()

    @property
    def is_finished(self) -> bool:
        """Whether the model said that it was done."""
        return self.finish_reason == "stop"


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

    def complete(
        self, messages: Sequence[ChatMessage], *, kind: CallKind, timeout_seconds: float, tools: Sequence[ToolSpec] = ()
    ) -> ReplyPart: ...

    def stream(
        self, messages: Sequence[ChatMessage], *, kind: CallKind, timeout_seconds: float, tools: Sequence[ToolSpec] = ()
    ) -> Generator[ReplyPart, None, None]: ...

    def close(self) -> None: ...
