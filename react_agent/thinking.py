"""What decides the next step of a turn: a language model that may call tools, or the offline planner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from langchain_core.messages import AnyMessage

from common.answering import Write
from core.llm.messages import ToolSpec
from react_agent.state import Turn


@dataclass(frozen=True)
class View:
    """What there is to decide upon: the thread's messages, the current question's last, and the graph's hint.

    `unproven` has the figures of an answer that was just refused because nothing returned them.
    """

    turn: Turn
    messages: Sequence[AnyMessage]
    hint: str | None
    unproven: tuple[str, ...] = ()


@dataclass(frozen=True)
class PlannedCall:
    """A tool to call."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Step:
    """The next step: tools to call, or the answer in words. `text` beside calls is thinking aloud."""

    text: str = ""
    calls: tuple[PlannedCall, ...] = ()


class Thinker(Protocol):
    """Decides one step at a time and keeps nothing between steps.

    With `write` the answer's text is handed on as it is written. Raises `ModelUnavailableError` when no step can be
    decided now; never makes one up.
    """

    @property
    def provenance(self) -> Mapping[str, object]: ...

    async def next_step(self, view: View, tools: Sequence[ToolSpec], write: Write | None = None) -> Step: ...
