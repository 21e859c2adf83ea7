"""The answer of `/api/v0/compatibility`, as data."""

from __future__ import annotations

from pydantic import BaseModel, Field

from features.wire.envelopes import Envelope


class CompatibilityRow(BaseModel):
    """One path."""

    handler: str = Field(description="Name of what answers")
    agent_type: str = Field(description="langgraph, react, future, or none when no agent is asked")
    deprecated: bool
    status: str = Field(description="active or reserved")
    methods: list[str]
    access: str = Field(description="public or admin")
    writes: list[str] = Field(description="Methods that read-only mode refuses")


class CompatibilityData(BaseModel):
    """Rows by path."""

    routes: dict[str, CompatibilityRow]
    timestamp: str


CompatibilityEnvelope = Envelope[CompatibilityData]
