"""Which embedder the settings stand for, where it asks, and whether the cache stands before it."""

from pathlib import Path
from typing import Any

import pytest
from redis import Redis

import app_config
from bootstrap.embeddings import build_embedder, build_embedding_cache, embedding_endpoint
from common.config_service import ConfigService
from core.llm.embedding_cache import CachedEmbedder
from core.llm.embeddings import OpenAIEmbeddings
from core.llm.metering import NoMeter
from core.vector_store.embedding import HashedNgramEmbedder

OFF = Path("/nonexistent/s.json")


def build(**environ: str) -> ConfigService:
    return ConfigService(app_config.rows(), environ=environ, dotenv_path=None, settings_path=OFF)


@pytest.mark.parametrize(
    ("provider", "url", "model", "key"),
    [
        ("qwen", "https://dashscope.aliyuncs.com/compatible-mode/v1", "text-embedding-v4", "q-key"),
        ("ollama", "http://127.0.0.1:11434/v1", "bge-m3:567m", ""),
    ],
)
def test_a_named_provider_needs_no_more_than_its_key(provider: str, url: str, model: str, key: str) -> None:
    found = embedding_endpoint(build(EMBEDDING_PROVIDER=provider, QWEN_API_KEY="q-key"))
    assert (found.base_url, found.model, found.api_key) == (url, model, key)


def test_own_settings_beat_the_providers() -> None:
    own = {"EMBEDDING_BASE_URL": "http://me/v1", "EMBEDDING_MODEL": "mine", "EMBEDDING_API_KEY": "my-key"}
    found = embedding_endpoint(build(EMBEDDING_PROVIDER="qwen", QWEN_API_KEY="q-key", **own))
    assert (found.base_url, found.model, found.api_key) == ("http://me/v1", "mine", "my-key")


def test_historical_ollama_endpoint_gets_its_compatible_path() -> None:
    found = embedding_endpoint(build(EMBEDDING_PROVIDER="openai", EMBEDDING_MODEL_TYPE="ollama"))
    assert (found.base_url, found.model) == ("http://llm.internal:11434/v1", "bge-m3:567m")


@pytest.mark.parametrize(
    ("model", "said", "asks"),
    [
        ("text-embedding-v4", {}, True),
        ("text-embedding-3-small", {}, True),
        ("bge-m3:567m", {}, False),
        ("bge-m3:567m", {"EMBEDDING_SEND_DIMENSION": "true"}, True),
        ("text-embedding-v4", {"EMBEDDING_SEND_DIMENSION": "false"}, False),
    ],
)
def test_length_is_asked_for_where_a_model_has_several(model: str, said: dict[str, str], asks: bool) -> None:
    to_close: list[Any] = []
    settings = build(EMBEDDING_PROVIDER="openai", EMBEDDING_BASE_URL="http://me/v1", EMBEDDING_MODEL=model, **said)
    embedder = build_embedder(settings, NoMeter, None, to_close.append)
    assert isinstance(embedder, OpenAIEmbeddings)
    assert embedder._config.asks_for_dimension is asks
    for close in to_close:
        close()


def test_offline_embedder_needs_no_meter_and_the_cache_can_be_switched_off() -> None:
    settings = build(ENABLE_EMBEDDING_CACHE="false")
    assert build_embedding_cache(settings, Redis) is None
    assert isinstance(build_embedder(settings, _never, None, _never), HashedNgramEmbedder)
    with Redis() as never_connected:
        cache = build_embedding_cache(build(), lambda: never_connected)
        assert isinstance(build_embedder(build(), _never, cache, _never), CachedEmbedder)


def _never(*_arguments: object) -> Any:
    raise AssertionError("not needed")
