"""A `Thinker` that asks a language model with tools. Built by `bootstrap`.

The messages of a call are: the instructions (only when the question is new), the thread, a hint on what comes next,
and the current question once more (docs/contract/react.md). None of these additions is stored.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from string import Template
from typing import Any, Final, Protocol

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage

from common.answering import Write
from common.business_schema import BusinessSchema
from core.llm.errors import ModelRequestError
from core.llm.messages import CallKind, ChatMessage, ModelReply, StreamPart, ToolCall, ToolSpec
from core.llm.metering import CallAccount
from core.prompt_files import PromptLibrary, new_fence
from react_agent.history import only_complete_rounds, repaired
from react_agent.logger import get_react_agent_logger
from react_agent.state import facts_of, text_of, tool_outputs
from react_agent.text_calls import calls_in, may_begin_a_call
from react_agent.thinking import PlannedCall, Step, View

logger = get_react_agent_logger("ModelThinker")

FOLDER: Final = Path(__file__).parent
SCOPE_FILE: Final = FOLDER / "db_query_decision_prompt.txt"
KIND: Final[CallKind] = "react"
SHOWN_RESULT_CHARS: Final = 12_000
SCOPE_CHARS: Final = 12_000
THREAD_CHARS: Final = 120_000
HELD_BACK_CHARS: Final = 160
"""Text of this length without a tool call is the answer; a shorter one may still be a remark before a call."""
_FINAL_HINTS: Final = frozenset({"summarize_final_answer", "answer_with_common_sense"})


class ToolCallingClient(Protocol):
    """What the thinker needs of `core.llm.client.LLMClient`."""

    @property
    def model(self) -> str: ...

    async def async_chat(
        self, messages: Sequence[ChatMessage], *, account: CallAccount, kind: CallKind, tools: Sequence[ToolSpec]
    ) -> ModelReply: ...

    def async_stream(
        self, messages: Sequence[ChatMessage], *, account: CallAccount, kind: CallKind, tools: Sequence[ToolSpec]
    ) -> AsyncGenerator[StreamPart, None]: ...


class ModelThinker:
    """See the module.

    Args:
        client: the way to the model.
        schema: what the business database holds, for the instructions.
    """

    def __init__(self, *, client: ToolCallingClient, schema: Callable[[], Awaitable[BusinessSchema]]) -> None:
        self._client = client
        self._schema = schema
        self._prompts = PromptLibrary(FOLDER / "prompts")

    @property
    def provenance(self) -> Mapping[str, object]:
        """Model and prompt versions."""
        return {"model": self._client.model, "prompts": dict(self._prompts.versions)}

    async def next_step(self, view: View, tools: Sequence[ToolSpec], write: Write | None = None) -> Step:
        """Ask the model once; a provider that refuses the history as such is asked once more without old rounds."""
        try:
            reply = await self._ask(view, repaired(view.messages), tools, write)
        except ModelRequestError as error:
            if error.status_code != 400:
                raise
            logger.warning("the model refused the thread's history, asking again without earlier tool calls")
            reply = await self._ask(view, only_complete_rounds(view.messages), tools, write)
        if written := _written_calls(reply, tools):
            return Step(calls=written)
        return Step(reply.text, tuple(PlannedCall(call.name, call.arguments) for call in reply.tool_calls))

    async def _ask(
        self, view: View, messages: Sequence[AnyMessage], tools: Sequence[ToolSpec], write: Write | None
    ) -> ModelReply:
        sent = await self._sent(view, messages)
        account = view.turn.account
        if write is None:
            return await self._client.async_chat(sent, account=account, kind=KIND, tools=tools)
        held = _HeldBack(write, 0 if view.hint in _FINAL_HINTS else HELD_BACK_CHARS)
        reply: ModelReply | None = None
        async with aclosing(self._client.async_stream(sent, account=account, kind=KIND, tools=tools)) as parts:
            async for part in parts:
                held.add(part.text)
                reply = part.reply or reply
        assert reply is not None  # noqa: S101 - the stream's last part carries it, or the stream has raised
        if not (reply.tool_calls or _written_calls(reply, tools)):
            held.release()
        return reply

    async def _sent(self, view: View, messages: Sequence[AnyMessage]) -> list[ChatMessage]:
        question = view.turn.question.text
        current = self._prompts["current_question"].fill(fence=new_fence(), question=question)
        sent = [_chat_message(message) for message in fitting(messages)]
        if messages and isinstance(messages[-1], HumanMessage):
            sent.insert(0, ChatMessage("system", await self._instructions()))
        if hint := self._hint(view):
            sent.append(ChatMessage("system", hint))
        if view.unproven:
            refused = self._prompts["unproven_figures"].fill(fence=new_fence(), figures=", ".join(view.unproven))
            sent.append(ChatMessage("system", refused))
        return [*sent, ChatMessage("system", current)]

    async def _instructions(self) -> str:
        return f"{_scope(await self._schema())}\n\n{self._prompts['rules'].fill()}".strip()

    def _hint(self, view: View) -> str:
        if view.hint is None:
            return ""
        if view.hint != "analyze_validation_error":
            return self._prompts[f"hint_{view.hint}"].fill()
        outputs = tool_outputs(view.messages, "valid_sql")
        category = facts_of(outputs[-1]).get("category") if outputs else None
        kind = {"syntax": "syntax", "column": "missing", "table": "missing"}.get(str(category), "other")
        return self._prompts[f"hint_analyze_{kind}"].fill()


def _written_calls(reply: ModelReply, tools: Sequence[ToolSpec]) -> tuple[PlannedCall, ...]:
    """Calls that stand in the text of a reply which has no others."""
    return () if reply.tool_calls else calls_in(reply.text, {tool.name for tool in tools})


class _HeldBack:
    """Passes text on once it is long enough to be no mere remark; what may be a call in words waits for the end."""

    def __init__(self, write: Write, needed: int) -> None:
        self._write = write
        self._needed = needed
        self._held = ""

    def add(self, text: str) -> None:
        self._held += text
        if self._needed and may_begin_a_call(self._held):
            return
        if len(self._held) > self._needed:
            self._needed = 0
            self.release()

    def release(self) -> None:
        if self._held:
            held, self._held = self._held, ""
            self._write(held)


def _scope(schema: BusinessSchema) -> str:
    """The scope file with the database's tables filled in; empty without the file."""
    try:
        _, _, body = SCOPE_FILE.read_text("utf-8").partition("\n")
    except OSError:
        return ""
    lines: list[str] = []
    left = SCOPE_CHARS
    for table in schema.tables:
        columns = "、".join(column.comment or column.name for column in table)
        line = f"{table.name}: {table.comment}: {columns}"[:2_000]
        left -= len(line)
        if left < 0:
            break
        lines.append(line)
    return Template(body.strip()).safe_substitute(tables="\n".join(lines))


