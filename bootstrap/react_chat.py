"""Builds the chat service (docs/react_service.md) on the agent, executor and Redis that every other route uses."""

from __future__ import annotations

from collections.abc import Callable

from bootstrap.react import React
from common.config_service import ConfigService
from core.database import Database
from core.redis_client import RedisClient
from core.sql_executor import SqlExecutor
from features.react.chat.service import ChatService
from features.react.service import EarlierRuns
from react_agent.async_agent import AsyncAgentConfig, AsyncReactAgent
from react_agent.async_redis_api import AsyncRedisAPI
from react_agent.async_resources import AsyncResourceManager
from react_agent.async_sql_tools import AsyncSQLTools


def build_resources(
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


def build_chat(settings: ConfigService, resources: AsyncResourceManager, earlier_runs: EarlierRuns) -> ChatService:
    return ChatService(
        resources=resources,
        timeout_seconds=settings.get("REQUEST_TIMEOUT"),
        default_user_id=settings.get("REACT_DEFAULT_USER_ID"),
        allows_direct_redis=settings.get("REACT_REDIS_DIRECT"),
        earlier_runs=earlier_runs,
    )
