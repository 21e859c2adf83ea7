"""How the embedded Redis is run and asked whether it answers. Called by the supervisor. The program is Valkey.

It listens on a unix socket only, with a password that it reads from its standard input. Every write is in the kernel
before it is acknowledged, so kill -9 loses nothing; a power cut loses at most about one second (everysec).
Nothing is ever evicted: conversations lie beside caches, both with a time to live, so no eviction policy could
spare the conversations.
"""

from __future__ import annotations

import signal
import socket
from collections.abc import Sequence
from pathlib import Path

from core.embedded.addresses import REDIS_SOCKET_NAME, Credentials
from core.embedded.layout import Layout
from core.embedded.programs import REDIS_PROGRAM, Programs
from core.embedded.server_process import ServerCommand

_SETTINGS = """\
port 0
unixsocketperm 700
daemonize no
save ""
appendonly yes
appendfsync everysec
aof-load-truncated yes
aof-use-rdb-preamble yes
maxmemory-policy noeviction
set-proc-title no
always-show-logo no
"""


_PROGRAMS = frozenset({REDIS_PROGRAM, "redis-server"})
"""What a server of ours may be called; the second name is that of servers an earlier release left running."""


def redis_command(layout: Layout, programs: Programs, credentials: Credentials) -> ServerCommand:
    """The command; `-` makes Redis read its configuration from standard input."""
    socket_path = str(layout.run_dir / REDIS_SOCKET_NAME)

    def is_mine(cmdline: Sequence[str]) -> bool:
        return Path(cmdline[0]).name in _PROGRAMS and socket_path in cmdline

    return ServerCommand(
        name="Redis",
        argv=(str(programs.redis_server), "-", "--unixsocket", socket_path, "--dir", str(layout.redis_dir)),
        lock_path=layout.home / "redis.lock",
        log_path=layout.redis_log,
        stdin_text=f"{_SETTINGS}requirepass {credentials.redis}\n",
        stop_signals=(signal.SIGTERM,),
        death_signal=signal.SIGTERM,
        is_mine=is_mine,
    )


def redis_answers(run_dir: Path, password: str) -> bool:
    """True when Redis has its data loaded and answers PING (redis.io/docs, RESP inline commands)."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(2)
            connection.connect(str(run_dir / REDIS_SOCKET_NAME))
            connection.sendall(f"AUTH {password}\r\nPING\r\nQUIT\r\n".encode())
            answer = b"".join(iter(lambda: connection.recv(256), b""))
    except OSError:
        return False
    return b"+PONG" in answer
