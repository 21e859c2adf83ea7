"""One logging service for every module: named loggers, context on each line, daily files, no secrets.

`bootstrap` calls `initialize_logging`; everybody else takes a logger, at any time, also before that call.
"""

from __future__ import annotations

import logging

from core.logging.context import clear_log_context, set_log_context
from core.logging.setup import initialize_logging, quiet_console, shutdown_logging

__all__ = [
    "clear_log_context",
    "get_agent_logger",
    "get_app_logger",
    "get_data_pipeline_logger",
    "get_logger",
    "get_react_agent_logger",
    "initialize_logging",
    "quiet_console",
    "set_log_context",
    "shutdown_logging",
]


def get_logger(name: str, module: str = "default") -> logging.Logger:
    """The logger `<module>.<name>`; it writes where its module's tree writes."""
    return logging.getLogger(f"{module}.{name}")


def get_app_logger(name: str) -> logging.Logger:
    """Logger of the service itself, in logs/app.log."""
    return get_logger(name, "app")


def get_agent_logger(name: str) -> logging.Logger:
    """Logger of the classic agent, in logs/agent.log."""
    return get_logger(name, "agent")


def get_data_pipeline_logger(name: str) -> logging.Logger:
    """Logger of the data pipeline, in logs/data_pipeline.log."""
    return get_logger(name, "data_pipeline")


def get_react_agent_logger(name: str) -> logging.Logger:
    """Logger of the ReAct agent, in logs/react_agent_YYYYMMDD.log."""
    return get_logger(name, "react_agent")
