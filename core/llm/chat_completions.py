"""Reaches any OpenAI-compatible chat endpoint by HTTP. Built by `bootstrap`, used by `core.llm.client`.

Requests and replies are those of OpenAI's chat completions; streams are server-sent events (WHATWG HTML, section 9.2)
whose data are chunks of a completion, ended by `[DONE]`. What servers are known to write otherwise is read too:
thinking as `reasoning_content` or `reasoning`, content as a list of parts, arguments of tools as objects, a whole reply
where a stream was asked for. One call makes one request; errors carry no text of the provider.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any, Final

import httpx

from core.llm.config import LLMClientConfig
from core.llm.errors import (
    ModelReplyError,
    ModelServerError,
    error_for_status,
)
from core.llm.http_pool import typed_errors
from core.llm.messages import (
    CALL_KIND_HEADER,
    EXACT_KINDS,
    CallKind,
    ChatMessage,
    ReplyPart,
    TokenUsage,
    ToolCall,
    ToolCallPiece,
    ToolSpec,
)

USER_AGENT: Final = "citu-unified-api"
_PATH: Final = "/chat/completions"
_NO_KEY: Final = "none"
"""For a local server, which needs none."""
_DONE: Final = "[DONE]"
_THINKING: Final = ("reasoning_content", "reasoning")


class ChatCompletions:
    """A `ChatProvider` for one endpoint and model; threads share it.

    Args:
        config: endpoint, model and key.
        http_client: the pooled client of `core.llm.http_pool`; closed by `close`.
    """

    def __init__(self, *, config: LLMClientConfig, http_client: httpx.Client) -> None:
        self._http_client = http_client
        base = httpx.URL(config.base_url)
        self._url = base.copy_with(path=base.path.rstrip("/") + _PATH)
        self._members = {"model": config.model, "temperature": config.temperature, **_thinking_switch(config)}
        self._headers = {
            "Authorization": f"Bearer {config.api_key.get_secret_value() or _NO_KEY}",
            "Accept": "application/json",
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
        }

    def complete(
        self, messages: Sequence[ChatMessage], *, kind: CallKind, timeout_seconds: float, tools: Sequence[ToolSpec] = ()
    ) -> ReplyPart:
        with typed_errors(), self._sent(messages, kind, timeout_seconds, tools, is_stream=False) as response:
            return _whole_reply(json.loads(response.read()))

    def stream(
        self, messages: Sequence[ChatMessage], *, kind: CallKind, timeout_seconds: float, tools: Sequence[ToolSpec] = ()
    ) -> Generator[ReplyPart, None, None]:
        with typed_errors(), self._sent(messages, kind, timeout_seconds, tools, is_stream=True) as response:
            if response.headers.get("content-type", "").startswith("application/json"):
                yield _whole_reply(json.loads(response.read()))
                return
            for data in event_data(response.iter_bytes()):
                if data.strip() == _DONE:
                    return
                yield _piece(json.loads(data))

    def close(self) -> None:
        self._http_client.close()

    @contextlib.contextmanager
    def _sent(
        self,
        messages: Sequence[ChatMessage],
        kind: CallKind,
        timeout_seconds: float,
        tools: Sequence[ToolSpec],
        *,
        is_stream: bool,
    ) -> Iterator[httpx.Response]:
        """The response to a request; its body is still to be read."""
        body = {**self._members, "messages": [_turn(message) for message in messages], "stream": is_stream}
        if kind in EXACT_KINDS:
            body["temperature"] = 0.0
        if is_stream:
            body["stream_options"] = {"include_usage": True}
        if tools:
            body["tools"] = [_function(tool) for tool in tools]
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        request = self._http_client.build_request(
            "POST",
            self._url,
            content=text.encode("utf-8", "replace"),  # half a surrogate pair cannot be sent
            headers={**self._headers, CALL_KIND_HEADER: kind},
            timeout=timeout_seconds,
        )
        with contextlib.closing(self._http_client.send(request, stream=True)) as response:
            if not response.is_success:
                raise error_for_status(response.status_code, response.headers)
            yield response


def event_data(pieces: Iterator[bytes]) -> Iterator[str]:
    """The data of server-sent events, one text an event, from a body's bytes however they are cut."""
    lines: list[str] = []
    for line in _lines(pieces):
        if line.startswith("data:"):
            lines.append(line[5:].removeprefix(" "))
        elif not line and lines:
            yield "\n".join(lines)
            lines = []
    if lines:
        yield "\n".join(lines)


