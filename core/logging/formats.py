"""How a record becomes a line: the historical formats plus context, nothing secret, nothing that fakes another line."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any, Final

from pythonjsonlogger.json import JsonFormatter

from common.secret_masking import MASK, is_secret_name
from core.logging.context import DEFAULTS

DATE_FORMAT: Final = "%Y-%m-%d %H:%M:%S"
FILE_FORMAT: Final = "%(asctime)s [%(levelname)s] [%(name)s] %(filename)s:%(lineno)d - %(message)s"
CONSOLE_FORMAT: Final = "%(asctime)s [%(levelname)s] {prefix} %(message)s"
JSON_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s %(filename)s %(lineno)d %(process)d %(message)s"

# Control characters, line separators and the marks that reorder text on a screen.
_UNSAFE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_CONTINUATION: Final = "\n  | "

Mask = Callable[[str], str]


def one_line(text: str) -> str:
    """`text` with everything escaped that could start a line, move the cursor or reorder what is read."""
    return _UNSAFE.sub(lambda match: _SHORT.get(match[0], f"\\u{ord(match[0]):04x}"), text)


class LineFormatter(logging.Formatter):
    """One record, one line; a traceback follows on lines that begin with `  | ` so that no text can pass for a record.

    Context fields that were set stand at the end as ` {request_id=... user_id=...}`.
    """

    def __init__(self, fmt: str, mask: Mask) -> None:
        super().__init__(fmt, DATE_FORMAT)
        self._mask = mask

    def format(self, record: logging.LogRecord) -> str:
        record.message = record.getMessage()
        record.asctime = self.formatTime(record, self.datefmt)
        line = one_line(self._mask(self.formatMessage(record) + _context_text(record)))
        if record.exc_info:
            line += self._continued(self.formatException(record.exc_info))
        elif record.exc_text:
            line += self._continued(record.exc_text)
        if record.stack_info:
            line += self._continued(self.formatStack(record.stack_info))
        return line

    def _continued(self, text: str) -> str:
        return "".join(_CONTINUATION + one_line(part) for part in self._mask(text).split("\n"))


class JsonLineFormatter(JsonFormatter):
    """One JSON object a line with the same members everywhere, the context always among them."""

    def __init__(self, mask: Mask) -> None:
        super().__init__(JSON_FORMAT, datefmt="%Y-%m-%dT%H:%M:%S%z", json_ensure_ascii=False, json_default=repr)
        self._mask = mask

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        """Called by the base class with the members about to be written."""
        log_data.pop("log_context", None)
        return {name: self._safe(name, value) for name, value in log_data.items()}

    def format(self, record: logging.LogRecord) -> str:
        return one_line(super().format(record))

    def _safe(self, name: str, value: Any) -> Any:
        if isinstance(value, str):
            return MASK if value and is_secret_name(name) else self._mask(value)
        if isinstance(value, dict):
            return {str(key): self._safe(str(key), member) for key, member in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._safe(name, member) for member in value]
        if value is None or isinstance(value, (bool, int, float)):
            return value
        return self._mask(repr(value))


def _context_text(record: logging.LogRecord) -> str:
    given = getattr(record, "log_context", None)
    if not given:
        return ""
    fields = " ".join(
        f"{name}={_plain(given[name])}" for name in (*DEFAULTS, *(set(given) - set(DEFAULTS))) if name in given
    )
    return f" {{{fields}}}"


def _plain(value: str) -> str:
    """A context value without what separates fields."""
    return re.sub(r"[\s{}=]", "_", value)
