"""Readers of single values as clients send them, for pydantic validators; each raises what pydantic understands.

A `wire_text` error carries the text the caller reads; a `ValueError` gets the general one of `features.parsing`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from pydantic_core import PydanticCustomError

from common import messages

MOST_PAGES: Final = 2**63 // 100 - 1
"""Beyond it the offset of a page of 100 is no number of the database."""


def wire_text(value: Any) -> str:
    """A text the database can hold; scalars become one.

    Raises:
        ValueError, PydanticCustomError: it cannot be one.
    """
    if isinstance(value, list | dict):
        raise PydanticCustomError("wire_text", messages.PARAMETER_TYPE_WRONG)
    if value is None:
        raise ValueError("null")
    words = value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    if "\0" in words or any("\ud800" <= character <= "\udfff" for character in words):
        raise PydanticCustomError("wire_text", messages.PARAMETER_NOT_TEXT)
    return words


def truth(value: Any, true: Collection[str], false: Collection[str]) -> bool:
    """A boolean, or one of the words for it in any case; raises ValueError."""
    if isinstance(value, bool):
        return value
    words = str(value).strip().lower() if isinstance(value, str | int) else ""
    if words not in true and words not in false:
        raise ValueError("not a boolean")
    return words in true


def whole_number(value: Any) -> int:
    """A whole number; true and "1" are none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        raise ValueError("not a whole number")
    return int(value)


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
