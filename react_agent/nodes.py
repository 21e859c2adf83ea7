"""The nodes of the ReAct graph, one method each; each returns the members of the state it changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import uuid4

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, RemoveMessage, ToolMessage
from langgraph.graph.message import REMOVE_ALL_MESSAGES
from langgraph.runtime import Runtime

from common.figures import CheckedWriting
from common.messages import react as texts
from core.async_bridge import run_blocking
from react_agent.history import repaired, shortened, trimmed
from react_agent.outcome import failure_reason
from react_agent.proven_figures import unproven_figures
from react_agent.state import ReactState, Turn, facts_of, is_answer, last_question_index, text_of
from react_agent.thinking import Step, Thinker, View
from react_agent.told_text import ToldText
from react_agent.tools.toolbox import MAX_CALLS_AT_ONCE, Toolbox

NEXT_STEPS: Mapping[tuple[str, str], str] = {
    ("generate_sql", "sql"): "valid_sql",
    ("generate_sql", "no_sql"): "answer_with_common_sense",
    ("valid_sql", "valid"): "run_sql",
    ("valid_sql", "invalid"): "analyze_validation_error",
}
KEPT_CALLS = MAX_CALLS_AT_ONCE * 2
AGENT_NAME = "react"


@dataclass(frozen=True)
class TrimLimits:
    """Messages of a thread that are kept, and how far back a question to begin with is looked for."""

    is_enabled: bool = True
    count: int = 100
    search_limit: int = 20


@dataclass(frozen=True)
class ReactNodes:
    """What the graph does, step by step, on shared collaborators; safe for many questions at once.

    `on_unproven` is told the agent's name when an answer states a figure that no tool returned.
    """

    thinker: Thinker
    toolbox: Toolbox
    trim: TrimLimits
    on_unproven: Callable[[str], None] = lambda _agent: None

    async def trim_messages(self, state: ReactState) -> ReactState:
        """Forget the oldest rounds, mend what a broken turn left behind, note when the question came."""
        messages = state["messages"]
        wanted: list[AnyMessage] = shortened(repaired(messages))
        if self.trim.is_enabled:
            wanted = trimmed(wanted, count=self.trim.count, search_limit=self.trim.search_limit)
        times = _timed(state, wanted)
        kept = {str(message.id) for message in wanted}
        changed: ReactState = {"message_times": {key: moment for key, moment in times.items() if key in kept}}
        if len(wanted) != len(messages) or any(new is not old for new, old in zip(wanted, messages, strict=False)):
            changed["messages"] = [RemoveMessage(id=REMOVE_ALL_MESSAGES), *wanted]  # type: ignore[list-item]
        return changed

    async def agent(self, state: ReactState, runtime: Runtime[Turn]) -> ReactState:
        """One step of thinking: tools to call, or the answer."""
        turn, messages, hint = runtime.context, state["messages"], state.get("suggested_next_step")
        told = ToldText(turn.watch if turn.question.wants_tokens else None)
        prefix = failure_reason(messages, hint)
        if prefix:
            told.add(prefix)
        view = View(turn, messages, hint)
        message = _ai_message(await self._proven_step(view, told))
        return {"messages": [message], "message_times": _timed(state, [*messages, message])}

    async def _proven_step(self, view: View, told: ToldText) -> Step:
        """The thinker's step; an answer with a figure that no tool returned is asked for again, and once only."""
        unproven = partial(unproven_figures, view.messages)
        writing = CheckedWriting(told.add, unproven)
        step = await self.thinker.next_step(view, self.toolbox.specs, writing.add if told.is_wanted else None)
        found: tuple[str, ...] = () if step.calls else await run_blocking(partial(unproven, step.text))
        if not found:
            writing.end()
            return step
        self.on_unproven(AGENT_NAME)
        step = await self.thinker.next_step(replace(view, unproven=found), self.toolbox.specs)
        found = () if step.calls else await run_blocking(partial(unproven, step.text))
        if not found:
            return step
        self.on_unproven(AGENT_NAME)
        return Step(texts.FIGURES_UNPROVEN)

    async def prepare_tool_input(self, state: ReactState, runtime: Runtime[Turn]) -> ReactState:
        """Give `generate_sql` the question as it was asked and the earlier messages."""
        messages = state["messages"]
        latest = messages[-1]
        assert isinstance(latest, AIMessage)  # noqa: S101 - the edge leads here only with tool calls
        filled = {"question": runtime.context.question.text, "history_messages": spoken_history(messages)}
        calls = [
            {**call, "args": {**call["args"], **filled}} if call["name"] == "generate_sql" else call
            for call in latest.tool_calls
        ]
        return {"messages": [AIMessage(content=latest.content, tool_calls=calls, id=latest.id)]}

    async def tools(self, state: ReactState, runtime: Runtime[Turn]) -> ReactState:
        """Make the calls."""
        messages = state["messages"]
        latest = messages[-1]
        assert isinstance(latest, AIMessage)  # noqa: S101 - follows prepare_tool_input
        answers = await self.toolbox.answer_all(latest.tool_calls, runtime.context, messages)
        return {"messages": list(answers), "message_times": _timed(state, [*messages, *answers])}

    async def update_state_after_tool(self, state: ReactState) -> ReactState:
        """What comes next after the last tool's outcome (docs/contract/react.md), read from its facts."""
        latest = state["messages"][-1]
        if not isinstance(latest, ToolMessage):
            return {"suggested_next_step": None}
        name = str(latest.name)
        if name == "run_sql":
            return {"suggested_next_step": "summarize_final_answer"}
        return {"suggested_next_step": NEXT_STEPS.get((name, str(facts_of(latest).get("kind"))))}

    async def format_final_response(self, state: ReactState) -> ReactState:
        """The last step of every turn; the engine reads the state after it."""
        return {"suggested_next_step": state.get("suggested_next_step")}


def after_agent(state: ReactState) -> str:
    """To the tools when some are called, else to the end."""
    latest = state["messages"][-1]
    has_calls = isinstance(latest, AIMessage) and bool(latest.tool_calls)
    return "prepare_tool_input" if has_calls else "format_final_response"


def spoken_history(messages: Sequence[AnyMessage]) -> list[dict[str, str]]:
    """What was asked and answered before the current question, oldest first."""
    earlier = messages[: last_question_index(messages)]
    return [
        {"type": "human" if isinstance(message, HumanMessage) else "ai", "content": text_of(message)}
        for message in earlier
        if isinstance(message, HumanMessage) or is_answer(message)
    ]


def called_tool(update: Mapping[str, Any] | None) -> str:
    """The tool a node's update is about: the first one called, or the last one that answered; empty for none."""
    messages = (update or {}).get("messages") or []
    latest = messages[-1] if messages else None
    if isinstance(latest, AIMessage) and latest.tool_calls:
        return str(latest.tool_calls[0]["name"])
    return str(latest.name or "") if isinstance(latest, ToolMessage) else ""


def _ai_message(step: Step) -> AIMessage:
    """Ids are ours: a provider may repeat its own, and then a call would get another's answer."""
    calls = [
        {"name": call.name[:64], "args": dict(call.arguments), "id": f"call_{uuid4().hex[:16]}", "type": "tool_call"}
        for call in step.calls[:KEPT_CALLS]
    ]
    return AIMessage(content=step.text, tool_calls=calls, id=str(uuid4()))


def _timed(state: ReactState, messages: Sequence[AnyMessage]) -> dict[str, str]:
    """The known times and, for messages without one, now."""
    times = dict(state.get("message_times") or {})
    now = datetime.now(UTC).isoformat()
    for message in messages:
        times.setdefault(str(message.id), now)
    return times
