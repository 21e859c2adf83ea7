"""The answer of `/api/v0/metrics`, as data. Times are in seconds, shares in percent."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field


class SystemStats(BaseModel):
    """How full the machine is."""

    cpu_percent: float
    memory_percent: float
    disk_percent: float
    timestamp: str


class MetricsFigures(BaseModel):
    """Over all processes of this machine's service; the response times are of the last 1000 requests of each."""

    request_count: int
    error_count: int = Field(description="Answers with a status from 400 on")
    error_rate: float
    avg_response_time: float
    max_response_time: float
    min_response_time: float
    system_stats: SystemStats
    routes: list[dict[str, Any]]
    model_calls: dict[str, dict[str, int]]
    unproven_answers: dict[str, int] = Field(
        description="Texts that were not shown because they stated a figure that nothing returned, by agent"
    )
    workers: list[dict[str, Any]]


class MetricsEnvelope(MetricsFigures):
    """The answer on the wire: the figures stand in `data`, and at the top level as well."""

    code: int
    success: bool
    message: str
    data: MetricsFigures
