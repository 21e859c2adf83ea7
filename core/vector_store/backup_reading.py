"""Reads a backup's CSV file piece by piece, with bounds: the header first, then whole lines, nothing too long.

What stands in a backup folder is not trusted: a record has a greatest length, a header must name known columns, and
`cmetadata` of the historical service (Python's own notation) is read as data, never evaluated.
"""

from __future__ import annotations

import ast
import csv
import hashlib
import json
from collections.abc import Collection, Iterator
from typing import IO, Any, Final

from common.messages import vector_backup as texts
from core.vector_store.backup import HISTORICAL_COLUMNS
from core.vector_store.backup_manifest import BackupError

LONGEST_RECORD: Final = 16 * 1024 * 1024
LONGEST_METADATA: Final = 64 * 1024
_LONGEST_HEADER: Final = 4_096
_CHUNK: Final = 256 * 1024
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class BackupReader:
    """One table's file. `columns` are its header's; after `chunks` was read to its end the other facts hold.

    Args:
        file: open at its beginning.
        known: the columns of the table it goes into.

    Raises:
        BackupError: the header does not name such columns.
    """

    def __init__(self, file: IO[bytes], *, table: str, name: str, known: Collection[str]) -> None:
        self._file = file
        self._table = table
        self._name = name
        self._digest = hashlib.sha256()
        self.record_count = 0
        self.columns = self._header(known)

    @property
    def is_historical(self) -> bool:
        """Whether the historical service wrote it, or could have."""
        return self.columns == HISTORICAL_COLUMNS[self._table]

    @property
    def sha256(self) -> str:
        """Of what was read so far, in hex."""
        return self._digest.hexdigest()

    def chunks(self) -> Iterator[bytes]:
        """The lines after the header, many at once; raises `BackupError` for a record that is too long."""
        waiting: list[bytes] = []
        size = record = line_number = 0
        is_open = False
        while line := self._file.readline(LONGEST_RECORD + 1):
            line_number += 1
            self._digest.update(line)
            record += len(line)
            if record > LONGEST_RECORD:
                raise self._error(texts.RECORD_TOO_LONG.format(file=self._name, line=line_number + 1))
            is_open ^= line.count(b'"') % 2 == 1
            if not is_open:
                self.record_count += 1
                record = 0
            waiting.append(line)
            size += len(line)
            if size >= _CHUNK:
                yield b"".join(waiting)
                waiting, size = [], 0
        yield b"".join(waiting)

    def _header(self, known: Collection[str]) -> tuple[str, ...]:
        line = self._file.readline(_LONGEST_HEADER)
        self._digest.update(line)
        try:
            text = line.removeprefix(_BYTE_ORDER_MARK).decode("utf-8")
            names = tuple(next(csv.reader([text.rstrip("\r\n")]), ()))
        except (UnicodeDecodeError, csv.Error):
            names = ()
        historical = HISTORICAL_COLUMNS[self._table]
        is_known = names[: len(historical)] == historical and set(names) <= set(known) and len(set(names)) == len(names)
        if not is_known or not line.endswith(b"\n"):
            raise self._error(texts.HEADER_WRONG.format(file=self._name))
        return names

    def _error(self, text: str) -> BackupError:
        return BackupError(text, table=self._table)


def metadata_as_json(text: str) -> str:
    """`cmetadata` as JSON, given as JSON or as Python writes a dictionary.

    Raises:
        ValueError: it is neither.
    """
    if len(text) > LONGEST_METADATA:
        raise ValueError("too long")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = _literal(text)
    if "\0" in text or "\\u0000" in text:
        raise ValueError("a NUL character")
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _literal(text: str) -> Any:
    try:
        value = ast.literal_eval(text)
        json.dumps(value, allow_nan=False)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError) as error:
        raise ValueError("neither JSON nor a dictionary") from error
    return value
