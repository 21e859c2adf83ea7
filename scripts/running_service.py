"""Finds the service of this project that listens on a port, and stops it by its process id. Linux only."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

STOP_SECONDS: Final = 40
_LISTENING: Final = "0A"
_LOOPBACK: Final = ("0100007F", "00000000000000000000000001000000")


@dataclass(frozen=True)
class RunningService:
    """The process to tell to stop, the host it is bound to, and every process that holds the port."""

    process_id: int
    host: str


class ForeignServiceError(OSError):
    """Something that is not ours listens on the port."""


def find_service(port: int, *folders: Path) -> RunningService | None:
    """The service that was started from one of `folders`, or below; None when nobody listens.

    Raises:
        ForeignServiceError: somebody else does.
    """
    found = dict(_listeners(port))
    if not found:
        return None
    holders = [number for number in map(int, _process_names()) if _holds(number, set(found))]
    ours = [number for number in holders if _is_ours(number, folders)]
    if not ours:
        raise ForeignServiceError(f"port {port} is used by something that was not started from this folder")
    top = next((number for number in ours if _parent(number) not in ours), ours[0])
    is_local = all(address in _LOOPBACK for address in found.values())
    return RunningService(top, "127.0.0.1" if is_local else "0.0.0.0")  # noqa: S104 - as it was bound


def stop_service(service: RunningService, port: int) -> None:
    """Ask it to stop and wait until the port is free; its last answers may still be on their way then.

    Raises:
        OSError: it does not stop.
    """
    os.kill(service.process_id, signal.SIGTERM)
    until = time.monotonic() + STOP_SECONDS
    while time.monotonic() < until:
        if not dict(_listeners(port)):
            return
        time.sleep(0.1)
    raise OSError(f"process {service.process_id} did not stop within {STOP_SECONDS} s")


def _listeners(port: int) -> Iterator[tuple[str, str]]:
    """Socket numbers and addresses, as the kernel writes them."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                address, _, number = fields[1].partition(":")
                if fields[3] == _LISTENING and int(number, 16) == port:
                    yield fields[9], address


def _process_names() -> list[str]:
    return [path.name for path in Path("/proc").iterdir() if path.name.isdigit()]


def _holds(number: int, sockets: set[str]) -> bool:
    wanted = {f"socket:[{one}]" for one in sockets}
    with suppress(OSError):
        for entry in Path(f"/proc/{number}/fd").iterdir():
            with suppress(OSError):
                if str(entry.readlink()) in wanted:
                    return True
    return False


def _is_ours(number: int, folders: tuple[Path, ...]) -> bool:
    with suppress(OSError):
        started_in = Path(f"/proc/{number}/cwd").readlink()
        return any(started_in == folder or folder in started_in.parents for folder in folders)
    return False


def _parent(number: int) -> int:
    with suppress(OSError, IndexError, ValueError):
        return int(Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[1])
    return 0
