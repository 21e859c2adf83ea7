"""Holds the guard's reading of names against a real PostgreSQL, on random queries; run by people and by a test.

    python -m tools.guard_differential [--count 20000] [--seed 1] [--server URL] [--show 20]

For each statement the guard admits and the server accepts:

- a view over it is made and pg_depend read: no column may be in it that the guard did not find, and none the guard
  found may be missing, but for relations read as whole rows, which pg_depend does not tell from their columns;
- it is planned by a role that may read exactly the columns the guard found: the server must not miss a right.

Ground truth for hostile statements is a role without the denied columns and functions: what it is denied, the guard
must not have admitted; what it may plan, the guard should not have refused. The last line is JSON with the counts.
"""

# ruff: noqa: S608 - writing SQL is what this module does; nothing in it comes from outside

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from common.errors import SqlRefusedError
from core.sql_guard import AdmittedQuery, GuardPolicy, RelationRule, SqlGuard
from tools.guard_queries import DDL, DENIED, SCHEMA, TABLES, QueryWriter
from tools.scratch_databases import drop_database, fresh_database

_DEPENDENCIES = f"""
SELECT DISTINCT '{SCHEMA}.' || c.relname || '.' || a.attname FROM pg_rewrite r
JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
JOIN pg_class c ON c.oid = d.refobjid JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid
WHERE r.ev_class = '{SCHEMA}.looked_at'::regclass AND c.relname <> 'looked_at' AND d.refobjsubid > 0"""


def policy() -> GuardPolicy:
    """What the guard is given for the tables of `guard_queries`."""
    return GuardPolicy(
        relations=tuple(RelationRule(SCHEMA, name, columns, DENIED[name]) for name, columns in TABLES.items()),
        search_path=(SCHEMA,),
        user_functions=frozenset({f"{SCHEMA}.twice"}),
    )


@dataclass
class Tally:
    """The counts of a run, and what should not have been.

    Attributes:
        compared: statements that guard and server both accept.
        fewer: of these, how many read a column that the guard did not find.
        more: of these, how many the guard says read a column that the server does not read.
        hostile: statements the server denies to a role without the denied columns and functions.
        hostile_admitted: of these, how many the guard admits.
        legitimate: statements that role may plan.
        refused: of these, how many the guard refuses, by rule.
    """

    statements: int = 0
    compared: int = 0
    fewer: int = 0
    more: int = 0
    hostile: int = 0
    hostile_admitted: int = 0
    legitimate: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def as_json(self) -> str:
        counts = {name: value for name, value in vars(self).items() if isinstance(value, int)}
        return json.dumps({**counts, "refused": dict(self.refused)})


class Server:
    """The scratch database, asked as its owner, as the restricted role and as a role with chosen rights."""

    def __init__(self, owner: psycopg.Connection[Any], role: str, probe: str) -> None:
        self._owner, self._role, self._probe = owner, role, probe
        owner.execute(DDL.encode())
        grants = [f"REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA {SCHEMA} FROM PUBLIC"]
        for name in (role, probe):
            grants.append(f"CREATE ROLE {name}; GRANT USAGE ON SCHEMA {SCHEMA} TO {name}")
            grants.append(f"GRANT EXECUTE ON FUNCTION {SCHEMA}.twice(int) TO {name}")
        for table, columns in TABLES.items():
            readable = ", ".join(column for column in columns if column not in DENIED[table])
            grants.append(f"GRANT SELECT ({readable}) ON {SCHEMA}.{table} TO {role}")
        owner.execute(";".join(grants).encode())
        owner.execute(f"SET search_path = {SCHEMA}".encode())

    def columns_read(self, sql: str) -> frozenset[str] | None:
        """`schema.relation.column` a view over the statement depends on; None when the server does not accept it."""
        rows = self._tried(
            f"CREATE VIEW {SCHEMA}.looked_at AS SELECT 1 AS one FROM ({sql}\n) AS wrapped", _DEPENDENCIES
        )
        return None if rows is None else frozenset(row[0] for row in rows)

    def is_denied(self, sql: str) -> bool | None:
        """Whether the restricted role lacks a right for the statement; None when it is not valid for anybody."""
        try:
            self._owner.execute(f"BEGIN; SET LOCAL ROLE {self._role}; EXPLAIN {sql}".encode())
        except psycopg.errors.InsufficientPrivilege:
            return True
        except psycopg.Error:
            return None
        finally:
            self._owner.execute("ROLLBACK")
        return False

    def suffices(self, sql: str, admitted: AdmittedQuery) -> bool:
        """Whether the rights to the columns the guard found (and to one no query names) are all the server asks for."""
        grants = []
        for relation in admitted.relations:
            own = [name.rpartition(".")[2] for name in admitted.columns if name.startswith(f"{relation}.")]
            grants.append(f"GRANT SELECT ({', '.join({*own, 'filler'})}) ON {relation} TO {self._probe}")
        try:
            self._owner.execute(
                f"BEGIN; {'; '.join([*grants, f'SET LOCAL ROLE {self._probe}', f'EXPLAIN {sql}'])}".encode()
            )
        except psycopg.errors.InsufficientPrivilege:
            return False
        except psycopg.Error:
            return True
        finally:
            self._owner.execute("ROLLBACK")
        return True

    def _tried(self, change: str, question: str) -> list[tuple[Any, ...]] | None:
        try:
            self._owner.execute(f"BEGIN; {change}".encode())
            return self._owner.execute(question.encode()).fetchall()
        except psycopg.Error:
            return None
        finally:
            self._owner.execute("ROLLBACK")


