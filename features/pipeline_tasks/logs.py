"""The log of a task, as its last lines or searched (docs/contract/pipeline.md). Reading writes nothing."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from typing import IO, Any, Final

from common.messages import pipeline_tasks as texts
from common.result import Envelope, success_response
from core.logging import get_app_logger
from features.pipeline_tasks.existing_tasks import ExistingTasks
from features.pipeline_tasks.log_lines import LogEntry, read_entries
from features.pipeline_tasks.log_query import SORTS, LogQuery, parse_log_query
from features.pipeline_tasks.task_folders import LOG_FILE, NotAPlainFileError, TaskFolders, shown_size
from features.wire.pages import pagination
from features.wire.values import lenient_int

logger = get_app_logger("pipeline_tasks")
MOST_LINES: Final = 1_000
LARGEST_LOG: Final = 64 * 1024 * 1024
_LONGEST_LINE: Final = 64 * 1024


class TaskLogs:
    """Every method takes the tenant.

    Args:
        output_name: how the tasks' parent folder is called in answers, which name no path of the server.

    Raises:
        NotFoundError: the tenant has no such task.
        StoreUnavailableError: the platform database is away.
    """

    def __init__(self, *, folders: TaskFolders, existing: ExistingTasks, output_name: str) -> None:
        self._folders = folders
        self._existing = existing
        self._output_name = output_name

    def tail(self, tenant: str, task_id: str, query: Mapping[str, str]) -> Envelope:
        """The entries of the last lines; `query` may have `limit` (lines, 1 to 1000) and `level`."""
        self._existing.require(tenant, task_id)
        limit = min(max(lenient_int(query.get("limit"), 100) or 1, 1), MOST_LINES)
        level = (query.get("level") or "").upper()
        file = self._opened(tenant, task_id)
        entries: list[LogEntry] = []
        if file is not None:
            with file:
                entries = list(read_entries(deque(_lines(file), maxlen=limit)))
        shown = [entry for entry in entries if not level or entry.level == level]
        data = {
            "task_id": task_id,
            "logs": [_short(entry) for entry in shown],
            "total": len(shown),
            "source": "file",
            "log_file": None if file is None else self._shown_path(task_id),
        }
        return success_response(texts.LOGS_READ, data)

    def query(self, tenant: str, task_id: str, body: Mapping[str, Any]) -> Envelope:
        """A page of the entries that match.

        Raises:
            BadRequestError: as the contract has it.
        """
        started = time.monotonic()
        wanted = parse_log_query(body)
        self._existing.require(tenant, task_id)
        file = self._opened(tenant, task_id)
        entries: list[LogEntry] = []
        if file is not None:
            with file:
                entries = list(read_entries(_lines(file)))
        found = sorted(filter(wanted.admits, entries), key=SORTS[wanted.sort_by], reverse=wanted.is_descending)
        data = {
            "logs": [_full(entry) for entry in _page(found, wanted)],
            "pagination": pagination(wanted.page, wanted.page_size, len(found)),
            "log_file_info": self._info(tenant, task_id, len(entries)),
            "query_time": f"{time.monotonic() - started:.3f}s",
        }
        return success_response(texts.LOGS_QUERIED, data)

    def _opened(self, tenant: str, task_id: str) -> IO[bytes] | None:
        try:
            return self._folders.of(tenant).open(task_id, LOG_FILE)
        except FileNotFoundError:
            return None
        except (OSError, NotAPlainFileError) as error:
            logger.warning("a task's log cannot be read: %s", type(error).__name__)
            return None

    def _info(self, tenant: str, task_id: str, count: int) -> dict[str, Any]:
        facts = self._folders.of(tenant).facts(task_id, LOG_FILE)
        path = self._shown_path(task_id)
        if facts is None:
            return {"exists": False, "file_path": path, "error": texts.LOG_ABSENT}
        return {
            "exists": True,
            "file_path": path,
            "file_size": facts.size,
            "file_size_formatted": shown_size(facts.size),
            "last_modified": facts.modified_at.isoformat(timespec="microseconds"),
            "total_lines": count,
        }

    def _shown_path(self, task_id: str) -> str:
        return f"{self._output_name}/{task_id}/{LOG_FILE}"


def _lines(file: IO[bytes]) -> Any:
    """Lines as text, bounded in length and in all."""
    left = LARGEST_LOG
    while left > 0 and (line := file.readline(_LONGEST_LINE)):
        left -= len(line)
        yield line.decode("utf-8", "replace").rstrip("\r\n")


def _page(entries: list[LogEntry], wanted: LogQuery) -> list[LogEntry]:
    first = (wanted.page - 1) * wanted.page_size
    return entries[first : first + wanted.page_size]


def _short(entry: LogEntry) -> dict[str, Any]:
    return {
        "timestamp": entry.timestamp,
        "level": entry.level,
        "logger": entry.logger,
        "message": entry.message,
    }


def _full(entry: LogEntry) -> dict[str, Any]:
    return {**_short(entry), "step": entry.step, "line_number": entry.line_number}
