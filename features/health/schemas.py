"""What `/health` says (docs/contract/questions.md)."""

from __future__ import annotations

from pydantic import BaseModel, Field

from common.result import local_timestamp


class HealthReport(BaseModel):
    """`status` is healthy, degraded (answers still possible) or unhealthy (none possible)."""

    status: str
    react_agent_initialized: bool
    timestamp: str = Field(default_factory=local_timestamp)
    services: dict[str, bool] = Field(description="One flag a service behind this one")
    components: dict[str, str] = Field(description="healthy, degraded or unhealthy, one a component")
    reasons: dict[str, str] = Field(description="Why a component is not healthy, for people")
    warnings: dict[str, str] = Field(default_factory=dict, description="What an operator should change, by setting")
    prompt_value_columns: list[str] | None = Field(
        None, description="Columns whose stored values may be shown to the external model; null when not known"
    )
    details: dict[str, str] = Field(default_factory=dict, description="What stands behind a component")
