"""Requests and answers of the runs API, as data."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, Field, StringConstraints

from features.ask.schemas import AskRequest
from features.wire.envelopes import Envelope
from features.wire.values import LenientBoolean, Text

IdempotencyKey = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")]
MAX_SEQ = 2**53


class RunRequest(AskRequest):
    """A question to be answered in the background; unknown members are ignored."""

    conversation_id: Text = Field(
        None,
        validation_alias=AliasChoices("conversation_id", "thread_id"),
        description="Continue this conversation; thread_id is another name for it",
    )
    engine: str = Field("classic", description="Who answers: classic, or another engine of this service")
    when_busy: Literal["enqueue", "reject", "interrupt"] = Field(
        "enqueue", description="When the conversation has an unfinished run: wait for it, refuse (409), or stop it"
    )
    on_disconnect: Literal["continue", "cancel"] = Field(
        "continue", description="cancel: the run is stopped when its last watcher leaves"
    )
    tokens: LenientBoolean = Field(True, description="Write text events while the answer's text is written")
    idempotency_key: IdempotencyKey | None = Field(
        None, description="A repeated request with it finds the first one's run; also as header Idempotency-Key"
    )


class Run(BaseModel):
    """A run as it is now. Times are local; `result` is the envelope of its last event, once it has ended."""

    run_id: str
    state: Literal["queued", "running", "completed", "failed", "cancelled", "timed_out"]
    engine: str
    user_id: str
    conversation_id: str
    thread_id: str
    question: str
    created_at: str
    started_at: str | None = None
    ended_at: str | None = None
    position: int | None = None
    last_event_id: int
    events_url: str
    result: dict[str, Any] | None = None


RunEnvelope = Envelope[Run]
