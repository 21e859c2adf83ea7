"""Whether the servers of a data directory run. Called by clients and by `supervisor --status`."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from core.embedded.addresses import ServerAddresses
from core.embedded.file_locks import is_locked
from core.embedded.layout import Layout
from core.embedded.redis_server import redis_answers
from core.embedded.state_file import ProcessMark, ServersState, read_state


def running_state(layout: Layout) -> ServersState | None:
    """The state when its supervisor lives and both servers have been started, else None.

    Raises PermissionError when the servers belong to another user.
    """
    state = read_state(layout.state_file)
    return state if state is not None and is_locked(layout.supervisor_lock) else None


def read_addresses(data_dir: Path) -> ServerAddresses | None:
    """Where the servers of `data_dir` answer; None when they are not running. Takes no lease."""
    try:
        state = running_state(Layout.of(data_dir))
    except PermissionError:
        return None
    return None if state is None else state.addresses


def servers_status(layout: Layout) -> dict[str, Any]:
    """What runs, without secrets; `answering` is asked now."""
    state = running_state(layout)
    if state is None:
        return {"running": False, "data_dir": str(layout.data_dir)}
    return {
        "running": True,
        "data_dir": str(layout.data_dir),
        "home": state.home,
        "supervisor": {"pid": state.supervisor.pid},
        "postgresql": _part(state.postgresql, _postgres_answers(state.addresses)),
        "redis": _part(state.redis, redis_answers(layout.run_dir, urlsplit(state.addresses.redis_url).password or "")),
    }


def _part(mark: ProcessMark | None, is_answering: bool) -> dict[str, Any]:
    return {"pid": None if mark is None else mark.pid, "answering": is_answering}


def _postgres_answers(addresses: ServerAddresses) -> bool:
    import psycopg

    try:
        with psycopg.connect(addresses.platform_url, connect_timeout=2):
            return True
    except psycopg.OperationalError:
        return False
