"""Who and what a log line is about, carried by a context variable so that threads and requests never mix."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Final

DEFAULTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "request_id": "N/A",
        "tenant": "N/A",
        "user_id": "anonymous",
        "session_id": "N/A",
        "conversation_id": "N/A",
    }
)
_context: ContextVar[Mapping[str, str]] = ContextVar("citu_log_context", default=MappingProxyType({}))


def set_log_context(**fields: object) -> None:
    """Add fields to every later record of this context; None takes a field back to its default."""
    merged = {**_context.get(), **{name: str(value) for name, value in fields.items() if value is not None}}
    for name in (name for name, value in fields.items() if value is None):
        merged.pop(name, None)
    _context.set(MappingProxyType(merged))


def clear_log_context() -> None:
    """Back to the defaults, in this context only."""
    _context.set(MappingProxyType({}))


class ContextFilter(logging.Filter):
    """Gives a record the context's fields, unless the record brought its own; lets every record pass."""

    def filter(self, record: logging.LogRecord) -> bool:
        given = _context.get()
        record.log_context = given
        for name, default in DEFAULTS.items():
            if not hasattr(record, name):
                setattr(record, name, given.get(name, default))
        return True
