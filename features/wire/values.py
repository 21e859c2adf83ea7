"""Readers of single values as clients send them, for every feature; each raises what pydantic understands.

A `wire_text` error carries the text the caller reads; a `ValueError` gets the general one of `features.wire.bodies`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from common import messages
from common.errors import BadRequestError

_NOT_STORABLE: Final = re.compile("[\0\ud800-\udfff]")
_TRUE: Final = frozenset({"t", "tr", "tru", "true", "y", "ye", "yes", "on", "1"})
_FALSE: Final = frozenset({"f", "fa", "fal", "fals", "false", "n", "no", "of", "off", "0"})


def wire_text(value: Any) -> str:
    """The text of a JSON scalar: a string as it is, a number in digits, a boolean as `true` or `false`.

    A list or an object has no text. Neither has a value that PostgreSQL and UTF-8 cannot hold: NUL, half of a surrogate
    pair, and the numbers NaN and Infinity, which Python's reader takes but JSON does not have.

    Raises:
        ValueError: null.
        PydanticCustomError: the value has no text that can be stored.
    """
    if isinstance(value, list | dict):
        raise PydanticCustomError("wire_text", messages.PARAMETER_TYPE_WRONG)
    if value is None:
        raise ValueError("null")
    text = value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    if _NOT_STORABLE.search(text) or (isinstance(value, float) and not math.isfinite(value)):
        raise PydanticCustomError("wire_text", messages.PARAMETER_NOT_TEXT)
    return text


def text_or_empty(value: Any) -> str:
    """As `wire_text`, where null is an empty text."""
    return "" if value is None else wire_text(value)


def nullable_text(value: Any) -> str | None:
    """As `wire_text`, where null stays none."""
    return None if value is None else wire_text(value)


def text_or_none(value: Any) -> str | None:
    """As `wire_text`, where null, 0 and false are absent; an empty text stays one."""
    is_absent = not value and not isinstance(value, str | list | dict)
    return None if is_absent else wire_text(value)


def required_text(value: Any) -> str:
    """As `wire_text`, where every falsy value is a missing parameter."""
    if not value:
        raise PydanticCustomError("missing", "missing")
    return wire_text(value)


def boolean(value: Any) -> bool:
    """A boolean: itself, 0 or 1, or a word in any case that PostgreSQL reads as a boolean, its prefixes included.

    Raises:
        ValueError: it is none of them.
    """
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower() if isinstance(value, str | int) else ""
    if word not in _TRUE and word not in _FALSE:
        raise ValueError("not a boolean")
    return word in _TRUE


def lenient_boolean(value: Any) -> bool:
    """As `boolean`; any other value counts as true unless it is empty, 0 or null."""
    try:
        return boolean(value)
    except ValueError:
        return bool(value)


Text = Annotated[str | None, BeforeValidator(text_or_none)]
RequiredText = Annotated[str, BeforeValidator(required_text)]
NullableText = Annotated[str | None, BeforeValidator(nullable_text)]
Boolean = Annotated[bool, BeforeValidator(boolean)]
LenientBoolean = Annotated[bool, BeforeValidator(lenient_boolean)]


def member_text(body: Mapping[str, Any], name: str) -> str:
    """A member of a JSON object as text; empty when it is null or absent.

    Raises:
        BadRequestError: it has no text; the error names the member.
    """
    try:
        return text_or_empty(body.get(name))
    except PydanticCustomError as error:
        raise BadRequestError(error.message(), invalid_params=[name]) from None


def member_boolean(body: Mapping[str, Any], name: str, *, default: bool) -> bool:
    """A member of a JSON object as a boolean; `default` when it is null or absent.

    Raises:
        BadRequestError: it is no boolean; the error names the member.
    """
    value = body.get(name)
    try:
        return default if value is None else boolean(value)
    except ValueError:
        raise BadRequestError(messages.INVALID_PARAMETER.format(name=name), invalid_params=[name]) from None


def whole_number(value: Any) -> int:
    """A whole number; true and "1" are none. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        raise ValueError("not a whole number")
    return int(value)


def lenient_int(text: str | None, default: int | None = None) -> int | None:
    """A query parameter as clients of the historical service send it: what is no integer counts as not given."""
    try:
        return int(text) if text is not None else default
    except ValueError:
        return default


def last_event_id(text: str | None, largest: int) -> int | None:
    """The number of the last event a client saw; 0 when the header is absent or empty.

    Returns:
        None when the text is no number from 0 to `largest`.
    """
    if not text:
        return 0
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(largest))
    return int(text) if is_number and int(text) <= largest else None
