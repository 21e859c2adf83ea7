"""What follows from several settings at once: connection URLs, model endpoints and the dicts older code imports.

Called by `bootstrap` with the settings service and by `app_config` for its historical names. Historical values come
from the wire contract's configuration chapter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from common.config_service import ConfigService
from common.secret_masking import MaskedDict

_OLLAMA_URL: Final = "http://llm.internal:11434"
_QIANWEN_URL: Final = "https://dashscope.aliyuncs.com/compatible-mode/v1"
_DEEPSEEK_URL: Final = "https://api.deepseek.com"
_MODEL_DEFAULTS: Final[dict[str, Any]] = {
    "allow_llm_to_see_data": True,
    "temperature": 0.6,
    "n_results": 6,
    "language": "Chinese",
    "stream": True,
}

_BUSINESS_NAMES: Final = {
    "host": "APP_DB_HOST",
    "port": "APP_DB_PORT",
    "dbname": "APP_DB_NAME",
    "user": "APP_DB_USER",
    "password": "APP_DB_PASSWORD",
}
_VECTOR_NAMES: Final = {
    "host": "PGVECTOR_DB_HOST",
    "port": "PGVECTOR_DB_PORT",
    "dbname": "PGVECTOR_DB_NAME",
    "user": "PGVECTOR_DB_USER",
    "password": "PGVECTOR_DB_PASSWORD",
}


@dataclass(frozen=True)
class Endpoint:
    """Where a model answers.

    Attributes:
        provider: `offline`, `openai` or the name of a preset of `core.llm.config`.
        base_url: of an OpenAI-compatible API, with its version path.
        temperature: None for embeddings.
    """

    provider: str
    base_url: str
    model: str
    api_key: str = field(repr=False)
    temperature: float | None = None


def business_database_url(settings: ConfigService) -> str:
    """BUSINESS_DATABASE_URL, or the URL the APP_DB_* settings spell when one of them is set, or ''."""
    if settings.get("BUSINESS_DATABASE_URL"):
        return str(settings.get("BUSINESS_DATABASE_URL"))
    if not any(settings.is_set(name) for name in _BUSINESS_NAMES.values()):
        return ""
    config = business_database_config(settings)
    password = ":" + quote(config["password"], safe="") if config["password"] else ""
    login = f"{quote(config['user'], safe='')}{password}@" if config["user"] else ""
    return f"postgresql://{login}{_host(config['host'])}:{config['port']}/{quote(config['dbname'], safe='')}"


def redis_url(settings: ConfigService) -> str:
    """REDIS_URL, or the URL the REDIS_HOST family spells when host, port, number or password is set, or ''."""
    if settings.get("REDIS_URL"):
        return str(settings.get("REDIS_URL"))
    if not any(settings.is_set(name) for name in ("REDIS_HOST", "REDIS_PORT", "REDIS_DB", "REDIS_PASSWORD")):
        return ""
    password = settings.get("REDIS_PASSWORD", "")
    login = f":{quote(password, safe='')}@" if password else ""
    host, port, number = (settings.get(name) for name in ("REDIS_HOST", "REDIS_PORT", "REDIS_DB"))
    return f"redis://{login}{_host(host)}:{port}/{number}"


def llm_endpoint(settings: ConfigService) -> Endpoint:
    """The chat model's endpoint: LLM_* where set, else what LLM_MODEL_TYPE and API_LLM_MODEL stand for."""
    if settings.get("LLM_MODEL_TYPE") == "ollama":
        config = ollama_llm_config(settings)
        base_url, key = config["base_url"].rstrip("/"), settings.get("LLM_API_KEY")
        base_url = base_url if base_url.endswith("/v1") else f"{base_url}/v1"
    else:
        config = qianwen_config(settings) if settings.get("API_LLM_MODEL") == "qianwen" else deepseek_config(settings)
        base_url, key = config["base_url"], config["api_key"]
    return Endpoint(settings.get("LLM_PROVIDER"), base_url, config["model"], key, config["temperature"])


def embedding_endpoint(settings: ConfigService) -> Endpoint:
    """The embedding model's endpoint: EMBEDDING_* where set, else what EMBEDDING_MODEL_TYPE stands for."""
    provider, key = settings.get("EMBEDDING_PROVIDER"), settings.get("EMBEDDING_API_KEY")
    if settings.get("EMBEDDING_MODEL_TYPE") == "ollama":
        config = ollama_embedding_config(settings)
        base_url = config["base_url"].rstrip("/")
        return Endpoint(provider, base_url if base_url.endswith("/v1") else f"{base_url}/v1", config["model_name"], key)
    config = api_embedding_config(settings)
    return Endpoint(provider, config["base_url"] or _QIANWEN_URL, config["model_name"], key)


