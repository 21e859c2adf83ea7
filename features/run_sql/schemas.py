"""The request and the answer of `citu_run_sql` (docs/contract/questions.md), as data."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from features.wire.envelopes import Envelope
from features.wire.values import RequiredText


class RunSqlRequest(BaseModel):
    """A statement as clients send it; unknown members are ignored."""

    model_config = ConfigDict(extra="ignore")

    sql: RequiredText = Field(
        description="One SELECT (or WITH, VALUES, TABLE) on the business database",
        examples=["SELECT COUNT(*) AS n FROM bss_company"],
    )


class QueryResult(BaseModel):
    """Rows keyed by column name; `columns` is filled without rows too, `total_row_count` is as far as was counted."""

    columns: list[str]
    rows: list[dict[str, Any]]
    row_count: int
    total_row_count: int
    is_limited: bool


class ExplainVerdict(BaseModel):
    """The planner's estimate before the statement ran; `cost` is in PostgreSQL's cost units."""

    is_accepted: bool
    cost: float


class RunSqlData(BaseModel):
    """The `data` member of a successful answer; `truncated_by` is absent when every row is there."""

    sql: str
    query_result: QueryResult
    response: str
    timestamp: str
    explain: ExplainVerdict
    truncated_by: Literal["rows", "bytes"] | None = None


RunSqlEnvelope = Envelope[RunSqlData]
