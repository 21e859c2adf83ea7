"""The ReAct agent as an engine of runs, and its progress as clients know it (docs/contract/react.md)."""

from __future__ import annotations

from typing import Final

from common.answering import NodeFinished, Watch
from common.cancellation import CancelSignal
from common.messages import react as react_texts
from common.messages import runs as texts
from common.result import Envelope
from features.ask.schemas import AskRequest
from features.react.service import AskReactService, OpenThread
from features.runs.engines import RunEngine
from features.wire.sse import progress

REACT: Final = "react"
ROUTE: Final = "ask_react_agent_stream"


def react_engine(react: AskReactService) -> RunEngine:
    """The ReAct agent behind its own service."""

    def opened(wanted: AskRequest) -> OpenThread:
        asked = {
            "question": wanted.question,
            "user_id": wanted.user_id,
            "thread_id": wanted.conversation_id,
            "session_id": wanted.session_id,
        }
        return react.open(asked)

    def answer(thread: OpenThread, watch: Watch, stop: CancelSignal, wants_tokens: bool) -> Envelope:
        return react.answer(thread, watch=watch, caller_left=stop, wants_tokens=wants_tokens, route=ROUTE, is_run=True)

    return RunEngine(REACT, lambda wanted: opened(wanted).user_id, opened, answer, react_progress)


def react_progress(finished: NodeFinished, thread_id: str) -> Envelope:
    """The event of a finished step; a step about a known tool bears the tool's name."""
    tool = finished.findings.get("tool_name")
    name = step_name(finished)
    members = {"thread_id": thread_id, **({"tool_name": tool} if tool else {})}
    return progress(finished.node, name, texts.PROGRESS.format(name=name), members)


def step_name(finished: NodeFinished) -> str:
    """What a finished step is called for users; a step about a known tool bears the tool's name."""
    node, label = finished.node, react_texts.TOOL_LABELS.get(str(finished.findings.get("tool_name")))
    if label is not None and node == "agent":
        return react_texts.STEP_PREPARING.format(label=label)
    if label is not None and node == "tools":
        return label
    return react_texts.STEP_NAMES.get(node, react_texts.STEP_UNKNOWN)
