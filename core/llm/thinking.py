"""Keeps a model's thinking apart from its answer: whole texts and streams, closed and unclosed tags.

Used by `core.llm.client`. The tag is `<think>…</think>`, any case, as reasoning models write it into their text.
"""

from __future__ import annotations

import re
from typing import Final

_BLOCK: Final = re.compile(r"<think>(.*?)(?:</think>|\Z)", re.IGNORECASE | re.DOTALL)
_LONE_END: Final = re.compile(r"\A((?:(?!<think>).)*?)</think>", re.IGNORECASE | re.DOTALL)
_TAGS: Final = ("<think>", "</think>")


def split_thinking(text: str) -> tuple[str, str]:
    """Return `(answer, thinking)`, both stripped.

    An unclosed `<think>` runs to the end; text before a lone `</think>` is thinking too (some chat templates write
    the opening tag into the prompt).
    """
    thoughts: list[str] = []
    lone = _LONE_END.match(text)
    if lone:
        thoughts.append(lone.group(1))
        text = text[lone.end() :]
    thoughts += _BLOCK.findall(text)
    answer = _BLOCK.sub("", text)
    return answer.strip(), "\n".join(thought.strip() for thought in thoughts if thought.strip())


class ThinkingSplitter:
    """Splits a stream piece by piece; a tag may be cut anywhere between two pieces."""

    def __init__(self) -> None:
        self._held = ""
        self._is_thinking = False

    def feed(self, piece: str) -> tuple[str, str]:
        """Return `(answer, thinking)` that is certain by now; an undecided tail is kept for the next piece."""
        return self._split(self._held + piece, is_last=False)

    def finish(self) -> tuple[str, str]:
        """Return what was still kept."""
        return self._split(self._held, is_last=True)

    def _split(self, text: str, *, is_last: bool) -> tuple[str, str]:
        outputs: dict[bool, list[str]] = {False: [], True: []}
        while True:
            tag = _TAGS[self._is_thinking]
            position = text.lower().find(tag)
            if position < 0:
                break
            outputs[self._is_thinking].append(text[:position])
            text = text[position + len(tag) :]
            self._is_thinking = not self._is_thinking
        keep = 0 if is_last else _undecided_length(text, tag)
        outputs[self._is_thinking].append(text[: len(text) - keep])
        self._held = text[len(text) - keep :]
        return "".join(outputs[False]), "".join(outputs[True])


def _undecided_length(text: str, tag: str) -> int:
    """Length of the longest end of `text` that may be the start of `tag`."""
    lowered = text[-len(tag) :].lower()
    return next((size for size in range(len(tag) - 1, 0, -1) if lowered.endswith(tag[:size])), 0)
