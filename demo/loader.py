"""Creates, fills and extends the demo business database; for the bare-machine set-up and the command line.

Our mark is the table `citu_demo.load_state` in a schema of its own, unseen by whoever reads schema `public`.
Without the mark, tables of the same names belong to somebody else and nothing is touched.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

import psycopg
from psycopg import sql

from common import messages
from common.errors import ConfigurationError
from demo.generator import demo_chunks
from demo.rows import COLUMNS
from demo.schema import index_statements, table_statements
from demo.seasons import FIRST_DAY

Progress = Callable[[str, int, int], None]
"""Told (table, parts done, parts in all) after each part of a table."""

DEFAULT_SEED = 20220101
_SHAPE = 1  # raise it when generator or schema change, so that an older demo is built anew
_LOCK_KEY = 0x43495455  # one load at a time in a database
_CONNECT_SECONDS = 10
_MARK = """
    CREATE SCHEMA citu_demo;
    REVOKE ALL ON SCHEMA citu_demo FROM PUBLIC;
    CREATE TABLE citu_demo.load_state (shape integer NOT NULL, seed bigint NOT NULL, newest_day date NOT NULL)
"""

_log = logging.getLogger("app.demo")


@dataclass(frozen=True)
class LoadReport:
    """What a load did: rows added by table (empty when nothing was to do) and how long it took."""

    tables: dict[str, int]
    seconds: float


class _State(NamedTuple):
    shape: int
    seed: int
    newest_day: date


def _no_progress(_table: str, _done: int, _total: int) -> None:
    return None


def load_demo(
    owner_url: str, *, end_date: date, seed: int = DEFAULT_SEED, progress: Progress = _no_progress
) -> LoadReport:
    """Bring the demo database up to `end_date`, in one transaction: create and fill it, or append the missing days.

    A demo that is there keeps its own seed. Calling again with the same date changes nothing.

    Args:
        owner_url: libpq URL of a role that may create in schema `public` and in the database.
        end_date: the last day with rows, 2022-01-01 or later.

    Raises:
        ConfigurationError: tables of these names are there that the demo did not make, or `end_date` is too early.
        psycopg.Error: the database cannot be reached or refused.
    """
    if end_date < FIRST_DAY:
        raise ConfigurationError(messages.DEMO_DATE_TOO_EARLY.format(first_day=FIRST_DAY.isoformat()))
    started = time.perf_counter()
    with _connect(owner_url) as connection:
        tables = _bring_up_to(connection, end_date, seed, progress)
    report = LoadReport(tables, time.perf_counter() - started)
    if tables:
        _log.info("demo database is at %s: %s rows added in %.1f s", end_date, sum(tables.values()), report.seconds)
    return report


def extend_demo(owner_url: str, *, end_date: date, progress: Progress = _no_progress) -> LoadReport:
    """Append the days after the newest one up to `end_date`; a database without our demo is left as it is."""
    started = time.perf_counter()
    with _connect(owner_url) as connection:
        state = _locked_state(connection)
        tables = {} if state is None else _append(connection, state, end_date, progress)
    return LoadReport(tables, time.perf_counter() - started)


def drop_demo(owner_url: str) -> bool:
    """Remove the seven tables and our mark. False, and nothing removed, when the mark is not there."""
    with _connect(owner_url) as connection:
        if _locked_state(connection) is None:
            return False
        _drop(connection)
    return True


def database_today(owner_url: str) -> date:
    """The date that CURRENT_DATE has in the database, so that 昨天 finds its rows."""
    with _connect(owner_url) as connection:
        row = connection.execute("SELECT CURRENT_DATE").fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has one row
    return date.fromisoformat(str(row[0]))


def _connect(owner_url: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(owner_url, connect_timeout=_CONNECT_SECONDS)


def _bring_up_to(
    connection: psycopg.Connection[tuple[object, ...]], end_date: date, seed: int, progress: Progress
) -> dict[str, int]:
    state = _locked_state(connection)
    present = _present_tables(connection)
    if state is None and present:
        raise ConfigurationError(messages.DEMO_TABLES_ARE_FOREIGN.format(tables=", ".join(present)))
    if state is not None and state.shape == _SHAPE and len(present) == len(COLUMNS):
        return _append(connection, state, end_date, progress)
    if state is not None:
        _drop(connection)
    return _create(connection, end_date, seed, progress)


def _locked_state(connection: psycopg.Connection[tuple[object, ...]]) -> _State | None:
    connection.execute("SET LOCAL search_path TO pg_catalog")
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK_KEY,))
    found = connection.execute("SELECT to_regclass('citu_demo.load_state') IS NOT NULL").fetchone()
    if not (found and found[0]):
        return None
    row = connection.execute("SELECT shape, seed, newest_day::text FROM citu_demo.load_state").fetchone()
    return _State(int(str(row[0])), int(str(row[1])), date.fromisoformat(str(row[2]))) if row else None


def _present_tables(connection: psycopg.Connection[tuple[object, ...]]) -> list[str]:
    query = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname = ANY(%s) ORDER BY 1"
    return [str(row[0]) for row in connection.execute(query, (list(COLUMNS),))]


def _create(
    connection: psycopg.Connection[tuple[object, ...]], end_date: date, seed: int, progress: Progress
) -> dict[str, int]:
    for statement in table_statements():
        connection.execute(statement.encode())
    tables = _fill(connection, seed, FIRST_DAY, end_date, progress)
    for statement in index_statements():
        connection.execute(statement.encode())
    connection.execute(_MARK.encode())
    connection.execute("INSERT INTO citu_demo.load_state VALUES (%s, %s, %s)", (_SHAPE, seed, end_date))
    _analyze(connection)
    return tables


def _append(
    connection: psycopg.Connection[tuple[object, ...]], state: _State, end_date: date, progress: Progress
) -> dict[str, int]:
    if end_date <= state.newest_day:
        return {}
    tables = _fill(connection, state.seed, state.newest_day + timedelta(days=1), end_date, progress)
    connection.execute("UPDATE citu_demo.load_state SET newest_day = %s", (end_date,))
    _analyze(connection)
    return tables


def _fill(
    connection: psycopg.Connection[tuple[object, ...]], seed: int, first_day: date, last_day: date, progress: Progress
) -> dict[str, int]:
    counts: dict[str, int] = {}
    with connection.cursor() as cursor:
        for chunk in demo_chunks(seed=seed, first_day=first_day, last_day=last_day):
            columns = sql.SQL(", ").join(map(sql.Identifier, chunk.columns))
            copy_in = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier("public", chunk.table), columns)
            with cursor.copy(copy_in) as copy:
                copy.write(chunk.text)
            counts[chunk.table] = counts.get(chunk.table, 0) + chunk.row_count
            progress(chunk.table, chunk.part, chunk.part_count)
    return counts


def _analyze(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    for table in COLUMNS:
        connection.execute(sql.SQL("ANALYZE {}").format(sql.Identifier("public", table)))


def _drop(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    for table in COLUMNS:
        connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier("public", table)))
    connection.execute("DROP SCHEMA citu_demo CASCADE")
