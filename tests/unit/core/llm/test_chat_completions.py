"""What is asked of chat endpoints, and what of their replies is read, without a socket."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from core.llm.chat_completions import ChatCompletions, event_data
from core.llm.config import LLMClientConfig
from core.llm.errors import ModelCallError, ModelReplyError, ModelServerError
from core.llm.messages import ChatMessage, ReplyPart, TokenUsage, ToolCall, ToolCallPiece, ToolSpec

USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
ASKED = [ChatMessage("user", "问")]


def provider(answer: Callable[[httpx.Request], httpx.Response], url: str = "http://model.test/v1/") -> ChatCompletions:
    config = LLMClientConfig(base_url=url, model="m", api_key=SecretStr(""))
    return ChatCompletions(config=config, http_client=httpx.Client(transport=httpx.MockTransport(answer)))


def complete(reply: Any) -> ReplyPart:
    return provider(lambda _: httpx.Response(200, json=reply)).complete(ASKED, kind="chat", timeout_seconds=1)


def stream(text: str, media_type: str = "text/event-stream") -> list[ReplyPart]:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=text.encode(), headers={"content-type": media_type})

    return list(provider(answer).stream(ASKED, kind="chat", timeout_seconds=1))


def reply(message: Any = None, **members: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": "好", **(message or {})}, "finish_reason": "stop"}
    return {"model": "m", "choices": [choice], "usage": USAGE, **members}


def chunk(delta: Any, **members: Any) -> str:
    return f"data: {json.dumps({'choices': [{'delta': delta, **members}]}, ensure_ascii=False)}\n\n"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (reply({"reasoning_content": "想"}), ReplyPart("好", "想", "stop", TokenUsage(3, 4), "m")),
        (reply({"reasoning": "想"}, usage=None), ReplyPart("好", "想", "stop", None, "m")),
        (reply({"content": [{"type": "text", "text": "一"}, {"type": "text", "text": "二"}]}, usage={}, model=5),
         ReplyPart("一二", "", "stop", None, "")),
        (reply({"content": None, "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{\"a\": 1}"}}]}),
         ReplyPart("", "", "stop", TokenUsage(3, 4), "m", (ToolCall("1", "f", {"a": 1}),))),
        (reply({"tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}, {"function": {"name": "g"}}]}),
         ReplyPart("好", "", "stop", TokenUsage(3, 4), "m", (ToolCall("", "f", {"a": 1}), ToolCall("", "g", {})))),
        (reply(usage={"prompt_tokens": "3", "completion_tokens": 4}), ReplyPart("好", "", "stop", None, "m")),
    ],
)  # fmt: skip
def test_every_known_form_of_a_reply_is_read(said: Any, expected: ReplyPart) -> None:
    assert complete(said) == expected


@pytest.mark.parametrize(
    "said",
    [
        [],
        "text",
        {},
        reply(error={"message": "quota"}),
        reply(choices=None),
        reply(choices=[]),
        reply(choices=[None]),
        reply({"content": 5}),
        reply({"content": [{"type": "audio"}]}),
        reply({"tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{"}}]}),
        reply({"tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "[]"}}]}),
        reply({"tool_calls": ["f"]}),
    ],
)
def test_what_is_no_reply_is_an_error(said: Any) -> None:
    with pytest.raises(ModelReplyError):
        complete(said)


def test_a_stream_is_read_to_its_end_and_no_further() -> None:
    call = {"index": 0, "id": "1", "function": {"name": "f", "arguments": "{}"}}
    counted = f"data: {json.dumps({'choices': [], 'usage': USAGE})}\n\n"
    text = (
        ": ping\n\n" + chunk({"content": "好\u2028的"}) + chunk({"tool_calls": [call]}, finish_reason="stop") + counted
    )
    assert stream(text + "data: [DONE]\n\ndata: {\n\n") == [
        ReplyPart("好\u2028的"),
        ReplyPart(finish_reason="stop", tool_call_pieces=(ToolCallPiece(0, "1", "f", "{}"),)),
        ReplyPart(usage=TokenUsage(3, 4)),
    ]


def test_a_whole_reply_where_a_stream_was_asked_for_is_read() -> None:
    assert stream(json.dumps(reply()), "application/json") == [ReplyPart("好", "", "stop", TokenUsage(3, 4), "m")]


@pytest.mark.parametrize(
    ("text", "error"),
    [('data: {"error": {"message": "quota"}}\n\n', ModelServerError), ("data: {\n\n", ModelReplyError)],
)
def test_an_error_in_a_stream_is_one(text: str, error: type[ModelCallError]) -> None:
    with pytest.raises(error):
        stream(chunk({"content": "好"}) + text)


@given(st.lists(st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]))), st.data())
def test_events_are_the_same_however_the_bytes_are_cut(texts: list[str], data: st.DataObject) -> None:
    end = data.draw(st.sampled_from(["\n", "\r\n"]))
    body = "".join(f"data: {text}{end}{end}" for text in texts).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=8)))

    def pieces() -> Iterator[bytes]:
        for start, stop in zip([0, *cuts], [*cuts, len(body)], strict=True):
            yield body[start:stop]

    assert list(event_data(pieces())) == texts


def test_the_request_is_that_of_chat_completions() -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json=reply())

    messages = [
        ChatMessage("assistant", "", (ToolCall("1", "f", {"甲": 1}),)),
        ChatMessage("tool", "二\ud83d", (), "1"),
    ]
    tool = ToolSpec("f", "what it does", {"type": "object"})
    endpoint = provider(answer, "http://model.test/v1?api-version=1")
    endpoint.complete(messages, kind="react", timeout_seconds=1, tools=[tool])
    assert str(sent[0].url) == "http://model.test/v1/chat/completions?api-version=1"
    assert sent[0].headers["authorization"] == "Bearer none"
    body = json.loads(sent[0].content)
    assert body["messages"] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"甲": 1}'}}],
        },
        {"role": "tool", "content": "二?", "tool_call_id": "1"},
    ]
    assert body["tools"] == [
        {"type": "function", "function": {"name": "f", "description": "what it does", "parameters": {"type": "object"}}}
    ]
