"""Requests and answers of the training data routes (docs/contract/training.md), as data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from common import messages
from common.errors import BadRequestError
from common.messages import training_data as texts
from features.wire.envelopes import ObjectEnvelope
from features.wire.pages import pagination
from features.wire.values import NullableText, lenient_boolean, nullable_text

LARGEST_PAGE: Final = 1_000_000_000
MOST_A_PAGE: Final = 100
LONGEST_KEYWORD: Final = 100


def _scalar(value: Any) -> Any:
    """The value as it came, unless no text could be made of it."""
    nullable_text(value)
    return value


Scalar = Annotated[Any, BeforeValidator(_scalar)]


class QueryRequest(BaseModel):
    """Which records to list; null counts as not given."""

    model_config = ConfigDict(extra="ignore")

    page: Any = Field(None, description="From 1, default 1")
    page_size: Any = Field(None, description="1 to 100, default 20")
    training_data_type: Scalar = Field(None, description="sql, error_sql, ddl or documentation")
    search_keyword: NullableText = Field(None, description="Part of question or content, at most 100 characters")
    sort_by: NullableText = Field(None, description="id, training_data_type or created_at; default id")
    sort_order: NullableText = Field(None, description="desc or asc; default desc")


class CreateRequest(BaseModel):
    """One record or an array of 1 to 50."""

    model_config = ConfigDict(extra="ignore")

    data: Any = Field(None, description="{training_data_type, question, sql, content, ddl}, or an array of these")


class DeleteRequest(BaseModel):
    """What to delete, and that it is meant."""

    model_config = ConfigDict(extra="ignore")

    ids: Any = Field(None, description="1 to 50 record ids")
    confirm: Any = Field(None, description="Must be true")


class UpdateRequest(BaseModel):
    """A record's id and what takes its place."""

    model_config = ConfigDict(extra="ignore")

    id: NullableText = Field(None, description="The record to replace")
    training_data_type: Scalar = Field(None, description="sql, error_sql, ddl or documentation")
    question: Any = None
    sql: Any = None
    content: Any = None
    ddl: Any = None


class CombineRequest(BaseModel):
    """Where to look for duplicates and which to keep."""

    model_config = ConfigDict(extra="ignore")

    collection_names: Any = Field(None, description="Array of sql, ddl, documentation, error_sql")
    dry_run: Any = Field(True, description="true: only tell; false: delete (administrators)")
    keep_strategy: Any = Field("first", description="first, last or by_metadata_time")

    @property
    def only_tells(self) -> bool:
        """Whether the value is a true boolean or word, or truthy; null counts as not given."""
        return self.dry_run is None or lenient_boolean(self.dry_run)


class PairRequest(BaseModel):
    """A pair as the single-pair routes take it."""

    model_config = ConfigDict(extra="ignore")

    question: Any = Field(None, description="May be missing where the model can write it")
    sql: Any = Field(None, description="The SQL")


class ReviewRequest(BaseModel):
    """Records in quarantine to decide on."""

    model_config = ConfigDict(extra="ignore")

    ids: Any = Field(None, description="1 to 50 ids of the quarantine")


class Page(BaseModel):
    """A page of a list."""

    page: int
    page_size: int

    @property
    def offset(self) -> int:
        return (self.page - 1) * self.page_size

    def as_wire(self, total: int) -> dict[str, Any]:
        """The contract's `pagination`."""
        return pagination(self.page, self.page_size, total)


def page_of(page: Any, page_size: Any, *, most: int = MOST_A_PAGE) -> Page:
    """The page a request names.

    Raises:
        BadRequestError: no whole number, or outside its bounds.
    """
    number, size = _whole(page, 1, "page"), _whole(page_size, 20, "page_size")
    if number < 1:
        raise BadRequestError(texts.PAGE_TOO_SMALL, missing_params=["page"])
    if number > LARGEST_PAGE:
        raise BadRequestError(texts.PAGE_TOO_LARGE, invalid_params=["page"])
    if not 1 <= size <= most:
        raise BadRequestError(texts.PAGE_SIZE_WRONG, missing_params=["page_size"])
    return Page(page=number, page_size=size)


def page_of_query(arguments: Mapping[str, str], *, most: int = MOST_A_PAGE) -> Page:
    """The page of a GET request's query parameters.

    Raises:
        BadRequestError: as `page_of`.
    """
    numbers = {name: _digits(arguments.get(name)) for name in ("page", "page_size")}
    return page_of(numbers["page"], numbers["page_size"], most=most)


def _digits(text: str | None) -> Any:
    if text is None or not re.fullmatch(r"-?[0-9]{1,20}", text):
        return text
    return int(text)


def _whole(value: Any, default: int, name: str) -> int:
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadRequestError(messages.INVALID_PARAMETER.format(name=name), invalid_params=[name])
    return value


class TrainingRecord(BaseModel):
    """A record on the wire."""

    id: str
    question: str | None
    content: str
    training_data_type: str


TrainingEnvelope = ObjectEnvelope
