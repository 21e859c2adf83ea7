"""What a thread is doing right now, in the words clients poll for (docs/contract/react.md)."""

from __future__ import annotations

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage

from common.messages import react as texts
from react_agent.checkpoints.records import StoredThread
from react_agent.state import STATUS_OK, text_of

Named = tuple[str, str]


def status_of(thread: StoredThread) -> tuple[str, Named]:
    """`running` or `completed`, and the name and icon of what happens."""
    latest = thread.messages[-1] if thread.messages else None
    if latest is None:
        return "running", texts.STATUS_STARTING
    if isinstance(latest, AIMessage) and not latest.tool_calls and text_of(latest).strip():
        return "completed", texts.STATUS_DONE
    return "running", _running(latest)


def _running(latest: AnyMessage) -> Named:
    if isinstance(latest, AIMessage) and latest.tool_calls:
        name = latest.tool_calls[0]["name"]
        if not name:
            return texts.STATUS_CALLING_UNKNOWN
        text, icon = texts.STATUS_CALLING
        return texts.STATUS_TOOLS.get(name, (text.format(tool=name), icon))
    if isinstance(latest, ToolMessage):
        return _after_tool(latest)
    return texts.STATUS_THINKING if isinstance(latest, HumanMessage) else texts.STATUS_WORKING


def _after_tool(latest: ToolMessage) -> Named:
    known = texts.STATUS_TOOLS.get(str(latest.name))
    if latest.status == STATUS_OK:
        name = known[0].replace(texts.PROGRESSIVE, "") if known else texts.STATUS_TOOL_FALLBACK
        text, icon = texts.STATUS_TOOL_DONE
        return text.format(name=name), icon
    text, icon = texts.STATUS_TOOL_RUNNING
    return known or (text.format(tool=latest.name), icon)
