"""A `ChatProvider` that plays a script, for tests of everything above the network."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from core.llm.errors import ModelCallError
from core.llm.messages import CallKind, ChatMessage, ReplyPart, ToolSpec

Step = ReplyPart | ModelCallError


class ScriptedProvider:
    """Plays one list of steps for each call; an error ends it."""

    def __init__(self, *calls: Sequence[Step]) -> None:
        self.scripts = list(calls)
        self.kinds: list[str] = []
        self.is_closed = False

    def complete(
        self, messages: Sequence[ChatMessage], *, kind: CallKind, timeout_seconds: float, tools: Sequence[ToolSpec] = ()
    ) -> ReplyPart:
        return next(self.stream(messages, kind=kind, timeout_seconds=timeout_seconds))

    def stream(
        self, messages: Sequence[ChatMessage], *, kind: CallKind, timeout_seconds: float, tools: Sequence[ToolSpec] = ()
    ) -> Generator[ReplyPart, None, None]:
        self.kinds.append(kind)
        for step in self.scripts.pop(0):
            if isinstance(step, ModelCallError):
                raise step
            yield step

    def close(self) -> None:
        self.is_closed = True
