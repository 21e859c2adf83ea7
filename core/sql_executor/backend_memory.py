"""The private memory of the server process behind a connection, when that process runs on this machine.

`work_mem` bounds sorts and hash tables that can spill; aggregates that collect, hashed NOT IN and single large values
are bounded by nothing in PostgreSQL. For a local server the kernel does it: RLIMIT_DATA of that one process makes its
next allocation fail, which PostgreSQL answers with an ordinary error 53200, and the server goes on. Where this process
may not set the limit, `QueryWatch` reads the process's memory while a statement runs. Linux only; used by the pool.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import socket
import struct
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from psycopg import Connection

_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_RESERVE_BYTES: Final = 8 * 1024 * 1024  # the stack and pages of libraries are private, too, and not counted as data
_HELPER_SECONDS: Final = 2.0
_TRIPPED_AT: Final = 0.75  # it goes on growing until it is looked at and the cancel request arrives


class LocalBackend:
    """One server process on this machine, looked at while it is idle.

    Args:
        process_id: as this machine counts.
        more_bytes: private memory it may come to have beyond what it has now.

    Attributes:
        is_capped: whether the kernel holds it to that.
    """

    def __init__(self, process_id: int, more_bytes: int) -> None:
        self.process_id = process_id
        self.is_capped = False
        self._statm = f"/proc/{process_id}/statm"
        self._more_bytes = more_bytes
        self._limit_bytes = self.private_bytes() + int(more_bytes * _TRIPPED_AT)

    def private_bytes(self) -> int:
        """Resident memory that no other process shares, so without shared buffers; 0 when the process is gone."""
        try:
            with open(self._statm, "rb", buffering=0) as file:  # noqa: PTH123 - read many times a second
                resident, shared = file.read(200).split()[1:3]
        except (OSError, ValueError):
            return 0
        return max(0, int(resident) - int(shared)) * _PAGE_BYTES

    def is_over(self) -> bool:
        """Whether it has so much that it must be stopped to stay within its bound."""
        return self.private_bytes() > self._limit_bytes

    def cap(self) -> bool:
        """Have the kernel refuse this process what is beyond its bound; False when this process may not do that."""
        limit = _status_number(self.process_id, "VmData") * 1024 + max(0, self._more_bytes - _RESERVE_BYTES)
        self.is_capped = self._set_limit(limit) or self._set_limit_as_owner(limit)
        return self.is_capped

    def _set_limit(self, limit: int) -> bool:
        try:
            resource.prlimit(self.process_id, resource.RLIMIT_DATA, (limit, limit))
        except (OSError, ValueError):
            return False
        return True

    def _set_limit_as_owner(self, limit: int) -> bool:
        """Root of a container often lacks the capability to limit other accounts' processes, but may become them."""
        program = shutil.which("prlimit", path="/usr/bin:/bin")
        if program is None or os.geteuid() != 0:
            return False
        try:
            owner = Path(f"/proc/{self.process_id}").stat()
            command = [program, "--pid", str(self.process_id), f"--data={limit}:{limit}"]
            done = subprocess.run(
                command, user=owner.st_uid, group=owner.st_gid, extra_groups=[], env={}, cwd="/",
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                timeout=_HELPER_SECONDS, check=False,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError):
            return False
        return done.returncode == 0


def local_backend(connection: Connection[Any], more_bytes: int) -> LocalBackend | None:
    """The server process behind `connection`; None when it cannot be shown to run on this machine.

    Over a Unix socket the kernel knows which process listens, and the process must be a child of that one. Over TCP
    the process must carry PostgreSQL's title with the port of our end. A connection pooler in between
    fails both.
    """
    if not sys.platform.startswith("linux"):
        return None
    process_id = connection.info.backend_pid
    with suppress(OSError, ValueError), socket.socket(fileno=os.dup(connection.pgconn.socket)) as own:
        if own.family == socket.AF_UNIX:
            size = struct.calcsize("3i")
            listener = struct.unpack("3i", own.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))[0]
            is_local = listener > 1 and _status_number(process_id, "PPid") == listener
        else:
            title = Path(f"/proc/{process_id}/cmdline").read_text("utf-8", "replace")
            is_local = title.startswith("postgres: ") and f"({own.getsockname()[1]})" in title
        return LocalBackend(process_id, more_bytes) if is_local else None
    return None


def _status_number(process_id: int, name: str) -> int:
    """A line of `/proc/PID/status` (proc_pid_status(5)), memory in kilobytes; 0 when there is none."""
    with suppress(OSError):
        found = re.search(rf"^{name}:\s*(\d+)", Path(f"/proc/{process_id}/status").read_text("ascii", "replace"), re.M)
        return int(found.group(1)) if found else 0
    return 0
