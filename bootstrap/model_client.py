"""Builds the chat model's client: where it answers, who may call how often, and who counts what it costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from pydantic import SecretStr

import app_config
from common import derived_settings
from common.config_service import ConfigService
from common.derived_settings import Endpoint
from core.async_bridge import run_blocking
from core.llm.budget import DailyBudget
from core.llm.circuit_breaker import CircuitBreaker
from core.llm.client import LLMClient
from core.llm.config import PRESETS, LLMClientConfig, ProviderPreset
from core.llm.fair_gate import FairGate
from core.llm.http_pool import build_http_client
from core.llm.metering import CallMeter, UsageMeter
from core.llm.prices import PriceList, load_prices
from core.llm.usage_ledger import UsageLedger
from core.llm.usage_store import UsageStore

OnClose = Callable[[Callable[[], Any]], None]
USUAL_THINKING_PARAMETER: Final = "enable_thinking"
KEY_NAMES: Final = {"qwen": "QWEN_API_KEY", "deepseek": "DEEPSEEK_API_KEY"}
USUAL_TEMPERATURES: Final = {"ollama": 0.7}


def chat_endpoint(settings: ConfigService) -> Endpoint:
    """Where the configured provider answers: LLM_* where set, else what its name stands for."""
    provider = settings.get("LLM_PROVIDER")
    if provider in ("offline", "openai"):
        return _with_usual_key(settings, derived_settings.llm_endpoint(settings))
    preset = PRESETS[provider]
    usual_key = settings.get(KEY_NAMES[provider]) if provider in KEY_NAMES else ""
    return Endpoint(
        provider,
        settings.get("LLM_BASE_URL") or preset.base_url,
        settings.get("LLM_MODEL") or preset.model,
        settings.get("LLM_API_KEY") or usual_key,
        settings.get("LLM_TEMPERATURE", USUAL_TEMPERATURES.get(provider, 0.6)),
    )


def _with_usual_key(settings: ConfigService, endpoint: Endpoint) -> Endpoint:
    """OPENAI_API_KEY goes to an address the operator has named, never to one that a default stands for."""
    if endpoint.api_key or endpoint.provider != "openai" or not settings.get("LLM_BASE_URL"):
        return endpoint
    return replace(endpoint, api_key=settings.get("OPENAI_API_KEY"))


def build_breaker(settings: ConfigService) -> CircuitBreaker:
    """The circuit breaker of one endpoint."""
    return CircuitBreaker(
        failures=settings.get("LLM_BREAKER_FAILURES"), open_seconds=settings.get("LLM_BREAKER_SECONDS")
    )


def build_model(settings: ConfigService, meter: Callable[[], CallMeter], on_close: OnClose) -> LLMClient | None:
    """The client of the configured chat model; None when the offline engine thinks, which needs no meter."""
    endpoint = chat_endpoint(settings)
    if endpoint.provider == "offline":
        return None
    return build_model_client(settings, endpoint, meter(), on_close)


def build_model_client(settings: ConfigService, endpoint: Endpoint, meter: CallMeter, on_close: OnClose) -> LLMClient:
    """The client of an endpoint that is not the offline engine; only that one loads the provider's library."""
    from core.llm.chat_completions import ChatCompletions

    config = LLMClientConfig(
        base_url=endpoint.base_url,
        model=endpoint.model,
        api_key=SecretStr(endpoint.api_key),
        temperature=endpoint.temperature or 0.0,
        timeout_seconds=settings.get("LLM_TIMEOUT"),
        attempt_timeout_seconds=settings.get("LLM_ATTEMPT_TIMEOUT"),
        max_calls=settings.get("LLM_MAX_CALLS"),
        enable_thinking=settings.get("LLM_ENABLE_THINKING"),
        thinking_parameter=_thinking_parameter(endpoint),
        thinks_in_streams_only=known.thinks_in_streams_only if (known := _preset_at(endpoint)) else False,
        max_connections=settings.get("LLM_CONCURRENCY"),
    )
    http_client = build_http_client(max_reply_bytes=config.max_reply_bytes, max_connections=config.max_connections)
    client = LLMClient(
        config=config,
        provider=ChatCompletions(config=config, http_client=http_client),
        gate=FairGate(
            limit=settings.get("LLM_CONCURRENCY"), requests_per_minute=settings.get("LLM_REQUESTS_PER_MINUTE")
        ),
        breaker=build_breaker(settings),
        meter=meter,
        run_blocking=run_blocking,
    )
    on_close(client.close)
    return client


def build_meter(settings: ConfigService, store: UsageStore, on_close: OnClose) -> UsageMeter:
    """Counts model calls into the platform database; what is not written yet is written at the close.

    Raises:
        ConfigurationError: the price list cannot be read.
    """
    prices = settings.get("LLM_PRICES")
    ledger = UsageLedger(write=store.write)
    on_close(ledger.close)
    return UsageMeter(
        sink=ledger,
        prices=load_prices(app_config.project_path(prices)) if prices else PriceList(),
        budget=DailyBudget(
            spent_today=store.spent_today,
            tenant_tokens=settings.get("LLM_DAILY_TOKEN_BUDGET"),
            user_tokens=settings.get("LLM_DAILY_TOKEN_BUDGET_PER_USER"),
        ),
    )


def _thinking_parameter(endpoint: Endpoint) -> str:
    """Of the named provider, or of the one whose address it is; an unknown endpoint gets the usual one when asked."""
    if endpoint.provider != "openai":
        return PRESETS[endpoint.provider].thinking_parameter
    known = _preset_at(endpoint)
    return known.thinking_parameter if known else USUAL_THINKING_PARAMETER


def _preset_at(endpoint: Endpoint) -> ProviderPreset | None:
    """The preset whose address the endpoint has, whatever the provider is called."""
    address = endpoint.base_url.rstrip("/")
    return next((preset for preset in PRESETS.values() if preset.base_url == address), None)
