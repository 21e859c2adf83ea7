"""How our PostgreSQL is run and asked whether it answers. Called by the supervisor.

It listens on a unix socket only, passwords are scram-sha-256. A commit is on the disk before it is acknowledged, except
in servers for scratch data.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Sequence
from pathlib import Path

import psutil

from core.embedded.addresses import OWNER_ROLE, POSTGRES_PORT, Credentials, postgres_url
from core.embedded.layout import Layout
from core.embedded.programs import Programs
from core.embedded.server_process import ServerCommand

# client_connection_check_interval: a query whose client is gone ends within a second.
# dynamic_shared_memory_type=mmap: containers give /dev/shm only 64 MB, and nothing may be left there after kill -9.
_SETTINGS = {
    "listen_addresses": "",
    "port": str(POSTGRES_PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "dynamic_shared_memory_type": "mmap",
    "max_wal_size": "256MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "client_connection_check_interval": "1s",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "logging_collector": "off",
    "update_process_title": "on",
}
# Without them a dropped database costs milliseconds instead of a second: no checkpoint waits for the disk.
_SCRATCH_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
HBA_TEXT = "local all all scram-sha-256\n"


def postgres_command(layout: Layout, programs: Programs, *, is_scratch: bool = False) -> ServerCommand:
    """The command of the postmaster. Its children are known by the cluster's name in their titles.

    Args:
        is_scratch: nobody needs the data after a power cut, so nothing waits for the disk.
    """
    settings = (
        _SETTINGS
        | (_SCRATCH_SETTINGS if is_scratch else {})
        | {
            "unix_socket_directories": f'"{layout.run_dir}"',
            "hba_file": str(layout.hba_file),
            "cluster_name": layout.cluster_name,
        }
    )
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    def is_mine(cmdline: Sequence[str]) -> bool:
        return is_postmaster(cmdline, layout.pgdata) or cmdline[0].startswith(f"postgres: {layout.cluster_name}: ")

    return ServerCommand(
        name="PostgreSQL",
        argv=(str(programs.postgres), "-D", str(layout.pgdata), *options),
        lock_path=layout.home / "postgresql.lock",
        log_path=layout.postgres_log,
        stdin_text=None,
        stop_signals=(signal.SIGINT, signal.SIGQUIT),  # fast, then immediate shutdown
        death_signal=signal.SIGINT,
        is_mine=is_mine,
    )


def is_postmaster(cmdline: Sequence[str], pgdata: Path) -> bool:
    """True for the command line of a postmaster on `pgdata`."""
    return Path(cmdline[0]).name in {"postgres", "postmaster"} and str(pgdata) in cmdline


def postmaster_pid(pgdata: Path) -> int | None:
    """The pid of a living postmaster that uses `pgdata`, whoever started it; None when there is none."""
    pid = _pid_in(pgdata / "postmaster.pid")
    if pid is None:
        return None
    try:
        process = psutil.Process(pid)
        is_alive = process.status() != psutil.STATUS_ZOMBIE
        return pid if is_alive and is_postmaster(process.cmdline() or [""], pgdata) else None
    except psutil.NoSuchProcess:
        return None


def remove_stale_files(layout: Layout) -> None:
    """Delete what a crash or power cut left: the pid file and the sockets with their locks.

    Only to be called while the server's lock is held and `postmaster_pid` is None: then no process uses the data.
    PostgreSQL itself refuses to start when the file is empty or its pid is taken by another process of its account.
    """
    (layout.pgdata / "postmaster.pid").unlink(missing_ok=True)
    for name in (f".s.PGSQL.{POSTGRES_PORT}", f".s.PGSQL.{POSTGRES_PORT}.lock"):
        (layout.run_dir / name).unlink(missing_ok=True)


def _pid_in(pid_file: Path) -> int | None:
    try:
        first = pid_file.read_text(encoding="utf-8", errors="replace").partition("\n")[0].strip()
    except OSError:
        return None
    return int(first) if re.fullmatch(r"[1-9][0-9]{0,9}", first) else None


def postgres_answers(run_dir: Path, credentials: Credentials) -> bool:
    """True when the owner can log in."""
    import psycopg  # only the supervisor needs it, and it takes 0.15 s

    try:
        with psycopg.connect(postgres_url(run_dir, OWNER_ROLE, credentials.owner, "postgres"), connect_timeout=2):
            return True
    except psycopg.OperationalError:
        return False
