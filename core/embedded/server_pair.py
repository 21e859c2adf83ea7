"""PostgreSQL and Redis of one data directory: prepared, started, kept alive, stopped. Called by the supervisor."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from common import messages
from common.errors import ConfigurationError
from core.embedded.account import Account
from core.embedded.addresses import REDIS_SOCKET_NAME, Credentials, addresses_of
from core.embedded.cluster import Cluster
from core.embedded.layout import Layout, make_private_folder
from core.embedded.postgres_server import (
    HBA_TEXT,
    postgres_answers,
    postgres_command,
    postmaster_pid,
    remove_stale_files,
)
from core.embedded.programs import Programs
from core.embedded.redis_server import redis_answers, redis_command
from core.embedded.server_logs import keep_small, size_of, telling_line, text_after
from core.embedded.server_process import ServerProcess
from core.embedded.state_file import ProcessMark, ServersState, read_credentials, write_credentials

FIRST_START_BYTES = 300 * 1024 * 1024
LATER_START_BYTES = 64 * 1024 * 1024
_STOP_SECONDS = 20.0

logger = logging.getLogger("app.embedded")


class ServerPair:
    """Both servers. The caller holds the supervisor's lock, and stays in one thread."""

    def __init__(
        self,
        *,
        layout: Layout,
        programs: Programs,
        account: Account,
        progress: Callable[[str], None],
        is_scratch: bool = False,
    ) -> None:
        """Args: is_scratch: see `postgres_command`."""
        self._layout = layout
        self._programs = programs
        self._account = account
        self._progress = progress
        self._cluster = Cluster(layout=layout, programs=programs, account=account)
        self._credentials: Credentials | None = None
        self._postgres = ServerProcess(
            command=postgres_command(layout, programs, is_scratch=is_scratch),
            account=account,
            before_start=self._prepare_postgres,
        )
        self._redis: ServerProcess | None = None

    def start(self, *, deadline: float, is_stopping: Callable[[], bool]) -> None:
        """Start both and return when both answer and the databases exist.

        Args:
            deadline: time.monotonic seconds.
            is_stopping: asked while waiting; True ends the waiting early.

        Raises:
            ConfigurationError: one sentence for the user; the cause is in the log.
        """
        logs = {log: size_of(log) for log in (self._layout.postgres_log, self._layout.redis_log)}
        self._start(self._postgres, deadline)
        credentials = self._known_credentials()
        self._redis = ServerProcess(
            command=redis_command(self._layout, self._programs, credentials),
            account=self._account,
            before_start=self._prepare_redis,
        )
        self._start(self._redis, deadline)
        run_dir = self._layout.run_dir
        waits: list[tuple[ServerProcess, Path, Callable[[], bool]]] = [
            (self._postgres, self._layout.postgres_log, lambda: postgres_answers(run_dir, credentials)),
            (self._redis, self._layout.redis_log, lambda: redis_answers(run_dir, credentials.redis)),
        ]
        for server, log, answers in waits:
            started = time.monotonic()
            while not is_stopping() and not answers():
                if server.exit_code is not None:
                    raise self._exited(server, log, telling_line(text_after(log, logs[log])))
                if time.monotonic() > deadline:
                    raise self._silent(server, log, time.monotonic() - started)
                time.sleep(0.03)
        if not is_stopping():
            self._ensure_databases(credentials)

    def _start(self, server: ServerProcess, deadline: float) -> None:
        log = self._layout.postgres_log if server is self._postgres else self._layout.redis_log
        started = time.monotonic()
        try:
            if not server.start(deadline=deadline):
                raise self._silent(server, log, time.monotonic() - started)
        except OSError as error:
            raise self._exited(server, log, error.strerror or type(error).__name__) from error

    def _ensure_databases(self, credentials: Credentials) -> None:
        import psycopg

        try:
            self._cluster.ensure_databases(credentials)
        except psycopg.Error as error:
            raise self._exited(self._postgres, self._layout.postgres_log, telling_line(str(error))) from error

    def _exited(self, server: ServerProcess, log: Path, detail: str) -> ConfigurationError:
        logger.error("%s could not be started: %s", server.name, detail)
        return ConfigurationError(
            messages.EMBEDDED_SERVER_EXITED.format(server=server.name, detail=detail or server.exit_code, log=log)
        )

    def _silent(self, server: ServerProcess, log: Path, seconds: float) -> ConfigurationError:
        logger.error("%s was not ready after %.0f s", server.name, seconds)
        return ConfigurationError(
            messages.EMBEDDED_SERVER_SILENT.format(server=server.name, seconds=round(seconds), log=log)
        )

    def _known_credentials(self) -> Credentials:
        if self._credentials is None:
            raise RuntimeError("PostgreSQL must be prepared first")
        return self._credentials

    def _prepare_postgres(self, lock_fd: int) -> None:
        pid = postmaster_pid(self._layout.pgdata)
        if pid is not None:
            logger.error("pid %s, which we did not start, runs PostgreSQL on %s", pid, self._layout.pgdata)
            raise ConfigurationError(messages.EMBEDDED_DATA_IN_USE.format(folder=self._layout.pgdata, pid=pid))
        if self._cluster.exists:
            self._cluster.check()
        else:
            self._progress(messages.EMBEDDED_CREATING_DATABASES)
            self._layout.credentials_file.unlink(missing_ok=True)
            self._cluster.create(lock_fd=lock_fd)
        remove_stale_files(self._layout)
        self._credentials = self._credentials or read_credentials(self._layout.credentials_file)
        if self._credentials is None:
            fresh = Credentials.random()
            self._cluster.set_owner_password(fresh.owner, lock_fd=lock_fd)
            write_credentials(self._layout.credentials_file, fresh)
            self._credentials = fresh

    def _prepare_redis(self, lock_fd: int) -> None:
        (self._layout.run_dir / REDIS_SOCKET_NAME).unlink(missing_ok=True)

    def state(self) -> ServersState:
        """What clients need to know; call it after `start`."""
        own_pid = os.getpid()
        return ServersState(
            addresses=addresses_of(self._layout.run_dir, self._known_credentials()),
            home=str(self._layout.home),
            supervisor=ProcessMark(own_pid, psutil.Process(own_pid).create_time()),
            postgresql=self._postgres.mark,
            redis=None if self._redis is None else self._redis.mark,
        )

    def revive(self) -> bool:
        """Start again what died, at the same address. True when something was started now."""
        servers = [server for server in (self._postgres, self._redis) if server is not None]
        started = [server for server in servers if self._revive(server)]
        return bool(started)

    def _revive(self, server: ServerProcess) -> bool:
        try:
            return server.revive()
        except (ConfigurationError, OSError) as error:
            logger.error("%s could not be started again: %s", server.name, error)
            server.put_off()
            return False

    def stop(self) -> None:
        """End both cleanly, and what hangs after 20 s the hard way."""
        servers = [server for server in (self._redis, self._postgres) if server is not None]
        for server in servers:
            server.ask_to_stop()
        for server in servers:
            server.stop(patience_seconds=_STOP_SECONDS)


