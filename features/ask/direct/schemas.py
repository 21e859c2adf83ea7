"""The request and the answers of `ask` and `ask_cached` (docs/contract/questions.md), as data."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from common import messages
from features.run_sql.schemas import QueryResult
from features.wire.envelopes import Envelope
from features.wire.values import RequiredText, Text

_LONGEST_ID: Final = 500


class DirectAskRequest(BaseModel):
    """A question as clients send it; unknown members are ignored."""

    model_config = ConfigDict(extra="ignore")

    question: RequiredText = Field(description="What is to be found out", examples=[messages.EXAMPLE_QUESTION])
    user_id: Text = Field(None, max_length=_LONGEST_ID, description="Defaults to guest")
    conversation_id: Text = Field(
        None, max_length=_LONGEST_ID, description="ask: echoed, by default a new one; ask_cached: ignored"
    )


class DirectAskData(BaseModel):
    """The `data` member of a successful answer; `summary` is absent when there is none."""

    sql: str
    query_result: QueryResult
    conversation_id: str
    response: str
    timestamp: str
    summary: str | None = None


class CachedAskData(DirectAskData):
    """`cached` says whether the answer was found for somebody else before, `cache_age_seconds` how long ago."""

    cached: bool
    cache_age_seconds: int | None = None


DirectAskEnvelope = Envelope[DirectAskData]


CachedAskEnvelope = Envelope[CachedAskData]
