"""Keeps the servers' log files small, and finds the line that explains why a server ended.

Called by the supervisor's parts.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

_LARGEST_LOG_BYTES = 5 * 1024 * 1024
_LONGEST_LINE = 200
# PostgreSQL says FATAL, PANIC, ERROR; Redis marks warnings with "# " after the time, configuration errors with ***
_TELLING = re.compile(r"FATAL:|PANIC:|ERROR:|error:|\d # |\*\*\* FATAL")


def keep_small(log: Path) -> None:
    """Move a log above 5 MB aside, over the one moved before."""
    if log.exists() and log.stat().st_size > _LARGEST_LOG_BYTES:
        log.replace(log.with_name(log.name + ".1"))


def size_of(log: Path) -> int:
    """Its length in bytes, 0 when there is none."""
    return log.stat().st_size if log.exists() else 0


def text_after(log: Path, offset: int) -> str:
    """What was written since it was `offset` bytes long."""
    if not log.exists():
        return ""
    with log.open("rb") as stream:
        stream.seek(offset)
        return stream.read().decode(errors="replace")


def telling_line(text: str) -> str:
    """The last line that names a failure, else the last line, at most 200 characters; empty for no text."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if _TELLING.search(line)]
    return ((telling or lines)[-1])[:_LONGEST_LINE] if lines else ""


def append_private(log: Path, text: str) -> None:
    """Add `text`; a new file gets mode 0600."""
    fd = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "a", encoding="utf-8") as stream:
        stream.write(text)
