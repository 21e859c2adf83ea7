"""The table lists a task may name by path: plain text files of one folder of the service, nothing else on its disk."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from common.errors import BadRequestError
from common.messages import pipeline_tasks as texts
from features.pipeline_tasks.file_names import is_safe_name

LARGEST: Final = 2 * 1024 * 1024


class ShippedLists:
    """Args:
    folder: where they are; name: how paths in requests name that folder, for instance `data_pipeline`.
    """

    def __init__(self, *, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name

    def read(self, path: str) -> bytes:
        """The list at `<name>/<file>.txt`, also written `./<name>/...`.

        Raises:
            BadRequestError: there is no such list.
        """
        folder, _, name = path.removeprefix("./").rpartition("/")
        if folder != self._name or not is_safe_name(name) or not name.endswith(".txt"):
            raise self._refusal()
        try:
            descriptor = os.open(self._folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise self._refusal() from error
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise self._refusal()
            return file.read(LARGEST)

    @staticmethod
    def _refusal() -> BadRequestError:
        return BadRequestError(texts.TABLE_LIST_FILE_WRONG, invalid_params=["table_list_file"])
