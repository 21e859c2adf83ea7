"""Builds the ReAct agent and what its routes need, each part at its first use; a part that fails takes only those down.

The checkpoint store is chosen once: Redis when it has RediSearch and RedisJSON, else PostgreSQL; the choice is logged.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from agent.retrieval import Retrieval
from common.answering import Brain, Question, SqlRequest
from common.business_schema import BusinessSchema
from common.config_service import ConfigService
from common.errors import CituError, ConfigurationError, ServiceUnavailableError, StoreUnavailableError
from common.messages import react as texts
from core.async_bridge import run_blocking
from core.database import Database
from core.llm.client import LLMClient
from core.prompt_values import PromptValues
from core.redis_client import RedisClient, connect_redis
from core.schema_catalog import SchemaCatalog
from core.sql_executor import SqlExecutor
from features.react.chat.service import ChatService
from features.react.checkpoints import CheckpointsService
from features.react.service import AskReactService, EarlierRuns
from features.react.threads import ThreadsService
from react_agent.agent import CheckpointStore, CustomReactAgent, ReactLimits
from react_agent.async_agent import AsyncAgentConfig, AsyncReactAgent
from react_agent.async_redis_api import AsyncRedisAPI
from react_agent.async_resources import AsyncResourceManager
from react_agent.async_sql_tools import AsyncSQLTools
from react_agent.logger import get_react_agent_logger
from react_agent.nodes import ReactNodes, TrimLimits
from react_agent.sql_tools import GenerateSql, RunSql, ValidSql
from react_agent.thinking import Thinker
from react_agent.thread_ids import NewThreadIds
from react_agent.thread_turns import ThreadTurns
from react_agent.tools.earlier_conversations import EarlierConversations
from react_agent.tools.previous_result import PreviousResult
from react_agent.tools.schema_tools import DescribeTable, DistinctValues, ListTables, SampleValues
from react_agent.tools.toolbox import Toolbox

logger = get_react_agent_logger("Bootstrap")
OnClose = Callable[[Callable[[], Any]], None]
STORE_TIMEOUT_SECONDS = 2.0


@dataclass(frozen=True)
class ReactNeeds:
    """Shared collaborators, each asked for when it is first needed."""

    platform: Callable[[], Database]
    platform_url: Callable[[], str]
    redis: Callable[[], Redis]
    redis_url: Callable[[], str]
    model: Callable[[], LLMClient | None]
    brain: Callable[[], Brain]
    retrieval: Callable[[], Retrieval]
    catalog: Callable[[], SchemaCatalog]
    prompt_values: Callable[[], PromptValues]
    executor: Callable[[], SqlExecutor]
    is_read_only: Callable[[], bool]
    earlier_runs: EarlierRuns
    admit: Callable[[str, str], None]
    on_unproven: Callable[[str], None]


class React:
    """Everything of the ReAct agent that a process has one of. Safe in any thread."""

    def __init__(self, settings: ConfigService, needs: ReactNeeds, on_close: OnClose) -> None:
        self._settings = settings
        self._needs = needs
        self._on_close = on_close
        self._lock = threading.RLock()
        self._checkpoints: CheckpointStore | None = None
        self._agent: CustomReactAgent | None = None
        self._is_asked = False

    def agent(self) -> CustomReactAgent:
        """The agent, built at the first question.

        Raises:
            ServiceUnavailableError: it cannot be built now; the next question tries again.
        """
        self._is_asked = True
        return self._built_agent()

    def _built_agent(self) -> CustomReactAgent:
        with self._lock:
            if self._agent is None:
                try:
                    self._agent = self._build_agent()
                except (ImportError, ConfigurationError) as error:
                    logger.error("the ReAct agent cannot be built: %s", error)
                    raise ServiceUnavailableError(texts.AGENT_NOT_READY) from error
            return self._agent

    def checkpoints(self) -> CheckpointStore:
        """Where threads are remembered, with its tables in place.

        Raises:
            StoreUnavailableError: the store cannot be reached; the next call tries again.
        """
        with self._lock:
            if self._checkpoints is None:
                self._checkpoints = self._open_checkpoints()
            return self._checkpoints

    @property
    def has_answered(self) -> bool:
        """Whether somebody has asked yet; a look at the health is no question."""
        return self._is_asked and self._agent is not None

    @cached_property
    def ask(self) -> AskReactService:
        return AskReactService(
            engine=self.agent,
            timeout_seconds=self._settings.get("REQUEST_TIMEOUT"),
            default_user_id=self._settings.get("REACT_DEFAULT_USER_ID"),
            earlier_runs=self._needs.earlier_runs,
            new_thread=NewThreadIds(self._needs.redis).new,
        )

    @cached_property
    def threads(self) -> ThreadsService:
        return ThreadsService(records=self.checkpoints)

    @cached_property
    def upkeep(self) -> CheckpointsService:
        return CheckpointsService(
            records=self.checkpoints, default_keep_count=self._settings.get("CHECKPOINT_KEEP_COUNT")
        )

    def agent_probe(self) -> str | None:
        """For `/health`: building the agent is the test."""
        try:
            self._built_agent()
        except CituError:
            return texts.COMPONENT_REACT_LOST
        return None

    def checkpoints_probe(self) -> str | None:
        """For `/health`: whether the store answers."""
        try:
            store = self.checkpoints()
        except CituError:
            return texts.COMPONENT_CHECKPOINTS_LOST.format(store=self._settings.get("REACT_CHECKPOINTS"))
        return None if store.is_available() else texts.COMPONENT_CHECKPOINTS_LOST.format(store=store.store)

    def store_name(self) -> str:
        """`postgresql` or `redis`."""
        return self.checkpoints().store

    def _build_agent(self) -> CustomReactAgent:
        settings, needs = self._settings, self._needs
        trim = TrimLimits(
            is_enabled=settings.get("MESSAGE_TRIM_ENABLED"),
            count=settings.get("MESSAGE_TRIM_COUNT"),
            search_limit=settings.get("MESSAGE_TRIM_SEARCH_LIMIT"),
        )
        limits = ReactLimits(
            recursion_limit=settings.get("REACT_RECURSION_LIMIT"),
            checkpoints_per_thread=settings.get("REACT_CHECKPOINTS_PER_THREAD"),
            ttl_seconds=settings.get("REACT_CHECKPOINT_TTL"),
            logged_characters=settings.get("REACT_MAX_LOG_LENGTH"),
            is_debugging=settings.get("REACT_DEBUG_MODE"),
            default_user_id=settings.get("REACT_DEFAULT_USER_ID"),
        )
        return CustomReactAgent(
            nodes=ReactNodes(
                thinker=self._thinker(), toolbox=self._toolbox(), trim=trim, on_unproven=needs.on_unproven
            ),
            checkpoints=self.checkpoints(),
            turns=ThreadTurns(needs.redis(), lease_seconds=settings.get("REACT_TURN_LEASE_SECONDS")),
            limits=limits,
            is_read_only=needs.is_read_only,
            admit=needs.admit,
        )

    def _thinker(self) -> Thinker:
        model = self._needs.model()
        if model is None:
            from react_agent.offline_thinker import OfflineThinker

            return OfflineThinker(brain=self._needs.brain(), schema=self._schema)
        if self._settings.get("REACT_TOOL_PROTOCOL") == "text":
            from react_agent.text_thinker import TextThinker

            return TextThinker(client=model, schema=self._schema)
        from react_agent.model_thinker import ModelThinker

        return ModelThinker(client=model, schema=self._schema)

    def _toolbox(self) -> Toolbox:
        needs, executor = self._needs, self._needs.executor()
        catalog = needs.catalog()
        shared_user = self._settings.get("REACT_DEFAULT_USER_ID")
        values = needs.prompt_values() if needs.model() is not None else None
        memory = [EarlierConversations(records=self.checkpoints, shared_user=shared_user)]
        return Toolbox(
            [
                GenerateSql(brain=needs.brain(), collect=self._collect, executor=executor),
                ValidSql(executor=executor),
                RunSql(executor=executor),
                PreviousResult(),
                ListTables(catalog=catalog),
                DescribeTable(catalog=catalog),
                SampleValues(catalog=catalog, executor=executor, values=values),
                DistinctValues(catalog=catalog, executor=executor, values=values),
                *(memory if self._settings.get("ENABLE_MEMORY") else ()),
            ]
        )

    async def _collect(self, question: Question) -> SqlRequest:
        return (await self._needs.retrieval().collect(question)).request

    async def _schema(self) -> BusinessSchema:
        return await run_blocking(self._needs.catalog().schema)

    def _open_checkpoints(self) -> CheckpointStore:
        wanted = self._settings.get("REACT_CHECKPOINTS")
        store = self._redis_store(is_demanded=wanted == "redis") if wanted != "postgresql" else None
        store = store or self._postgresql_store()
        logger.info("threads are remembered in %s", store.store)
        return store

    def _redis_store(self, *, is_demanded: bool) -> CheckpointStore | None:
        """None when the server lacks the modules and nobody insists on it."""
        from react_agent.checkpoints.redis_modules import RedisCheckpoints, missing_commands, translated_errors

        client = connect_redis(self._needs.redis_url(), timeout_seconds=STORE_TIMEOUT_SECONDS, max_connections=20)
        try:
            missing = missing_commands(client.commands)
        except RedisError as error:
            logger.warning("Redis was not asked for its modules: %s", type(error).__name__)
            missing = ["PING"]
        if missing and not is_demanded:
            logger.info("Redis cannot keep threads, it lacks %s", ", ".join(missing))
            client.close()
            return None
        if missing:
            client.close()
            raise StoreUnavailableError(texts.STORE_LACKS.format(commands=", ".join(missing)))
        self._on_close(client.close)
        with translated_errors():
            store = RedisCheckpoints(redis=client.commands, ttl_seconds=self._settings.get("REACT_CHECKPOINT_TTL"))
        store.set_up()
        return store

    def _postgresql_store(self) -> CheckpointStore:
        from react_agent.checkpoints.postgresql import PostgresCheckpoints, open_pool

        pool = open_pool(self._needs.platform_url(), size=self._settings.get("REACT_CHECKPOINT_POOL_SIZE"))
        store = PostgresCheckpoints(pool=pool, advisory_lock=self._needs.platform().advisory_lock)
        try:
            store.set_up()
        except CituError:
            store.close()
            raise
        self._on_close(store.close)
        return store


def build_chat_resources(
    settings: ConfigService,
    *,
    react: React,
    redis: Callable[[], RedisClient],
    executor: Callable[[], SqlExecutor],
    platform: Callable[[], Database],
) -> AsyncResourceManager:
    """Nothing is connected before the first message."""
    config = AsyncAgentConfig(
        max_iterations=settings.get("MAX_ITERATIONS"), default_user_id=settings.get("REACT_DEFAULT_USER_ID")
    )

    def build_agent(redis_api: AsyncRedisAPI) -> AsyncReactAgent:
        sql_tools = AsyncSQLTools(executor=executor(), platform=platform())
        return AsyncReactAgent(redis_client=redis_api, config=config, engine=react.agent, sql_tools=sql_tools)

    return AsyncResourceManager(redis=redis, build_agent=build_agent)


def build_chat(
    settings: ConfigService, resources: AsyncResourceManager, earlier_runs: EarlierRuns, redis: Callable[[], Redis]
) -> ChatService:
    """The chat service (docs/react_service.md) on the agent, executor and Redis that every other route uses."""
    return ChatService(
        resources=resources,
        timeout_seconds=settings.get("REQUEST_TIMEOUT"),
        default_user_id=settings.get("REACT_DEFAULT_USER_ID"),
        allows_direct_redis=settings.get("REACT_REDIS_DIRECT"),
        earlier_runs=earlier_runs,
        new_thread=NewThreadIds(redis).new,
    )
