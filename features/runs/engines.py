"""The engines a run may be answered by, one row each, and the progress of the classic one as clients know it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from common.answering import NodeFinished, Watch
from common.cancellation import CancelSignal
from common.messages import runs as texts
from common.result import Envelope
from features.ask.schemas import AskRequest
from features.ask.service import AskDoor, AskService, OpenQuestion
from features.wire.sse import progress

SHOWN_SQL_CHARS: Final = 50
CLASSIC: Final = "classic"
RENDERED_NODES: Final = frozenset(
    {"classify_question", "agent_sql_generation", "agent_sql_execution", "agent_chat", "format_response"}
)


class Opened(Protocol):
    """A question found valid, with its user and its conversation."""

    @property
    def user_id(self) -> str: ...

    @property
    def conversation_id(self) -> str: ...


@dataclass(frozen=True)
class RunEngine:
    """One row.

    Attributes:
        user_of: who asks; changes nothing.
        open: checks the question and finds its conversation.
        answer: answers the open question: told of steps through the watch, stopped by the signal; the last argument
            says whether the watch is told the text as it is written. Returns the envelope its own POST route answers.
        progress: a finished step as an event, None when there is nothing to tell.
    All raise `CituError`s.
    """

    name: str
    user_of: Callable[[AskRequest], str]
    open: Callable[[AskRequest], Opened]
    answer: Callable[[Any, Watch, CancelSignal, bool], Envelope]
    progress: Callable[[NodeFinished, str], Envelope | None]


def classic_engine(ask: AskService) -> RunEngine:
    """The classic agent behind the ask service."""

    def answer(opened: OpenQuestion, watch: Watch, stop: CancelSignal, wants_tokens: bool) -> Envelope:
        door = AskDoor(route="ask_agent_stream", keeps_classification=True, wants_tokens=wants_tokens)
        return ask.answer(opened, door=door, watch=watch, caller_left=stop)

    return RunEngine(CLASSIC, ask.user_of, ask.open, answer, classic_progress)


def classic_progress(finished: NodeFinished, conversation_id: str) -> Envelope | None:
    """The event of a finished step (docs/contract/questions.md); `finished.findings` as `agent.findings` names them."""
    found = finished.findings
    if "error" in found or finished.node not in RENDERED_NODES:
        return None
    name, details, status = PROGRESS_BY_NODE[finished.node](found)
    message = texts.FORMATTING_MESSAGE if finished.node == "format_response" else texts.PROGRESS.format(name=name)
    members = {"details": details, "sub_status": status, "conversation_id": conversation_id}
    return progress(finished.node, name, message, members)


def _classified(found: Any) -> tuple[str, str, str | None]:
    details = texts.CLASSIFIED.format(question_type=found["question_type"], confidence=found["confidence"])
    return texts.CLASSIFYING, details, texts.CLASSIFIED_BY.format(method=found["method"])


def _generated(found: Any) -> tuple[str, str, str | None]:
    if not found["is_ready"]:
        details = texts.SQL_STATUS.format(status=found["validation_error_type"])
        return texts.SQL_NOT_READY, details, found["user_prompt"]
    sql = found["sql"] or ""
    shown = sql[:SHOWN_SQL_CHARS] + ("..." if len(sql) > SHOWN_SQL_CHARS else "")
    return texts.SQL_READY, texts.SQL_SHOWN.format(sql=shown), texts.SQL_CHECKED


def _executed(found: Any) -> tuple[str, str, str | None]:
    count = found["row_count"]
    status = texts.SUMMARISING if count else texts.EXECUTION_DONE
    return texts.EXECUTING, texts.EXECUTED.format(count=count), status


PROGRESS_BY_NODE: Final[Mapping[str, Callable[[Any], tuple[str, str, str | None]]]] = {
    "classify_question": _classified,
    "agent_sql_generation": _generated,
    "agent_sql_execution": _executed,
    "agent_chat": lambda _found: (texts.THINKING, texts.THINKING_DETAILS, texts.CHAT_MODE),
    "format_response": lambda _found: (texts.FORMATTING, texts.FORMATTING_DETAILS, texts.ALMOST_DONE),
}