def compare(server: Server, guard: SqlGuard, sql: str, tally: Tally) -> None:
    """Ask both about one statement and count the outcome."""
    tally.statements += 1
    try:
        admitted, rule = guard.check(sql), ""
    except SqlRefusedError as refused:
        admitted, rule = None, refused.rule
    denied = server.is_denied(sql)
    if denied:
        tally.hostile += 1
        if admitted is not None:
            tally.hostile_admitted += 1
            tally.examples.append(f"HOSTILE ADMITTED {sql}")
    elif denied is False:
        tally.legitimate += 1
        if admitted is None:
            tally.refused[rule] += 1
            tally.examples.append(f"refused {rule}: {sql}")
    if admitted is not None:
        _compare_columns(server, sql, admitted, tally)


def _compare_columns(server: Server, sql: str, admitted: AdmittedQuery, tally: Tally) -> None:
    read = server.columns_read(sql)
    if read is None:
        return
    tally.compared += 1
    if not read <= admitted.columns or not server.suffices(sql, admitted):
        tally.fewer += 1
        tally.examples.append(f"FEWER {sorted(read - admitted.columns)}: {sql}")
    beyond = {name for name in admitted.columns - read if name.rpartition(".")[0] not in admitted.whole_rows}
    if beyond:
        tally.more += 1
        tally.examples.append(f"MORE {sorted(beyond)}: {sql}")


def run(server_url: str, *, count: int, seed: int) -> Tally:
    """Compare `count` statements written from `seed` on a scratch database of that server (a superuser's URL)."""
    tally = Tally()
    writer = QueryWriter(seed)
    guard = SqlGuard(policy(), audit=_silent())
    with _scratch(server_url) as server:
        for _ in range(count):
            compare(server, guard, writer.statement(), tally)
    return tally


def _silent() -> logging.Logger:
    logger = logging.getLogger("guard_differential")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    return logger


@contextmanager
def _scratch(server_url: str) -> Iterator[Server]:
    name = f"guard_names_{os.getpid()}"
    url = fresh_database(server_url, name)
    roles = (f"{name}_reader", f"{name}_probe")
    try:
        with psycopg.connect(url, autocommit=True) as owner:
            yield Server(owner, *roles)
    finally:
        drop_database(server_url, url)
        with psycopg.connect(server_url, autocommit=True) as admin:
            for role in roles:
                admin.execute(f"DROP ROLE IF EXISTS {role}".encode())


def main(arguments: Sequence[str] | None = None) -> int:
    """Print differences and counts; 0 when the guard found every column and admitted nothing hostile."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.guard_differential", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--count", type=int, default=20_000, help="statements")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--server", help="superuser URL of a throw-away server; default: embedded servers")
    parser.add_argument("--show", type=int, default=20, help="examples printed")
    options = parser.parse_args(arguments)
    with ExitStack() as stack:
        url = options.server or stack.enter_context(_embedded())
        tally = run(url, count=options.count, seed=options.seed)
    for line in sorted(tally.examples)[: options.show]:
        print(line)
    print(tally.as_json())
    return 1 if tally.fewer or tally.hostile_admitted else 0


@contextmanager
def _embedded() -> Iterator[str]:
    from core.embedded import acquire_servers  # a wheel that production does not have

    with tempfile.TemporaryDirectory(prefix="guard-names-") as folder, acquire_servers(Path(folder)) as lease:
        yield lease.addresses.business_owner_url


if __name__ == "__main__":
    sys.exit(main())
