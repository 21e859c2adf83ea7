"""What a query of a task's log asks for (docs/contract/pipeline.md)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from common.errors import BadRequestError
from common.messages import pipeline_tasks as texts
from features.pipeline_tasks.log_lines import LogEntry

LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_RANK: Final = {level: rank for rank, level in enumerate(LEVELS)}
SORTS: Final[Mapping[str, Callable[[LogEntry], Any]]] = {
    "timestamp": lambda entry: (entry.timestamp, entry.line_number),
    "level": lambda entry: (_RANK.get(entry.level, -1), entry.line_number),
    "logger": lambda entry: (entry.logger, entry.line_number),
    "step": lambda entry: (entry.step or "", entry.line_number),
    "line_number": lambda entry: entry.line_number,
}
_FORMATS: Final = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f")
MOST_PAGES: Final = 10**9
LONGEST_NAME: Final = 500


@dataclass(frozen=True)
class LogQuery:
    """None stands for all; a day without a time counts to its end."""

    page: int = 1
    page_size: int = 50
    level: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    keyword: str = ""
    logger_name: str | None = None
    step_name: str | None = None
    sort_by: str = "timestamp"
    is_descending: bool = True

    def admits(self, entry: LogEntry) -> bool:
        """Whether the entry is asked for."""
        if self.level is not None and entry.level != self.level:
            return False
        if self.logger_name is not None and entry.logger != self.logger_name:
            return False
        if self.step_name is not None and entry.step != self.step_name:
            return False
        return self._is_in_time(entry) and (not self.keyword or self.keyword in entry.message.lower())

    def _is_in_time(self, entry: LogEntry) -> bool:
        if self.since is None and self.until is None:
            return True
        try:
            moment = datetime.strptime(entry.timestamp, _FORMATS[0])  # noqa: DTZ007 - logs are in local time
        except ValueError:
            return False
        return (self.since is None or moment >= self.since) and (self.until is None or moment <= self.until)


def parse_log_query(body: Mapping[str, Any]) -> LogQuery:
    """Raises `BadRequestError` with the contract's texts."""
    sort_by, order = body.get("sort_by") or "timestamp", body.get("sort_order") or "desc"
    query = LogQuery(
        page=_number(body, "page", 1, MOST_PAGES, texts.LOG_PAGE_WRONG),
        page_size=_number(body, "page_size", 50, 500, texts.LOG_PAGE_SIZE_WRONG),
        level=_level(body.get("level")),
        since=_moment(body.get("start_time"), texts.LOG_START_WRONG, is_end=False),
        until=_moment(body.get("end_time"), texts.LOG_END_WRONG, is_end=True),
        keyword=_text(body.get("keyword"), 200, texts.LOG_KEYWORD_TOO_LONG).lower(),
        logger_name=_text(body.get("logger_name"), LONGEST_NAME, texts.LOG_KEYWORD_TOO_LONG) or None,
        step_name=_text(body.get("step_name"), LONGEST_NAME, texts.LOG_KEYWORD_TOO_LONG) or None,
    )
    if not isinstance(sort_by, str) or sort_by not in SORTS:
        raise BadRequestError(texts.LOG_SORT_WRONG.format(allowed=", ".join(SORTS)))
    if not isinstance(order, str) or order.lower() not in ("asc", "desc"):
        raise BadRequestError(texts.LOG_ORDER_WRONG)
    return LogQuery(**{**query.__dict__, "sort_by": sort_by, "is_descending": order.lower() == "desc"})


def _number(body: Mapping[str, Any], name: str, default: int, most: int, text: str) -> int:
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise BadRequestError(text)
    return value


def _level(value: Any) -> str | None:
    if value is None or value == "":
        return None
    level = value.upper() if isinstance(value, str) else ""
    if level not in LEVELS:
        raise BadRequestError(texts.LOG_LEVEL_WRONG)
    return level


def _text(value: Any, limit: int, text: str) -> str:
    if value is None:
        return ""
    words = str(value)
    if isinstance(value, list | dict) or len(words) > limit:
        raise BadRequestError(text)
    return words


def _moment(value: Any, text: str, *, is_end: bool) -> datetime | None:
    if value is None or value == "":
        return None
    for pattern in _FORMATS if isinstance(value, str) and len(value) < 40 else ():
        try:
            moment = datetime.strptime(value, pattern)  # noqa: DTZ007 - logs are in local time
        except ValueError:
            continue
        is_day = is_end and pattern == "%Y-%m-%d"
        return moment + timedelta(days=1, seconds=-1) if is_day and moment.year < 9999 else moment
    raise BadRequestError(text)
