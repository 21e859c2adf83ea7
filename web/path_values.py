"""Which texts in a path can be ids at all, the same for every route of both entries."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any, Final

from common import messages
from common.errors import BadRequestError

LONGEST_PATH_VALUE: Final = 512
_UNREADABLE: Final = frozenset({"Cc", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode: control characters, surrogates, private use, unassigned, separators of lines and paragraphs."""


def demand_usable_path(values: Mapping[str, Any] | None) -> None:
    """
    Raises:
        BadRequestError: a part of the path can be no id.
    """
    if unusable := unusable_path_values(values):
        raise BadRequestError(messages.INVALID_PARAMETER.format(name=unusable[0]), invalid_params=unusable)


def unusable_path_values(values: Mapping[str, Any] | None) -> list[str]:
    """The names of the parts of a path whose values are no ids: too long, or with what nobody can write or see.

    Such a text is part of no id that the service or its clients make; looked up, it would read as one that is unknown.
    """
    return [name for name, value in (values or {}).items() if isinstance(value, str) and not _is_id(value)]


def _is_id(value: str) -> bool:
    is_readable = not any(unicodedata.category(character) in _UNREADABLE for character in value)
    return len(value) <= LONGEST_PATH_VALUE and is_readable and "\ufffd" not in value
