"""Makes text of models, rows and users harmless for a terminal: nothing in it moves the cursor or changes a setting."""

from __future__ import annotations

import unicodedata
from typing import Final

_KEPT: Final = frozenset("\n\t")
_INVISIBLE: Final = frozenset({"Cc", "Cs", "Co", "Cn", "Zl", "Zp"})
_DIRECTIONS: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
REPLACEMENT: Final = "\ufffd"


def plain(text: str, *, is_one_line: bool = False) -> str:
    """The text with every control character replaced, C1 and direction marks included; line breaks stay by default."""
    kept = frozenset() if is_one_line else _KEPT
    joined = text.replace("\r\n", "\n")
    return "".join(character if character in kept else _printable(character) for character in joined)


def _printable(character: str) -> str:
    if character in _KEPT:
        return " "
    is_harmful = unicodedata.category(character) in _INVISIBLE or character in _DIRECTIONS
    return REPLACEMENT if is_harmful else character