def _lines(pieces: Iterator[bytes]) -> Iterator[str]:
    """Lines as they end by LF or CR LF; other characters that Unicode counts as ends of lines belong to the text."""
    kept: list[bytes] = []
    for piece in pieces:
        first, *others = piece.split(b"\n")
        kept.append(first)
        for other in others:
            yield b"".join(kept).removesuffix(b"\r").decode("utf-8", "replace")
            kept = [other]
    yield b"".join(kept).removesuffix(b"\r").decode("utf-8", "replace")


def _thinking_switch(config: LLMClientConfig) -> dict[str, Any]:
    if config.enable_thinking is None or not config.thinking_parameter:
        return {}
    return {config.thinking_parameter: config.enable_thinking}


def _turn(message: ChatMessage) -> dict[str, Any]:
    turn: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.role == "tool":
        turn["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        turn["content"] = message.content or None
        turn["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(dict(call.arguments), ensure_ascii=False)},
            }
            for call in message.tool_calls
        ]
    return turn


def _function(tool: ToolSpec) -> dict[str, Any]:
    described = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
    return {"type": "function", "function": described}


def _whole_reply(reply: Any) -> ReplyPart:
    if reply.get("error"):
        raise ModelReplyError
    choice = reply["choices"][0]
    message = choice["message"]
    return ReplyPart(
        text=_text(message.get("content")),
        thinking=_thinking(message),
        finish_reason=_name(choice.get("finish_reason")) or None,
        usage=_usage(reply.get("usage")),
        model=_name(reply.get("model")),
        tool_calls=tuple(map(_call, message.get("tool_calls") or ())),
    )


def _piece(chunk: Any) -> ReplyPart:
    """A chunk of a stream; the last one may have no choice, only what was counted."""
    if chunk.get("error"):
        raise ModelServerError
    choice: dict[str, Any] = (chunk.get("choices") or [{}])[0]
    delta = choice.get("delta") or {}
    return ReplyPart(
        text=_text(delta.get("content")),
        thinking=_thinking(delta),
        finish_reason=_name(choice.get("finish_reason")) or None,
        usage=_usage(chunk.get("usage")),
        model=_name(chunk.get("model")),
        tool_call_pieces=tuple(_call_piece(number, one) for number, one in enumerate(delta.get("tool_calls") or ())),
    )


def _text(content: Any) -> str:
    """A content as text: nothing, a text, or a list of parts.

    Raises:
        ModelReplyError: it is anything else, such as audio.
    """
    if content is None or isinstance(content, str):
        return content or ""
    if isinstance(content, list) and all(isinstance(part.get("text"), str) for part in content):
        return "".join(part["text"] for part in content)
    raise ModelReplyError


def _thinking(message: Mapping[str, Any]) -> str:
    return next((message[name] for name in _THINKING if isinstance(message.get(name), str)), "")


def _name(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _usage(counted: Any) -> TokenUsage | None:
    """What the provider counted, when it is whole numbers."""
    if not isinstance(counted, dict):
        return None
    asked, answered = counted.get("prompt_tokens"), counted.get("completion_tokens")
    return TokenUsage(asked, answered) if type(asked) is int and type(answered) is int else None


def _call(call: Any) -> ToolCall:
    function = call["function"]
    arguments = function.get("arguments")
    if not isinstance(arguments, dict):
        arguments = json.loads(arguments) if arguments and arguments.strip() else {}
    if not isinstance(arguments, dict) or not isinstance(function["name"], str):
        raise ModelReplyError
    return ToolCall(_name(call.get("id")), function["name"], arguments)


def _call_piece(number: int, piece: Any) -> ToolCallPiece:
    function = piece.get("function") or {}
    arguments = function.get("arguments")
    if isinstance(arguments, dict):
        arguments = json.dumps(arguments, ensure_ascii=False)
    index = piece.get("index")
    return ToolCallPiece(
        index if isinstance(index, int) else number,
        _name(piece.get("id")),
        _name(function.get("name")),
        arguments or "",
    )
