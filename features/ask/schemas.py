"""The request and the answer of `ask_agent` (docs/contract/questions.md), as data."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from common import messages


def _as_text(value: Any) -> Any:
    """Scalars become text, 0 and false count as absent, lists and objects are refused (docs/contract/README.md)."""
    if isinstance(value, list | dict):
        raise PydanticCustomError("wire_text", messages.PARAMETER_TYPE_WRONG)
    if isinstance(value, str):
        return _storable(value)
    if not value:
        return None
    return "true" if value is True else str(value)


def _storable(value: str) -> str:
    """Half a surrogate pair is valid JSON but no text that a store or a model could take."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise PydanticCustomError("wire_text", messages.PARAMETER_NOT_TEXT) from error
    return value


def _as_question(value: Any) -> Any:
    """Anything falsy is a missing question."""
    if not value:
        raise PydanticCustomError("missing", "missing")
    return _as_text(value)


Text = Annotated[str | None, BeforeValidator(_as_text)]
QuestionText = Annotated[str, BeforeValidator(_as_question)]
Truth = Annotated[bool, BeforeValidator(bool)]


class AskRequest(BaseModel):
    """A question as clients send it; unknown members are ignored."""

    model_config = ConfigDict(extra="ignore")

    question: QuestionText = Field(description="What is to be found out", examples=[messages.EXAMPLE_QUESTION])
    user_id: Text = Field(None, description="Defaults to the owner of conversation_id, else guest")
    conversation_id: Text = Field(None, description="Continue this conversation")
    continue_conversation: Truth = Field(False, description="Continue the newest conversation of the user")
    routing_mode: Text = Field(None, description="database_direct, chat_direct, hybrid or llm_only")
    session_id: Text = Field(None, description="Echoed; without a user_id, whose conversations are gone on with")


class Records(BaseModel):
    """Rows of the query; `total_row_count` and `is_limited` are absent when there are none."""

    columns: list[str]
    rows: list[dict[str, Any]]
    row_count: int
    total_row_count: int | None = None
    is_limited: bool | None = None
    message: str | None = None


class AskData(BaseModel):
    """The `data` member of a successful answer."""

    type: str
    response: str
    sql: str | None = None
    records: Records | None = None
    summary: str | None = None
    conversation_id: str
    execution_path: list[str]
    classification_info: dict[str, Any]
    agent_version: str
    timestamp: str
    user_id: str
    context_used: bool
    from_cache: bool
    cache_age_seconds: int | None = None
    conversation_status: str
    requested_conversation_id: str | None = None
    routing_mode_used: str | None = None
    routing_mode_source: str | None = None
    read_only: bool | None = Field(None, description="true: answered in read-only mode, nothing was stored")


class AskEnvelope(BaseModel):
    """A successful answer on the wire."""

    code: int
    success: bool
    message: str
    data: AskData


class ErrorEnvelope(BaseModel):
    """Any failure on the wire; `data.response` is the text to show, `data.error_type` is stable."""

    code: int
    success: bool
    message: str
    data: dict[str, Any] | None = None
