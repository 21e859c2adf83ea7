"""The one wiring place: the services of every feature, each built at its first use on the process's foundation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

import app_config
from bootstrap import agents
from bootstrap.caches import build_answer_cache, build_direct_ask, build_session_cache
from bootstrap.database_tools import build_database_tools, build_pipeline_tables, build_vector_backup
from bootstrap.foundation import Foundation
from bootstrap.health_checks import build_agent_health, build_health
from bootstrap.open_files import open_file_warning
from bootstrap.pipeline import Pipelines, build_pipelines
from bootstrap.runs import Runs, build_runs
from bootstrap.stores import Stores, warn_of_eviction
from bootstrap.training import build_training
from common import messages
from common.answering import Classification, PreparesSchema
from common.config_service import ConfigService
from common.errors import CituError, ConfigurationError, ServiceUnavailableError
from common.question_answer_cache import QuestionAnswerCache
from core.logging import get_app_logger, initialize_logging
from core.read_only_mode import ReadOnlyMode
from core.runs.keeper import RunKeeper
from core.single_flight import SingleFlight
from core.vector_store.reembedding import Reembedding
from features.ask.answering import CachedAnswering
from features.ask.direct.service import DirectAskService
from features.ask.service import AskLimits, AskService
from features.caches.service import CachesService
from features.caches.session_cache import SessionCache
from features.compatibility.compatibility_map import compatibility_map
from features.compatibility.service import CompatibilityService
from features.conversations.limits import Limits
from features.conversations.repository import ConversationRepository
from features.conversations.service import ConversationService
from features.database_tools.service import DatabaseToolsService
from features.feedback.service import FeedbackService
from features.health.agent.service import AgentHealthService
from features.health.sampled_probes import EmbeddingProbe
from features.health.service import HealthService
from features.maintenance.service import MaintenanceService
from features.metrics.collector import MetricsCollector
from features.metrics.service import MetricsService, ServingStats
from features.run_sql.service import RunSqlService
from features.runs.engines import RunEngine, classic_engine
from features.runs.service import RunService
from features.runs.streams.service import StreamService
from features.training_data.bundle import TrainingServices
from features.usage.service import UsageService
from features.vector_backup.service import VectorBackupService
from web.access import Administrators
from web.rate_limits import RateLimits
from web.training_trust import TrainingTrust

if TYPE_CHECKING:
    from bootstrap.pipeline_tasks import PipelineTasks
    from bootstrap.react import React
    from core.runs.turns import EarlierRuns
    from features.evaluation.service import EvaluationService
    from features.react.chat.service import ChatService
    from features.react.standalone.service import StandaloneReactService
    from react_agent.async_resources import AsyncResourceManager

logger = get_app_logger("container")


class Container:
    """The features' services on the process's foundation; what routes and other entries ask for things."""

    def __init__(self, settings: ConfigService, *, stores: Stores | None = None) -> None:
        """Args: stores: where to connect; by default what the settings say, or the embedded servers."""
        self.settings = settings
        self.shared = Foundation(settings, stores=stores)
        self._keepers: list[RunKeeper] = []
        self._has_react_answered: Callable[[], bool] = lambda: False

    def start(self, progress: Callable[[str], None] = lambda _step: None) -> None:
        """See `Foundation.start`."""
        self.shared.start(progress)

    def close(self, *, wait_seconds: float = 0) -> None:
        """See `Foundation.close`; runs end first, for they use everything else."""
        for keeper in self._keepers:
            keeper.close()
        self.shared.close(wait_seconds=wait_seconds)

    def begin_shutdown(self) -> None:
        """The service is stopping: ends the runs soon, so that their streams can send a last event."""
        for keeper in self._keepers:
            keeper.begin_shutdown()

    def serve_through(self, stats: ServingStats) -> None:
        """See `Foundation.serve_through`."""
        self.shared.serve_through(stats)

    def share_figures(self) -> None:
        """See `Foundation.share_figures`."""
        self.shared.share_figures()

    @property
    def collector(self) -> MetricsCollector:
        return self.shared.collector

    @property
    def read_only_mode(self) -> ReadOnlyMode:
        return self.shared.read_only_mode

    @property
    def administrators(self) -> Administrators:
        return self.shared.administrators

    @property
    def rate_limits(self) -> RateLimits:
        return self.shared.rate_limits

    @property
    def training_trust(self) -> TrainingTrust:
        return self.shared.training_trust

    @cached_property
    def conversation_service(self) -> ConversationService:
        settings = self.settings
        return ConversationService(
            repository=ConversationRepository(self.shared.redis.commands, caches=self.shared.cache_redis.commands),
            manager=self.shared.conversations,
            limits=Limits(settings.get("USER_MAX_CONVERSATIONS"), settings.get("CONVERSATION_MAX_LENGTH")),
            context_rounds=settings.get("CONVERSATION_CONTEXT_COUNT"),
        )

    @cached_property
    def usage(self) -> UsageService:
        return UsageService(
            database=self.shared.platform,
            spent_today=self.shared.usage_store.spent_today,
            daily_budget=self.settings.get("LLM_DAILY_TOKEN_BUDGET"),
        )

    @cached_property
    def pipelines(self) -> Pipelines:
        return build_pipelines(
            self.settings,
            business_url=lambda: self.shared.stores.business_url,
            model=self.shared.model,
            door=self.shared.training_door,
            store=self.shared.vector_store,
            platform=self.shared.platform,
            vector_tables=build_pipeline_tables(
                self.settings,
                platform_url=lambda: self.shared.stores.platform_url,
                embedder=lambda: self.shared.embedder,
            ),
        )

    @cached_property
    def pipeline_tasks(self) -> PipelineTasks:
        """Loaded at its first use, so that an entry starts although the queue's library does not load."""
        from bootstrap.pipeline_tasks import build_pipeline_tasks

        return build_pipeline_tasks(
            self.settings,
            platform=self.shared.platform,
            redis_url=self.shared.stores.redis_url,
            business_url=lambda: self.shared.stores.business_url,
            mode=self.read_only_mode,
            trust=self.training_trust,
            on_close=self.shared.on_close,
            require_admin=self.administrators.demand,
        )

    @cached_property
    def database_tools(self) -> DatabaseToolsService:
        return build_database_tools(
            self.settings, business_url=lambda: self.shared.stores.business_url, model=lambda: self.shared.model
        )

    @cached_property
    def vector_backup(self) -> VectorBackupService:
        return build_vector_backup(
            self.settings,
            platform_url=lambda: self.shared.stores.platform_url,
            platform=lambda: self.shared.platform,
            embedder=self.shared.embedder,
        )

    @cached_property
    def react(self) -> React:
        """Loaded at its first use, so that an entry that has no such agent does not need it to start."""
        from bootstrap.react import React, ReactNeeds

        needs = ReactNeeds(
            platform=lambda: self.shared.platform,
            platform_url=lambda: self.shared.stores.platform_url,
            redis=lambda: self.shared.redis.commands,
            redis_url=lambda: self.shared.stores.redis_url,
            model=lambda: self.shared.model,
            brain=lambda: self.shared.brain,
            retrieval=lambda: agents.build_retrieval(
                self.settings, self.shared.vector_store, self.shared.catalog, self.shared.question_reader
            ),
            catalog=lambda: self.shared.catalog,
            prompt_values=lambda: self.shared.prompt_values,
            executor=lambda: self.shared.executor_for("REACT_MAX_ROWS"),
            is_read_only=lambda: self.read_only_mode.is_read_only(),
            earlier_runs=self._earlier_runs.ended,
            admit=self.shared.conversation_quota.admit,
            on_unproven=self.collector.record_unproven_answer,
        )
        react = React(self.settings, needs, self.shared.on_close)
        self._has_react_answered = lambda: react.has_answered
        return react

    @cached_property
    def _earlier_runs(self) -> EarlierRuns:
        from core.runs.turns import EarlierRuns

        return EarlierRuns(lambda: self.shared.redis.commands)

    @cached_property
    def chat_resources(self) -> AsyncResourceManager:
        from bootstrap.react import build_chat_resources

        return build_chat_resources(
            self.settings,
            react=self.react,
            redis=lambda: self.shared.redis,
            executor=lambda: self.shared.executor_for("REACT_MAX_ROWS"),
            platform=lambda: self.shared.platform,
        )

    @cached_property
    def chat(self) -> ChatService:
        from bootstrap.react import build_chat

        redis = lambda: self.shared.redis.commands  # noqa: E731 - asked for at each use
        return build_chat(self.settings, self.chat_resources, self._earlier_runs.ended, redis)

    @cached_property
    def standalone_react(self) -> StandaloneReactService:
        from features.react.standalone.service import StandaloneReactService

        return StandaloneReactService(ask=self.react.ask, threads=self.react.threads)

    def load_agent(self) -> None:
        """Build the classic agent now, so that the first question does not wait for it."""
        with suppress(CituError):  # it is logged, and said to whoever asks
            self.shared.classic_agent()

    def warm_up(self) -> None:
        """Build the agent and read the business schema now, so that the first question does not wait for them."""
        self.share_figures()
        warn_of_eviction(self.shared.redis)
        try:
            self.shared.classic_agent()
            schema = self.shared.catalog.schema()
            if isinstance(brain := self.shared.brain, PreparesSchema):
                brain.prepare(schema)
            self._runs.keeper.start()
        except CituError as error:
            logger.warning("not warmed up: %s", error.error_type)

    @cached_property
    def ask(self) -> AskService:
        settings = self.settings
        limits = AskLimits(
            max_question_chars=settings.get("MAX_QUESTION_CHARS"),
            timeout_seconds=settings.get("REQUEST_TIMEOUT"),
            default_routing_mode=settings.get("QUESTION_ROUTING_MODE"),
        )
        return AskService(
            engine=self.shared.classic_agent,
            conversations=self.shared.conversations,
            limits=limits,
            cached=self._cached_answering if settings.get("ENABLE_QUESTION_ANSWER_CACHE") else None,
        )

    @cached_property
    def _runs(self) -> Runs:
        engines = {"classic": lambda: classic_engine(self.ask), "react": self._react_engine}
        redis, url = self.shared.redis.commands, self.shared.stores.redis_url
        runs = build_runs(self.settings, redis=redis, redis_url=url, engines=engines, on_close=self.shared.on_close)
        self._keepers.append(runs.keeper)
        return runs

    def _react_engine(self) -> RunEngine:
        from features.runs.react_engine import react_engine

        return react_engine(self.react.ask)

    @cached_property
    def evaluation(self) -> EvaluationService:
        """Loaded at its first use: few ask for it."""
        from bootstrap.evaluation import build_evaluation

        return build_evaluation(
            self.settings, engine=self.shared.classic_agent, executor=lambda: self.shared.executor, runs=self._runs
        )

    @property
    def runs(self) -> RunService:
        return self._runs.service

    @property
    def streams(self) -> StreamService:
        return self._runs.streams

    @cached_property
    def direct_ask(self) -> DirectAskService:
        return build_direct_ask(
            self.settings,
            engine=self.shared.classic_agent,
            conversations=self.shared.conversations,
            cached=self._cached_answering,
            sessions=self.session_cache,
            door=lambda: self.shared.training_door,
            trust=self.training_trust,
        )

    @cached_property
    def session_cache(self) -> SessionCache:
        return build_session_cache(self.settings)

    @cached_property
    def answer_cache(self) -> QuestionAnswerCache:
        return build_answer_cache(
            self.settings, self.shared.cache_redis.commands, lambda: self.read_only_mode.is_read_only()
        )

    @cached_property
    def caches(self) -> CachesService:
        return CachesService(
            embeddings=self.shared.embedding_cache,
            answers=self.answer_cache,
            answers_are_used=self.settings.get("ENABLE_QUESTION_ANSWER_CACHE"),
            sessions=self.session_cache,
            conversation_stats=self.conversation_service.figures,
        )

    @cached_property
    def _cached_answering(self) -> CachedAnswering:
        return CachedAnswering(
            cache=self.answer_cache,
            flights=SingleFlight(self.shared.redis.commands),
            origin=self._answer_origin,
            expects_summary=self.settings.get("ENABLE_RESULT_SUMMARY"),
        )

    def _answer_origin(self, tenant: str) -> Mapping[str, Any]:
        """What an answer of now comes from besides the question; an answer of another origin is not found.

        Raises:
            ServiceUnavailableError: a part of it cannot be asked.
        """
        self.shared.classic_agent()
        return {
            "training_revision": self.shared.vector_store.revision(tenant),
            "schema": self.shared.catalog.schema().fingerprint,
            "date": self.shared.catalog.today().isoformat(),
            "brain": dict(self.shared.brain.provenance),
            "classifier": self.shared.rules.version,
            "embedding": [self.shared.embedder.model_name, self.shared.embedder.dimension],
            "settings": [self.settings.get(name) for name in ("API_MAX_RETURN_ROWS", "ENABLE_RESULT_SUMMARY")],
        }

    @cached_property
    def maintenance(self) -> MaintenanceService:
        return MaintenanceService(mode=self.read_only_mode)

    @cached_property
    def feedback(self) -> FeedbackService:
        return FeedbackService(database=self.shared.platform, door=self.shared.training_door)

    @cached_property
    def training(self) -> TrainingServices:
        return build_training(
            self.settings,
            database=self.shared.platform,
            door=self.shared.training_door,
            trust=self.training_trust,
            brain=lambda: self.shared.brain,
            executor=lambda: self.shared.executor,
            require_admin=self.administrators.demand,
            charge=self.rate_limits.charge_questions,
        )

    @cached_property
    def run_sql(self) -> RunSqlService:
        return RunSqlService(executor=self.shared.executor)

    @cached_property
    def compatibility(self) -> CompatibilityService:
        from web.route_table import ROUTES

        return CompatibilityService(compatibility_map=compatibility_map(ROUTES))

    @cached_property
    def metrics(self) -> MetricsService:
        return MetricsService(snapshots=self.shared.snapshots.read)

    def classify_by_rules(self, question: str) -> Classification:
        try:
            return self.shared.rules.classify(question)
        except ConfigurationError as error:
            raise ServiceUnavailableError(messages.CLASSIFIER_UNAVAILABLE) from error

    @cached_property
    def embedding_probe(self) -> EmbeddingProbe:
        return EmbeddingProbe(self.shared.embedder)

    @cached_property
    def agent_health(self) -> AgentHealthService:
        return build_agent_health(self.shared, classify=self.classify_by_rules, embedding=self.embedding_probe)

    @cached_property
    def health(self) -> HealthService:
        return build_health(
            self.shared,
            embedding=self.embedding_probe,
            react=lambda: self.react,
            has_react_answered=lambda: self._has_react_answered(),
        )

    @cached_property
    def reembedding(self) -> Reembedding:
        return Reembedding(database=self.shared.platform, embedder=self.shared.embedder)


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
    if warning := open_file_warning(app_config.ROOT / ".env"):
        logger.warning(warning)
    return Container(settings)
