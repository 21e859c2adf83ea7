"""Whether a file with secrets can be read by people who should not; asked at every start."""

from __future__ import annotations

import stat
from pathlib import Path

from common import messages


def open_file_warning(path: Path) -> str | None:
    """One sentence when everybody on the machine may read or change the file; None when it is closed or not there."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return None
    if not mode & (stat.S_IROTH | stat.S_IWOTH):
        return None
    return messages.FILE_OPEN_TO_ALL.format(path=path, mode=f"{mode:04o}")
