"""Calls put together from streamed pieces, and what a reply's end says."""

import pytest

from core.llm.errors import ModelServerError
from core.llm.messages import ReplyPart, ToolCall, ToolCallPiece
from core.llm.reply_builder import ReplyBuilder


def built(*pieces: ToolCallPiece) -> tuple[ToolCall, ...]:
    builder = ReplyBuilder(10_000, "m")
    for piece in pieces:
        list(builder.add(ReplyPart(tool_call_pieces=(piece,))))
    list(builder.add(ReplyPart(finish_reason="tool_calls")))
    return builder.reply(must_be_finished=True).tool_calls


def test_pieces_of_one_index_are_one_call() -> None:
    pieces = [ToolCallPiece(0, "a", "f", ""), ToolCallPiece(0, "", "", '{"x"'), ToolCallPiece(0, "a", "", ": 1}")]
    assert built(*pieces) == (ToolCall("a", "f", {"x": 1}),)


def test_calls_that_all_have_index_zero_are_told_apart_by_their_ids() -> None:
    pieces = [
        ToolCallPiece(0, "a", "f", '{"x": 1}'),
        ToolCallPiece(0, "b", "f", '{"x": '),
        ToolCallPiece(0, "", "", "2}"),
    ]
    assert built(*pieces) == (ToolCall("a", "f", {"x": 1}), ToolCall("b", "f", {"x": 2}))


def test_interleaved_calls_keep_their_pieces() -> None:
    pieces = [
        ToolCallPiece(0, "a", "f", '{"x"'),
        ToolCallPiece(1, "b", "g", "{"),
        ToolCallPiece(0, "", "", ": 1}"),
        ToolCallPiece(1, "", "", "}"),
    ]
    assert built(*pieces) == (ToolCall("a", "f", {"x": 1}), ToolCall("b", "g", {}))


def test_a_reply_the_provider_gave_up_is_no_answer() -> None:
    builder = ReplyBuilder(10_000, "m")
    list(builder.add(ReplyPart("半句", finish_reason="insufficient_system_resource")))
    with pytest.raises(ModelServerError):
        builder.reply()
