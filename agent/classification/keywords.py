"""Finds keywords in a text without finding them inside other words. Used by the rules of this package."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_CJK: Final = re.compile(r"[\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")


def normalise(text: str) -> str:
    """The form in which texts and keywords are compared: full-width letters and case make no difference."""
    return unicodedata.normalize("NFKC", text).casefold().strip()


def stands_in(text: str, keyword: str) -> bool:
    """Whether `keyword` stands in `text` as words, both normalised.

    An end of a keyword that is a letter or digit must not touch another one, Chinese characters aside: `wx` is not in
    `wxpay` and is in `按wx金额`. A keyword of one Chinese character must not touch another: `梨` is not in `凤梨`.
    """
    is_lone = len(keyword) == 1
    start = text.find(keyword)
    while start >= 0:
        end = start + len(keyword)
        before, after = text[max(0, start - 1) : start], text[end : end + 1]
        if not _touches(keyword[0], before, is_lone=is_lone) and not _touches(keyword[-1], after, is_lone=is_lone):
            return True
        start = text.find(keyword, start + 1)
    return False


def _touches(edge: str, neighbour: str, *, is_lone: bool) -> bool:
    if not neighbour:
        return False
    if _CJK.match(edge):
        return is_lone and _CJK.match(neighbour) is not None
    is_word = edge.isalnum() or edge == "_"
    return is_word and (neighbour.isalnum() or neighbour == "_") and not _CJK.match(neighbour)
