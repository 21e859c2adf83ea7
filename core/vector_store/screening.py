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
_SEPARATORS: Final = re.compile(r"[\s*_`~|/\\.·•-]+")


def suspicions(texts: Iterable[str]) -> tuple[str, ...]:
    """Why these texts of one record need a look: any of `hidden_characters`, `fence_imitation`, `instruction`."""
    found: dict[str, None] = {}
    fences, phrases, compact = _patterns()
    for text in texts:
        # Most SQL is ASCII, where nothing is hidden, NFKC changes nothing and no compact phrase can stand.
        is_ascii = text.isascii()
        if not is_ascii and _INVISIBLE.search(text):
            found["hidden_characters"] = None
        plain = (text if is_ascii else _normalised(text)).lower()
        if fences.search(plain):
            found["fence_imitation"] = None
        if phrases.search(" ".join(plain.split())) or (not is_ascii and _any(compact, _SEPARATORS.sub("", plain))):
            found["instruction"] = None
    return tuple(found)


def _normalised(text: str) -> str:
    """Without what is hidden, in one width, and with the two letters that readers take for an i as such."""
    plain = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text).replace("\u200d", ""))
    return plain.replace("\u0130", "i").replace("\u0131", "i")


def _any(patterns: tuple[re.Pattern[str], ...], text: str) -> bool:
    return any(pattern.search(text) for pattern in patterns)


@lru_cache(maxsize=1)
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str], tuple[re.Pattern[str], ...]]:
    """Phrases as one pattern and compact ones each by itself: measured, that is the faster way for either."""
    listed = yaml.safe_load(_PATTERN_FILE.read_text("utf-8"))
    fences, phrases = (
        re.compile("|".join(f"(?:{one})" for one in listed[name]), re.MULTILINE) for name in ("fences", "phrases")
    )
    return fences, phrases, tuple(re.compile(one, re.MULTILINE) for one in listed["compact"])
