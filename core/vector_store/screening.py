"""Finds training texts that speak to the model: instructions, imitated fences, characters nobody sees.

Retrieved records become part of prompts, so a text that is found here waits for an administrator's approval. The
patterns stand in `screening.yaml` beside this file. A finding is a reason to look, not a proof.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Final

import yaml

_PATTERN_FILE: Final = Path(__file__).with_name("screening.yaml")
# Zero-width and bidirectional controls, invisible operators, variation selectors 17+, tag characters, the byte order
# mark; a joiner inside an emoji and variation selector 16 are left alone.
_INVISIBLE: Final = re.compile(
    "[\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u206f\u180e\ufeff\U000e0000-\U000e0fff]"
    "|(?<![\u2190-\U0001faff\ufe0f])\u200d"
)
_BLANKS: Final = re.compile(r"\s+")
_SEPARATORS: Final = re.compile(r"[\s*_`~|/\\.·•-]+")
_FLAGS: Final = re.IGNORECASE | re.MULTILINE


def suspicions(texts: Iterable[str]) -> tuple[str, ...]:
    """Why these texts of one record need a look: any of `hidden_characters`, `fence_imitation`, `instruction`."""
    found: dict[str, None] = {}
    fences, phrases, compact = _patterns()
    for text in texts:
        if _INVISIBLE.search(text):
            found["hidden_characters"] = None
        plain = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text).replace("\u200d", ""))
        if fences.search(plain):
            found["fence_imitation"] = None
        if phrases.search(_BLANKS.sub(" ", plain)) or compact.search(_SEPARATORS.sub("", plain)):
            found["instruction"] = None
    return tuple(found)


@lru_cache(maxsize=1)
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    listed = yaml.safe_load(_PATTERN_FILE.read_text("utf-8"))
    fences, phrases, compact = (
        re.compile("|".join(f"(?:{one})" for one in listed[name]), _FLAGS) for name in ("fences", "phrases", "compact")
    )
    return fences, phrases, compact
