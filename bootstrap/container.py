"""The one wiring place: the services of every feature, each built at its first use on the shared foundation."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

import app_config
from bootstrap import agents, redis_roles
from bootstrap.caches import build_answer_cache, build_direct_ask, build_session_cache
from bootstrap.compatibility import compatibility_map
from bootstrap.database_tools import build_database_tools, build_pipeline_tables, build_vector_backup
from bootstrap.foundation import Foundation
from bootstrap.health_checks import EmbeddingProbe, build_agent_health, build_health
from bootstrap.pipeline import Pipelines, build_pipelines
from bootstrap.runs import Runs, build_runs
from bootstrap.training import build_training
from common import messages
from common.answering import Classification
from common.errors import CituError, ConfigurationError, ServiceUnavailableError
from common.question_answer_cache import QuestionAnswerCache
from core.logging import get_app_logger, initialize_logging
from core.single_flight import SingleFlight
from core.vector_store.reembedding import Reembedding
from features.ask.answering import CachedAnswering
from features.ask.direct.service import DirectAskService
from features.ask.service import AskLimits, AskService
from features.caches.service import CachesService
from features.caches.session_cache import SessionCache
from features.compatibility.service import CompatibilityService
from features.conversations.limits import Limits
from features.conversations.repository import ConversationRepository
from features.conversations.service import ConversationService
from features.database_tools.service import DatabaseToolsService
from features.feedback.service import FeedbackService
from features.health.agent.service import AgentHealthService
from features.health.service import HealthService
from features.maintenance.service import MaintenanceService
from features.metrics.service import MetricsService
from features.run_sql.service import RunSqlService
from features.runs.engines import RunEngine, classic_engine
from features.runs.service import RunService
from features.runs.streams.service import StreamService
from features.training_data.services import TrainingServices
from features.usage.service import UsageService
from features.vector_backup.service import VectorBackupService

if TYPE_CHECKING:
    from bootstrap.pipeline_tasks import PipelineTasks
    from bootstrap.react import React
    from core.runs.turns import EarlierRuns
    from features.react.chat.service import ChatService
    from features.react.standalone.service import StandaloneReactService
    from react_agent.async_resources import AsyncResourceManager

logger = get_app_logger("container")


class Container(Foundation):
    """The features' services on their shared foundation; what routes and other entries ask for things."""

    def close(self, *, wait_seconds: float = 0) -> None:
        """See `Foundation.close`; runs end first, for they use everything else."""
        if "_runs" in self.__dict__:
            self._runs.keeper.close()
        super().close(wait_seconds=wait_seconds)

    def begin_shutdown(self) -> None:
        """A stop was asked for: runs end soon, so that their streams can tell it."""
        if "_runs" in self.__dict__:
            self._runs.keeper.begin_shutdown()

    @cached_property
    def conversation_service(self) -> ConversationService:
        settings = self.settings
        return ConversationService(
            repository=ConversationRepository(self.redis.commands, caches=self.cache_redis.commands),
            manager=self.conversations,
            limits=Limits(settings.get("USER_MAX_CONVERSATIONS"), settings.get("CONVERSATION_MAX_LENGTH")),
            context_rounds=settings.get("CONVERSATION_CONTEXT_COUNT"),
        )

    @cached_property
    def usage(self) -> UsageService:
        return UsageService(
            database=self.platform,
            spent_today=self._usage_store.spent_today,
            daily_budget=self.settings.get("LLM_DAILY_TOKEN_BUDGET"),
        )

    @cached_property
    def pipelines(self) -> Pipelines:
        return build_pipelines(
            self.settings,
            business_url=lambda: self.stores.business_url,
            model=self._model,
            door=self.training_door,
            store=self.vector_store,
            platform=self.platform,
            vector_tables=build_pipeline_tables(
                self.settings, platform_url=lambda: self.stores.platform_url, embedder=lambda: self._embedder
            ),
        )

    @cached_property
    def pipeline_tasks(self) -> PipelineTasks:
        """Loaded at its first use, so that an entry starts although the queue's library does not load."""
        from bootstrap.pipeline_tasks import build_pipeline_tasks

        return build_pipeline_tasks(
            self.settings,
            platform=self.platform,
            redis_url=self.stores.redis_url,
            business_url=lambda: self.stores.business_url,
            mode=self.read_only_mode,
            trust=self.training_trust,
            on_close=self._to_close.append,
            require_admin=self.administrators.demand,
        )

    @cached_property
    def database_tools(self) -> DatabaseToolsService:
        return build_database_tools(
            self.settings, business_url=lambda: self.stores.business_url, model=lambda: self._model
        )

    @cached_property
    def vector_backup(self) -> VectorBackupService:
        return build_vector_backup(
            self.settings,
            platform_url=lambda: self.stores.platform_url,
            platform=lambda: self.platform,
            embedder=self._embedder,
        )

    @cached_property
    def react(self) -> React:
        """Loaded at its first use, so that an entry that has no such agent does not need it to start."""
        from bootstrap.react import React, ReactNeeds

        needs = ReactNeeds(
            platform=lambda: self.platform,
            platform_url=lambda: self.stores.platform_url,
            redis=lambda: self.redis.commands,
            redis_url=lambda: self.stores.redis_url,
            model=lambda: self._model,
            brain=lambda: self._brain,
            retrieval=lambda: agents.build_retrieval(self.settings, self.vector_store, self.catalog),
            catalog=lambda: self.catalog,
            executor=lambda: self._executor_for("REACT_MAX_ROWS"),
            is_read_only=lambda: self.read_only_mode.is_read_only(),
            earlier_runs=self._earlier_runs.ended,
        )
        return React(self.settings, needs, self._to_close.append)

    @cached_property
    def _earlier_runs(self) -> EarlierRuns:
        from core.runs.turns import EarlierRuns

        return EarlierRuns(lambda: self.redis.commands)

    @cached_property
    def chat_resources(self) -> AsyncResourceManager:
        from bootstrap.react_chat import build_resources

        return build_resources(
            self.settings,
            react=self.react,
            redis=lambda: self.redis,
            executor=lambda: self._executor_for("REACT_MAX_ROWS"),
            platform=lambda: self.platform,
        )

    @cached_property
    def chat(self) -> ChatService:
        from bootstrap.react_chat import build_chat

        return build_chat(self.settings, self.chat_resources, self._earlier_runs.ended)

    @cached_property
    def standalone_react(self) -> StandaloneReactService:
        from features.react.standalone.service import StandaloneReactService

        return StandaloneReactService(ask=self.react.ask, threads=self.react.threads)

    def load_agent(self) -> None:
        """Build the classic agent now, so that the first question does not wait for it."""
        with suppress(CituError):  # it is logged, and said to whoever asks
            self.classic_agent()

    def warm_up(self) -> None:
        """Build the agent and read the business schema now, so that the first question does not wait for them."""
        self.share_figures()
        redis_roles.warn_of_eviction(self.redis)
        try:
            self.classic_agent()
            self.catalog.schema()
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
            engine=self.classic_agent,
            conversations=self.conversations,
            limits=limits,
            cached=self._cached_answering if settings.get("ENABLE_QUESTION_ANSWER_CACHE") else None,
        )

    @cached_property
    def _runs(self) -> Runs:
        engines = {"classic": lambda: classic_engine(self.ask), "react": self._react_engine}
        redis, url = self.redis.commands, self.stores.redis_url
        return build_runs(self.settings, redis=redis, redis_url=url, engines=engines, on_close=self._to_close.append)

    def _react_engine(self) -> RunEngine:
        from features.runs.react_engine import react_engine

        return react_engine(self.react.ask)

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
            engine=self.classic_agent,
            conversations=self.conversations,
            cached=self._cached_answering,
            sessions=self.session_cache,
            door=lambda: self.training_door,
            trust=self.training_trust,
        )

    @cached_property
    def session_cache(self) -> SessionCache:
        return build_session_cache(self.settings)

    @cached_property
    def answer_cache(self) -> QuestionAnswerCache:
        return build_answer_cache(self.settings, self.cache_redis.commands, lambda: self.read_only_mode.is_read_only())

    @cached_property
    def caches(self) -> CachesService:
        return CachesService(
            embeddings=self.embedding_cache,
            answers=self.answer_cache,
            answers_are_used=self.settings.get("ENABLE_QUESTION_ANSWER_CACHE"),
            sessions=self.session_cache,
            conversation_stats=self.conversation_service.figures,
        )

    @cached_property
    def _cached_answering(self) -> CachedAnswering:
        return CachedAnswering(
            cache=self.answer_cache,
            flights=SingleFlight(self.redis.commands),
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
            "classifier": self._rules.version,
            "embedding": [self._embedder.model_name, self._embedder.dimension],
            "settings": [self.settings.get(name) for name in ("API_MAX_RETURN_ROWS", "ENABLE_RESULT_SUMMARY")],
        }

    @cached_property
    def maintenance(self) -> MaintenanceService:
        return MaintenanceService(mode=self.read_only_mode)

    @cached_property
    def feedback(self) -> FeedbackService:
        return FeedbackService(database=self.platform, door=self.training_door)

    @cached_property
    def training(self) -> TrainingServices:
        return build_training(
            self.settings,
            database=self.platform,
            door=self.training_door,
            trust=self.training_trust,
            brain=lambda: self._brain,
            executor=lambda: self.executor,
            require_admin=self.administrators.demand,
        )

    @cached_property
    def run_sql(self) -> RunSqlService:
        return RunSqlService(executor=self.executor)

    @cached_property
    def compatibility(self) -> CompatibilityService:
        from web.route_table import ROUTES

        return CompatibilityService(compatibility_map=compatibility_map(ROUTES))

    @cached_property
    def metrics(self) -> MetricsService:
        return MetricsService(snapshots=self._snapshots.read)

    def classify_by_rules(self, question: str) -> Classification:
        try:
            return self._rules.classify(question)
        except ConfigurationError as error:
            raise ServiceUnavailableError(messages.CLASSIFIER_UNAVAILABLE) from error

    @cached_property
    def embedding_probe(self) -> EmbeddingProbe:
        return EmbeddingProbe(self._embedder)

    @cached_property
    def agent_health(self) -> AgentHealthService:
        return build_agent_health(self)

    @cached_property
    def health(self) -> HealthService:
        return build_health(self)

    @cached_property
    def reembedding(self) -> Reembedding:
        return Reembedding(database=self.platform, embedder=self._embedder)


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
