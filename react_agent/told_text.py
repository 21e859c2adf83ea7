"""Tells a watcher the answer's text piece by piece, without the white space that the answer itself does not have."""

from __future__ import annotations

from common.answering import TextWritten, Watch


class ToldText:
    """Of one step. Without a watcher nothing is told.

    Args:
        watch: is told each piece; None when nobody wants pieces.
    """

    def __init__(self, watch: Watch | None) -> None:
        self._watch = watch
        self._has_begun = False
        self._spaces = ""

    @property
    def is_wanted(self) -> bool:
        return self._watch is not None

    def add(self, piece: str) -> None:
        """The next piece; white space at its end waits for what follows."""
        if self._watch is None:
            return
        text = self._spaces + piece
        text = text if self._has_begun else text.lstrip()
        said = text.rstrip()
        self._spaces = text[len(said) :]
        if said:
            self._has_begun = True
            self._watch(TextWritten(said))
