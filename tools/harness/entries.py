"""Runs an entry of this project as a process of its own, with exactly the settings given, on a free port."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.harness.processes import OLD_ENTRY, UNIFIED, bare_environment, folders, free_port, running

WAITRESS: Final = (
    "import os, waitress, citu_app; "
    "waitress.serve(citu_app.app, host='127.0.0.1', port=int(os.environ['PORT']), threads=128, backlog=2048)"
)


@dataclass(frozen=True)
class RunningEntry:
    """Where it answers, and its process; workers are children of that."""

    url: str
    process_id: int


def program_of(entry: str, *, is_plain: bool = False) -> tuple[str, ...]:
    """What Python runs for an entry.

    Args:
        entry: `unified`, `citu`, or `citu-waitress`: the old entry under waitress, which takes the address from the
            environment of `running_entry`.
        is_plain: serve the unified entry by a plain WSGI server.
    """
    if entry == "citu-waitress":
        return ("-c", WAITRESS)
    if entry == "citu":
        return OLD_ENTRY
    return ("unified_api.py",) if is_plain else UNIFIED


@contextmanager
def running_entry(
    entry: str, settings: Mapping[str, str], *, log: Path, is_plain: bool = False
) -> Iterator[RunningEntry]:
    """The running entry; it is stopped at the end. What it prints goes to `log`.

    Raises:
        OSError: it did not start; the message names the log.
    """
    port = free_port()
    url, folder = f"http://127.0.0.1:{port}", log.parent / "service"
    environ = {**bare_environment(), "HOST": "127.0.0.1", "PORT": str(port), **folders(folder), **settings}
    folder.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    with running(program_of(entry, is_plain=is_plain), environ, ready=f"{url}/", log=log) as process:
        yield RunningEntry(url, process.pid)
