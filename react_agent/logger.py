"""Loggers of the ReAct agent: one for each name, all in `logs/react_agent_YYYYMMDD.log` and on the console.

The file, its change at midnight and the console belong to `core.logging`, so a logger carries no handler of its own
and asking twice never doubles a line.
"""

from __future__ import annotations

import logging
from typing import ClassVar

from core import logging as unified


class ReactAgentLogManager:
    """The loggers given out so far, by name."""

    _loggers: ClassVar[dict[str, logging.Logger]] = {}

    @classmethod
    def get_logger(cls, name: str = "ReactAgent") -> logging.Logger:
        """The logger of that name; the same one at every call."""
        if name not in cls._loggers:
            cls._loggers[name] = cls._create_logger(name)
        return cls._loggers[name]

    @classmethod
    def cleanup(cls) -> None:
        """Forget the loggers. Files stay open until the application's logging is shut down."""
        cls._loggers.clear()

    @classmethod
    def _create_logger(cls, name: str) -> logging.Logger:
        logger = unified.get_react_agent_logger(name)
        cls._add_file_handler(logger)
        return logger

    @classmethod
    def _add_file_handler(cls, logger: logging.Logger) -> None:
        """The tree's own file handler takes the lines; a second one on the logger would write them twice."""
        logger.propagate = True


def get_react_agent_logger(name: str = "ReactAgent") -> logging.Logger:
    """The ReAct agent's logger of that name."""
    return ReactAgentLogManager.get_logger(name)
