"""One question in text turns, one answer in text, over the pooled HTTP client. Used by `core.llm.openai_provider`.

LangChain's message classes and the SDK's request layers cost several times what such a call itself does. Whatever is
more than text, on the way out or in the answer, stays theirs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import httpx

from core.llm.config import LLMClientConfig
from core.llm.errors import ModelReplyError, error_for_status
from core.llm.messages import CALL_KIND_HEADER, EXACT_KINDS, CallKind, ChatMessage, ReplyPart, TokenUsage

_PATH: Final = "/chat/completions"
_BEYOND_TEXT: Final = ("tool_calls", "function_call", "audio")


class PlainCompletions:
    """Sends turns of text and reads the reply's JSON; makes one request a call.

    Args:
        config: endpoint, model and temperature.
        http_client: the pooled client; stays the caller's.
        api_key: what to identify with.
        user_agent: the name to call by.
        extra: further members of every request.
    """

    def __init__(
        self,
        *,
        config: LLMClientConfig,
        http_client: httpx.Client,
        api_key: str,
        user_agent: str,
        extra: Mapping[str, Any],
    ) -> None:
        self._http_client = http_client
        self._url = httpx.URL(config.base_url.rstrip("/") + _PATH)
        self._members = {"model": config.model, "stream": False, "temperature": config.temperature}
        self._extra = dict(extra)
        self._headers = {
            "Authorization": f"Bearer {api_key}",
            "Accept": "application/json",
            "Content-Type": "application/json",
            "User-Agent": user_agent,
        }

    def ask(self, messages: Sequence[ChatMessage], *, kind: CallKind, timeout_seconds: float) -> Any:
        """The reply's JSON.

        Raises:
            ModelCallError: an HTTP status other than success.
            httpx.HTTPError: it did not come.
            ValueError: it is no JSON, or the messages cannot be sent.
        """
        turns = [{"content": message.content, "role": message.role} for message in messages]
        exact = {"temperature": 0.0} if kind in EXACT_KINDS else {}
        members = {**self._members, **exact, "messages": turns, **self._extra}
        content = json.dumps(members, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
        headers = {**self._headers, CALL_KIND_HEADER: kind}
        request = self._http_client.build_request(
            "POST", self._url, content=content, headers=headers, timeout=timeout_seconds
        )
        response = self._http_client.send(request)
        if not response.is_success:
            raise error_for_status(response.status_code, response.headers)
        return json.loads(response.content)


def is_plain(messages: Sequence[ChatMessage]) -> bool:
    """Whether the turns are text alone, from the instructions, the user and the assistant."""
    return not any(message.role == "tool" or message.tool_calls for message in messages)


def plain_part(reply: Any) -> ReplyPart | None:
    """The reply when it is the usual one: a single choice with text, counted in whole tokens; else None.

    Raises:
        ModelReplyError: the reply is an error in disguise.
    """
    if not isinstance(reply, dict):
        return None
    if reply.get("error"):
        raise ModelReplyError
    choice, usage = _only(reply.get("choices")), reply.get("usage")
    message = choice.get("message") if choice else None
    if not isinstance(message, dict) or message.get("role") != "assistant" or any(map(message.get, _BEYOND_TEXT)):
        return None
    text, thinking = message.get("content"), message.get("reasoning_content")
    finish_reason, model = (choice or {}).get("finish_reason"), reply.get("model")
    texts = (text, thinking or "", finish_reason or "", model or "")
    if not all(isinstance(one, str) for one in texts) or not (usage is None or _is_counted(usage)):
        return None
    counted = usage and TokenUsage(usage["prompt_tokens"], usage["completion_tokens"])
    return ReplyPart(str(text), thinking or "", finish_reason, counted or None, model or "")


def _only(choices: Any) -> dict[str, Any] | None:
    is_single = isinstance(choices, list) and len(choices) == 1 and isinstance(choices[0], dict)
    return choices[0] if is_single else None


def _is_counted(usage: Any) -> bool:
    return isinstance(usage, dict) and all(
        type(usage.get(name)) is int for name in ("prompt_tokens", "completion_tokens")
    )
