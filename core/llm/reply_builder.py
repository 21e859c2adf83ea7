"""Puts the parts of one answer together and decides whether it is an answer. Used by `core.llm.client`."""

from __future__ import annotations

import json
from collections.abc import Iterator

from core.llm.errors import ModelReplyCutError, ModelReplyError, ModelServerError
from core.llm.messages import (
    BROKEN_REASONS,
    CUT_REASONS,
    ModelReply,
    ReplyPart,
    StreamPart,
    TokenUsage,
    ToolCall,
    ToolCallPiece,
)
from core.llm.thinking import ThinkingSplitter, split_thinking
from core.llm.token_estimate import estimated_tokens


class ReplyBuilder:
    """One answer in the making.

    Args:
        max_bytes: cap of text, thinking and tools' arguments together, UTF-8.
        model: name to report when the provider gives none.
    """

    def __init__(self, max_bytes: int, model: str) -> None:
        self._bytes_left = max_bytes
        self._model = model
        self._texts: list[str] = []
        self._thoughts: list[str] = []
        self._usage: TokenUsage | None = None
        self._finish_reason: str | None = None
        self._splitter = ThinkingSplitter()
        self._calls: list[ToolCall] = []
        self._pieces: list[ToolCallPiece] = []

    def add(self, part: ReplyPart) -> Iterator[StreamPart]:
        """Take a part in; returns what of it may be shown already.

        Raises:
            ModelReplyError: the answer has grown beyond the cap.
        """
        arguments = "".join(piece.arguments for piece in part.tool_call_pieces)
        self._bytes_left -= sum(len(text.encode("utf-8", "replace")) for text in (part.text, part.thinking, arguments))
        if self._bytes_left < 0:
            raise ModelReplyError
        self._calls += part.tool_calls
        self._pieces += part.tool_call_pieces
        self._texts.append(part.text)
        self._thoughts.append(part.thinking)
        self._usage = part.usage or self._usage
        self._finish_reason = part.finish_reason or self._finish_reason
        self._model = part.model or self._model
        text, thinking = self._splitter.feed(part.text)
        return _stream_parts(text, part.thinking + thinking)

    def usage(self, asked: str) -> tuple[TokenUsage, bool] | None:
        """Tokens of what has come so far and whether they are estimated, from `asked` too; None when nothing came."""
        if self._usage is not None:
            return self._usage, False
        came = "".join([*self._texts, *self._thoughts, *(piece.arguments for piece in self._pieces)])
        if not came and self._finish_reason is None:
            return None
        return TokenUsage(estimated_tokens(asked), estimated_tokens(came)), True

    def rest(self) -> Iterator[StreamPart]:
        """What `add` held back because a tag might have begun there."""
        return _stream_parts(*self._splitter.finish())

    def reply(self, *, must_be_finished: bool = False, must_be_whole: bool = False) -> ModelReply:
        """The whole answer.

        Args:
            must_be_finished: a stream says how it ended; without that it was cut.
            must_be_whole: what the provider cut by its length or by a filter is no answer. Calls of tools never are.

        Raises:
            ModelReplyCutError: the provider cut it.
            ModelServerError: the provider gave up in the middle.
            ModelReplyError: nothing but thinking or white space came, the stream was cut, or a call cannot be read.
        """
        if self._finish_reason in BROKEN_REASONS:
            raise ModelServerError
        text, thinking = split_thinking("".join(self._texts))
        calls = (*self._calls, *_assembled(self._pieces))
        if not (text or calls) or (must_be_finished and self._finish_reason is None):
            raise ModelReplyError
        if self._finish_reason in CUT_REASONS and (must_be_whole or calls):
            raise ModelReplyCutError
        thoughts = [thought for thought in ("".join(self._thoughts).strip(), thinking) if thought]
        return ModelReply(text, "\n".join(thoughts), self._usage, self._model, self._finish_reason, calls)


def _assembled(pieces: list[ToolCallPiece]) -> Iterator[ToolCall]:
    """The calls that streamed pieces make up, in the order they began."""
    for parts in _by_call(pieces):
        text = "".join(part.arguments for part in parts)
        try:
            arguments = json.loads(text) if text.strip() else {}
        except (ValueError, RecursionError):
            raise ModelReplyError from None
        if not isinstance(arguments, dict):
            raise ModelReplyError
        call_id = next((part.id for part in parts if part.id), "")
        yield ToolCall(call_id, "".join(part.name for part in parts), arguments)


def _by_call(pieces: list[ToolCallPiece]) -> list[list[ToolCallPiece]]:
    """The pieces of each call. Some servers give all calls one index: a name under another id begins a further one."""
    calls: list[list[ToolCallPiece]] = []
    latest: dict[int, list[ToolCallPiece]] = {}
    for piece in pieces:
        known = latest.get(piece.index)
        is_other = known is not None and bool(piece.name) and bool(piece.id) and piece.id != known[0].id
        if known is None or is_other:
            known = latest[piece.index] = []
            calls.append(known)
        known.append(piece)
    return calls


def _stream_parts(text: str, thinking: str) -> Iterator[StreamPart]:
    return iter([StreamPart(text=text, thinking=thinking)] if text or thinking else [])
