"""What every feature stands on: stores, model, agent. Each is built at its first use and closed in reverse order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from agent.classification.rules import RuleClassifier
from app_config import MEBIBYTE
from bootstrap import agents
from bootstrap.embeddings import build_embedder, build_embedding_cache
from bootstrap.model_client import build_meter, build_model
from bootstrap.preparation import prepare, split_names
from bootstrap.quotas import conversation_quota
from bootstrap.stores import Stores, connect_to_redis, find_stores
from common import messages
from common.answering import Brain
from common.config_service import ConfigService
from common.errors import ConfigurationError, ServiceUnavailableError
from common.redis_conversation_manager import RedisConversationManager
from core.async_bridge import configure as configure_bridge
from core.async_bridge import shutdown_blocking
from core.database import Database
from core.llm.client import LLMClient
from core.llm.embedding_cache import EmbeddingCache
from core.llm.metering import CallMeter
from core.llm.usage_store import UsageStore
from core.logging import get_app_logger
from core.process_snapshots import ProcessSnapshots
from core.prompt_values import PromptValues
from core.read_only_mode import ReadOnlyMode
from core.redis_client import RedisClient
from core.schema_catalog import SchemaCatalog
from core.sql_executor import ExecutionLimits, ReaderPool, SqlExecutor
from core.sql_guard import SqlGuard
from core.storage_quotas import ConversationQuota
from core.token_bucket import Limit, TokenBuckets
from core.vector_store.door import TrainingDoor
from core.vector_store.embedding import Embedder
from core.vector_store.question_reading import QuestionReader
from core.vector_store.review_rules import TrainedDataRules
from core.vector_store.store import VectorStore
from features.metrics.collector import MetricsCollector
from features.metrics.service import ServingStats
from web.access import Administrators
from web.exposure import bound_host
from web.rate_limits import RateLimits, build_rate_limits
from web.request_metrics import CountedMeter, build_snapshots
from web.training_trust import TrainingTrust, trust_mode

if TYPE_CHECKING:
    from agent.classic_agent import ClassicAgent

logger = get_app_logger("foundation")


class Foundation:
    """Everything a process of the service shares. Safe in any thread; `start` and `close` may be called twice."""

    def __init__(self, settings: ConfigService, *, stores: Stores | None = None) -> None:
        """Args: stores: where to connect; by default what the settings say, or the embedded servers."""
        self.settings = settings
        self._lock = threading.RLock()
        self._given_stores = stores
        self._stores: Stores | None = None
        self._is_starting = False
        self._is_started = False
        self._to_close: list[Callable[[], Any]] = []
        self._serving_stats: ServingStats = dict
        self._built_at = time.time()

    def start(self, progress: Callable[[str], None] = lambda _step: None) -> None:
        """Bring up what is missing: servers, tables, the reader role, demo data and training examples.

        Raises:
            ConfigurationError: something the service cannot start without is wrong, in one sentence.
            StoreUnavailableError: a database named in the settings cannot be reached.
        """
        if self._is_started:
            return
        with self._lock:
            if self._is_started or self._is_starting:  # what the preparation itself uses is there already
                return
            if self._stores is None:
                configure_bridge(max_workers=self.settings.get("BLOCKING_THREADS"))
                self._to_close.append(shutdown_blocking)
                self._stores = self._given_stores or find_stores(self.settings, progress)
            self._is_starting = True
            try:
                prepare(self.settings, self._stores, self.training_door, progress)
                self._is_started = True
            finally:
                self._is_starting = False

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

    def on_close(self, callback: Callable[[], Any]) -> None:
        """Have `callback` called when the process closes what it built, before what was built earlier is closed."""
        self._to_close.append(callback)

    def serve_through(self, stats: ServingStats) -> None:
        """Tell `/metrics` where the counters of the server in front are; a plain WSGI start has none."""
        self._serving_stats = stats

    @property
    def stores(self) -> Stores:
        """Addresses of the three stores; starts the container when nobody has."""
        self.start()
        assert self._stores is not None  # noqa: S101 - start() set it or raised
        return self._stores

    @property
    def platform(self) -> Database:
        self.start()  # first: it uses the database itself, and two threads must not build one each
        return self._platform

    @cached_property
    def _platform(self) -> Database:
        database = Database(
            self.stores.platform_url, pool_size=self.settings.get("DB_POOL_SIZE"), application_name="citu-platform"
        )
        self._to_close.append(database.dispose)
        return database

    @cached_property
    def administrators(self) -> Administrators:
        """Tells administrators from others; connects nothing."""
        settings = self.settings
        return Administrators(
            settings.get("ADMIN_TOKEN"), self._token_buckets, Limit.parse(settings.get("ADMIN_TOKEN_ATTEMPTS"))
        )

    @cached_property
    def rate_limits(self) -> RateLimits:
        """Counts requests; connects nothing."""
        return build_rate_limits(self.settings, self._token_buckets)

    @cached_property
    def _token_buckets(self) -> TokenBuckets:
        """Of this process alone until the container has started."""
        return TokenBuckets(lambda: self._redis.commands if self._is_started else None)

    @property
    def redis(self) -> RedisClient:
        """What must be kept: conversations, runs, locks."""
        self.start()  # as with the database
        return self._redis

    @cached_property
    def _redis(self) -> RedisClient:
        return connect_to_redis(self.settings, self.stores.redis_url, self.on_close)

    @cached_property
    def cache_redis(self) -> RedisClient:
        """What may be evicted; the same server unless the settings name one."""
        url = self.settings.get("REDIS_CACHE_URL")
        return connect_to_redis(self.settings, url, self.on_close) if url else self.redis

    @cached_property
    def conversation_quota(self) -> ConversationQuota:
        """Of conversations and threads together."""
        return conversation_quota(self.settings, self._token_buckets)

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
            is_read_only=lambda: self.read_only_mode.is_read_only(),
            admit=self.conversation_quota.admit,
        )

    @cached_property
    def embedding_cache(self) -> EmbeddingCache | None:
        return build_embedding_cache(self.settings, lambda: self.cache_redis.commands)

    @cached_property
    def embedder(self) -> Embedder:
        return build_embedder(self.settings, lambda: self._meter, self.embedding_cache, self.on_close)

    @cached_property
    def vector_store(self) -> VectorStore:
        return VectorStore(self.platform, self.embedder)

    @cached_property
    def training_door(self) -> TrainingDoor:
        """The one way into the training store."""
        rules = TrainedDataRules(self.platform, lambda: self.catalog.schema(), self.question_reader)
        return TrainingDoor(self.vector_store, rules)

    @cached_property
    def question_reader(self) -> QuestionReader:
        """Tells which questions are the same and which words are known; reads its language data at the first use."""
        from offline.question_reading import OfflineQuestionReader

        return OfflineQuestionReader()

    @cached_property
    def prompt_values(self) -> PromptValues:
        """Which columns' stored values may be shown to an external model."""
        return PromptValues(self.settings.get("PROMPT_VALUE_COLUMNS"))

    def shown_to_the_model(self) -> list[str]:
        """Columns whose stored values may be part of prompts; none without an external model."""
        return [] if self.model is None else self.prompt_values.shown_columns(self.catalog.schema())

    @cached_property
    def training_trust(self) -> TrainingTrust:
        mode = trust_mode(self.settings.get("TRAINING_TRUST"), bound_host(self.settings))
        return TrainingTrust(mode, self.administrators)

    @cached_property
    def _reader_pool(self) -> ReaderPool:
        settings = self.settings
        pool = ReaderPool(
            self.stores.business_url,
            size=settings.get("BUSINESS_POOL_SIZE"),
            per_caller=settings.get("BUSINESS_POOL_SHARE"),
            queue=settings.get("BUSINESS_POOL_QUEUE"),
            backend_memory_bytes=settings.get("SQL_BACKEND_MEMORY") * MEBIBYTE,
        )
        self._to_close.append(pool.close)
        return pool

    @cached_property
    def catalog(self) -> SchemaCatalog:
        return SchemaCatalog(
            pool=self._reader_pool,
            schemas=split_names(self.settings.get("BUSINESS_SCHEMAS")),
            ttl_seconds=self.settings.get("SCHEMA_CACHE_SECONDS"),
            denied_columns=split_names(self.settings.get("SQL_DENIED_COLUMNS")),
            user_functions=split_names(self.settings.get("SQL_ALLOWED_FUNCTIONS")),
        )

    @cached_property
    def executor(self) -> SqlExecutor:
        return self.executor_for("API_MAX_RETURN_ROWS")

    def executor_for(self, row_cap: str) -> SqlExecutor:
        settings = self.settings
        guard = SqlGuard(self.catalog.guard_policy)
        limits = ExecutionLimits(
            row_cap=settings.get(row_cap),
            byte_cap=settings.get("SQL_MAX_BYTES"),
            statement_timeout_seconds=settings.get("SQL_STATEMENT_TIMEOUT"),
            wall_clock_seconds=settings.get("SQL_WALL_CLOCK"),
            cost_ceiling=settings.get("SQL_COST_CEILING"),
        )
        return SqlExecutor(pool=self._reader_pool, guard=guard, limits=limits)

    @cached_property
    def usage_store(self) -> UsageStore:
        return UsageStore(self.platform)

    @cached_property
    def _meter(self) -> CallMeter:
        return CountedMeter(build_meter(self.settings, self.usage_store, self.on_close), self.collector)

    @cached_property
    def brain(self) -> Brain:
        return agents.build_brain(self.settings, self.model, self.prompt_values)

    @cached_property
    def model(self) -> LLMClient | None:
        return build_model(self.settings, lambda: self._meter, self.on_close)

    @cached_property
    def rules(self) -> RuleClassifier:
        return agents.build_rules(self.settings)

    @cached_property
    def _classic_agent(self) -> ClassicAgent:
        return agents.build_classic_agent(
            self.settings,
            brain=self.brain,
            rules=self.rules,
            store=self.vector_store,
            catalog=self.catalog,
            executor=self.executor,
            reader=self.question_reader,
            on_unproven=self.collector.record_unproven_answer,
            has_model=self.model is not None,
        )

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
    def read_only_mode(self) -> ReadOnlyMode:
        return ReadOnlyMode(database=self.platform, redis=self.redis.commands)

    @cached_property
    def collector(self) -> MetricsCollector:
        return MetricsCollector()

    @cached_property
    def snapshots(self) -> ProcessSnapshots:
        return build_snapshots(self.settings, self.collector, lambda: self._serving_stats(), self._built_at)

    def share_figures(self) -> None:
        """Let the other processes of the service speak for this one, too; called where requests are served."""
        self.snapshots.start()
        self._to_close.append(self.snapshots.close)