def business_database_config(settings: ConfigService) -> MaskedDict:
    """APP_DB_CONFIG."""
    return _database_config(settings, _BUSINESS_NAMES)


def vector_database_config(settings: ConfigService) -> MaskedDict:
    """PGVECTOR_CONFIG."""
    return _database_config(settings, _VECTOR_NAMES)


def qianwen_config(settings: ConfigService) -> MaskedDict:
    """API_QIANWEN_CONFIG."""
    return _api_config(settings, "qianwen", "QWEN_API_KEY", _QIANWEN_URL, "qwen3-235b-a22b", enable_thinking=True)


def deepseek_config(settings: ConfigService) -> MaskedDict:
    """API_DEEPSEEK_CONFIG."""
    return _api_config(
        settings, "deepseek", "DEEPSEEK_API_KEY", _DEEPSEEK_URL, "deepseek-reasoner", enable_thinking=False
    )


def ollama_llm_config(settings: ConfigService) -> MaskedDict:
    """OLLAMA_LLM_CONFIG."""
    is_chosen = settings.get("LLM_MODEL_TYPE") == "ollama"
    return MaskedDict(
        {
            **_MODEL_DEFAULTS,
            "base_url": (is_chosen and settings.get("LLM_BASE_URL")) or _OLLAMA_URL,
            "model": (is_chosen and settings.get("LLM_MODEL")) or "qwen3:32b",
            "temperature": settings.get("LLM_TEMPERATURE", 0.7) if is_chosen else 0.7,
            "timeout": settings.get("LLM_TIMEOUT"),
            "enable_thinking": True,
        }
    )


def api_embedding_config(settings: ConfigService) -> MaskedDict:
    """API_EMBEDDING_CONFIG."""
    return MaskedDict(
        {
            "model_name": settings.get("EMBEDDING_MODEL") or "text-embedding-v4",
            "api_key": settings.get("EMBEDDING_API_KEY"),
            "base_url": settings.get("EMBEDDING_BASE_URL"),
            "embedding_dimension": settings.get("EMBEDDING_DIMENSION"),
        }
    )


def ollama_embedding_config(settings: ConfigService) -> MaskedDict:
    """OLLAMA_EMBEDDING_CONFIG."""
    is_chosen = settings.get("EMBEDDING_MODEL_TYPE") == "ollama"
    return MaskedDict(
        {
            "base_url": (is_chosen and settings.get("EMBEDDING_BASE_URL")) or _OLLAMA_URL,
            "model_name": (is_chosen and settings.get("EMBEDDING_MODEL")) or "bge-m3:567m",
            "embedding_dimension": settings.get("EMBEDDING_DIMENSION"),
        }
    )


HISTORICAL: Final[dict[str, Callable[[ConfigService], Any]]] = {
    "REDIS_URL": redis_url,
    "BUSINESS_DATABASE_URL": business_database_url,
    "APP_DB_CONFIG": business_database_config,
    "PGVECTOR_CONFIG": vector_database_config,
    "API_QIANWEN_CONFIG": qianwen_config,
    "API_DEEPSEEK_CONFIG": deepseek_config,
    "OLLAMA_LLM_CONFIG": ollama_llm_config,
    "API_EMBEDDING_CONFIG": api_embedding_config,
    "OLLAMA_EMBEDDING_CONFIG": ollama_embedding_config,
}


def _api_config(
    settings: ConfigService, choice: str, key_name: str, base_url: str, model: str, *, enable_thinking: bool
) -> MaskedDict:
    """LLM_* apply to the chosen API only: a key must not go to the other vendor."""
    is_chosen = settings.get("LLM_MODEL_TYPE") == "api" and settings.get("API_LLM_MODEL") == choice
    return MaskedDict(
        {
            **_MODEL_DEFAULTS,
            "api_key": (is_chosen and settings.get("LLM_API_KEY")) or settings.get(key_name),
            "base_url": (is_chosen and settings.get("LLM_BASE_URL")) or base_url,
            "model": (is_chosen and settings.get("LLM_MODEL")) or model,
            "temperature": settings.get("LLM_TEMPERATURE", 0.6) if is_chosen else 0.6,
            "enable_thinking": enable_thinking,
        }
    )


def _database_config(settings: ConfigService, names: Mapping[str, str]) -> MaskedDict:
    return MaskedDict({key: settings.get(name) for key, name in names.items()})


def _host(host: str) -> str:
    return f"[{host}]" if ":" in host else host
