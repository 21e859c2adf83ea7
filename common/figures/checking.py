"""Finds the figures of a text that nothing returned, also while the text is being written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from common.answering import ResultSet, Write
from common.figures.known import KnownFigures
from common.figures.stated import Number, figures
from common.messages import figure_words as words

_DIGIT: Final = re.compile(words.DIGIT)
_WITHIN: Final = re.compile(r"[\w.,:/\-\uff0c\uff0e\uff1a]")
_TAIL: Final = 16
"""How many characters behind a digit may still change what it means (a scale, a percent sign, a month)."""


def unknown_figures(text: str, results: Sequence[ResultSet], said: Iterable[str], sql: str = "") -> tuple[str, ...]:
    """The figures of the text, as written, that neither the rows nor what was said nor the statement give.

    Args:
        results: rows that were returned, of which also sums, means, shares, differences and ratios are known.
        said: texts whose figures may be repeated: the question, earlier turns.
        sql: the statement; numbers within names are not known by it.
    """
    stated = list(dict.fromkeys(figures(text)))
    if not stated:
        return ()
    known = KnownFigures(results, [*said, *_literals(sql)])
    return tuple(figure.text for figure in stated if not known.has(figure))


def _literals(sql: str) -> list[str]:
    return [figure.text for figure in figures(sql) if not (isinstance(figure, Number) and figure.is_glued)]


class CheckedWriting:
    """Passes a text on while it is written, as far as its figures are known.

    Args:
        write: gets the pieces.
        unknown: `unknown_figures` of a text. Once it finds one, nothing further is passed on.
    """

    def __init__(self, write: Write, unknown: Callable[[str], Sequence[str]]) -> None:
        self._write = write
        self._unknown = unknown
        self._text = ""
        self._passed = 0
        self._is_stopped = False

    def add(self, piece: str) -> None:
        """The next piece; a figure waits until it is known what stands behind it."""
        self._text += piece
        held = _DIGIT.search(self._text, max(self._passed, len(self._text) - _TAIL))
        self._pass(self._beginning_of_figure(held.start()) if held else len(self._text))

    def end(self) -> None:
        """Nothing follows."""
        self._pass(len(self._text))

    def _beginning_of_figure(self, place: int) -> int:
        while place > self._passed and _WITHIN.match(self._text[place - 1]):
            place -= 1
        return place

    def _pass(self, end: int) -> None:
        piece = self._text[self._passed : end]
        if self._is_stopped or not piece:
            return
        if _DIGIT.search(piece) and self._unknown(self._text[:end]):
            self._is_stopped = True
            return
        self._passed = end
        self._write(piece)
