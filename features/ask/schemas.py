"""The request and the answer of `ask_agent` (docs/contract/questions.md), as data."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from common import messages
from features.wire.envelopes import Envelope
from features.wire.values import LenientBoolean, RequiredText, Text


class AskRequest(BaseModel):
    """A question as clients send it; unknown members are ignored."""

    model_config = ConfigDict(extra="ignore")

    question: RequiredText = Field(description="What is to be found out", examples=[messages.EXAMPLE_QUESTION])
    user_id: Text = Field(None, description="Defaults to the owner of conversation_id, else guest")
    conversation_id: Text = Field(None, description="Continue this conversation")
    continue_conversation: LenientBoolean = Field(False, description="Continue the newest conversation of the user")
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


AskEnvelope = Envelope[AskData]
