"""Reaches any OpenAI-compatible chat endpoint through LangChain. Built by `bootstrap`, used by `core.llm.client`.

Only this module imports LangChain and the OpenAI SDK. Their own retries are off and their errors, which quote the
provider's answers, end here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any, Final

import httpx
import openai
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from core.llm.config import LLMClientConfig
from core.llm.direct_completions import DirectCompletions
from core.llm.errors import (
    ModelCallError,
    ModelConnectionError,
    ModelReplyError,
    ModelServerError,
    ModelTimeoutError,
    error_for_status,
)
from core.llm.http_pool import UnacceptableReplyError
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
from core.llm.plain_completions import PlainCompletions, is_plain, plain_part

_MESSAGE_TYPES: Final[Mapping[str, type[BaseMessage]]] = {
    "system": SystemMessage,
    "user": HumanMessage,
}
_NO_KEY: Final = SecretStr("none")
"""For a local server, which needs none: with an empty one the SDK would look for another in the environment."""
_MALFORMED: Final = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError)
"""What the SDK and LangChain raise when an answer's JSON or its shape is not what they expect."""


class _ReasoningChatModel(ChatOpenAI):
    """ChatOpenAI that keeps `reasoning_content`, which the stock class drops (its docstring asks for a subclass)."""

    def _create_chat_result(
        self, response: dict[str, Any] | openai.BaseModel, generation_info: dict[str, Any] | None = None
    ) -> ChatResult:
        result = super()._create_chat_result(response, generation_info)
        choices = response.get("choices") if isinstance(response, dict) else None
        if choices:
            thinking = choices[0]["message"].get("reasoning_content")
            result.generations[0].message.additional_kwargs["reasoning_content"] = thinking
        return result

    def _convert_chunk_to_generation_chunk(
        self, chunk: dict[str, Any], default_chunk_class: type, base_generation_info: dict[str, Any] | None
    ) -> ChatGenerationChunk | None:
        generated = super()._convert_chunk_to_generation_chunk(chunk, default_chunk_class, base_generation_info)
        choices = chunk.get("choices")
        if generated is not None and choices:
            thinking = (choices[0].get("delta") or {}).get("reasoning_content")
            if thinking:
                generated.message.additional_kwargs["reasoning_content"] = thinking
        return generated


class OpenAIChatProvider:
    """A `ChatProvider` for one endpoint and model; threads share it.

    Args:
        config: endpoint, model and key.
        http_client: the pooled client of `core.llm.http_pool`; closed by `close`.
    """

    def __init__(self, *, config: LLMClientConfig, http_client: httpx.Client) -> None:
        self._http_client = http_client
        self._model = _ReasoningChatModel(
            model=config.model,
            base_url=config.base_url,
            api_key=config.api_key if config.api_key.get_secret_value() else _NO_KEY,
            temperature=config.temperature,
            max_retries=0,
            stream_usage=True,
            use_responses_api=False,
            extra_body=_thinking_switch(config),
            http_client=http_client,
            openai_proxy="",
            organization="",
            # An async client would belong to one event loop; a truthy placeholder keeps LangChain from making one.
            async_client=object(),
        )
        self._model.client = DirectCompletions(self._model.root_client)
        self._plain = PlainCompletions(
            config=config,
            http_client=http_client,
            api_key=(config.api_key if config.api_key.get_secret_value() else _NO_KEY).get_secret_value(),
            user_agent=f"OpenAI/Python {openai.__version__}",
            extra=_thinking_switch(config) or {},
        )

    def complete(
        self, messages: Sequence[ChatMessage], *, kind: CallKind, timeout_seconds: float, tools: Sequence[ToolSpec] = ()
    ) -> ReplyPart:
        with _typed_errors():
            if tools or not is_plain(messages):
                options = _options(kind, timeout_seconds, tools)
                return _part(self._model.invoke(_langchain_messages(messages), **options))
            reply = self._plain.ask(messages, kind=kind, timeout_seconds=timeout_seconds)
            return plain_part(reply) or _part(self._as_langchain_reads(reply))

    def stream(
        self, messages: Sequence[ChatMessage], *, kind: CallKind, timeout_seconds: float, tools: Sequence[ToolSpec] = ()
    ) -> Generator[ReplyPart, None, None]:
        with _typed_errors():
            for chunk in self._model.stream(_langchain_messages(messages), **_options(kind, timeout_seconds, tools)):
                yield _part(chunk)

    def close(self) -> None:
        self._http_client.close()

    def _as_langchain_reads(self, reply: Any) -> Any:
        """The message of an unusual reply, whatever it is made of; raises one of `_MALFORMED` when it is none."""
        result = self._model._create_chat_result(reply)
        generation, told = result.generations[0], result.llm_output or {}
        message: Any = generation.message
        message.response_metadata = {**(generation.generation_info or {}), "model_name": told.get("model_name")}
        return message


