"""What clients send to the ReAct agent and get back (docs/contract/react.md), as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, Field
from pydantic_core import PydanticCustomError

from common.askers import INSIDER, Asker, asker_of
from common.caller import current_caller
from common.errors import BadRequestError
from common.messages import react as texts
from features.wire.bodies import json_value
from features.wire.envelopes import ObjectEnvelope
from features.wire.values import wire_text
from react_agent.thread_ids import MAX_THREAD_ID_CHARS, is_storable, owner_of

MAX_QUESTION_CHARS: Final = 2000
MAX_USER_ID_CHARS: Final = 50


class AskReactRequest(BaseModel):
    """A question as clients send it; unknown members are ignored."""

    question: str = Field(description="What is to be found out; at most 2000 characters")
    user_id: str | None = Field(None, description="Defaults to the owner of thread_id, else guest")
    thread_id: str | None = Field(None, description="Go on in this thread; a new one begins under an unknown id")
    conversation_id: str | None = Field(None, description="The same as thread_id, when that is not given")


AskReactEnvelope = ObjectEnvelope


class AskReactFailure(BaseModel):
    """A failure; `error` says why. `data` has what is known, `retry_suggested` stands beside it."""

    code: int
    success: bool
    message: str
    error: str
    retry_suggested: bool | None = None
    data: dict[str, Any] | None = None


class AnyEnvelope(BaseModel):
    """The envelope of the thread and checkpoint routes."""

    code: int
    success: bool
    message: str
    data: dict[str, Any] | None = None


class BareAnswer(BaseModel):
    """The answers without code and message."""

    success: bool
    data: dict[str, Any] | None = None
    error: str | None = None
    timestamp: str | None = None


class CleanupRequest(BaseModel):
    """What is to be cleaned up; a thread wins over a user, neither means everything."""

    keep_count: int | None = Field(None, description="Checkpoints left of each thread, more than 0")
    user_id: str | None = None
    thread_id: str | None = None


class RefusedQuestionError(BadRequestError):
    """A 400 of `ask_react_agent`: `category` is the envelope's `message`, `message` its `error`."""

    def __init__(self, category: str, message: str, *, details: str | None = None) -> None:
        super().__init__(message)
        self.category = category
        self.details = details


@dataclass(frozen=True)
class ReactQuestion:
    """A valid question; `thread_id` is empty for a new thread. `asker` is who asks beyond the user id."""

    text: str
    user_id: str
    thread_id: str
    asker: Asker = INSIDER


def parse_json(body: bytes) -> Any:
    """The JSON value of a body.

    Raises:
        RefusedQuestionError: it is none.
    """
    try:
        return json_value(body)
    except BadRequestError as error:
        text = texts.INVALID_JSON
        raise RefusedQuestionError(texts.FORMAT_WRONG, text, details=texts.INVALID_JSON_DETAILS) from error


def read_question(value: Any, default_user_id: str) -> ReactQuestion:
    """The question a JSON body asks.

    Raises:
        RefusedQuestionError: with every broken rule, in the contract's order.
    """
    if not value:
        raise RefusedQuestionError(texts.PARAMETERS_WRONG, texts.BODY_EMPTY)
    if not isinstance(value, Mapping):
        raise RefusedQuestionError(texts.VALIDATION_FAILED, texts.BODY_NOT_OBJECT)
    problems: list[str] = []
    question = _text(value, "question", problems)
    user = _text(value, "user_id", problems)
    thread = _text(value, "thread_id", problems) or _text(value, "conversation_id", problems)
    if not problems:
        problems = [*_question_problems(question), *_user_problems(user)]
    effective = user or owner_of(thread) or default_user_id
    problems += _thread_problems(thread, effective)
    if problems:
        raise RefusedQuestionError(texts.VALIDATION_FAILED, "; ".join(problems))
    session = value.get("session_id")
    named_session = str(session) if session and not isinstance(session, list | dict) else None
    asker = asker_of(user, named_session, current_caller().address, shared_user=default_user_id)
    return ReactQuestion(question.strip(), effective, thread, asker)


def _text(body: Mapping[str, Any], name: str, problems: list[str]) -> str:
    """A member as text: scalars become one, what is falsy is absent."""
    value = body.get(name)
    if isinstance(value, list | dict):
        problems.append(texts.NOT_TEXT.format(name=name))
        return ""
    if not value:
        return ""
    try:
        text = wire_text(value)
    except PydanticCustomError:
        problems.append(texts.NOT_TEXT.format(name=name))
        return ""
    is_question = name == "question"
    if not is_storable(text.translate({10: " ", 13: " ", 9: " "}) if is_question else text):
        problems.append(texts.NOT_TEXT.format(name=name))
        return ""
    return text


def _question_problems(question: str) -> list[str]:
    if not question.strip():
        return [texts.QUESTION_EMPTY]
    too_long = len(question) > MAX_QUESTION_CHARS
    return [texts.QUESTION_TOO_LONG.format(limit=MAX_QUESTION_CHARS)] if too_long else []


def _user_problems(user: str) -> list[str]:
    if len(user) > MAX_USER_ID_CHARS:
        return [texts.USER_ID_TOO_LONG.format(limit=MAX_USER_ID_CHARS)]
    return [texts.USER_ID_WITH_COLON] if ":" in user else []


def _thread_problems(thread: str, user: str) -> list[str]:
    if not thread:
        return []
    if ":" not in thread:
        return [texts.THREAD_ID_MALFORMED]
    if len(thread) > MAX_THREAD_ID_CHARS:
        return [texts.THREAD_ID_TOO_LONG.format(limit=MAX_THREAD_ID_CHARS)]
    if owner_of(thread) != user:
        return [texts.THREAD_OF_SOMEBODY_ELSE.format(thread_id=thread, user_id=user)]
    return []
