"""Makes and drops databases that live for one run. Used by the measuring scripts and by the tests."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

_VACUUM_TRIES: Final = 600
_VACUUM_PAUSE_SECONDS: Final = 0.1


def fresh_database(server_url: str, name: str, *, keep: bool = False, template: str | None = None) -> str:
    """The URL of a database of this name, made anew; with `keep`, one that is there stays as it is.

    Args:
        template: the database it is a copy of; without one it is empty. Nobody may be connected to the template.
    """
    with psycopg.connect(server_url, autocommit=True) as connection:
        exists = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone()
        if exists and not keep:
            _drop(connection, name)
        if not exists or not keep:
            _create(connection, name, template)
    return _url_of(server_url, name)


def template_database(server_url: str, name: str, fill: Callable[[str], object]) -> str:
    """The name of a database that `fill`, which gets its URL, filled once for all processes and runs of this server.

    It is used as the `template` of others. What an interrupted `fill` left is made anew.
    """
    with one_at_a_time(server_url, name) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
            unfinished = f"{name}_unfinished"
            fill(fresh_database(server_url, unfinished))
            renaming = sql.SQL("ALTER DATABASE {} RENAME TO {}")
            connection.execute(renaming.format(sql.Identifier(unfinished), sql.Identifier(name)))
    return name


@contextlib.contextmanager
def one_at_a_time(server_url: str, name: str) -> Iterator[psycopg.Connection]:
    """A connection that holds the server's lock of this name: other processes, of any tree or machine, wait for it."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(hashtext(%s))", (name,))
        yield connection


def _create(connection: psycopg.Connection, name: str, template: str | None) -> None:
    statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
    if template is not None:
        statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
    if _has_cheap_checkpoints(connection):
        statement += sql.SQL(" STRATEGY FILE_COPY")
    connection.execute(statement)


def _has_cheap_checkpoints(connection: psycopg.Connection) -> bool:
    """Whether copying files is the quick strategy: it takes two checkpoints, which cost little without fsync."""
    setting = connection.execute("SELECT current_setting('fsync')").fetchone()
    return setting == ("off",) and connection.info.server_version >= 150000


def _url_of(server_url: str, name: str) -> str:
    return urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))


def drop_database(server_url: str, url: str) -> None:
    """Drop the database that `url` names, with every session in it; none of that name is no error."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        _drop(connection, urlsplit(url).path.lstrip("/"))


class BackgroundDrops:
    """Drops databases in a thread, while its user goes on: each drop waits for a checkpoint of the server."""

    def __init__(self, server_url: str) -> None:
        self._server_url = server_url
        self._urls: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._failures: list[Exception] = []
        self._thread = threading.Thread(target=self._work, name="drop-databases", daemon=True)
        self._thread.start()

    def drop(self, url: str) -> None:
        """Have the database of this URL dropped; nobody needs it any more."""
        self._urls.put(url)

    def finish(self) -> None:
        """Wait until all are dropped.

        Raises:
            Exception: the first that could not be dropped.
        """
        self._urls.put(None)
        self._thread.join()
        if self._failures:
            raise self._failures[0]

    def _work(self) -> None:
        while (url := self._urls.get()) is not None:
            try:
                drop_database(self._server_url, url)
            except psycopg.Error as error:
                self._failures.append(error)


def _drop(connection: psycopg.Connection, name: str) -> None:
    """A vacuum in it belongs to the superuser and cannot be ended by the database's owner: it is waited for."""
    for is_last in (*[False] * _VACUUM_TRIES, True):
        try:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        except psycopg.errors.InsufficientPrivilege:
            if is_last:
                raise
            time.sleep(_VACUUM_PAUSE_SECONDS)
        else:
            return
