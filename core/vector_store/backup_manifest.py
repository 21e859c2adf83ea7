"""What a backup says of itself: model and dimension of its vectors, and of each file rows, bytes, columns, checksum."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from common.errors import CituError
from common.messages import vector_backup as texts
from core.vector_store.ann_index import VectorSpace
from core.vector_store.backup_folders import TABLES, BackupFolder, manifest_name

FORMAT: Final = 1
_LARGEST: Final = 1024 * 1024


class BackupError(CituError):
    """A backup cannot be written or read; nothing was changed (500).

    Attributes:
        table: the table at fault, empty when it is none in particular.
    """

    error_type = "vector_backup_failed"

    def __init__(self, message: str, *, table: str = "") -> None:
        super().__init__(message)
        self.table = table


@dataclass(frozen=True)
class FileFacts:
    """One table's file. `sha256` is of all of its bytes, in hex."""

    file: str
    row_count: int
    byte_count: int
    sha256: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Manifest:
    """A whole backup. `space` is what the service embedded with when it was made."""

    stamp: str
    task_id: str | None
    space: VectorSpace
    files: Mapping[str, FileFacts]

    def encoded(self) -> bytes:
        """The file's content."""
        content = {
            "format": FORMAT,
            "timestamp": self.stamp,
            "task_id": self.task_id,
            "embedding_model": self.space.model,
            "embedding_dimension": self.space.dimension,
            "tables": {
                table: {
                    "file": facts.file,
                    "row_count": facts.row_count,
                    "byte_count": facts.byte_count,
                    "sha256": facts.sha256,
                    "columns": list(facts.columns),
                }
                for table, facts in self.files.items()
            },
        }
        return json.dumps(content, ensure_ascii=False, indent=2).encode()


def read_manifest(folder: BackupFolder, stamp: str) -> Manifest | None:
    """What the backup says of itself, None when it is one of the historical service.

    Raises:
        BackupError: there is a manifest that cannot be read.
    """
    name = manifest_name(stamp)
    if folder.size(name) is None:
        return None
    try:
        with folder.reading(name) as file:
            content = json.loads(file.read(_LARGEST))
        return _manifest(content)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise BackupError(texts.MANIFEST_BROKEN.format(file=name)) from error


def _manifest(content: Mapping[str, Any]) -> Manifest:
    if content["format"] != FORMAT:
        raise ValueError("a manifest of another format")
    tables = {table: content["tables"][table] for table in TABLES}
    files = {
        table: FileFacts(
            file=str(facts["file"]),
            row_count=int(facts["row_count"]),
            byte_count=int(facts["byte_count"]),
            sha256=str(facts["sha256"]),
            columns=tuple(map(str, facts["columns"])),
        )
        for table, facts in tables.items()
    }
    space = VectorSpace(str(content["embedding_model"]), int(content["embedding_dimension"]))
    return Manifest(str(content["timestamp"]), content["task_id"], space, files)
