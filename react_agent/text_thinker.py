"""A `Thinker` for a model that cannot call tools: it writes its steps as `react_agent.text_protocol` has them.

The steps run through the same tools: `SQL:` is `run_sql`, `SEARCH:` is `redis_search`. Built by `bootstrap`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage

from common.answering import Write
from common.business_schema import BusinessSchema
from core.llm.messages import CallKind, ChatMessage, ModelReply, ToolSpec
from core.llm.metering import CallAccount
from core.prompt_files import PromptLibrary, new_fence
from react_agent.history import repaired
from react_agent.model_thinker import fitting, shown_result
from react_agent.state import text_of, this_turn, tool_outputs
from react_agent.text_protocol import Action, parse_action
from react_agent.thinking import PlannedCall, Step, View
from react_agent.tools.earlier_conversations import SEARCH_TOOL

PROMPTS: Final = Path(__file__).parent / "text_prompts"
KIND: Final[CallKind] = "react"
SQL_TOOL: Final = "run_sql"
SCHEMA_CHARS: Final = 24_000
_MARKERS: Final[Mapping[str, tuple[str, str]]] = {SQL_TOOL: ("SQL", "sql"), SEARCH_TOOL: ("SEARCH", "query")}


class ChatClient(Protocol):
    """What the thinker needs of `core.llm.client.LLMClient`."""

    @property
    def model(self) -> str: ...

    async def async_chat(
        self, messages: Sequence[ChatMessage], *, account: CallAccount, kind: CallKind
    ) -> ModelReply: ...


class TextThinker:
    """See the module.

    Args:
        client: the way to the model; it is never shown a tool.
        schema: what the business database holds, for the instructions.
    """

    def __init__(self, *, client: ChatClient, schema: Callable[[], Awaitable[BusinessSchema]]) -> None:
        self._client = client
        self._schema = schema
        self._prompts = PromptLibrary(PROMPTS)

    @property
    def provenance(self) -> Mapping[str, object]:
        """Model and prompt versions."""
        return {"model": self._client.model, "prompts": dict(self._prompts.versions), "protocol": "text"}

    async def next_step(self, view: View, tools: Sequence[ToolSpec], write: Write | None = None) -> Step:
        """Ask the model once and read its reply as one step; the answer's text is published when it is complete."""
        reply = await self._client.async_chat(await self._sent(view), account=view.turn.account, kind=KIND)
        seen = [text_of(output) for output in tool_outputs(this_turn(view.messages))]
        step = _step(parse_action(reply.text, seen))
        if write is not None and not step.calls:
            write(step.text)
        return step

    async def _sent(self, view: View) -> list[ChatMessage]:
        instructions = self._prompts["rules"].fill(tables=_tables(await self._schema()))
        thread = (self._chat_message(message) for message in fitting(repaired(view.messages)))
        sent = [ChatMessage("system", instructions), *thread]
        if view.unproven:
            refused = self._prompts["unproven_figures"].fill(fence=new_fence(), figures=", ".join(view.unproven))
            sent.append(ChatMessage("user", refused))
        return sent

    def _chat_message(self, message: AnyMessage) -> ChatMessage:
        if isinstance(message, ToolMessage):
            told = self._prompts["result"].fill(tool=str(message.name), fence=new_fence(), result=shown_result(message))
            return ChatMessage("user", told)
        if isinstance(message, AIMessage):
            return ChatMessage("assistant", _written(message))
        return ChatMessage("user" if isinstance(message, HumanMessage) else "system", text_of(message))


def _step(action: Action) -> Step:
    if action.kind == "sql":
        return Step(calls=(PlannedCall(SQL_TOOL, {"sql": action.text}),))
    if action.kind == "search":
        return Step(calls=(PlannedCall(SEARCH_TOOL, {"query": action.text}),))
    return Step(action.text)


def _written(message: AIMessage) -> str:
    """The model's earlier reply as text; calls of another protocol, from before a change of the setting, are named."""
    lines = [text_of(message)] if text_of(message).strip() else []
    for call in message.tool_calls:
        marker, argument = _MARKERS.get(call["name"], (call["name"], ""))
        lines.append(f"{marker}: {call['args'].get(argument, '')}")
    return "\n".join(lines)


def _tables(schema: BusinessSchema) -> str:
    lines: list[str] = []
    left = SCHEMA_CHARS
    for table in schema.tables:
        columns = ", ".join(f"{column.name} {column.data_type} {column.comment}".strip() for column in table)
        line = f"{table.name} ({columns}) {table.comment}".strip()[:4_000]
        left -= len(line)
        if left < 0:
            break
        lines.append(line)
    return "\n".join(lines)
