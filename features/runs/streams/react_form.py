"""The form of the ReAct agent's event stream (docs/contract/react.md)."""

from __future__ import annotations

import json
from collections.abc import Mapping

from common import messages
from common.errors import BadRequestError, CituError
from common.messages import runs as texts
from common.result import local_timestamp, success
from core.runs.record import RunEvent
from features.ask.schemas import AskRequest
from features.react.schemas import RefusedQuestionError
from features.runs.react_engine import REACT
from features.runs.streams.rendering import error_event
from features.runs.streams.service import StreamForm
from features.wire.sse import as_line

MEMBERS = ("response", "conversation_id", "user_id", "react_agent_meta", "sql", "records", "provenance", "read_only")


def question(query: Mapping[str, str]) -> AskRequest:
    """The question as it was sent; its own service checks it.

    Raises:
        BadRequestError: there is none.
    """
    text = query.get("question")
    if not text:
        raise BadRequestError(messages.MISSING_PARAMETER.format(name="question"), missing_params=["question"])
    thread = query.get("thread_id") or query.get("conversation_id")
    return AskRequest.model_construct(
        question=text, user_id=query.get("user_id"), conversation_id=thread, session_id=query.get("session_id")
    )


def last_event(event: RunEvent) -> str:
    """The `completed` or `error` event for the end of a run."""
    ended = json.loads(event.body)
    data = ended["data"]
    if not ended["success"]:
        return error_event(data.get("response") or ended["message"], data)
    shown = {name: data[name] for name in MEMBERS if name in data}
    return as_line(success({"type": "completed", **shown, "timestamp": local_timestamp()}, texts.COMPLETED))


def refusal(error: CituError, _query: Mapping[str, str]) -> str:
    """The `error` event for a question that never became a run."""
    text = f"{error.category}: {error.message}" if isinstance(error, RefusedQuestionError) else error.message
    return error_event(text, {"error_type": error.error_type})


REACT_FORM = StreamForm(engine=REACT, parse=question, last_event=last_event, refusal=refusal)
