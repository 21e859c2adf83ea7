"""The files of a task: listed, sent and taken (docs/contract/pipeline.md). Every entry calls it.

Listing and sending ask the disk only, so they work for runs started by hand and without the platform database.
"""

from __future__ import annotations

import mimetypes
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath
from typing import IO, Any, Final

from common.errors import BadRequestError, NotFoundError
from common.messages import pipeline_tasks as texts
from common.result import Envelope, internal_error_response, local_timestamp, success_response
from core.logging import get_app_logger
from core.storage_quotas import NO_FILE_QUOTA, FileQuota
from features.pipeline_tasks.existing_tasks import ExistingTasks
from features.pipeline_tasks.file_names import (
    is_plain_name,
    is_safe_name,
    is_short_enough,
    is_task_id,
    shown_name,
)
from features.pipeline_tasks.task_folders import FileFacts, NotAPlainFileError, TaskFolders, shown_size

logger = get_app_logger("pipeline_tasks")
LARGEST_UPLOAD: Final = 10 * 1024 * 1024
EXTENSIONS: Final = (".ddl", ".md", ".txt", ".json", ".sql", ".csv")
OVERWRITE_MODES: Final = ("backup", "replace", "skip")
MOST_BACKUPS: Final = 1_000
_FILE_TYPES: Final = {
    ".ddl": "ddl", ".sql": "sql", ".md": "markdown", ".markdown": "markdown", ".json": "json", ".txt": "text",
    ".log": "log",
}  # fmt: skip
_CONTENT_TYPES: Final = {".md": "text/markdown", ".markdown": "text/markdown", ".json": "application/json"}
_BINARY: Final = "application/octet-stream"


@dataclass(frozen=True)
class SentFile:
    """A file to send as an attachment. Whoever sends it closes `stream`, which can seek.

    Attributes:
        content_type: with the charset for text.
        etag: changes with the content, without quotes.
    """

    name: str
    content_type: str
    size: int
    modified_at: datetime
    etag: str
    stream: IO[bytes]

    def read_all(self) -> bytes:
        """The whole content; the stream is closed."""
        with self.stream:
            return self.stream.read()


class TaskFiles:
    """Every method takes the tenant; the id and names come as the caller sent them."""

    def __init__(self, *, folders: TaskFolders, existing: ExistingTasks, quota: FileQuota = NO_FILE_QUOTA) -> None:
        self._folders = folders
        self._existing = existing
        self._quota = quota

    def listed(self, tenant: str, task_id: str) -> Envelope:
        """The files of a task; none for a task without a folder.

        Raises:
            NotFoundError: the id cannot be one.
        """
        _check_id(task_id)
        folders = self._folders.of(tenant)
        try:
            found = folders.files(task_id)
        except OSError as error:
            return _broken(texts.FILES_FAILED, error)
        files = found or []
        total = sum(file.size for file in files)
        info = {
            "exists": found is not None,
            "directory_path": str(folders.path(task_id)),
            "total_files": len(files),
            "total_size": total,
            "total_size_formatted": shown_size(total),
        }
        data = {"task_id": task_id, "files": [_on_the_wire(file) for file in files], "directory_info": info}
        return success_response(texts.FILES_LISTED, data)

    def sent(self, tenant: str, task_id: str, name: str) -> SentFile:
        """A file to download.

        Raises:
            NotFoundError: no such task's id, or no such file.
            BadRequestError: the name leads elsewhere, or is no file's.
        """
        _check_id(task_id)
        if name in (".", ".."):
            raise BadRequestError(texts.NOT_A_FILE.format(name=name))
        if not is_plain_name(name):
            raise BadRequestError(texts.PATH_ILLEGAL)
        absent = NotFoundError(texts.FILE_NOT_FOUND.format(name=shown_name(name)))
        if name.startswith(".") or not is_short_enough(name[:256]):
            raise absent
        try:
            stream = self._folders.of(tenant).open(task_id, name)
        except NotAPlainFileError as error:
            raise BadRequestError(texts.NOT_A_FILE.format(name=shown_name(name))) from error
        except FileNotFoundError as error:
            raise absent from error
        except OSError as error:
            raise BadRequestError(texts.FILE_UNREADABLE) from error
        return _sent(name, stream)

    def upload(
        self, tenant: str, task_id: str, stream: IO[bytes] | None, name: str | None, overwrite_mode: str | None
    ) -> Envelope:
        """Keep an uploaded file.

        Raises:
            NotFoundError: no such task.
            BadRequestError: nothing was sent, or it is refused; nothing was changed.
            StorageFullError: the task has as many bytes as it may, or the disk has no room; nothing was changed.
        """
        self._existing.require(tenant, task_id)
        mode = overwrite_mode or "backup"
        if stream is None:
            raise BadRequestError(texts.FILE_MISSING, missing_params=["file"])
        if not name:
            raise BadRequestError(texts.FILE_NOT_CHOSEN)
        if mode not in OVERWRITE_MODES:
            text = texts.OVERWRITE_MODE_WRONG.format(value=shown_name(mode, 50))
            raise BadRequestError(text, invalid_params=["overwrite_mode"])
        _check_name(name)
        content = _checked_content(stream)
        try:
            folders = self._folders.of(tenant)
            self._admit(folders, task_id, name, len(content), mode)
            return self._keep(folders, task_id, name, content, mode)
        except (OSError, NotAPlainFileError) as error:
            return _broken(texts.UPLOAD_FAILED, error)

    def _admit(self, folders: TaskFolders, task_id: str, name: str, size: int, mode: str) -> None:
        """What is replaced makes room, unless a copy of it stays; what is skipped needs none."""
        sizes = {file.name: file.size for file in folders.files(task_id) or ()}
        if name in sizes and mode == "skip":
            return
        replaced = sizes.get(name, 0) if mode == "replace" else 0
        self._quota.admit_file(folders.path(task_id), sum(sizes.values()) - replaced, size)

    @staticmethod
    def _keep(folders: TaskFolders, task_id: str, name: str, content: bytes, mode: str) -> Envelope:
        exists = folders.facts(task_id, name) is not None
        if exists and mode == "skip":
            text = texts.SKIPPED.format(name=name)
            uploaded: dict[str, Any] = {"filename": name, "existed": True, "action": "skipped"}
            data = {"success": True, "skipped": True, "message": text, "task_id": task_id, "uploaded_file": uploaded}
            return success_response(text, data)
        backup = _backed_up(folders, task_id, name) if exists and mode == "backup" else None
        written = folders.write(task_id, name, content)
        uploaded = {
            "filename": name,
            "size": written.size,
            "size_formatted": shown_size(written.size),
            "uploaded_at": written.modified_at.isoformat(timespec="microseconds"),
            "overwrite_mode": mode,
        }
        data = {"success": True, "task_id": task_id, "uploaded_file": uploaded}
        return success_response(texts.UPLOADED, data if backup is None else {**data, "backup_info": backup})


