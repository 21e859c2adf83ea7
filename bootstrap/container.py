"""The one wiring place: builds every shared collaborator, each at its first use, and closes them in reverse order."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from flask import Flask

import app_config
from agent.classic_agent import ClassicAgent
from agent.classification.rules import RuleClassifier
from bootstrap import agents, probes
from bootstrap.model_client import build_meter
from bootstrap.preparation import listed, prepare
from bootstrap.stores import Stores, find_stores
from common import messages
from common.answering import Brain, Classification
from common.config_service import ConfigService
from common.errors import CituError, ConfigurationError, ServiceUnavailableError
from common.question_answer_cache import QuestionAnswerCache
from common.redis_conversation_manager import RedisConversationManager
from core.async_bridge import configure as configure_bridge
from core.async_bridge import shutdown_blocking
from core.database import Database
from core.llm.metering import UsageMeter
from core.llm.usage_store import UsageStore
from core.logging import get_app_logger, initialize_logging
from core.redis_client import RedisClient, connect_redis
from core.schema_catalog import SchemaCatalog
from core.single_flight import SingleFlight
from core.sql_executor import ExecutionLimits, ReaderPool, SqlExecutor
from core.sql_guard import SqlGuard
from core.vector_store.store import VectorStore
from features.agent_health.service import AgentHealthService, HealthTest
from features.ask.answering import CachedAnswering
from features.ask.service import AskLimits, AskService
from features.health.service import Component, HealthService
from features.metrics.service import MetricsService, ServingStats
from features.run_sql.service import RunSqlService
from features.usage.service import UsageService

logger = get_app_logger("container")


class Container:
    """Everything a process of the service shares. Safe in any thread; `start` and `close` may be called twice."""

    def __init__(self, settings: ConfigService, *, stores: Stores | None = None) -> None:
        """Args: stores: where to connect; by default what the settings say, or the embedded servers."""
        self.settings = settings
        self._lock = threading.RLock()
        self._given_stores = stores
        self._stores: Stores | None = None
        self._to_close: list[Callable[[], Any]] = []
        self._serving_stats: ServingStats = dict
        self._built_at = time.time()

    def start(self, progress: Callable[[str], None] = lambda _step: None) -> None:
        """Bring up what is missing: servers, tables, the reader role, demo data and training examples.

        Raises:
            ConfigurationError: something the service cannot start without is wrong, in one sentence.
            StoreUnavailableError: a database named in the settings cannot be reached.
        """
        with self._lock:
            if self._stores is not None:
                return
            configure_bridge(max_workers=self.settings.get("BLOCKING_THREADS"))
            self._to_close.append(shutdown_blocking)
            self._stores = self._given_stores or find_stores(self.settings, progress)
            prepare(self.settings, self._stores, self.vector_store, progress)

    def close(self, *, wait_seconds: float = 0) -> None:
        """Close what was built, last built first. The container is not used afterwards.

        Args:
            wait_seconds: how long to wait for embedded servers that nobody else uses to have stopped.
        """
        with self._lock:
            callbacks, self._to_close = self._to_close, []
        for callback in reversed(callbacks):
            callback()
        if self._stores is not None:
            self._stores.close(wait_seconds=wait_seconds)

    def serve_through(self, stats: ServingStats) -> None:
        """Tell `/metrics` where the counters of the server in front are; a plain WSGI start has none."""
        self._serving_stats = stats

    def run_plain(self, app: Flask) -> None:
        """Serve `app` by Flask's own server, as the old entry did; for a rehearsal, not for production."""
        self.start()
        try:
            app.run(host=self.settings.get("HOST"), port=self.settings.get("PORT"), threaded=True)
        finally:
            self.close()

    @property
    def stores(self) -> Stores:
        """Addresses of the three stores; starts the container when nobody has."""
        with self._lock:
            self.start()
            assert self._stores is not None  # noqa: S101 - start() set it or raised
            return self._stores

    @cached_property
    def platform(self) -> Database:
        database = Database(
            self.stores.platform_url, pool_size=self.settings.get("DB_POOL_SIZE"), application_name="citu-platform"
        )
        self._to_close.append(database.dispose)
        return database

    @cached_property
    def redis(self) -> RedisClient:
        client = connect_redis(
            self.stores.redis_url,
            timeout_seconds=self.settings.get("REDIS_TIMEOUT"),
            max_connections=self.settings.get("REDIS_POOL_SIZE"),
        )
        self._to_close.append(client.close)
        return client

    @cached_property
    def conversations(self) -> RedisConversationManager:
        settings = self.settings
        return RedisConversationManager(
            self.redis.commands,
            context_count=settings.get("CONVERSATION_CONTEXT_COUNT"),
            max_length=settings.get("CONVERSATION_MAX_LENGTH"),
            user_max_conversations=settings.get("USER_MAX_CONVERSATIONS"),
            ttl_seconds=settings.get("CONVERSATION_TTL"),
            user_list_ttl_seconds=settings.get("USER_CONVERSATIONS_TTL"),
            is_context_enabled=settings.get("ENABLE_CONVERSATION_CONTEXT"),
        )

    @cached_property
    def vector_store(self) -> VectorStore:
        return VectorStore(self.platform, agents.build_embedder(self.settings, self._to_close.append))

    @cached_property
    def _reader_pool(self) -> ReaderPool:
        pool = ReaderPool(self.stores.business_url, size=self.settings.get("BUSINESS_POOL_SIZE"))
        self._to_close.append(pool.close)
        return pool

    @cached_property
    def catalog(self) -> SchemaCatalog:
        return SchemaCatalog(
            pool=self._reader_pool,
            schemas=listed(self.settings.get("BUSINESS_SCHEMAS")),
            ttl_seconds=self.settings.get("SCHEMA_CACHE_SECONDS"),
            denied_columns=listed(self.settings.get("SQL_DENIED_COLUMNS")),
            user_functions=listed(self.settings.get("SQL_ALLOWED_FUNCTIONS")),
        )

    @cached_property
    def executor(self) -> SqlExecutor:
        settings = self.settings
        guard = SqlGuard(self.catalog.guard_policy)
        limits = ExecutionLimits(
            row_cap=settings.get("API_MAX_RETURN_ROWS"),
            byte_cap=settings.get("SQL_MAX_BYTES"),
            statement_timeout_seconds=settings.get("SQL_STATEMENT_TIMEOUT"),
            wall_clock_seconds=settings.get("SQL_WALL_CLOCK"),
            cost_ceiling=settings.get("SQL_COST_CEILING"),
        )
        return SqlExecutor(pool=self._reader_pool, guard=guard, limits=limits)

    @cached_property
    def _usage_store(self) -> UsageStore:
        return UsageStore(self.platform)

    @cached_property
    def _meter(self) -> UsageMeter:
        return build_meter(self.settings, self._usage_store, self._to_close.append)

    @cached_property
    def usage(self) -> UsageService:
        return UsageService(
            database=self.platform,
            spent_today=self._usage_store.spent_today,
            daily_budget=self.settings.get("LLM_DAILY_TOKEN_BUDGET"),
        )

    @cached_property
    def _brain(self) -> Brain:
        return agents.build_brain(self.settings, lambda: self._meter, self._to_close.append)

    @cached_property
    def _rules(self) -> RuleClassifier:
        return agents.build_rules(self.settings)

    @cached_property
    def _classic_agent(self) -> ClassicAgent:
        return agents.build_classic_agent(
            self.settings,
            brain=self._brain,
            rules=self._rules,
            store=self.vector_store,
            catalog=self.catalog,
            executor=self.executor,
        )

    def warm_up(self) -> None:
        """Build the agent and read the business schema now, so that the first question does not wait for them."""
        try:
            self.classic_agent()
            self.catalog.schema()
        except CituError as error:
            logger.warning("not warmed up: %s", error.error_type)

    def classic_agent(self) -> ClassicAgent:
        """The classic agent, built at the first question.

        Raises:
            ServiceUnavailableError: it cannot be built; only the routes that need it are affected.
        """
        try:
            return self._classic_agent
        except (ImportError, ConfigurationError) as error:
            logger.error("the classic agent cannot be built: %s", error)
            raise ServiceUnavailableError(messages.AGENT_UNAVAILABLE) from error

    @cached_property
    def ask(self) -> AskService:
        settings = self.settings
        limits = AskLimits(
            max_question_chars=settings.get("MAX_QUESTION_CHARS"),
            timeout_seconds=settings.get("REQUEST_TIMEOUT"),
            default_routing_mode=settings.get("QUESTION_ROUTING_MODE"),
        )
        return AskService(
            engine=self.classic_agent,
            conversations=self.conversations,
            limits=limits,
            cached=self._cached_answering() if settings.get("ENABLE_QUESTION_ANSWER_CACHE") else None,
        )

    def _cached_answering(self) -> CachedAnswering:
        redis = self.redis.commands
        return CachedAnswering(
            cache=QuestionAnswerCache(redis, ttl_seconds=self.settings.get("QUESTION_ANSWER_TTL")),
            flights=SingleFlight(redis),
            origin=self._answer_origin,
            expects_summary=self.settings.get("ENABLE_RESULT_SUMMARY"),
        )

    def _answer_origin(self, tenant: str) -> Mapping[str, Any]:
        """What an answer of now comes from besides the question; an answer of another origin is not found.

        Raises:
            ServiceUnavailableError: a part of it cannot be asked.
        """
        self.classic_agent()
        return {
            "training_revision": self.vector_store.revision(tenant),
            "schema": self.catalog.schema().fingerprint,
            "date": self.catalog.today().isoformat(),
            "brain": dict(self._brain.provenance),
            "settings": [self.settings.get(name) for name in ("API_MAX_RETURN_ROWS", "ENABLE_RESULT_SUMMARY")],
        }

    @cached_property
    def run_sql(self) -> RunSqlService:
        return RunSqlService(executor=self.executor)

    @cached_property
    def metrics(self) -> MetricsService:
        return MetricsService(
            serving_stats=lambda: self._serving_stats(), worker=str(os.getpid()), started_at=self._built_at
        )

    def _classify_by_rules(self, question: str) -> Classification:
        try:
            return self._rules.classify(question)
        except ConfigurationError as error:
            raise ServiceUnavailableError(messages.CLASSIFIER_UNAVAILABLE) from error

    @cached_property
    def agent_health(self) -> AgentHealthService:
        settings = self.settings
        test = HealthTest(
            question=settings.get("AGENT_HEALTH_TEST_QUESTION"),
            is_full=settings.get("AGENT_HEALTH_FULL_TEST"),
            timeout_seconds=settings.get("AGENT_HEALTH_TIMEOUT"),
        )
        return AgentHealthService(
            engine=self.classic_agent,
            classify=self._classify_by_rules,
            stores={
                "business_database": probes.business_probe(self.executor),
                "platform_database": probes.platform_probe(self.platform),
            },
            test=test,
        )

    @cached_property
    def health(self) -> HealthService:
        return HealthService(
            [
                Component("redis", probes.redis_probe(self.redis)),
                Component("platform_database", probes.platform_probe(self.platform)),
                Component("business_database", probes.business_probe(self.executor), is_vital=True),
                Component("business_rights", probes.ReaderRightsProbe(self.stores.business_url)),
                Component("original_agent", probes.agent_probe(self.classic_agent), is_vital=True),
            ]
        )


def build_container() -> Container:
    """The container of this process, with the settings read and logging set up; nothing is connected yet.

    Raises:
        ConfigurationError: a setting has a value the service cannot start with.
    """
    settings = app_config.default_service()
    initialize_logging(
        directory=app_config.project_path(settings.get("LOG_DIR")),
        level=settings.get("LOG_LEVEL"),
        is_json=settings.get("LOG_JSON"),
        secrets=settings.secret_values(),
    )
    return Container(settings)
