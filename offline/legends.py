"""What a column's comment says its codes mean: 状态：1-启用 2-停用, `0=no, 1=yes`, 类型(A:水表,B:电表).

A legend has at least two codes. Codes without a sign between them and their words count up from 0 or 1, so that a text
which merely has numbers in it is no legend.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_SIGNED: Final = re.compile(
    r"(?<![A-Za-z0-9.])(?P<code>\d{1,3}|[A-Z]{1,3})\s{0,2}(?:[-\u2013\u2014:：=＝]|表示|代表|为|是)\s{0,2}"
    r"(?P<label>[A-Za-z\u3400-\u9fff][A-Za-z\u3400-\u9fff _-]{0,20}?)"
    r"(?=\s{0,2}(?:[,，;；、/|)）\].。\n]|$|\s(?=\w{1,3}\s{0,2}[-:：=＝])|\d))"
)
_PLAIN: Final = re.compile(
    r"(?<![A-Za-z0-9.])(?P<code>\d{1,2})(?P<label>[\u3400-\u9fff]{1,8})(?=[\s,，;；、/|)）\].。]|$|\d)"
)
_LEAST: Final = 2
_MOST_CHARACTERS: Final = 600
_EDGES: Final = " \t:：,，;；、(（[【-=。."


def legend_of(comment: str) -> tuple[str, Mapping[str, str]]:
    """The comment without its legend, and the words of the codes by code; the whole comment when it has none."""
    comment = comment[:_MOST_CHARACTERS]
    for pattern, is_signed in ((_SIGNED, True), (_PLAIN, False)):
        matches = list(pattern.finditer(comment))
        found = {match["code"]: match["label"].strip() for match in matches}
        if len(found) < _LEAST or len(set(found.values())) < len(matches):
            continue
        if is_signed or _counts_up(list(found)):
            return comment[: matches[0].start()].strip(_EDGES), found
    return comment, {}


def _counts_up(codes: list[str]) -> bool:
    numbers = [int(code) for code in codes]
    return numbers[0] in (0, 1) and numbers == list(range(numbers[0], numbers[0] + len(numbers)))
