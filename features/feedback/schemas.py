"""The requests and answers of the feedback routes (docs/contract/feedback.md), as data.

Booleans are JSON booleans, 0 and 1, or the words PostgreSQL reads as one; texts are what PostgreSQL can store.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from common import messages
from common.errors import BadRequestError
from common.messages import feedback as texts
from features.wire.bodies import parse_body
from features.wire.envelopes import Envelope
from features.wire.pages import Page, page_number, page_size
from features.wire.values import Boolean, boolean, text_or_empty, whole_number, wire_text

GUEST: Final = "guest"
LONGEST_USER_ID: Final = 64
SORTABLE: Final = ("id", "create_time", "update_time", "user_id")
_LONGEST_TIME: Final = 64
_BARE_DAY: Final = re.compile(r"\s*(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{8})\s*", re.ASCII)
_DIGITS: Final = re.compile(r"\s*[+-]?\d{1,30}\s*", re.ASCII)


def _as_user(value: Any) -> str:
    words = text_or_empty(value)
    if value is None or len(words) > LONGEST_USER_ID:
        raise PydanticCustomError("wire_text", texts.USER_ID_WRONG.format(limit=LONGEST_USER_ID))
    return words


def _as_truth_or_none(value: Any) -> bool | None:
    return None if value is None else boolean(value)


def _as_moment(value: Any) -> str | None:
    """Empty is none; whether PostgreSQL reads it, PostgreSQL says."""
    words = text_or_empty(value)
    if len(words) > _LONGEST_TIME:
        raise ValueError("too long for a time")
    return words or None


def _as_page(value: Any) -> int:
    return page_number(value, texts.PAGE_TOO_SMALL)


def _as_page_size(value: Any) -> int:
    return page_size(value, texts.PAGE_SIZE_WRONG)


def _as_column(value: Any) -> str:
    words = text_or_empty(value)
    return words if words in SORTABLE else "create_time"


def _as_order(value: Any) -> str:
    words = text_or_empty(value)
    return "asc" if words.lower() == "asc" else "desc"


def _as_id(value: Any) -> int | None:
    """None is an id nobody has."""
    if value is None:
        return None
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return int(value)
    return whole_number(value)


Words = Annotated[str, BeforeValidator(wire_text)]
User = Annotated[str, BeforeValidator(_as_user)]
MaybeTruth = Annotated[bool | None, BeforeValidator(_as_truth_or_none)]
Moment = Annotated[str | None, BeforeValidator(_as_moment)]


@dataclass(frozen=True)
class Filters:
    """Which verdicts; None stands for all. Times are texts PostgreSQL reads; a bare last day counts to its end."""

    is_thumb_up: bool | None = None
    is_in_training_data: bool | None = None
    since: str | None = None
    until: str | None = None
    is_until_a_day: bool = False


class NewFeedback(BaseModel):
    """A verdict as clients send it; unknown members are ignored."""

    model_config = ConfigDict(extra="ignore")

    question: Words = Field(description="The question that was answered", examples=[messages.EXAMPLE_QUESTION])
    sql: Words = Field(description="The SQL of the answer", examples=["SELECT COUNT(*) FROM bss_company"])
    is_thumb_up: Boolean = Field(description="Whether the answer was right")
    user_id: User = Field(GUEST, description="Who says so; at most 64 characters")


class FeedbackQuery(BaseModel):
    """Which verdicts, in which order, and which page of them."""

    model_config = ConfigDict(extra="ignore")

    page: Annotated[int, BeforeValidator(_as_page)] = Field(1, description="From 1")
    page_size: Annotated[int, BeforeValidator(_as_page_size)] = Field(20, description="1 to 100")
    is_thumb_up: MaybeTruth = Field(None, description="Only these verdicts")
    create_time_start: Moment = Field(None, description="Not before this time of the server's zone")
    create_time_end: Moment = Field(None, description="Not after this time; a day without time counts to its end")
    is_in_training_data: MaybeTruth = Field(None, description="Only those that are, or are not, training data")
    sort_by: Annotated[str, BeforeValidator(_as_column)] = Field(
        "create_time", description="id, create_time, update_time or user_id; anything else is create_time"
    )
    sort_order: Annotated[str, BeforeValidator(_as_order)] = Field(
        "desc", description="asc or desc; anything else is desc"
    )

    @property
    def filters(self) -> Filters:
        """The conditions for the repository."""
        return Filters(
            is_thumb_up=self.is_thumb_up,
            is_in_training_data=self.is_in_training_data,
            since=self.create_time_start,
            until=self.create_time_end,
            is_until_a_day=bool(_BARE_DAY.fullmatch(self.create_time_end or "")),
        )


class FeedbackChange(BaseModel):
    """New values of some columns; an absent one stays as it is."""

    model_config = ConfigDict(extra="ignore")

    question: Words = ""
    sql: Words = ""
    is_thumb_up: Boolean = False
    user_id: User = ""
    is_in_training_data: MaybeTruth = Field(None, description="Says so only; training data stays as it is")

    @property
    def values(self) -> dict[str, Any]:
        """The columns to set and their values, in the table's order."""
        return {name: getattr(self, name) for name in CHANGEABLE if name in self.model_fields_set}


