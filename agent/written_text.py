"""Hands the pieces of a text on to a watcher while a model writes it, so that together they are the final text."""

from __future__ import annotations

from common.answering import TextWritten, Watch


class WrittenText:
    """Of one text. The final text is stripped, so white space at both ends is never told.

    Args:
        watch: is told each piece; None when nobody wants pieces.
    """

    def __init__(self, watch: Watch | None) -> None:
        self._watch = watch
        self._is_begun = False
        self._held_back = ""

    def add(self, piece: str) -> None:
        """The next piece as it comes from the model; white space at its end waits for what follows."""
        text = self._held_back + piece
        if not self._is_begun:
            text = text.lstrip()
        told = text.rstrip()
        self._held_back = text[len(told) :]
        if told and self._watch is not None:
            self._is_begun = True
            self._watch(TextWritten(told))

    def end(self, text: str) -> None:
        """The whole text is known: tell it, unless its pieces have been told."""
        if not self._is_begun:
            self.add(text)
