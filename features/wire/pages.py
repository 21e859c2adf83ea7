"""Pages of lists: reading which one is asked for, and its place among all."""

from __future__ import annotations

from typing import Any, Final, Generic, TypeVar

from pydantic import BaseModel
from pydantic_core import PydanticCustomError

from features.wire.values import whole_number

MOST_PAGES: Final = 2**63 // 100 - 1
"""Beyond it the offset of a page of 100 is no number of the database."""
T = TypeVar("T")


def page_number(value: Any, too_small: str) -> int:
    """A page from 1; `too_small` is what the caller of page 0 reads."""
    number = whole_number(value)
    if number < 1:
        raise PydanticCustomError("wire_text", "{text}", {"text": too_small})
    if number > MOST_PAGES:
        raise ValueError("beyond any page")
    return number


def page_size(value: Any, wrong: str) -> int:
    """A page size from 1 to 100; `wrong` is the error text for any other value."""
    number = whole_number(value)
    if not 1 <= number <= 100:
        raise PydanticCustomError("wire_text", "{text}", {"text": wrong})
    return number


class Pagination(BaseModel):
    """Where in the list the page stands."""

    page: int
    page_size: int
    total: int
    total_pages: int
    has_next: bool
    has_prev: bool


class Page(BaseModel, Generic[T]):
    """A page of a list, as `data` of an envelope."""

    records: list[T]
    pagination: Pagination
    response: str
    timestamp: str


def pagination(page: int, size: int, total: int) -> dict[str, Any]:
    """The place of page `page` (from 1) of `size` rows in a list of `total` rows; an empty list has 0 pages."""
    pages = -(-total // size)
    return {
        "page": page,
        "page_size": size,
        "total": total,
        "total_pages": pages,
        "has_next": page < pages,
        "has_prev": page > 1,
    }
