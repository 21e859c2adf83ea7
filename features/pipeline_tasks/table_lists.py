"""The list of tables a task is about: uploaded, written, looked at (docs/contract/pipeline.md)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import IO, Any, Final

from common.errors import BadRequestError, NotFoundError
from common.messages import pipeline_tasks as texts
from common.result import Envelope, internal_error_response, local_timestamp, success_response
from core.logging import get_app_logger
from features.pipeline_tasks.existing_tasks import ExistingTasks
from features.pipeline_tasks.file_names import is_task_id, shown_name
from features.pipeline_tasks.task_folders import TABLE_LIST, FileFacts, NotAPlainFileError, TaskFolders, shown_size

logger = get_app_logger("pipeline_tasks")
LARGEST: Final = 2 * 1024 * 1024
MOST_TABLES: Final = 1_000
_CHECKED_NAMES: Final = 10
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?", re.ASCII)
_COMMENTS: Final = ("#", "--")


class TableLists:
    """Every method takes the tenant."""

    def __init__(self, *, folders: TaskFolders, existing: ExistingTasks) -> None:
        self._folders = folders
        self._existing = existing

    def upload(self, tenant: str, task_id: str, stream: IO[bytes] | None, name: str | None) -> Envelope:
        """Keep an uploaded list in UTF-8.

        Raises:
            NotFoundError: no such task.
            BadRequestError: nothing was sent, or it is no list; the old list stays.
        """
        self._existing.require(tenant, task_id)
        if stream is None:
            raise BadRequestError(texts.LIST_FILE_MISSING, missing_params=["file"])
        if not name:
            raise BadRequestError(texts.FILE_NOT_CHOSEN)
        if not name.lower().endswith(".txt"):
            raise BadRequestError(texts.LIST_TYPE_WRONG)
        content = _checked(stream.read(LARGEST + 1))
        try:
            written = self._folders.of(tenant).write(task_id, TABLE_LIST, content)
        except OSError as error:
            return _broken(texts.UPLOAD_FAILED, error)
        return success_response(texts.LIST_UPLOADED, {**_stored(task_id, written), "upload_time": local_timestamp()})

    def write(self, tenant: str, task_id: str, body: Mapping[str, Any]) -> Envelope:
        """Write a list from names.

        Raises:
            NotFoundError: no such task.
            BadRequestError: there are no names, or wrong ones; the old list stays.
        """
        self._existing.require(tenant, task_id)
        tables = body.get("tables")
        if tables is None or tables in ("", []):
            raise BadRequestError(texts.TABLES_MISSING, missing_params=["tables"])
        given = _given_names(tables)
        names = _valid_names(given)
        head = texts.LIST_HEAD.format(created=f"{datetime.now():%Y-%m-%d %H:%M:%S}", count=len(names))  # noqa: DTZ005
        content = (head + "\n".join(names) + "\n").encode()
        try:
            written = self._folders.of(tenant).write(task_id, TABLE_LIST, content)
        except OSError as error:
            return _broken(texts.LIST_CREATE_FAILED, error)
        data = {
            **_stored(task_id, written),
            "table_count": len(names),
            "unique_table_count": len(names),
            "created_time": local_timestamp(),
            "original_count": len(given),
        }
        return success_response(texts.LIST_CREATED.format(count=len(names)), data)

    def info(self, tenant: str, task_id: str) -> Envelope:
        """What the list is; asks the disk only.

        Raises:
            NotFoundError: the id cannot be one.
        """
        if not is_task_id(task_id):
            raise NotFoundError(texts.TASK_NOT_FOUND.format(task_id=shown_name(task_id)))
        folders = self._folders.of(tenant)
        path = str(folders.path(task_id) / TABLE_LIST)
        try:
            facts = folders.facts(task_id, TABLE_LIST)
            content = folders.read(task_id, TABLE_LIST, LARGEST) if facts is not None else b""
        except (OSError, NotAPlainFileError) as error:
            return _broken(texts.LIST_INFO_FAILED, error)
        data: dict[str, Any] = {"task_id": task_id, "has_file": facts is not None, "exists": facts is not None,
                                "file_name": TABLE_LIST}  # fmt: skip
        if facts is None:
            return success_response(texts.LIST_INFO, {**data, "expected_path": path})
        return success_response(texts.LIST_INFO, {**data, "file_path": path, **_facts(facts), **_names(content)})


def _checked(content: bytes) -> bytes:
    if len(content) > LARGEST:
        raise BadRequestError(texts.LIST_TOO_LARGE)
    if not content:
        raise BadRequestError(texts.LIST_FILE_EMPTY)
    text = _decoded(content)
    if not text.strip():
        raise BadRequestError(texts.LIST_BLANK)
    names = names_in(text)
    if not names:
        raise BadRequestError(texts.LIST_WITHOUT_NAMES)
    wrong = [name for name in names[:_CHECKED_NAMES] if not _NAME.fullmatch(name)]
    if wrong:
        raise BadRequestError(texts.LIST_NAMES_WRONG.format(names=", ".join(shown_name(name) for name in wrong[:3])))
    if len(names) > MOST_TABLES:
        raise BadRequestError(texts.TABLES_TOO_MANY)
    return text.encode()


def _decoded(content: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise BadRequestError(texts.LIST_NOT_TEXT)


def names_in(text: str) -> list[str]:
    """The entries of a table list, unchecked and with repetitions (format: docs/contract/pipeline.md)."""
    lines = (line.strip() for line in text.splitlines())
    counted = (line for line in lines if line and not line.startswith(_COMMENTS))
    return [name.strip() for line in counted for name in line.split(",") if name.strip()]


def _given_names(tables: Any) -> list[str]:
    if isinstance(tables, str):
        entries: list[Any] = tables.split(",")
    elif isinstance(tables, list):
        entries = tables
    else:
        raise BadRequestError(texts.TABLES_WRONG_TYPE)
    if any(isinstance(entry, list | dict) for entry in entries):
        raise BadRequestError(texts.TABLES_WRONG_TYPE)
    given = [name for entry in entries if entry is not None and (name := str(entry).strip())]
    if not given:
        raise BadRequestError(texts.TABLES_EMPTY)
    return given


def _valid_names(given: list[str]) -> list[str]:
    names = list(dict.fromkeys(name for name in given if not name.startswith(_COMMENTS)))
    wrong = [name for name in names if not _NAME.fullmatch(name)]
    if wrong:
        raise BadRequestError(texts.TABLES_WRONG.format(names=", ".join(shown_name(name) for name in wrong[:5])))
    if not names:
        raise BadRequestError(texts.TABLES_TOO_FEW)
    if len(names) > MOST_TABLES:
        raise BadRequestError(texts.TABLES_TOO_MANY)
    return names


def _stored(task_id: str, written: FileFacts) -> dict[str, Any]:
    return {
        "task_id": task_id,
        "filename": TABLE_LIST,
        "file_size": written.size,
        "file_size_formatted": shown_size(written.size),
    }


def _facts(facts: FileFacts) -> dict[str, Any]:
    return {
        "file_size": facts.size,
        "file_size_formatted": shown_size(facts.size),
        "uploaded_at": facts.modified_at.isoformat(timespec="microseconds"),
        "created_at": facts.changed_at.isoformat(timespec="microseconds"),
        "is_readable": facts.is_readable,
    }


def _names(content: bytes) -> dict[str, Any]:
    try:
        names = names_in(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        names = []
    return {"table_count": len(names), "table_names": names}


def _broken(text: str, error: Exception) -> Envelope:
    logger.error("a task's table list could not be reached: %s", type(error).__name__, exc_info=error)
    return internal_error_response(text)
