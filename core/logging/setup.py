"""Attaches console and files to the logger trees of the application; called once a process by `bootstrap`."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from common.secret_masking import KnownSecrets
from core.logging.context import ContextFilter
from core.logging.formats import CONSOLE_FORMAT, FILE_FORMAT, JsonLineFormatter, LineFormatter, Mask
from core.logging.handlers import AppendingFileHandler, ConsoleHandler, DailyFileHandler, DatedFileHandler


@dataclass(frozen=True)
class _Tree:
    """A module's logger tree: where it writes and what its console lines begin with."""

    file: str
    prefix: str
    handler: type[AppendingFileHandler] = DailyFileHandler


_TREES: Final = {
    "": _Tree("app.log", "%(name)s:"),
    "default": _Tree("app.log", "%(name)s:"),
    "app": _Tree("app.log", "%(name)s:"),
    "agent": _Tree("agent.log", "Agent:"),
    "data_pipeline": _Tree("data_pipeline.log", "Pipeline:"),
    "react_agent": _Tree("react_agent.log", "ReactAgent:", DatedFileHandler),
}
# Libraries that report every request, some with prompts in it.
_QUIET: Final = (
    "alembic",
    "httpx",
    "httpcore",
    "httpx2",
    "httpcore2",
    "openai",
    "langchain",
    "langsmith",
    "urllib3",
    "filelock",
)
_LEAST_FOR_LIBRARIES: Final = logging.INFO


@dataclass(frozen=True)
class _Configuration:
    directory: Path | None
    level: str
    is_json: bool
    secrets: frozenset[str]


_lock = threading.RLock()
_current: _Configuration | None = None
_attached: list[tuple[logging.Logger, logging.Handler]] = []


def initialize_logging(
    *,
    directory: Path | str | None = "logs",
    level: str = "INFO",
    is_json: bool = False,
    secrets: Iterable[str] = (),
) -> None:
    """Send every logger to the console and to the daily files in `directory`.

    A second call with the same arguments does nothing, with others it replaces what the first one set up. Loggers
    obtained before work as well. When the folder or a file cannot be written, a warning goes to stderr and the
    console remains.

    Args:
        directory: folder of the files, created when missing; None for the console only.
        level: least level written by our own loggers; other libraries never write below INFO.
        is_json: one JSON object a line instead of text.
        secrets: values to hide wherever they turn up, besides everything that looks like a secret.
    """
    wanted = _Configuration(Path(directory) if directory else None, level.upper(), is_json, frozenset(secrets))
    global _current
    with _lock:
        if wanted == _current:
            return
        shutdown_logging()
        _attach_all(wanted)
        _current = wanted


def shutdown_logging() -> None:
    """Detach and close everything `initialize_logging` set up; safe to call twice."""
    global _current
    with _lock:
        for logger, handler in _attached:
            logger.removeHandler(handler)
            handler.close()
        for name in _TREES:
            logging.getLogger(name).propagate = True
        _attached.clear()
        _current = None


def quiet_console() -> None:
    """Keep everything below an error off the console; the files go on. For programs that talk to a person there."""
    with _lock:
        for _logger, handler in _attached:
            if isinstance(handler, ConsoleHandler):
                handler.setLevel(logging.ERROR)


def _attach_all(wanted: _Configuration) -> None:
    mask = KnownSecrets(wanted.secrets).mask
    directory = _usable(wanted.directory)
    level = logging.getLevelNamesMapping().get(wanted.level, logging.INFO)
    files: dict[str, logging.Handler | None] = {}
    for name, tree in _TREES.items():
        logger = logging.getLogger(name)
        logger.setLevel(level if name else max(level, _LEAST_FOR_LIBRARIES))
        logger.propagate = not name
        _attach(logger, ConsoleHandler(), _formatter(CONSOLE_FORMAT.format(prefix=tree.prefix), mask, wanted.is_json))
        if directory is None:
            continue
        if tree.file not in files:
            files[tree.file] = _file_handler(tree, directory)
        if (handler := files[tree.file]) is not None:
            _attach(logger, handler, _formatter(FILE_FORMAT, mask, wanted.is_json))
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def _attach(logger: logging.Logger, handler: logging.Handler, formatter: logging.Formatter) -> None:
    handler.setFormatter(formatter)
    if not handler.filters:
        handler.addFilter(ContextFilter())
    logger.addHandler(handler)
    _attached.append((logger, handler))


def _formatter(fmt: str, mask: Mask, is_json: bool) -> logging.Formatter:
    return JsonLineFormatter(mask) if is_json else LineFormatter(fmt, mask)


def _usable(directory: Path | None) -> Path | None:
    if directory is None:
        return None
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _warn(directory, error)
        return None
    return directory


def _file_handler(tree: _Tree, directory: Path) -> logging.Handler | None:
    try:
        return tree.handler(directory / tree.file)
    except OSError as error:
        _warn(directory / tree.file, error)
        return None


def _warn(path: Path, error: OSError) -> None:
    sys.stderr.write(f"log file {path} cannot be written ({error.strerror}), logging to the console only\n")
