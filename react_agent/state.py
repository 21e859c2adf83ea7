"""What a thread remembers between steps and turns, and what a single turn carries along beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypedDict

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage
from langgraph.graph.message import add_messages

from common.answering import Question, Watch
from core.llm.metering import CallAccount

STATUS_OK: Final = "success"
STATUS_ERROR: Final = "error"


def _first(begun: dict[str, str], other: dict[str, str]) -> dict[str, str]:
    return begun or other


class ReactState(TypedDict, total=False):
    """The stored state (docs/contract/react.md).

    `message_times` is the UTC ISO time each message came, by its id; `begun` are the fields of the thread's
    `common.askers.Beginning`, which stay as its first turn wrote them.
    """

    messages: Annotated[list[AnyMessage], add_messages]
    user_id: str
    thread_id: str
    suggested_next_step: str | None
    message_times: dict[str, str]
    begun: Annotated[dict[str, str], _first]


@dataclass(frozen=True)
class Turn:
    """One question on its way through the graph; never stored."""

    question: Question
    watch: Watch

    @property
    def account(self) -> CallAccount:
        return CallAccount(self.question.tenant, self.question.user_id, self.question.route)


def last_question_index(messages: Sequence[AnyMessage]) -> int:
    """Where the current turn begins; 0 when nobody has asked."""
    asked = (index for index in range(len(messages) - 1, -1, -1) if isinstance(messages[index], HumanMessage))
    return next(asked, 0)


def this_turn(messages: Sequence[AnyMessage]) -> Sequence[AnyMessage]:
    """The messages from the current question on."""
    return messages[last_question_index(messages) :]


def tool_outputs(messages: Sequence[AnyMessage], *names: str) -> list[ToolMessage]:
    """Outputs of these tools, oldest first; of all tools when none is named."""
    return [
        message for message in messages if isinstance(message, ToolMessage) and (not names or message.name in names)
    ]


def facts_of(message: ToolMessage) -> Mapping[str, Any]:
    """What a tool found out, as data; empty for messages that carry none."""
    return message.artifact if isinstance(message.artifact, dict) else {}


def text_of(message: AnyMessage) -> str:
    """The message's text; content in several blocks is put together."""
    if isinstance(message.content, str):
        return message.content
    return "".join(block if isinstance(block, str) else str(block.get("text", "")) for block in message.content)


def is_answer(message: AnyMessage) -> bool:
    """Whether this is a message of the assistant to the user."""
    return isinstance(message, AIMessage) and not message.tool_calls and bool(text_of(message).strip())