def fitting(messages: Sequence[AnyMessage]) -> Sequence[AnyMessage]:
    """The newest rounds within the model's window; the current question's messages always."""
    used = 0
    start = len(messages)
    for index in range(len(messages) - 1, -1, -1):
        used += min(len(text_of(messages[index])), SHOWN_RESULT_CHARS)
        if isinstance(messages[index], HumanMessage):
            if used > THREAD_CHARS and start < len(messages):
                break
            start = index
    return messages[start if start < len(messages) else 0 :]


def _chat_message(message: AnyMessage) -> ChatMessage:
    if isinstance(message, ToolMessage):
        return ChatMessage("tool", shown_result(message), tool_call_id=message.tool_call_id)
    if isinstance(message, AIMessage):
        calls = tuple(ToolCall(str(call["id"]), call["name"], call["args"]) for call in message.tool_calls)
        return ChatMessage("assistant", text_of(message), tool_calls=calls)
    return ChatMessage("user" if isinstance(message, HumanMessage) else "system", text_of(message))


def shown_result(message: ToolMessage) -> str:
    """A result as the model sees it: when it is long, its first rows and how many there are."""
    text = text_of(message)
    if len(text) <= SHOWN_RESULT_CHARS:
        return text
    facts = facts_of(message)
    if facts.get("kind") != "rows":
        return text[:SHOWN_RESULT_CHARS] + "…"
    rows: list[Any] = []
    left = SHOWN_RESULT_CHARS
    for row in json.loads(text):
        left -= len(json.dumps(row, ensure_ascii=False)) + 1
        if left < 0:
            break
        rows.append(row)
    return json.dumps({"rows": rows, "shown": len(rows), "total_row_count": facts.get("total")}, ensure_ascii=False)