def _thinking_switch(config: LLMClientConfig) -> dict[str, Any] | None:
    if config.enable_thinking is None or not config.thinking_parameter:
        return None
    return {config.thinking_parameter: config.enable_thinking}


def _options(kind: CallKind, timeout_seconds: float, tools: Sequence[ToolSpec]) -> dict[str, Any]:
    options: dict[str, Any] = {"timeout": timeout_seconds, "extra_headers": {CALL_KIND_HEADER: kind}}
    if kind in EXACT_KINDS:
        options["temperature"] = 0.0
    if tools:
        options["tools"] = [
            {
                "type": "function",
                "function": {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)},
            }
            for tool in tools
        ]
    return options


def _langchain_messages(messages: Sequence[ChatMessage]) -> list[BaseMessage]:
    return [_langchain_message(message) for message in messages]


def _langchain_message(message: ChatMessage) -> BaseMessage:
    if message.role == "tool":
        return ToolMessage(content=message.content, tool_call_id=message.tool_call_id)
    if message.role == "assistant":
        calls = [{"id": call.id, "name": call.name, "args": dict(call.arguments)} for call in message.tool_calls]
        return AIMessage(content=message.content, tool_calls=calls)
    return _MESSAGE_TYPES[message.role](content=message.content)


def _part(message: AIMessage | AIMessageChunk) -> ReplyPart:
    is_piece = isinstance(message, AIMessageChunk)
    if not isinstance(message.content, str) or (message.invalid_tool_calls and not is_piece):
        raise ModelReplyError
    return ReplyPart(
        text=message.content,
        thinking=message.additional_kwargs.get("reasoning_content") or "",
        finish_reason=message.response_metadata.get("finish_reason"),
        usage=_usage(message),
        model=message.response_metadata.get("model_name") or "",
        tool_calls=() if is_piece else _calls(message),
        tool_call_pieces=_pieces(message) if isinstance(message, AIMessageChunk) else (),
    )


def _calls(message: AIMessage) -> tuple[ToolCall, ...]:
    return tuple(ToolCall(call["id"] or "", call["name"], call["args"]) for call in message.tool_calls)


def _pieces(message: AIMessageChunk) -> tuple[ToolCallPiece, ...]:
    return tuple(
        ToolCallPiece(piece["index"] or 0, piece["id"] or "", piece["name"] or "", piece["args"] or "")
        for piece in message.tool_call_chunks
    )


def _usage(message: AIMessage) -> TokenUsage | None:
    counted = message.usage_metadata
    return None if counted is None else TokenUsage(counted["input_tokens"], counted["output_tokens"])


@contextlib.contextmanager
def _typed_errors() -> Iterator[None]:
    """Turn what the SDK, LangChain and httpx raise into our errors, and cut the chain that quotes the provider."""
    failure: ModelCallError
    try:
        yield
        return
    except (openai.OpenAIError, httpx.HTTPError, httpx.StreamError) as error:
        failure = _failure(error)
    except _MALFORMED:
        failure = ModelReplyError()
    raise failure from None


def _failure(error: Exception) -> ModelCallError:
    if any(isinstance(cause, UnacceptableReplyError) for cause in _causes(error)):
        return ModelReplyError()
    if isinstance(error, openai.APITimeoutError | httpx.TimeoutException):
        return ModelTimeoutError()
    if isinstance(error, openai.APIStatusError):
        return error_for_status(error.status_code, error.response.headers)
    if isinstance(error, openai.APIConnectionError | httpx.HTTPError | httpx.StreamError):
        return ModelConnectionError()
    if isinstance(error, openai.APIResponseValidationError):
        return ModelReplyError()
    return ModelServerError()


def _causes(error: BaseException) -> Iterator[BaseException]:
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__ or current.__context__