def _check_id(task_id: str) -> None:
    if not is_task_id(task_id):
        raise NotFoundError(texts.TASK_NOT_FOUND.format(task_id=shown_name(task_id)))


def _check_name(name: str) -> None:
    if not is_safe_name(name):
        raise BadRequestError(texts.NAME_UNSAFE.format(name=shown_name(name)))
    if not is_short_enough(name):
        raise BadRequestError(texts.NAME_TOO_LONG)
    extension = PurePath(name).suffix.lower()
    if extension not in EXTENSIONS:
        text = texts.TYPE_NOT_SUPPORTED.format(extension=extension, allowed=", ".join(EXTENSIONS))
        raise BadRequestError(text)


def _checked_content(stream: IO[bytes]) -> bytes:
    content = stream.read(LARGEST_UPLOAD + 1)
    if not content:
        raise BadRequestError(texts.FILE_EMPTY)
    if len(content) > LARGEST_UPLOAD:
        size = len(content) + len(stream.read())
        text = texts.FILE_TOO_LARGE.format(size=shown_size(size), limit=shown_size(LARGEST_UPLOAD))
        raise BadRequestError(text)
    return content


def _backed_up(folders: TaskFolders, task_id: str, name: str) -> dict[str, Any]:
    """Copy the file to the first free `<name>_bak<n>`."""
    for version in range(1, MOST_BACKUPS + 1):
        backup = f"{name}_bak{version}"
        if folders.copy(task_id, name, backup):
            return {
                "had_existing_file": True,
                "backup_filename": backup,
                "backup_version": version,
                "backup_created_at": local_timestamp(),
            }
    raise BadRequestError(texts.TOO_MANY_BACKUPS)


def _sent(name: str, stream: IO[bytes]) -> SentFile:
    status = os.fstat(stream.fileno())
    modified = datetime.fromtimestamp(status.st_mtime).astimezone()
    etag = f"{status.st_mtime_ns:x}-{status.st_size:x}-{status.st_ino:x}"
    return SentFile(name, content_type_of(name), status.st_size, modified, etag, stream)


def content_type_of(name: str) -> str:
    """By the name's extension, as the historical service had it; unknown ones are bytes."""
    extension = PurePath(name).suffix.lower()
    kind = _CONTENT_TYPES.get(extension) or mimetypes.guess_type(f"x{extension}", strict=True)[0] or _BINARY
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


def _on_the_wire(file: FileFacts) -> dict[str, Any]:
    return {
        "file_name": file.name,
        "file_type": _FILE_TYPES.get(PurePath(file.name).suffix.lower(), "other"),
        "file_size": file.size,
        "file_size_formatted": shown_size(file.size),
        "created_at": file.changed_at.isoformat(timespec="microseconds"),
        "modified_at": file.modified_at.isoformat(timespec="microseconds"),
        "is_readable": file.is_readable,
    }


def _broken(text: str, error: Exception) -> Envelope:
    logger.error("a task's files could not be reached: %s", type(error).__name__, exc_info=error)
    return internal_error_response(text)
