"""Creates and checks the PostgreSQL cluster: initdb, owner's password, roles, databases. Called by the supervisor."""

from __future__ import annotations

import logging
import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from common import messages
from common.errors import ConfigurationError
from core.embedded.account import Account
from core.embedded.addresses import (
    BUSINESS_DATABASE,
    OWNER_ROLE,
    PLATFORM_DATABASE,
    PLATFORM_ROLE,
    Credentials,
    postgres_url,
)
from core.embedded.layout import Layout
from core.embedded.programs import Programs
from core.embedded.server_logs import append_private, telling_line
from core.embedded.server_process import start_child

MAJOR_VERSION = "18"
_PROGRAM_SECONDS = 120
# the rules for logins are in our own access file, initdb's are never read; its libc needs no locale but C
_INITDB_OPTIONS = (
    *("--auth-local=trust", "--auth-host=reject", "--encoding=UTF8"),
    *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
)

logger = logging.getLogger("app.embedded")


class Cluster:
    """The data folder of one PostgreSQL; every method is to be called while no server runs on it, or says so."""

    def __init__(self, *, layout: Layout, programs: Programs, account: Account) -> None:
        self._layout = layout
        self._programs = programs
        self._account = account

    @property
    def exists(self) -> bool:
        """True when a cluster was created here, whole or broken since."""
        return self._layout.pgdata.is_dir()

    def create(self, *, lock_fd: int) -> None:
        """Run initdb beside the final place and rename, so that an interrupted one leaves nothing half-made.

        Raises ConfigurationError when initdb fails.
        """
        unfinished = self._layout.postgres_dir / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        self._run_program(
            [str(self._programs.initdb), "-D", str(unfinished), "-U", OWNER_ROLE, *_INITDB_OPTIONS],
            stdin_text="",
            lock_fd=lock_fd,
        )
        unfinished.rename(self._layout.pgdata)

    def check(self) -> None:
        """Raises ConfigurationError when the folder cannot be a cluster of our PostgreSQL."""
        version_file = self._layout.pgdata / "PG_VERSION"
        try:
            found = version_file.read_text(encoding="ascii").strip()
            owner = self._layout.pgdata.stat()
        except FileNotFoundError:
            raise self._broken(messages.EMBEDDED_DATA_NO_VERSION) from None
        except (OSError, UnicodeDecodeError):
            raise self._broken(messages.EMBEDDED_DATA_UNREADABLE.format(account=self._account.name)) from None
        if found != MAJOR_VERSION:
            shown = found if re.fullmatch(r"[0-9.]{1,8}", found) else "?"
            raise self._broken(messages.EMBEDDED_DATA_OTHER_VERSION.format(found=shown, expected=MAJOR_VERSION))
        if owner.st_uid != self._account.uid or owner.st_mode & 0o700 != 0o700:
            raise self._broken(messages.EMBEDDED_DATA_UNREADABLE.format(account=self._account.name))

    def _broken(self, reason: str) -> ConfigurationError:
        logger.error("the data folder %s cannot be used: %s", self._layout.pgdata, reason)
        return ConfigurationError(messages.EMBEDDED_DATA_BROKEN.format(folder=self._layout.pgdata, reason=reason))

    def set_owner_password(self, password: str, *, lock_fd: int) -> None:
        """Give the owner this password, without a running server and without knowing the old one."""
        self._run_program(
            [str(self._programs.postgres), "--single", "-D", str(self._layout.pgdata), "postgres"],
            stdin_text=f"ALTER ROLE {OWNER_ROLE} PASSWORD '{password}'\n",
            lock_fd=lock_fd,
        )

    def _run_program(self, argv: Sequence[str], *, stdin_text: str, lock_fd: int) -> None:
        name = Path(argv[0]).name
        log = self._layout.postgres_log
        with start_child(
            argv, account=self._account, lock_fd=lock_fd, stdin=subprocess.PIPE, output=subprocess.PIPE,
            death_signal=signal.SIGTERM,
        ) as process:  # fmt: skip
            try:
                output = process.communicate(stdin_text.encode(), timeout=_PROGRAM_SECONDS)[0].decode(errors="replace")
            except subprocess.TimeoutExpired:
                process.kill()
                logger.error("%s did not end within %s s", name, _PROGRAM_SECONDS)
                raise ConfigurationError(
                    messages.EMBEDDED_SERVER_SILENT.format(server=name, seconds=_PROGRAM_SECONDS, log=log)
                ) from None
        # single-user mode answers 0 also when the statement failed, and then says ERROR
        if process.returncode != 0 or "ERROR:" in output or "FATAL:" in output:
            append_private(log, output)
            logger.error("%s ended with %s, see %s", name, process.returncode, log)
            raise ConfigurationError(
                messages.EMBEDDED_SERVER_EXITED.format(server=name, detail=telling_line(output), log=log)
            )

    def ensure_databases(self, credentials: Credentials) -> None:
        """Create the roles, databases and the extension that are missing, on the RUNNING server. May be repeated.

        Raises psycopg.Error.
        """
        import psycopg
        from psycopg import sql

        def url(database: str) -> str:
            return postgres_url(self._layout.run_dir, OWNER_ROLE, credentials.owner, database)

        with psycopg.connect(url("postgres"), autocommit=True) as connection:
            has_role = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [PLATFORM_ROLE]).fetchone()
            verb = sql.SQL("ALTER" if has_role else "CREATE")
            connection.execute(
                sql.SQL("{} ROLE {} LOGIN CREATEDB PASSWORD {}").format(
                    verb, sql.Identifier(PLATFORM_ROLE), sql.Literal(credentials.platform)
                )
            )
            for database, owner in ((PLATFORM_DATABASE, PLATFORM_ROLE), (BUSINESS_DATABASE, OWNER_ROLE)):
                if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
                    continue
                names = sql.Identifier(database), sql.Identifier(owner)
                connection.execute(sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0").format(*names))
            # a reader of the business data has no business in the platform's tables
            connection.execute(
                sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(PLATFORM_DATABASE))
            )
        # only a superuser may install it; with it in template1 the platform's owner has it in databases it makes, too
        for database in (PLATFORM_DATABASE, "template1"):
            with psycopg.connect(url(database), autocommit=True) as connection:
                connection.execute("SET client_min_messages = warning")
                connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
