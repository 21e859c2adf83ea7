"""Real model clients pointed at a scripted server, with pauses short enough for tests."""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr

from core.llm.chat_completions import ChatCompletions
from core.llm.circuit_breaker import CircuitBreaker
from core.llm.client import LLMClient
from core.llm.config import LLMClientConfig
from core.llm.embeddings import EmbeddingConfig, OpenAIEmbeddings
from core.llm.fair_gate import FairGate
from core.llm.http_pool import build_http_client
from core.llm.metering import CallMeter
from core.llm.retry import RetryPolicy

TEST_KEY = "sk-secret-key-of-the-tests"


def chat_client(
    base_url: str,
    *,
    breaker: CircuitBreaker | None = None,
    gate: FairGate | None = None,
    meter: CallMeter | None = None,
    **settings: Any,
) -> LLMClient:
    """An `LLMClient` that never stops trying unless given a `breaker`; `settings` are those of `LLMClientConfig`.

    The caller closes it.
    """
    limits = {"timeout_seconds": 10.0, "attempt_timeout_seconds": 5.0, **settings}
    config = LLMClientConfig(base_url=base_url, model="scripted", **{"api_key": SecretStr(TEST_KEY), **limits})
    http_client = build_http_client(max_reply_bytes=config.max_reply_bytes, max_connections=config.max_connections)
    provider = ChatCompletions(config=config, http_client=http_client)
    return LLMClient(
        config=config,
        provider=provider,
        breaker=breaker or CircuitBreaker(failures=0),
        gate=gate,
        meter=meter,
        retry=_quick(config.attempt_timeout_seconds),
    )


def embeddings_client(
    base_url: str,
    *,
    breaker: CircuitBreaker | None = None,
    gate: FairGate | None = None,
    meter: CallMeter | None = None,
    **settings: Any,
) -> OpenAIEmbeddings:
    """An embeddings client; `settings` are those of `EmbeddingConfig`. The caller closes it."""
    limits = {"timeout_seconds": 10.0, "attempt_timeout_seconds": 5.0, **settings}
    config = EmbeddingConfig(base_url=base_url, model="scripted", **{"api_key": SecretStr(TEST_KEY), **limits})
    http_client = build_http_client(max_reply_bytes=4_000_000, max_connections=8)
    return OpenAIEmbeddings(
        config=config,
        http_client=http_client,
        breaker=breaker,
        gate=gate,
        meter=meter,
        retry=_quick(config.attempt_timeout_seconds),
    )


def _quick(attempt_timeout_seconds: float) -> RetryPolicy:
    return RetryPolicy(attempt_timeout_seconds=attempt_timeout_seconds, first_pause=0.01)
