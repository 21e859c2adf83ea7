"""A throw-away database with the guard's test schema, and whether anything in it changed; for `guard_score`."""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from tools.scratch_databases import drop_database, fresh_database

_SETTLING_SECONDS = 0.2
_ROLES = ("llm_reader", "biz_owner")
"""The roles a schema file makes. Roles belong to the whole server, so each run gives them names of its own."""

# Everything an attack may want to change besides rows: sequences, code, relations, roles, settings, objects, locks.
_DIGEST = """
SELECT (SELECT array_agg(row(schemaname, sequencename, last_value) ORDER BY 1) FROM pg_sequences)::text,
       (SELECT count(*) FROM pg_proc), (SELECT count(*) FROM pg_class WHERE relpersistence <> 't'),
       (SELECT count(*) FROM pg_largeobject_metadata), (SELECT array_agg(r ORDER BY oid) FROM pg_roles r
        WHERE rolsuper OR rolname IN ('{llm_reader}', '{biz_owner}'))::text,
       (SELECT array_agg(s) FROM pg_db_role_setting s WHERE setrole = '{llm_reader}'::regrole)::text,
       (SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
        WHERE locktype = 'advisory' AND datname = current_database()), (SELECT count(*) FROM pg_replication_slots),
       (SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database())"""
_TABLES = """
SELECT format('(SELECT row(count(*), max(xmin::text::bigint)) FROM %I.%I)::text', schemaname, tablename)
FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1"""


class GuardDatabase:
    """The loaded database: `reader_url` for the role under test, and a watch on its state."""

    def __init__(
        self, owner: psycopg.Connection[tuple[object, ...]], reader_url: str, roles: Mapping[str, str]
    ) -> None:
        self._owner = owner
        rows = [str(row[0]) for row in owner.execute(_TABLES).fetchall()]
        self._query = ", ".join([_DIGEST.format_map(roles), *rows]).encode()
        self.reader_url = reader_url
        self._before = self._digest()

    def has_changed(self) -> bool:
        """Whether anything changed since the last call and stayed so when the connection was given back."""
        now = self._digest()
        if now != self._before:
            time.sleep(_SETTLING_SECONDS)
            now = self._digest()
        is_changed, self._before = now != self._before, now
        return is_changed

    def _digest(self) -> object:
        return self._owner.execute(self._query).fetchone()


@contextmanager
def guard_database(schema: Path, *, server: str | None, folder: Path) -> Iterator[GuardDatabase]:
    """Load `schema` on `server`, or on embedded servers in `folder`; database and roles are dropped at the end."""
    with ExitStack() as stack:
        url = server or stack.enter_context(_embedded(folder))
        name, password = f"guard_score_{os.getpid()}", secrets.token_hex(12)
        admin = stack.enter_context(psycopg.connect(url, autocommit=True))
        roles = {role: f"{role}_{secrets.token_hex(4)}" for role in _ROLES}
        database = fresh_database(url, name)
        stack.callback(_drop, admin, url, database, list(roles.values()))
        owner = stack.enter_context(psycopg.connect(database, autocommit=True))
        owner.execute(_with_roles(schema.read_text(encoding="utf-8"), roles).encode())
        reader = sql.Identifier(roles["llm_reader"])
        owner.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(reader, sql.Literal(password)))
        owner.execute("RESET ALL")
        yield GuardDatabase(owner, _with(url, database=name, user=roles["llm_reader"], password=password), roles)


def _with_roles(schema: str, roles: Mapping[str, str]) -> str:
    for role, name in roles.items():
        schema = re.sub(rf"\b{role}\b", name, schema)
    return schema


@contextmanager
def _embedded(folder: Path) -> Iterator[str]:
    from core.embedded import acquire_servers  # a wheel that production does not have

    with acquire_servers(folder) as lease:
        yield lease.addresses.business_owner_url


def _drop(admin: psycopg.Connection[tuple[object, ...]], server_url: str, database: str, roles: list[str]) -> None:
    drop_database(server_url, database)
    for role in roles:
        admin.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))


def _with(url: str, *, database: str, user: str = "", password: str = "") -> str:
    parts = urlsplit(url)
    place = f"{user}:{password}@{parts.netloc.rpartition('@')[2]}" if user else parts.netloc
    return urlunsplit(parts._replace(netloc=place, path=f"/{database}"))
