"""The ReAct agent's own settings and the dictionaries older tools know them by.

Registered with the application's settings service by `app_config.rows`. Names and defaults: contract chapter on the
ReAct agent, section 6.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from common.config_service import ConfigService
from common.errors import ConfigurationError
from common.settings_table import Setting

React = partial(Setting, section="react agent")

SETTINGS: Final[tuple[Setting, ...]] = (
    React("REACT_DEFAULT_USER_ID", str, "guest", "Who asks when neither a user nor a thread is named."),
    React("REACT_RECURSION_LIMIT", int, 100, "Steps of the graph one question may take.", minimum=10, maximum=1000),
    React("REACT_MAX_ROWS", int, 10_000, "Rows one answer may carry.", minimum=1, maximum=100_000),
    React(
        "REACT_MAX_LOG_LENGTH", int, 0, "Characters of each question that go into the log; 0 writes no text.", minimum=0
    ),
    React("REACT_DEBUG_MODE", bool, False, "Write each step of the graph into the log."),
    React("MESSAGE_TRIM_ENABLED", bool, True, "Forget the oldest messages of long threads."),
    React("MESSAGE_TRIM_COUNT", int, 100, "Messages of a thread that are kept.", minimum=2, maximum=10_000),
    React(
        "MESSAGE_TRIM_SEARCH_LIMIT",
        int,
        20,
        "Messages looked back further for a question to begin with.",
        minimum=0,
        maximum=1000,
    ),
    React(
        "REACT_CHECKPOINTS",
        str,
        "auto",
        "Where threads are remembered; `auto` takes Redis when it has RediSearch and RedisJSON, else PostgreSQL.",
        choices=("auto", "postgresql", "redis"),
    ),
    React("REACT_CHECKPOINT_POOL_SIZE", int, 4, "Connections of one process for that.", minimum=1, maximum=200),
    React("REACT_CHECKPOINT_TTL", int, 0, "Seconds an unused thread is remembered; 0 for ever.", minimum=0),
    React("REACT_CHECKPOINTS_PER_THREAD", int, 200, "Checkpoints kept of a thread.", minimum=2, maximum=100_000),
    React("CHECKPOINT_KEEP_COUNT", int, 10, "Checkpoints a clean-up leaves of a thread.", minimum=1),
    React(
        "REACT_TOOL_PROTOCOL",
        str,
        "tools",
        "How the model asks for tools: `tools` calls them, `text` is for models that cannot (`SQL:`, `SEARCH:`).",
        choices=("tools", "text"),
    ),
    React("ENABLE_MEMORY", bool, True, "Let the agent look up earlier conversations of the same user."),
    React("MAX_ITERATIONS", int, 5, "Rounds of tools one message to `/chat` may take.", minimum=1, maximum=200),
    React("REACT_API_PORT", int, 5000, "Port of `python -m react_agent.api`.", minimum=1, maximum=65535),
    React("REACT_REDIS_DIRECT", bool, False, "Let administrators read and write keys by `/redis/direct`."),
    React("REACT_TURN_LEASE_SECONDS", float, 15.0, "How long a killed process keeps its thread busy.", minimum=1),
)


def react_agent_config(settings: ConfigService) -> Mapping[str, Any]:
    """The historical REACT_AGENT_CONFIG, read-only; retries and time-out are the model client's."""
    return MappingProxyType(
        {
            "default_user_id": settings.get("REACT_DEFAULT_USER_ID"),
            "max_retries": settings.get("LLM_MAX_CALLS"),
            "retry_base_delay": 3,
            "network_timeout": settings.get("LLM_TIMEOUT"),
            "debug_mode": settings.get("REACT_DEBUG_MODE"),
            "max_log_length": settings.get("REACT_MAX_LOG_LENGTH"),
        }
    )


def http_config(settings: ConfigService) -> Mapping[str, Any]:
    """The historical HTTP_CONFIG, read-only; the model client's pool is shared with the classic agent."""
    connections = settings.get("LLM_CONCURRENCY")
    return MappingProxyType(
        {
            "max_connections": connections,
            "max_keepalive_connections": connections,
            "keepalive_expiry": 30.0,
            "connect_timeout": 10.0,
            "pool_timeout": 5.0,
        }
    )


class Config:
    """The configuration of docs/react_service.md: its names as attributes, read from the application's settings."""

    NAMES: Final = frozenset(
        {
            "DATABASE_URL",
            "REDIS_URL",
            "OPENAI_API_KEY",
            "MAX_WORKERS",
            "REQUEST_TIMEOUT",
            "DB_POOL_SIZE",
            "REDIS_POOL_SIZE",
            "MAX_ITERATIONS",
            "ENABLE_MEMORY",
        }
    )
    KEYS: Final = MappingProxyType({"qwen": "QWEN_API_KEY", "deepseek": "DEEPSEEK_API_KEY"})

    def __init__(self, settings: ConfigService) -> None:
        self._settings = settings

    def __getattr__(self, name: str) -> Any:
        if name not in self.NAMES:
            raise AttributeError(name)
        return self._settings.get(name)

    def validate(self) -> bool:
        """True; databases that are not named are started, so only the chosen provider's key can be missing.

        Raises:
            ConfigurationError: it is, by its name.
        """
        from common.messages import react_api as texts  # not needed to declare settings, which every entry does

        name = self.KEYS.get(self._settings.get("LLM_PROVIDER"))
        if name and not (self._settings.get("LLM_API_KEY") or self._settings.get(name)):
            raise ConfigurationError(texts.KEY_MISSING.format(name=name))
        return True


def __getattr__(name: str) -> Mapping[str, Any]:
    """`from react_agent.config import REACT_AGENT_CONFIG` as older code writes it, from the process's settings."""
    readers = {"REACT_AGENT_CONFIG": react_agent_config, "HTTP_CONFIG": http_config}
    if name not in readers:
        raise AttributeError(name)
    import app_config

    return readers[name](app_config.default_service())
