"""What clients of `/chat` and `/redis/direct` send and get back (docs/react_service.md), as data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, Field

from common.errors import BadRequestError
from common.messages import react as react_texts
from common.messages import react_api as texts
from features.react.schemas import ReactQuestion, RefusedQuestionError, read_question
from react_agent.thread_ids import is_storable

OPERATIONS: Final = ("set", "get", "delete")
MAX_KEY_CHARS: Final = 200
MAX_VALUE_BYTES: Final = 64 * 1024
MAX_TTL_SECONDS: Final = 30 * 86_400


class ChatRequest(BaseModel):
    """A message; unknown members are ignored."""

    message: str = Field(description="What is to be found out; at most 2000 characters")
    thread_id: str | None = Field(None, description="Go on in this thread; without one a new thread begins")
    user_id: str | None = Field(None, description="Defaults to the owner named in thread_id, else guest")


class ChatAnswer(BaseModel):
    """The answer, or with status `error` a `message` that says why there is none."""

    status: str
    response: str | None = None
    thread_id: str | None = None
    iterations: int | None = Field(None, description="Rounds of thinking; a plain answer takes one")
    read_only: bool | None = Field(None, description="true: answered in read-only mode, the thread does not remember")
    message: str | None = None
    error_type: str | None = None


class DirectRequest(BaseModel):
    """An operation on one key under the service's own prefix."""

    operation: str = Field(description="set, get or delete")
    key: str
    value: Any = Field(None, description="Any JSON value, for set")
    ttl: int | None = Field(None, description="Seconds the value is kept, for set")


@dataclass(frozen=True)
class Message:
    """A valid message. `thread_id` is the stored thread, empty for a new one; `shown_thread` is the client's name."""

    asked: ReactQuestion
    shown_thread: str


@dataclass(frozen=True)
class DirectOperation:
    """A valid operation."""

    operation: str
    key: str
    value: Any
    ttl: int | None


def read_message(value: Any, default_user_id: str) -> Message:
    """The message a JSON body carries. A thread without an owner's name in it is the caller's.

    Raises:
        RefusedQuestionError: a rule of the ReAct question is broken.
    """
    if not value or not isinstance(value, Mapping):
        return Message(read_question(value, default_user_id), "")
    question = {"question": value.get("message"), "user_id": value.get("user_id"), "thread_id": value.get("thread_id")}
    question["session_id"] = value.get("session_id")
    shown = value.get("thread_id")
    thread = shown if isinstance(shown, str) or shown is None else json.dumps(shown)
    if thread and not isinstance(shown, list | dict) and ":" not in thread:
        question["thread_id"] = f"{_text(value.get('user_id')) or default_user_id}:{thread}"
    try:
        return Message(read_question(question, default_user_id), thread or "")
    except RefusedQuestionError as error:
        said = error.message.replace(
            react_texts.NOT_TEXT.format(name="question"), react_texts.NOT_TEXT.format(name="message")
        )
        raise RefusedQuestionError(error.category, said, details=error.details) from error


def read_operation(body: Mapping[str, Any]) -> DirectOperation:
    """
    Raises:
        BadRequestError: a parameter is wrong.
    """
    operation, key, ttl = body.get("operation"), body.get("key"), body.get("ttl")
    if not isinstance(operation, str) or operation not in OPERATIONS:
        text = texts.OPERATION_INVALID.format(allowed=", ".join(OPERATIONS))
        raise BadRequestError(text, invalid_params=["operation"])
    name = str(key) if isinstance(key, int | float) and not isinstance(key, bool) else key
    if not isinstance(name, str) or not 0 < len(name) <= MAX_KEY_CHARS or not is_storable(name):
        raise BadRequestError(texts.KEY_INVALID.format(limit=MAX_KEY_CHARS), invalid_params=["key"])
    is_seconds = isinstance(ttl, int) and not isinstance(ttl, bool) and 0 < ttl <= MAX_TTL_SECONDS
    if ttl is not None and not is_seconds:
        raise BadRequestError(texts.TTL_INVALID.format(limit=MAX_TTL_SECONDS), invalid_params=["ttl"])
    if operation == "set" and not _is_storable_json(body.get("value")):
        raise BadRequestError(texts.VALUE_INVALID.format(limit=MAX_VALUE_BYTES), invalid_params=["value"])
    return DirectOperation(operation, name, body.get("value"), ttl)


def _is_storable_json(value: Any) -> bool:
    try:
        return len(json.dumps(value, ensure_ascii=False, allow_nan=False).encode()) <= MAX_VALUE_BYTES
    except (ValueError, RecursionError):
        return False


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if not value or isinstance(value, list | dict) else json.dumps(value)