def prepare_folders(layout: Layout, account: Account) -> None:
    """Make the folders and PostgreSQL's access file. Raises ConfigurationError when that is not possible."""
    try:
        if layout.home != layout.client_dir:
            for folder, mode in ((layout.home.parent, 0o755), (layout.home, 0o711)):
                folder.mkdir(exist_ok=True)
                folder.chmod(mode)
            (layout.home / "data_dir").write_text(f"{layout.data_dir}\n", encoding="utf-8")
        for folder in (layout.postgres_dir, layout.redis_dir, layout.run_dir):
            make_private_folder(folder, owner=account.owner)
        layout.hba_file.write_text(HBA_TEXT, encoding="ascii")
        layout.hba_file.chmod(0o644)
        for log in (layout.postgres_log, layout.redis_log, layout.supervisor_log):
            keep_small(log)
    except OSError as error:
        logger.error("cannot prepare %s: %s", layout.home, error)
        raise ConfigurationError(messages.EMBEDDED_NOT_WRITABLE.format(folder=layout.home)) from error


def require_free_space(folder: Path, needed_bytes: int) -> None:
    """Raises ConfigurationError when the file system of `folder` has less than `needed_bytes` free."""
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        logger.error("%s has %s bytes free, %s are needed", folder, free, needed_bytes)
        raise ConfigurationError(
            messages.EMBEDDED_NO_SPACE.format(folder=folder, needed=needed_bytes >> 20, free=free >> 20)
        )
