"""The homes of embedded servers that root started, which lie outside the folders they belong to (see `layout`).

A home outlives its project folder: deleting a checkout leaves the databases it started. What is listed here says so,
and what is removed here belongs to nobody any more or to whom asks.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from core.embedded.file_locks import is_locked
from core.embedded.layout import SYSTEM_DIR, Layout


class HomeInUseError(Exception):
    """The servers of a home are running, so it is not removed."""


@dataclass(frozen=True)
class Home:
    """One home: `data_dir` is the data folder it belongs to, None when it does not say.

    `client_dir` has the notes of its clients (what is loaded, passwords), which mean nothing without it.
    """

    path: Path
    data_dir: Path | None
    client_dir: Path | None = None

    @property
    def is_stale(self) -> bool:
        """Whether its data folder is known and gone. Whatever does not say whose it is may be in use."""
        return self.data_dir is not None and not os.path.lexists(self.data_dir)

    @property
    def is_running(self) -> bool:
        return is_locked(self.path / "supervisor.lock")

    def size_bytes(self) -> int:
        """What its files take on the disk; files that go meanwhile count as nothing."""
        total = 0
        for folder, _, names in os.walk(self.path):
            for name in names:
                try:
                    total += Path(folder, name).lstat().st_blocks * 512
                except OSError:
                    continue
        return total


def home_of(data_dir: Path) -> Home:
    """The home of a data folder, there or not."""
    layout = Layout.of(data_dir)
    return Home(layout.home, layout.data_dir, layout.client_dir)


def all_homes(system_dir: Path = SYSTEM_DIR) -> list[Home]:
    """The homes of root's servers on this machine, by name; none for who may not look."""
    try:
        folders = sorted(path for path in system_dir.iterdir() if path.is_dir() and not path.is_symlink())
    except OSError:
        return []
    return [Home(folder, _owner(folder)) for folder in folders if (folder / "credentials.json").exists()]


def remove_home(home: Home) -> None:
    """Remove the home with all databases in it, and the notes of its clients where they are known.

    Raises:
        HomeInUseError: its servers are running.
        OSError: it cannot be removed.
    """
    if home.is_running:
        raise HomeInUseError(str(home.path))
    for folder in dict.fromkeys((home.path, home.client_dir)):
        if folder is not None and folder.exists():
            shutil.rmtree(folder)


def _owner(folder: Path) -> Path | None:
    try:
        text = (folder / "data_dir").read_text("utf-8").strip()
    except (OSError, ValueError):
        return None
    return Path(text) if text.startswith("/") else None
