"""Builds what turns texts into vectors: the offline embedder or a client of an endpoint, with the cache before it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pydantic import SecretStr
from redis import Redis

from bootstrap.model_client import build_breaker
from common import derived_settings
from common.config_service import ConfigService
from common.derived_settings import Endpoint
from core.llm.config import PRESETS
from core.llm.embedding_cache import CachedEmbedder, EmbeddingCache
from core.llm.embeddings import EmbeddingConfig, OpenAIEmbeddings
from core.llm.fair_gate import FairGate
from core.llm.http_pool import build_http_client
from core.llm.metering import CallMeter
from core.vector_store.embedding import Embedder, HashedNgramEmbedder

OnClose = Callable[[Callable[[], Any]], None]
MAX_REPLY_BYTES: Final = 16 * 1024 * 1024
USUAL_MODELS: Final = {"qwen": "text-embedding-v4", "ollama": "bge-m3:567m"}
SEVERAL_LENGTHS: Final = ("text-embedding-3", "text-embedding-v3", "text-embedding-v4")
"""Beginnings of the names of models that give vectors of the length a request asks for."""


def embedding_endpoint(settings: ConfigService) -> Endpoint:
    """Where the configured provider embeds: EMBEDDING_* where set, else what its name stands for."""
    provider = settings.get("EMBEDDING_PROVIDER")
    if provider in ("offline", "openai"):
        return derived_settings.embedding_endpoint(settings)
    usual_key = settings.get("QWEN_API_KEY") if provider == "qwen" else ""
    return Endpoint(
        provider,
        settings.get("EMBEDDING_BASE_URL") or PRESETS[provider].base_url,
        settings.get("EMBEDDING_MODEL") or USUAL_MODELS[provider],
        settings.get("EMBEDDING_API_KEY") or usual_key,
    )


def build_embedder(
    settings: ConfigService, meter: Callable[[], CallMeter], cache: EmbeddingCache | None, on_close: OnClose
) -> Embedder:
    """The configured embedder, asked only for what the cache does not have; only an endpoint needs the meter."""
    endpoint = embedding_endpoint(settings)
    dimension = settings.get("EMBEDDING_DIMENSION")
    embedder: Embedder = HashedNgramEmbedder(dimension)
    if endpoint.provider != "offline":
        embedder = _build_client(settings, endpoint, meter(), on_close)
    return CachedEmbedder(embedder, cache) if cache else embedder


def build_embedding_cache(settings: ConfigService, redis: Callable[[], Redis]) -> EmbeddingCache | None:
    """The cache of the configured model's vectors; None when it is switched off."""
    if not settings.get("ENABLE_EMBEDDING_CACHE"):
        return None
    endpoint, dimension = embedding_endpoint(settings), settings.get("EMBEDDING_DIMENSION")
    is_offline = endpoint.provider == "offline"
    return EmbeddingCache(
        redis(),
        model=HashedNgramEmbedder(dimension).model_name if is_offline else endpoint.model,
        dimension=dimension,
        ttl_seconds=settings.get("EMBEDDING_CACHE_TTL"),
        max_entries=settings.get("EMBEDDING_CACHE_MAX_SIZE"),
    )


def _build_client(settings: ConfigService, endpoint: Endpoint, meter: CallMeter, on_close: OnClose) -> OpenAIEmbeddings:
    concurrency = settings.get("EMBEDDING_CONCURRENCY")
    asks = settings.get("EMBEDDING_SEND_DIMENSION")
    config = EmbeddingConfig(
        base_url=endpoint.base_url,
        model=endpoint.model,
        api_key=SecretStr(endpoint.api_key),
        dimension=settings.get("EMBEDDING_DIMENSION"),
        max_calls=settings.get("LLM_MAX_CALLS"),
        batch_size=settings.get("EMBEDDING_BATCH_SIZE"),
        asks_for_dimension=endpoint.model.startswith(SEVERAL_LENGTHS) if asks is None else asks,
        max_connections=concurrency,
    )
    embedder = OpenAIEmbeddings(
        config=config,
        http_client=build_http_client(max_reply_bytes=MAX_REPLY_BYTES, max_connections=concurrency),
        gate=FairGate(limit=concurrency, requests_per_minute=settings.get("EMBEDDING_REQUESTS_PER_MINUTE")),
        breaker=build_breaker(settings),
        meter=meter,
    )
    on_close(embedder.close)
    return embedder
