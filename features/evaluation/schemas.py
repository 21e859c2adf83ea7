"""The request and the answers of `evaluation/runs`, as data."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from common.answering import ROUTING_MODES
from common.messages import evaluation as texts
from features.wire.envelopes import Envelope
from features.wire.values import text_or_none, wire_text

MOST_PAIRS: Final = 200
MOST_ACCEPTED: Final = 5
LONGEST_QUESTION: Final = 2_000
LONGEST_STATEMENT: Final = 20_000


def _short_text(value: Any, limit: int) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > limit:
        text = texts.PAIR_WRONG.format(question=LONGEST_QUESTION, sql=LONGEST_STATEMENT)
        raise PydanticCustomError("wire_text", text)
    return wire_text(value)


def _as_statements(value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    statements = value if isinstance(value, list) else [value]
    if not 1 <= len(statements) <= MOST_ACCEPTED:
        raise PydanticCustomError("wire_text", texts.TOO_MANY_STATEMENTS.format(limit=MOST_ACCEPTED))
    return tuple(_short_text(statement, LONGEST_STATEMENT) for statement in statements)


def _as_routing_mode(value: Any) -> str | None:
    mode = text_or_none(value)
    if mode and mode not in ROUTING_MODES:
        raise ValueError("not a routing mode")
    return mode or None


def _as_pairs(value: Any) -> Any:
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_PAIRS:
        raise PydanticCustomError("wire_text", texts.PAIRS_WRONG.format(limit=MOST_PAIRS))
    if not all(isinstance(pair, dict) and {"question", "sql"} <= pair.keys() for pair in value):
        raise PydanticCustomError("wire_text", texts.PAIR_MEMBERS_MISSING)
    return value


class GoldenPair(BaseModel):
    """A question and what answers it."""

    model_config = ConfigDict(extra="ignore")

    question: Annotated[str, BeforeValidator(lambda value: _short_text(value, LONGEST_QUESTION))] = Field(
        description="At most 2,000 characters"
    )
    sql: Annotated[tuple[str, ...] | None, BeforeValidator(_as_statements)] = Field(
        description="A statement, up to five of which any is right, or null for what the data cannot answer"
    )


class EvaluationRequest(BaseModel):
    """A run over golden questions; unknown members are ignored."""

    model_config = ConfigDict(extra="ignore")

    pairs: Annotated[list[GoldenPair], BeforeValidator(_as_pairs)] = Field(description="From 1 to 200")
    routing_mode: Annotated[str | None, BeforeValidator(_as_routing_mode)] = Field(
        None, description="database_direct, chat_direct, hybrid or llm_only; the service's own by default"
    )


class EvaluationFigures(BaseModel):
    """Counts over the questions (docs/answers.md) and milliseconds of an answer."""

    total: int
    gold_failed: int
    exact: int
    soft: int
    figures: int
    wrong: int
    refused: int
    chat: int
    invented: int
    p50_ms: float
    p95_ms: float


class EvaluationOutcome(BaseModel):
    """How one question went."""

    question: str
    verdict: str = Field(description="exact, soft, wrong, refused, chat, invented, declined or gold_failed")
    figures: bool = Field(description="Whether the reference's numbers are among the answer's")
    milliseconds: float
    sql: str
    error_type: str = Field(description="Why there is no answer; else empty")


class EvaluationRun(BaseModel):
    """The `data` member. `figures` and `outcomes` are null until the run has completed."""

    run_id: str
    state: str = Field(description="queued, running, completed, failed, cancelled or timed_out")
    questions: int
    asked: int
    created_at: str | None
    started_at: str | None
    ended_at: str | None
    figures: EvaluationFigures | None
    outcomes: list[EvaluationOutcome] | None
    error_type: str | None = Field(description="Why a run did not complete")
    response: str
    timestamp: str


EvaluationEnvelope = Envelope[EvaluationRun]
