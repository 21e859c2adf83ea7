"""What `agent_health` says (docs/contract/questions.md), as data."""

from __future__ import annotations

from pydantic import BaseModel, Field

from features.wire.envelopes import Envelope


class AgentChecks(BaseModel):
    """One flag a part of the agent."""

    agent_creation: bool = Field(description="The agent can be built")
    tools_import: bool = Field(description="The workflow has steps that work")
    llm_connection: bool = Field(description="The model answered; without the full test: its client can be built")
    classifier_ready: bool = Field(description="The rules classified the test question")


class AgentHealth(BaseModel):
    """The `data` member, healthy or not."""

    status: str = Field(description="healthy, degraded or unhealthy")
    test_result: bool
    message: str = Field(description="The outcome in one sentence")
    response: str
    workflow_compiled: bool
    tools_count: int
    checks: AgentChecks
    reasons: dict[str, str] | None = Field(None, description="Why parts do not work, for people; absent when healthy")
    timestamp: str


AgentHealthEnvelope = Envelope[AgentHealth]
