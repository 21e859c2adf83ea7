"""`Config` (docs/react_service.md) reads the application's settings: names, effects, and what may be missing."""

from pathlib import Path

import pytest

import app_config
from bootstrap.model_client import chat_endpoint
from common.config_service import ConfigService
from common.errors import ConfigurationError
from react_agent.config import Config


def settings(**environ: str) -> ConfigService:
    nowhere = Path("/nonexistent")
    return ConfigService(app_config.rows(), environ=environ, dotenv_path=None, settings_path=nowhere)


def test_names_of_the_guide_are_settings() -> None:
    config = Config(settings(MAX_ITERATIONS="7", ENABLE_MEMORY="false"))
    assert (config.MAX_ITERATIONS, config.ENABLE_MEMORY) == (7, False)
    assert {name: getattr(config, name) for name in Config.NAMES}.keys() == Config.NAMES
    with pytest.raises(AttributeError):
        _ = config.LOG_DIR


@pytest.mark.parametrize("environ", [{}, {"LLM_PROVIDER": "qwen", "QWEN_API_KEY": "k"}, {"LLM_PROVIDER": "ollama"}])
def test_a_key_is_needed_by_the_chosen_provider_alone(environ: dict[str, str]) -> None:
    assert Config(settings(**environ)).validate()
    with pytest.raises(ConfigurationError, match="DEEPSEEK_API_KEY"):
        Config(settings(LLM_PROVIDER="deepseek", OPENAI_API_KEY="k")).validate()


def test_openai_key_goes_only_to_an_address_that_was_named() -> None:
    named = {"LLM_PROVIDER": "openai", "LLM_BASE_URL": "http://127.0.0.1:1/v1", "OPENAI_API_KEY": "sk-guide"}
    assert chat_endpoint(settings(**named)).api_key == "sk-guide"
    assert chat_endpoint(settings(**named, LLM_API_KEY="own")).api_key == "own"
    assert chat_endpoint(settings(LLM_PROVIDER="openai", OPENAI_API_KEY="sk-guide")).api_key != "sk-guide"
    assert chat_endpoint(settings(LLM_PROVIDER="qwen", OPENAI_API_KEY="sk-guide")).api_key != "sk-guide"
