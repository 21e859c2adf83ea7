"""Makes and drops databases that live for one run. Used by the measuring scripts and by the tests."""

from __future__ import annotations

import time
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

_VACUUM_TRIES: Final = 600
_VACUUM_PAUSE_SECONDS: Final = 0.1


def fresh_database(server_url: str, name: str, *, keep: bool = False) -> str:
    """The URL of an empty database of this name, made anew; with `keep`, one that is there stays as it is."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        exists = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone()
        if exists and not keep:
            _drop(connection, name)
        if not exists or not keep:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))


def drop_database(server_url: str, url: str) -> None:
    """Drop the database that `url` names, with every session in it; none of that name is no error."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        _drop(connection, urlsplit(url).path.lstrip("/"))


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
