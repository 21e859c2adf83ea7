"""Bigrams of a text for the lexical half of the search. Used by the vector store when it writes and when it asks.

PostgreSQL's own text search splits words at spaces, which Chinese has none of; overlapping pairs of characters find
its words without a dictionary.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

_CJK: Final = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u3040-\u30ff\uac00-\ud7af"
_RUNS: Final = re.compile(rf"[{_CJK}]+|[^\W_{_CJK}]+(?:_+[^\W_{_CJK}]+)*")
_IS_CJK: Final = re.compile(rf"[{_CJK}]")
MAX_BIGRAMS: Final = 4_000
_MAX_TERM_CHARS: Final = 64


def bigrams(text: str) -> list[str]:
    """The distinct search terms of `text`, in order of appearance, at most `MAX_BIGRAMS`.

    Text is NFKC-normalised and lower-cased. A run of CJK characters gives each pair of neighbours (a lone character
    gives itself); any other run of letters and digits is a term as a whole, and so are its parts between `_`, each
    cut to 64 characters. A term consists of letters, digits and `_` only.
    """
    terms: dict[str, None] = {}
    for run in _RUNS.findall(unicodedata.normalize("NFKC", text).lower()):
        if _IS_CJK.match(run):
            terms.update(dict.fromkeys(run[i : i + 2] for i in range(max(len(run) - 1, 1))))
        else:
            terms.update(dict.fromkeys(part[:_MAX_TERM_CHARS] for part in (run, *run.split("_")) if part))
        if len(terms) >= MAX_BIGRAMS:
            break
    return list(terms)[:MAX_BIGRAMS]


def any_of(terms: list[str]) -> str:
    """A PostgreSQL `tsquery` text that matches a row with any of `terms` (as `bigrams` gives them)."""
    return " | ".join(f"'{term}'" for term in terms)


def all_of(terms: list[str]) -> str:
    """A `tsquery` text that matches a row with all of `terms`."""
    return " & ".join(f"'{term}'" for term in terms)


def shared_share(terms: Sequence[str], others: Sequence[str]) -> float:
    """How much two texts' terms have in common, 0 to 1 (Dice: twice the shared ones through the sum of both)."""
    ours, theirs = set(terms), set(others)
    return 2 * len(ours & theirs) / (len(ours) + len(theirs)) if ours or theirs else 0.0
