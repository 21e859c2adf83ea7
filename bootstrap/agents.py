"""Builds what thinks: the brain the settings ask for, the embedder, and the classic agent around them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import SecretStr

import app_config
from agent.classic_agent import ClassicAgent
from agent.classification.dictionary import SHIPPED_FILE, load_dictionary
from agent.classification.routing import QuestionRouter
from agent.classification.rules import RuleClassifier
from agent.nodes import Nodes
from agent.retrieval import Retrieval, RetrievalLimits
from agent.sql_preparation import SqlPreparation
from bootstrap.model_client import build_breaker, build_model_client, chat_endpoint
from common import derived_settings
from common.answering import Brain
from common.config_service import ConfigService
from core.llm.embeddings import EmbeddingConfig, OpenAIEmbeddings
from core.llm.http_pool import build_http_client
from core.llm.metering import CallMeter
from core.schema_catalog import SchemaCatalog
from core.sql_executor import SqlExecutor
from core.vector_store.embedding import Embedder, HashedNgramEmbedder
from core.vector_store.store import VectorStore

MAX_EMBEDDING_REPLY_BYTES = 16 * 1024 * 1024
NEIGHBOURS = 6
OnClose = Callable[[Callable[[], Any]], None]


def build_embedder(settings: ConfigService, on_close: OnClose) -> Embedder:
    """The offline one, or a client of the configured endpoint."""
    endpoint = derived_settings.embedding_endpoint(settings)
    dimension = settings.get("EMBEDDING_DIMENSION")
    if endpoint.provider == "offline":
        return HashedNgramEmbedder(dimension)
    config = EmbeddingConfig(
        base_url=endpoint.base_url,
        model=endpoint.model,
        api_key=SecretStr(endpoint.api_key),
        dimension=dimension,
        max_calls=settings.get("LLM_MAX_CALLS"),
    )
    http_client = build_http_client(
        max_reply_bytes=MAX_EMBEDDING_REPLY_BYTES, max_connections=settings.get("LLM_CONCURRENCY")
    )
    embedder = OpenAIEmbeddings(config=config, http_client=http_client, breaker=build_breaker(settings))
    on_close(embedder.close)
    return embedder


def build_brain(settings: ConfigService, meter: Callable[[], CallMeter], on_close: OnClose) -> Brain:
    """The offline one, or one that asks the configured model; only that one needs the meter."""
    endpoint = chat_endpoint(settings)
    if endpoint.provider == "offline":
        from agent.offline.brain import OfflineBrain

        return OfflineBrain()
    from agent.model_brain import ModelBrain
    from agent.prompt_files import PromptLibrary

    client = build_model_client(settings, endpoint, meter(), on_close)
    return ModelBrain(client=client, prompts=PromptLibrary())


def build_rules(settings: ConfigService) -> RuleClassifier:
    """The rules of the configured dictionary.

    Raises:
        ConfigurationError: its file is missing or wrong.
    """
    named = settings.get("AGENT_CLASSIFIER_FILE")
    return RuleClassifier(load_dictionary(app_config.project_path(named) if named else SHIPPED_FILE))


def build_classic_agent(
    settings: ConfigService,
    *,
    brain: Brain,
    rules: RuleClassifier,
    store: VectorStore,
    catalog: SchemaCatalog,
    executor: SqlExecutor,
) -> ClassicAgent:
    """The classic agent on shared collaborators."""
    preparation = SqlPreparation(
        brain=brain,
        executor=executor,
        repairs=settings.get("AGENT_SQL_AUTO_REPAIR"),
        repair_timeout_seconds=settings.get("AGENT_SQL_REPAIR_TIMEOUT"),
    )
    nodes = Nodes(
        brain=brain,
        router=QuestionRouter(rules, brain),
        retrieval=Retrieval(store=store, catalog=catalog, limits=_retrieval_limits(settings)),
        preparation=preparation,
        executor=executor,
        summarises=settings.get("ENABLE_RESULT_SUMMARY"),
    )
    return ClassicAgent(nodes)


def _retrieval_limits(settings: ConfigService) -> RetrievalLimits:
    # the thresholds are on the scale of trained embedding models; hashed n-grams of a paraphrase score lower
    is_trained = derived_settings.embedding_endpoint(settings).provider != "offline"
    applies = settings.get("ENABLE_RESULT_VECTOR_SCORE_THRESHOLD") and is_trained
    names = ("SQL", "DDL", "DOC", "ERROR_SQL")
    sql, ddl, documentation, error_sql = (
        settings.get(f"RESULT_VECTOR_{name}_SCORE_THRESHOLD") if applies else 0.0 for name in names
    )
    return RetrievalLimits(
        count=NEIGHBOURS,
        sql_threshold=sql,
        ddl_threshold=ddl,
        documentation_threshold=documentation,
        error_sql_threshold=error_sql,
        uses_wrong_pairs=settings.get("ENABLE_ERROR_SQL_PROMPT"),
    )
