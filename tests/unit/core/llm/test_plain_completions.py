"""Which replies are read without LangChain, and that the others are left to it."""

from typing import Any

import pytest

from core.llm.errors import ModelReplyError
from core.llm.messages import ChatMessage, ReplyPart, TokenUsage, ToolCall
from core.llm.plain_completions import is_plain, plain_part

USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}


def reply(message: Any = None, **members: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": "好", **(message or {})}, "finish_reason": "stop"}
    return {"model": "m", "choices": [choice], "usage": USAGE, **members}


def test_usual_reply_is_read() -> None:
    assert plain_part(reply({"reasoning_content": "想"})) == ReplyPart("好", "想", "stop", TokenUsage(3, 4), "m")
    assert plain_part(reply({"tool_calls": None, "refusal": None}, usage=None)) == ReplyPart(
        "好", "", "stop", None, "m"
    )


@pytest.mark.parametrize(
    "unusual",
    [
        [],
        "text",
        {},
        reply(choices=None),
        reply(choices=[]),
        reply(choices=[reply()["choices"][0]] * 2),
        reply(choices=[None]),
        reply({"content": None}),
        reply({"content": [{"type": "text", "text": "好"}]}),
        reply({"role": "tool"}),
        reply({"tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{"}}]}),
        reply({"reasoning_content": 5}),
        reply(usage={"prompt_tokens": "3", "completion_tokens": 4}),
        reply(usage={"prompt_tokens": True, "completion_tokens": 4}),
        reply(usage=[1]),
        reply(model=5),
    ],
)
def test_unusual_reply_is_left_to_langchain(unusual: Any) -> None:
    assert plain_part(unusual) is None


def test_error_with_status_200_is_no_answer() -> None:
    with pytest.raises(ModelReplyError):
        plain_part(reply(error={"message": "quota"}))


def test_turns_of_tools_are_not_plain() -> None:
    assert is_plain([ChatMessage("system", "a"), ChatMessage("user", "b"), ChatMessage("assistant", "c")])
    assert not is_plain([ChatMessage("assistant", "", (ToolCall("1", "f", {}),))])
    assert not is_plain([ChatMessage("tool", "x", tool_call_id="1")])
