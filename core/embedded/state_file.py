"""Small private JSON files that are whole or absent, also after a power cut: the state and the passwords.

Called by the supervisor (writes) and the client side (reads).
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.embedded.addresses import Credentials, ServerAddresses


@dataclass(frozen=True)
class ProcessMark:
    """A process told apart from a later one with the same pid by its start time (seconds since the epoch)."""

    pid: int
    created_at: float


@dataclass(frozen=True)
class ServersState:
    """What the supervisor writes down for its clients."""

    addresses: ServerAddresses
    home: str
    supervisor: ProcessMark
    postgresql: ProcessMark | None
    redis: ProcessMark | None


def write_private_json(path: Path, content: dict[str, Any]) -> None:
    """Replace `path` by `content` in one step, mode 0600, on the disk when this returns. Raises OSError."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "w", encoding="utf-8") as stream:
            json.dump(content, stream)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def remove_leftover_temporaries(path: Path) -> None:
    """Delete what a power cut left of earlier writes to `path`."""
    for leftover in path.parent.glob(f".{path.name}.*.tmp"):
        leftover.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):
            os.fsync(fd)
    finally:
        os.close(fd)


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def write_state(path: Path, state: ServersState) -> None:
    write_private_json(path, asdict(state))


def read_state(path: Path) -> ServersState | None:
    """The state, or None when the file is absent, unreadable, half-written or of another shape."""
    content = _read_json(path)
    try:
        return ServersState(
            addresses=ServerAddresses(**content["addresses"]),
            home=str(content["home"]),
            supervisor=ProcessMark(**content["supervisor"]),
            postgresql=_mark(content["postgresql"]),
            redis=_mark(content["redis"]),
        )
    except (TypeError, KeyError):
        return None


def _mark(content: dict[str, Any] | None) -> ProcessMark | None:
    return None if content is None else ProcessMark(**content)


def write_credentials(path: Path, credentials: Credentials) -> None:
    write_private_json(path, asdict(credentials))


def read_credentials(path: Path) -> Credentials | None:
    """The passwords, or None when the file is absent or broken."""
    content = _read_json(path)
    try:
        credentials = Credentials(**content)
    except TypeError:
        return None
    fields = (credentials.owner, credentials.platform, credentials.redis)
    return credentials if all(isinstance(value, str) and value.isalnum() for value in fields) else None
