"""The settings table itself, the names older code imports, and the values that follow from several settings."""

from __future__ import annotations

from pathlib import Path

import pytest

import app_config
from agent.config import agent_config, get_nested_config
from common import derived_settings
from common.config_service import ConfigService


def build(**environ: str) -> ConfigService:
    return ConfigService(
        app_config.rows(), environ=environ, dotenv_path=None, settings_path=Path("/nonexistent/s.json")
    )


@pytest.fixture
def as_default(monkeypatch):
    def use(**environ: str) -> None:
        monkeypatch.setattr(app_config, "_service", build(**environ))

    return use


def test_historical_names_can_be_imported(as_default):
    as_default(REDIS_URL="redis://h:1/2", QWEN_API_KEY="hunter2")
    from app_config import (
        API_LLM_MODEL,
        API_QIANWEN_CONFIG,
        LLM_MODEL_TYPE,
        QUESTION_ROUTING_MODE,
        REDIS_URL,
        VECTOR_DB_TYPE,
    )

    assert (REDIS_URL, LLM_MODEL_TYPE, API_LLM_MODEL) == ("redis://h:1/2", "api", "qianwen")
    assert (VECTOR_DB_TYPE, QUESTION_ROUTING_MODE) == ("pgvector", "hybrid")
    assert API_QIANWEN_CONFIG["api_key"] == "hunter2"
    assert "hunter2" not in repr(API_QIANWEN_CONFIG)


def test_unknown_name_cannot_be_imported():
    with pytest.raises(AttributeError):
        app_config.NO_SUCH_SETTING  # noqa: B018


def test_historical_defaults_are_those_of_the_contract():
    settings = build()
    expected = {
        "CONVERSATION_CONTEXT_COUNT": 2,
        "CONVERSATION_MAX_LENGTH": 10,
        "USER_MAX_CONVERSATIONS": 5,
        "CONVERSATION_TTL": 604800,
        "USER_CONVERSATIONS_TTL": 604800,
        "QUESTION_ANSWER_TTL": 86400,
        "EMBEDDING_CACHE_TTL": 2592000,
        "EMBEDDING_CACHE_MAX_SIZE": 5000,
        "ENABLE_QUESTION_ANSWER_CACHE": False,
        "API_MAX_RETURN_ROWS": 1000,
        "RESULT_VECTOR_SQL_SCORE_THRESHOLD": 0.65,
        "RESULT_VECTOR_ERROR_SQL_SCORE_THRESHOLD": 0.8,
        "PORT": 8084,
        "HOST": "0.0.0.0",  # noqa: S104
        "REDIS_DB": 1,
        "REDIS_PASSWORD": None,
        "MAX_QUESTION_CHARS": 50000,
        "REQUEST_TIMEOUT": 60,
    }
    assert {name: settings.get(name) for name in expected} == expected


def test_nothing_set_means_embedded_servers_and_no_network():
    settings = build()
    assert derived_settings.redis_url(settings) == ""
    assert derived_settings.business_database_url(settings) == ""
    assert derived_settings.llm_endpoint(settings).provider == "offline"
    assert derived_settings.embedding_endpoint(settings).provider == "offline"


def test_historical_business_settings_build_an_escaped_url():
    settings = build(APP_DB_USER="a@b", APP_DB_PASSWORD="p@:/ #%", APP_DB_HOST="h", APP_DB_NAME="d b")
    url = derived_settings.business_database_url(settings)
    assert url == "postgresql://a%40b:p%40%3A%2F%20%23%25@h:6432/d%20b"
    settings = build(BUSINESS_DATABASE_URL="postgresql://x/y", APP_DB_USER="u")
    assert derived_settings.business_database_url(settings) == "postgresql://x/y"


def test_historical_redis_settings_build_an_escaped_url():
    assert derived_settings.redis_url(build(REDIS_HOST="h", REDIS_PASSWORD="p@/")) == "redis://:p%40%2F@h:6379/1"
    assert derived_settings.redis_url(build(REDIS_HOST="::1", REDIS_DB="0")) == "redis://[::1]:6379/0"
    assert derived_settings.redis_url(build(REDIS_HOST="h", REDIS_URL="redis://x/1")) == "redis://x/1"


def test_model_endpoint_takes_the_historical_choice():
    endpoint = derived_settings.llm_endpoint(build(LLM_PROVIDER="openai", QWEN_API_KEY="q", DEEPSEEK_API_KEY="d"))
    assert (endpoint.model, endpoint.api_key, endpoint.temperature) == ("qwen3-235b-a22b", "q", 0.6)
    endpoint = derived_settings.llm_endpoint(build(API_LLM_MODEL="deepseek", QWEN_API_KEY="q", DEEPSEEK_API_KEY="d"))
    assert (endpoint.base_url, endpoint.api_key) == ("https://api.deepseek.com", "d")
    endpoint = derived_settings.llm_endpoint(
        build(LLM_MODEL_TYPE="ollama", LLM_BASE_URL="http://o:1/", LLM_TEMPERATURE="0")
    )
    assert (endpoint.base_url, endpoint.model, endpoint.temperature) == ("http://o:1/v1", "qwen3:32b", 0.0)


def test_own_endpoint_beats_the_historical_one():
    settings = build(LLM_BASE_URL="http://me/v1", LLM_API_KEY="k-secret", LLM_MODEL="m", DEEPSEEK_API_KEY="d")
    endpoint = derived_settings.llm_endpoint(settings)
    assert (endpoint.base_url, endpoint.api_key, endpoint.model) == ("http://me/v1", "k-secret", "m")
    assert "k-secret" not in repr(endpoint)
    assert derived_settings.deepseek_config(settings)["api_key"] == "d"


def test_agent_settings_are_registered_and_read_by_dotted_path():
    config = agent_config(build(AGENT_SQL_REPAIR_TIMEOUT="5"))
    assert get_nested_config(config, "sql_validation.repair_timeout") == 5
    assert get_nested_config(config, "sql_validation.forbidden_operations")[0] == "UPDATE"
    assert get_nested_config(config, "health_check.test_question") == "你好"
    assert get_nested_config(config, "sql_validation.missing.deep", 7) == 7
    with pytest.raises(TypeError):
        config["sql_validation"]["repair_timeout"] = 1


def test_data_dir_moves_the_settings_file(monkeypatch, tmp_path):
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    (tmp_path / "system_settings.json").write_text('{"PORT": 4711}')
    monkeypatch.delenv("PORT", raising=False)
    assert app_config.build_service().get("PORT") == 4711


def test_relative_paths_start_at_the_project(tmp_path):
    assert app_config.project_path("logs") == app_config.ROOT / "logs"
    assert app_config.project_path(str(tmp_path)) == tmp_path
