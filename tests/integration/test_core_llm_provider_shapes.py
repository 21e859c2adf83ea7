"""Replies in the forms that DashScope, DeepSeek, Ollama and OpenAI document, read from real HTTP by the real client."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from core.llm.client import LLMClient
from core.llm.errors import (
    ModelAuthenticationError,
    ModelCallError,
    ModelRateLimitedError,
    ModelRequestError,
    ModelServerError,
)
from core.llm.messages import ChatMessage, ModelReply, TokenUsage, ToolCall, ToolSpec
from core.llm.metering import CallAccount
from tests.fakes.model_clients import chat_client

ACCOUNT = CallAccount("default", "u", "ask_agent")
ASKED = [ChatMessage("user", "问")]
TOOLS = [ToolSpec("f", "", {"type": "object"})]
SWITCH_ERROR = "parameter.enable_thinking must be set to false for non-streaming calls"


class Provider(ThreadingHTTPServer):
    """Answers every request with one status and body; keeps what was asked."""

    def __init__(self, status: int, body: bytes, media_type: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = (status, body, media_type)
        self.asked: list[dict[str, Any]] = []


class _Handler(BaseHTTPRequestHandler):
    server: Provider

    def do_POST(self) -> None:
        self.server.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        status, body, media_type = self.server.answer
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""


@contextmanager
def answering(
    body: str, status: int = 200, media_type: str = "application/json", **settings: Any
) -> Iterator[tuple[LLMClient, Provider]]:
    provider = Provider(status, body.encode(), media_type)
    thread = threading.Thread(target=provider.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        with chat_client(f"http://127.0.0.1:{provider.server_address[1]}/v1", max_calls=1, **settings) as client:
            yield client, provider
    finally:
        provider.shutdown()
        thread.join()
        provider.server_close()


def whole(body: Any, before: str = "") -> ModelReply:
    with answering(before + json.dumps(body)) as (client, _):
        return client.chat(ASKED, account=ACCOUNT, tools=TOOLS)


def streamed(*chunks: Any) -> ModelReply:
    text = "".join(one if isinstance(one, str) else f"data: {json.dumps(one)}\n\n" for one in chunks)
    with answering(text + "data: [DONE]\n\n", media_type="text/event-stream") as (client, _):
        parts = list(client.stream(ASKED, account=ACCOUNT, tools=TOOLS))
    assert parts[-1].reply is not None
    assert "".join(part.text for part in parts).strip() == parts[-1].reply.text
    return parts[-1].reply


def completion(message: Any, finish_reason: str | None = "stop", **members: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "logprobs": None, "finish_reason": finish_reason}
    usage = {"prompt_tokens": 8, "completion_tokens": 54, "total_tokens": 62}
    return {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [choice],
        "usage": usage,
        **members,
    }


def chunk(delta: Any, finish_reason: str | None = None, **members: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice], **members}


def called(call_id: str, arguments: str, index: int = 0) -> dict[str, Any]:
    return {"index": index, "id": call_id, "type": "function", "function": {"name": "f", "arguments": arguments}}


def test_dashscope_streams_thinking_and_counts_in_a_chunk_without_choices() -> None:
    reply = streamed(
        chunk({"content": None, "role": "assistant", "reasoning_content": ""}, usage=None),
        chunk({"content": None, "reasoning_content": "想"}, usage=None),
        chunk({"content": "好", "reasoning_content": None}, usage=None),
        chunk({"content": "", "reasoning_content": None}, "stop", usage=None),
        {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [],
         "usage": {"prompt_tokens": 8, "completion_tokens": 54, "total_tokens": 62,
                   "completion_tokens_details": {"reasoning_tokens": 50}}},
    )  # fmt: skip
    assert (reply.text, reply.thinking, reply.usage) == ("好", "想", TokenUsage(8, 54))


def test_dashscope_streams_a_call_whose_later_pieces_have_no_id() -> None:
    later = {"index": 0, "id": "", "type": "function", "function": {"arguments": '"宜春"}'}}
    reply = streamed(
        chunk({"content": "", "tool_calls": [called("call_1", '{"x": ')]}),
        chunk({"content": None, "tool_calls": [later]}),
        chunk({"content": ""}, "tool_calls"),
    )
    assert reply.tool_calls == (ToolCall("call_1", "f", {"x": "宜春"}),)


def test_dashscope_is_asked_for_streams_while_nobody_switches_thinking() -> None:
    text = f"data: {json.dumps(chunk({'content': '好'}, 'stop'))}\n\ndata: [DONE]\n\n"
    for switch, is_stream in ((None, True), (True, True)):
        with answering(text, media_type="text/event-stream", thinks_in_streams_only=True, enable_thinking=switch) as (
            client,
            provider,
        ):
            assert client.chat(ASKED, account=ACCOUNT).text == "好"
        assert provider.asked[0]["stream"] is is_stream
        assert provider.asked[0].get("enable_thinking") is switch
    with answering(json.dumps(completion({"content": "好"})), thinks_in_streams_only=True, enable_thinking=False) as (
        client,
        provider,
    ):
        assert client.chat(ASKED, account=ACCOUNT).text == "好"
    assert (provider.asked[0]["stream"], provider.asked[0]["enable_thinking"]) == (False, False)


def test_deepseek_keeps_a_waiting_connection_alive_and_counts_with_the_end() -> None:
    usage = {"prompt_tokens": 8, "completion_tokens": 54, "total_tokens": 62,
             "prompt_cache_hit_tokens": 0, "prompt_cache_miss_tokens": 8}  # fmt: skip
    reply = streamed(
        ": keep-alive\n\n",
        chunk({"role": "assistant", "content": None, "reasoning_content": "想"}),
        ": keep-alive\n\n",
        chunk({"content": "好", "reasoning_content": None}),
        chunk({"content": ""}, "stop", usage=usage),
    )
    assert (reply.text, reply.thinking, reply.usage) == ("好", "想", TokenUsage(8, 54))
    reply = whole(completion({"content": "好", "reasoning_content": "想"}, usage=usage), before="\n\n\n")
    assert (reply.text, reply.thinking, reply.usage) == ("好", "想", TokenUsage(8, 54))


def test_deepseek_that_gives_up_in_the_middle_has_not_answered() -> None:
    with pytest.raises(ModelServerError):
        whole(completion({"content": "半"}, "insufficient_system_resource"))
    with pytest.raises(ModelServerError):
        streamed(chunk({"content": "半"}), chunk({"content": ""}, "insufficient_system_resource"))


def test_ollama_thinks_in_reasoning_and_sends_calls_whole_under_one_index() -> None:
    reply = streamed(
        chunk({"role": "assistant", "content": "", "reasoning": "想"}),
        chunk({"role": "assistant", "content": "", "tool_calls": [called("call_a", '{"x":1}')]}),
        chunk({"role": "assistant", "content": "", "tool_calls": [called("call_b", '{"x":2}')]}),
        chunk({"role": "assistant", "content": ""}, "tool_calls"),
        {"id": "x", "model": "m", "choices": [], "usage": {"prompt_tokens": 8, "completion_tokens": 54}},
    )
    assert reply.tool_calls == (ToolCall("call_a", "f", {"x": 1}), ToolCall("call_b", "f", {"x": 2}))
    assert (reply.thinking, reply.usage) == ("想", TokenUsage(8, 54))
    assert whole(completion({"content": "<think>\n想\n</think>\n\n好"})).text == "好"


def test_openai_refuses_or_calls_without_content() -> None:
    reply = whole(completion({"content": None, "refusal": None, "tool_calls": [called("call_1", "{}")]}, "tool_calls"))
    assert reply.tool_calls == (ToolCall("call_1", "f", {}),)
    reply = streamed(
        chunk({"role": "assistant", "content": "", "refusal": None}),
        chunk({"content": "好"}),
        chunk({}, "stop"),
        {"id": "x", "model": "m", "choices": [], "usage": {"prompt_tokens": 8, "completion_tokens": 54}},
    )
    assert (reply.text, reply.usage) == ("好", TokenUsage(8, 54))


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, {"error": {"code": "invalid_parameter_error", "param": None, "message": SWITCH_ERROR,
                         "type": "invalid_request_error"}, "request_id": "r"}, ModelRequestError),
        (401, {"error": {"message": "Incorrect API key provided.", "type": "invalid_request_error", "param": None,
                         "code": "invalid_api_key"}, "request_id": "r"}, ModelAuthenticationError),
        (402, {"error": {"message": "Insufficient Balance", "type": "unknown_error", "param": None,
                         "code": "invalid_request_error"}}, ModelRequestError),
        (404, {"error": {"message": 'model "m" not found, try pulling it first', "type": "not_found_error",
                         "param": None, "code": None}}, ModelRequestError),
        (429, {"error": {"message": "Rate limit reached", "type": "requests", "param": None,
                         "code": "rate_limit_exceeded"}}, ModelRateLimitedError),
        (503, {"error": {"message": "Server overloaded"}}, ModelServerError),
    ],
)  # fmt: skip
def test_error_bodies_are_typed_and_never_repeated(status: int, body: Any, error: type[ModelCallError]) -> None:
    with answering(json.dumps(body), status) as (client, _), pytest.raises(error) as raised:
        client.chat(ASKED, account=ACCOUNT)
    assert type(raised.value) is error
    assert raised.value.status_code == status
    assert body["error"]["message"] not in str(raised.value)
