"""Where a named provider answers, whose key it gets, and which settings reach the client."""

from pathlib import Path

import pytest

import app_config
from bootstrap.model_client import build_model_client, chat_endpoint
from common.config_service import ConfigService
from core.llm.metering import NoMeter

KEYS = {"QWEN_API_KEY": "q-key", "DEEPSEEK_API_KEY": "d-key"}


def build(**environ: str) -> ConfigService:
    return ConfigService(
        app_config.rows(), environ=environ, dotenv_path=None, settings_path=Path("/nonexistent/s.json")
    )


@pytest.mark.parametrize(
    ("provider", "url", "model", "key", "temperature"),
    [
        ("qwen", "https://dashscope.aliyuncs.com/compatible-mode/v1", "qwen3-235b-a22b", "q-key", 0.6),
        ("deepseek", "https://api.deepseek.com", "deepseek-reasoner", "d-key", 0.6),
        ("ollama", "http://127.0.0.1:11434/v1", "qwen3:32b", "", 0.7),
    ],
)
def test_a_named_provider_needs_no_more_than_its_key(
    provider: str, url: str, model: str, key: str, temperature: float
) -> None:
    found = chat_endpoint(build(LLM_PROVIDER=provider, **KEYS))
    assert (found.provider, found.base_url, found.model) == (provider, url, model)
    assert (found.api_key, found.temperature) == (key, temperature)


def test_own_settings_beat_the_providers() -> None:
    own = {"LLM_BASE_URL": "http://me/v1", "LLM_MODEL": "mine", "LLM_API_KEY": "my-key", "LLM_TEMPERATURE": "0"}
    found = chat_endpoint(build(LLM_PROVIDER="qwen", **KEYS, **own))
    assert (found.base_url, found.model, found.api_key, found.temperature) == ("http://me/v1", "mine", "my-key", 0.0)


def test_openai_keeps_following_the_historical_choice() -> None:
    historical = chat_endpoint(build(LLM_PROVIDER="openai", API_LLM_MODEL="deepseek", **KEYS))
    assert (historical.base_url, historical.api_key) == ("https://api.deepseek.com", "d-key")
    named = chat_endpoint(build(LLM_PROVIDER="qwen", API_LLM_MODEL="deepseek", LLM_MODEL_TYPE="ollama", **KEYS))
    assert named.api_key == "q-key"


@pytest.mark.parametrize(
    ("settings", "switch"),
    [
        ({"LLM_PROVIDER": "qwen"}, None),
        ({"LLM_PROVIDER": "qwen", "LLM_ENABLE_THINKING": "true"}, {"enable_thinking": True}),
        ({"LLM_PROVIDER": "openai", "LLM_ENABLE_THINKING": "false"}, {"enable_thinking": False}),
        ({"LLM_PROVIDER": "deepseek", "LLM_ENABLE_THINKING": "true"}, None),
        ({"LLM_PROVIDER": "openai", "API_LLM_MODEL": "deepseek", "LLM_ENABLE_THINKING": "true"}, None),
    ],
)
def test_the_thinking_switch_goes_only_where_it_is_understood(
    settings: dict[str, str], switch: dict[str, bool] | None
) -> None:
    closing: list[object] = []
    chosen = build(**settings, **KEYS)
    client = build_model_client(chosen, chat_endpoint(chosen), NoMeter(), closing.append)
    members = client._provider._members  # type: ignore[attr-defined]
    assert {name: value for name, value in members.items() if name not in ("model", "temperature")} == (switch or {})
    assert closing == [client.close]
    client.close()


@pytest.mark.parametrize(
    ("settings", "is_stream"),
    [
        ({"LLM_PROVIDER": "qwen"}, True),
        ({"LLM_PROVIDER": "openai"}, True),  # the historical choice, which is the same address
        ({"LLM_PROVIDER": "qwen", "LLM_ENABLE_THINKING": "false"}, False),
        ({"LLM_PROVIDER": "qwen", "LLM_BASE_URL": "http://me/v1"}, False),
        ({"LLM_PROVIDER": "deepseek"}, False),
        ({"LLM_PROVIDER": "ollama"}, False),
    ],
)
def test_an_endpoint_that_thinks_in_streams_only_is_asked_for_streams(
    settings: dict[str, str], is_stream: bool
) -> None:
    built = build(**settings, **KEYS)
    with build_model_client(built, chat_endpoint(built), NoMeter(), lambda _close: None) as client:
        assert client._config.asks_for_streams is is_stream