class TrainingRequest(BaseModel):
    """Verdicts that are to become training data."""

    model_config = ConfigDict(extra="ignore")

    feedback_ids: list[int | None] = Field(description="Ids of verdicts", examples=[[1, 2]])


CHANGEABLE: Final = tuple(FeedbackChange.model_fields)


def parse_new(body: Mapping[str, Any]) -> NewFeedback:
    """A verdict of a request body.

    Raises:
        BadRequestError: the first parameter that is missing, else the first that is wrong.
    """
    for name in ("question", "sql", "is_thumb_up"):
        is_given = body.get(name) is not None if name == "is_thumb_up" else bool(body.get(name))
        if not is_given:
            raise BadRequestError(messages.MISSING_PARAMETER.format(name=name), missing_params=[name])
    return parse_body(NewFeedback, body)


def parse_query(body: Mapping[str, Any]) -> FeedbackQuery:
    """A query of a request body. Raises `BadRequestError` with the first parameter that is wrong."""
    return parse_body(FeedbackQuery, body)


def parse_change(body: Mapping[str, Any]) -> FeedbackChange:
    """The change of a request body.

    Raises:
        BadRequestError: nothing that may be changed was given, or the first value that is wrong.
    """
    if not any(name in body for name in CHANGEABLE):
        raise BadRequestError(texts.NOTHING_TO_UPDATE, missing_params=list(CHANGEABLE))
    return parse_body(FeedbackChange, body)


def parse_training(body: Mapping[str, Any]) -> TrainingRequest:
    """The ids of a request body, as often as they were given; None for one that cannot be anybody's.

    Raises:
        BadRequestError: no list, an empty one, or one with something that is no whole number.
    """
    given = body.get("feedback_ids")
    if not given or not isinstance(given, list):
        raise BadRequestError(texts.IDS_MISSING, missing_params=["feedback_ids"])
    try:
        return TrainingRequest(feedback_ids=[_as_id(value) for value in given])
    except (ValueError, TypeError) as error:
        raise BadRequestError(texts.IDS_WRONG, invalid_params=["feedback_ids"]) from error


class FeedbackRecord(BaseModel):
    """A verdict on the wire; times are the server's local ones."""

    id: int
    question: str
    sql: str
    is_thumb_up: bool
    user_id: str
    create_time: str | None
    is_in_training_data: bool | None
    update_time: str | None


class Said(BaseModel):
    """What every answer's `data` has."""

    response: str
    timestamp: str


class AddedData(Said):
    feedback_id: int


class UpdatedData(Said):
    updated_id: int
    updated_fields: list[str]


class DeletedData(Said):
    deleted_id: int


class TrainingSummary(BaseModel):
    """Counts; the last four add up to `total_processed`, unknown ids are in `total_requested` only."""

    total_requested: int
    total_processed: int
    positive_trained: int
    negative_trained: int
    already_trained: int
    errors: int


class TrainingDetails(BaseModel):
    sql_training_count: int
    error_sql_training_count: int


class TrainedItem(BaseModel):
    """What became of one verdict: `sql`, `error_sql`, `already_trained` or `error` with its reason."""

    feedback_id: int
    outcome: str
    training_id: str | None = None
    error: str | None = None


class TrainedData(Said):
    summary: TrainingSummary
    successfully_trained_ids: list[int]
    training_details: TrainingDetails
    results: list[TrainedItem]


class CountedData(Said):
    total_feedback: int
    positive_feedback: int
    negative_feedback: int
    trained_feedback: int
    untrained_feedback: int
    positive_rate: float
    training_rate: float


AddedEnvelope = Envelope[AddedData]
UpdatedEnvelope = Envelope[UpdatedData]
DeletedEnvelope = Envelope[DeletedData]
TrainedEnvelope = Envelope[TrainedData]
CountedEnvelope = Envelope[CountedData]
FoundEnvelope = Envelope[Page[FeedbackRecord]]
