"""The SDK's chat completions without its typed request and response models, which cost more than the call itself.

LangChain asks for `client.with_raw_response.create(...)` and reads dictionaries as gladly as the SDK's models; sending,
errors and limits stay the SDK's. Streams go the SDK's usual way. Used by `core.llm.openai_provider`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import httpx
import openai

_PATH: Final = "/chat/completions"


class DirectCompletions:
    """Stands where LangChain keeps `openai.OpenAI().chat.completions`."""

    def __init__(self, client: openai.OpenAI) -> None:
        self.with_raw_response = _RawCompletions(client)
        self._stock = client.chat.completions

    def create(self, **payload: Any) -> Any:
        """As the SDK has it."""
        return self._stock.create(**payload)


class _RawCompletions:
    def __init__(self, client: openai.OpenAI) -> None:
        self._client = client

    def create(
        self,
        *,
        timeout: float,
        extra_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Any] | None = None,
        **body: Any,
    ) -> _RawReply:
        """One request; raises the SDK's errors."""
        options: Any = {"headers": dict(extra_headers or {}), "timeout": timeout}
        if extra_body:
            options["extra_json"] = dict(extra_body)
        return _RawReply(self._client.post(_PATH, cast_to=httpx.Response, body=body, options=options))


class _RawReply:
    """What LangChain reads of a reply."""

    def __init__(self, response: httpx.Response) -> None:
        self.http_response = response
        self.headers = response.headers

    def parse(self) -> Any:
        """The body's JSON; raises `ValueError` when it is none."""
        return self.http_response.json()
