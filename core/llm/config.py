"""What a model client needs to know, and the named presets of well-known OpenAI-compatible endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from pydantic import SecretStr

from common import messages
from common.errors import ConfigurationError


@dataclass(frozen=True)
class ProviderPreset:
    """An endpoint.

    Attributes:
        thinking_parameter: the request member that switches thinking, empty when there is none.
        thinks_in_streams_only: its models think unless they are told not to, and a whole reply is refused then.
    """

    base_url: str
    model: str
    thinking_parameter: str = ""
    thinks_in_streams_only: bool = False


_QWEN: Final = ProviderPreset(
    "https://dashscope.aliyuncs.com/compatible-mode/v1",
    "qwen3-235b-a22b",
    thinking_parameter="enable_thinking",
    thinks_in_streams_only=True,
)

PRESETS: Final[Mapping[str, ProviderPreset]] = {
    "qwen": _QWEN,
    "qianwen": _QWEN,
    "deepseek": ProviderPreset("https://api.deepseek.com", "deepseek-reasoner"),
    "ollama": ProviderPreset("http://127.0.0.1:11434/v1", "qwen3:32b"),
    "openai": ProviderPreset("https://api.openai.com/v1", "gpt-4.1-mini"),
}


@dataclass(frozen=True)
class LLMClientConfig:
    """Settings of one chat model.

    Args:
        base_url: http(s) URL up to and without `/chat/completions`; it carries no user name or password.
        timeout_seconds: the most one call may take, all its tries and pauses together.
        attempt_timeout_seconds: the most a single try may take, so that a hanging one leaves room for another.
        max_calls: requests one call may make, the first included.
        enable_thinking: None sends no switch; True asks for thinking and streams, as the providers demand.
        thinking_parameter: name of that switch in the request, empty when the endpoint has none.
        thinks_in_streams_only: see `ProviderPreset`; without a switch such an endpoint is asked for streams.
        max_reply_bytes: UTF-8 bytes of text and thinking together.
        max_connections: pooled connections, shared by all threads.
    """

    base_url: str
    model: str
    api_key: SecretStr = field(repr=False)
    temperature: float = 0.6
    timeout_seconds: float = 60.0
    attempt_timeout_seconds: float = 25.0
    max_calls: int = 3
    enable_thinking: bool | None = None
    thinking_parameter: str = "enable_thinking"
    thinks_in_streams_only: bool = False
    max_reply_bytes: int = 1_000_000
    max_connections: int = 64

    @property
    def asks_for_streams(self) -> bool:
        """Whether a whole reply is asked for as a stream, too."""
        return self.thinks_in_streams_only if self.enable_thinking is None else self.enable_thinking

    def __post_init__(self) -> None:
        check_endpoint(self.base_url)


def check_endpoint(base_url: str) -> None:
    """Refuse a URL that is none or that carries credentials.

    Raises:
        ConfigurationError: with a message that does not repeat the URL, since it may hold a password.
    """
    parts = urlsplit(base_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigurationError(messages.MODEL_URL_INVALID)
    if parts.username or parts.password:
        raise ConfigurationError(messages.MODEL_URL_WITH_CREDENTIALS)
