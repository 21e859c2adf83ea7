"""A task's folder: every file written whole or not at all, and text that people edited never overwritten.

A journal of checksums in the folder's own `.pipeline` part is written before each file, so that after kill -9 it is
known which files are ours. Names are plain file names; nothing is written outside the folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from data_pipeline.errors import PipelineError

FOLDER_MODE: Final = 0o750
FILE_MODE: Final = 0o640
STATE_FOLDER: Final = ".pipeline"
_JOURNAL: Final = "written.jsonl"
_UNSAFE: Final = re.compile(r"[/\\\x00-\x1f]")
KEPT_IN_PLACE: Final = frozenset({"table_list.txt", "data_pipeline.log"})
_ROTATED_LOG: Final = re.compile(r"data_pipeline\.log(\.\d+)?")
_MEASURED: Final = frozenset({"duration", "average_execution_time", "total_records", "data_type_counts"})


def make_private(folder: Path) -> None:
    """Make a folder that only its owner and the owner's group can look into; one that is there loses others' rights.

    A folder that somebody else owns stays as it is. Raises OSError when it cannot be made.
    """
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    if stat.S_IMODE(folder.stat().st_mode) & ~FOLDER_MODE:
        with suppress(PermissionError):
            folder.chmod(FOLDER_MODE)


def checksum(content: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()


def file_checksum(path: Path) -> str | None:
    """SHA-256 of a file, None when it is not there."""
    try:
        return checksum(path.read_bytes())
    except (FileNotFoundError, IsADirectoryError):
        return None


class TaskFolder:
    """Reads and writes one task's files. Safe in any thread.

    Args:
        path: the folder; made when it is missing.
        reached: called at every point where a kill would leave something half done; tests kill there.
    """

    def __init__(self, path: Path, *, reached: Callable[[str], None] = lambda _point: None) -> None:
        self.path = path
        self._reached = reached
        self._lock = threading.Lock()
        self.state = path / STATE_FOLDER
        make_private(path)
        make_private(self.state)
        self._written = self._read_journal()

    def file(self, name: str) -> Path:
        """The path of a file of the task.

        Raises:
            PipelineError: the name is not a plain file name.
        """
        if not name or name in (".", "..") or _UNSAFE.search(name):
            raise PipelineError(f"not a file name: {name!r}")
        return self.path / name

    def is_ours(self, name: str) -> bool:
        """Whether the file is as we wrote it, at any time; a missing file is."""
        found = file_checksum(self.file(name))
        return found is None or found in self._written.get(name, ())

    def was_written(self, name: str) -> bool:
        """Whether we ever wrote a file of that name, so that strange content in it is an edit, not an upload."""
        return name in self._written

    def is_edited(self, name: str) -> bool:
        """Whether it is there and holds what we never wrote."""
        return not self.is_ours(name)

    def write(self, name: str, text: str, *, keeps_edits: bool = True) -> str:
        """Write a file whole and return the name it got.

        Args:
            keeps_edits: when people changed the file, leave it and write `<name>_new` (`_new_2`, ...) beside it.
        """
        content = text.encode("utf-8", "surrogatepass")
        with self._lock:
            target = self._free_name(name) if keeps_edits else name
            digest = checksum(content)
            if file_checksum(self.file(target)) == digest and digest in self._written.get(target, ()):
                return target
            self._note(target, digest)
            self._reached(f"noted {target}")
            self._replace(self.file(target), content)
            self._reached(f"wrote {target}")
        return target

    def write_json(self, name: str, value: Any, *, keeps_edits: bool = False) -> str:
        """`write` of JSON with an indent of 2."""
        return self.write(name, json.dumps(value, ensure_ascii=False, indent=2, default=str), keeps_edits=keeps_edits)

    def write_state(self, name: str, value: Any) -> None:
        """Write a file of our own bookkeeping, whole."""
        self._replace(self.state / name, json.dumps(value, ensure_ascii=False, sort_keys=True).encode())
        self._reached(f"state {name}")

    def read_state(self, name: str) -> Any:
        """What `write_state` wrote, None when there is nothing or it cannot be read."""
        try:
            return json.loads((self.state / name).read_bytes())
        except (OSError, ValueError):
            return None

    def rename(self, name: str, new_name: str) -> None:
        """Give a file another free name; what is there under that name is kept and numbered."""
        target, number = new_name, 0
        while self.file(target).exists():
            number += 1
            stem = new_name.removesuffix("_old")
            target = f"{stem}_{number}_old"
        digest = file_checksum(self.file(name))
        if digest is not None:
            self._note(target, digest)
        self.file(name).rename(self.file(target))
        self._reached(f"renamed {name}")

    def remove(self, name: str) -> None:
        """Delete a file of ours; one that is not there is no error."""
        self.file(name).unlink(missing_ok=True)
        self._reached(f"removed {name}")

    def names(self) -> list[str]:
        """The plain files of the folder, sorted; neither folders nor links nor half-written files."""
        return sorted(
            entry.name
            for entry in self.path.iterdir()
            if entry.is_file() and not entry.is_symlink() and not entry.name.startswith(".")
        )

    def _free_name(self, name: str) -> str:
        target, number = name, 1
        while not self.is_ours(target):
            target = f"{name}_new" if number == 1 else f"{name}_new_{number}"
            number += 1
        return target

    def _replace(self, path: Path, content: bytes) -> None:
        temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
        # no fsync: the system keeps what was written when the process dies, and hundreds of tables would wait for disks
        temporary.touch(FILE_MODE)
        temporary.write_bytes(content)
        temporary.replace(path)

    def _note(self, name: str, digest: str) -> None:
        if digest in self._written.get(name, ()):
            return
        with (self.state / _JOURNAL).open("ab") as journal:
            journal.write(json.dumps([name, digest]).encode() + b"\n")
        self._written.setdefault(name, set()).add(digest)

    def _read_journal(self) -> dict[str, set[str]]:
        written: dict[str, set[str]] = {}
        try:
            content = (self.state / _JOURNAL).read_bytes()
        except FileNotFoundError:
            return written
        for line in content.splitlines():
            try:
                name, digest = json.loads(line)
            except (ValueError, TypeError):  # the last line of a killed run
                continue
            written.setdefault(name, set()).add(digest)
        if content and not content.endswith(b"\n"):
            with (self.state / _JOURNAL).open("ab") as journal:
                journal.write(b"\n")
        return written

    def drop_half_written(self) -> None:
        """Delete temporary files that a killed run left."""
        for folder in (self.path, self.state):
            for entry in folder.glob(".*.tmp"):
                entry.unlink(missing_ok=True)


def content_checksums(path: Path) -> dict[str, str]:
    """Checksums of everything a run produced, by path relative to the folder, without measured times and logs.

    Two runs of the same task on the same data agree in them, also when one was killed in between.
    """
    sums: dict[str, str] = {}
    for entry in sorted(path.rglob("*")):
        name = entry.relative_to(path).as_posix()
        if not entry.is_file() or name.startswith(STATE_FOLDER) or _ROTATED_LOG.fullmatch(name):
            continue
        content = entry.read_bytes()
        if name.endswith("_result.json"):
            content = json.dumps(_without_times(json.loads(content)), sort_keys=True).encode()
        sums[name] = checksum(content)
    return sums


def _without_times(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            key: _without_times(item)
            for key, item in value.items()
            if key not in _MEASURED and not str(key).endswith(("_time", "_duration"))
        }
    return [_without_times(item) for item in value] if isinstance(value, list) else value
