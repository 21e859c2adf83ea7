"""The request and the answer of `usage`, as data. Days are UTC days."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from features.wire.envelopes import Envelope
from features.wire.pages import Pagination

Dimension = Literal["day", "user", "route", "model"]

_DAY: Final = re.compile(r"2\d{3}-\d{2}-\d{2}")
MOST_PAGES: Final = 10_000


def _as_day(value: Any) -> Any:
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise ValueError("not a day")
    return value


def _as_dimensions(value: str) -> str:
    names = value.split(",")
    if len(set(names)) != len(names) or not set(names) <= set(get_args(Dimension)):
        raise ValueError("not dimensions")
    return value


Day = Annotated[date, BeforeValidator(_as_day)]


class UsageRequest(BaseModel):
    """The query parameters; unknown ones are ignored."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    first_day: Day | None = Field(None, alias="from", description="First day, YYYY-MM-DD; 30 days by default")
    last_day: Day | None = Field(None, alias="to", description="Last day, YYYY-MM-DD; today by default")
    group_by: Annotated[str, AfterValidator(_as_dimensions)] = Field(
        "day", description="Any of day, user, route, model, comma-separated"
    )
    page: int = Field(1, ge=1, le=MOST_PAGES)
    page_size: int = Field(50, ge=1, le=200)

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """What is grouped by, in the order asked for."""
        return tuple(self.group_by.split(","))  # type: ignore[arg-type]


class UsageFigures(BaseModel):
    """Sums over calls."""

    calls: int
    estimated_calls: int = Field(description="Calls whose tokens the provider did not count")
    unpriced_calls: int = Field(description="Calls of models without a price; they are not in cost")
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cost: str = Field(description="In the currency of the price list, as a decimal number")


class UsageItem(UsageFigures):
    """The sums of one group; only the members grouped by are there."""

    day: str | None = None
    user: str | None = None
    route: str | None = None
    model: str | None = None


class TokenBudget(BaseModel):
    """The tenant's tokens of the UTC day."""

    daily_tokens: int = Field(description="0: no limit")
    used_today: int


class UsageReport(BaseModel):
    """The `data` member. The same figures over the whole time stand in `totals`."""

    model_config = ConfigDict(populate_by_name=True)

    first_day: str = Field(alias="from")
    last_day: str = Field(alias="to")
    group_by: list[str]
    totals: UsageFigures
    items: list[UsageItem]
    pagination: Pagination
    budget: TokenBudget
    timestamp: str


UsageEnvelope = Envelope[UsageReport]
