"""Requests and answers of the cache routes (contract: conversations and caches, sections C to E), as data."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from common.errors import BadRequestError, ValidationFailedError
from common.messages import caches as texts
from features.wire.envelopes import ObjectEnvelope
from features.wire.values import Text

DEFAULT_LISTED: Final = 50
MOST_LISTED: Final = 500
_CONDITIONS: Final = ("older_than_hours", "older_than_days", "before_timestamp")
_HOUR: Final = 3_600.0
_MOST_HOURS: Final = 876_000.0
_TIMESTAMP: Final = "%Y-%m-%d %H:%M:%S"


def _as_age(value: Any) -> Any:
    """Anything falsy counts as not given; a number may come as text."""
    if not value and not isinstance(value, list | dict):
        return None
    try:
        number = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if not 0 < number <= _MOST_HOURS:
        raise PydanticCustomError("age", "age")
    return value


Age = Annotated[float | int | str | None, BeforeValidator(_as_age)]


class CleanupRequest(BaseModel):
    """What is to be removed; the first that is given counts. Unknown members are ignored."""

    model_config = ConfigDict(extra="ignore")

    older_than_hours: Age = Field(None, description="Sessions without a question for so many hours", examples=[24])
    older_than_days: Age = Field(None, description="The same in days")
    before_timestamp: Text = Field(None, description="Or since this local time, YYYY-MM-DD HH:MM:SS")


@dataclass(frozen=True)
class Cutoff:
    """A moment in seconds since 1970, none earlier, and the condition it comes from, as shown to the caller."""

    shown: str
    moment: float


def cutoff_of(wanted: CleanupRequest, now: float) -> Cutoff:
    """The moment before which sessions must have ended.

    Raises:
        BadRequestError: no condition is given.
        ValidationFailedError: the time is not written as it should be.
    """
    name = next((name for name in _CONDITIONS if getattr(wanted, name)), None)
    if name is None:
        raise BadRequestError(texts.CONDITION_MISSING, missing_params=list(_CONDITIONS))
    value = getattr(wanted, name)
    if name == "before_timestamp":
        return Cutoff(f"{name}: {value}", _local_time(str(value)))
    hours = float(value) * (24 if name == "older_than_days" else 1)
    return Cutoff(f"{name}: {value}", now - min(hours, _MOST_HOURS) * _HOUR)


def _local_time(text: str) -> float:
    try:
        return max(0.0, time.mktime(time.strptime(text.strip(), _TIMESTAMP)))
    except (ValueError, OverflowError) as error:
        raise ValidationFailedError(texts.TIMESTAMP_WRONG) from error


def listed_count(limit: int | None) -> int:
    """How many answers to list: 50 unless a number above 0 is given, at most 500."""
    return min(limit, MOST_LISTED) if limit and limit > 0 else DEFAULT_LISTED


class EmbeddingCacheStats(BaseModel):
    """Kept embeddings; `enabled` is the setting, `available` whether the cache works now."""

    enabled: bool
    available: bool
    total_count: int
    memory_usage_mb: float


class AnswerCacheStats(BaseModel):
    """Kept answers; only `available` (and `error`) when Redis is away."""

    available: bool
    enabled: bool | None = None
    total_count: int | None = None
    memory_usage_mb: float | None = None
    ttl_seconds: int | None = None
    ttl_hours: float | None = None
    error: str | None = None


CacheEnvelope = ObjectEnvelope
