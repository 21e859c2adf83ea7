"""The guard's lists against the server's own: legitimate statements run there, admitted functions exist and compute."""

from __future__ import annotations

import os
from collections.abc import Iterator

import psycopg
import pytest

from core.sql_guard.admitted_names import FUNCTIONS
from tools.guard_corpus import STYLES, Style, statements
from tools.scratch_databases import drop_database, fresh_database

# The server's grammar makes these; no row of pg_proc has their names.
GRAMMAR = {
    "coalesce", "current_date", "current_time", "current_timestamp", "greatest", "grouping", "json", "json_array",
    "json_arrayagg", "json_exists", "json_query", "json_scalar", "json_serialize", "json_table", "json_value", "least",
    "localtime", "localtimestamp", "nullif", "row", "trim",
}  # fmt: skip
# They tell the time, draw lots or make keys; nothing else may change from call to call.
VOLATILE = {"array_sample", "clock_timestamp", "gen_random_uuid", "random", "timeofday", "uuidv4", "uuidv7"}


@pytest.fixture
def empty(scratch_business_url: str) -> Iterator[str]:
    url = fresh_database(scratch_business_url, f"citu_test_corpus_{os.getpid()}")
    yield url
    drop_database(scratch_business_url, url)


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
def test_every_legitimate_statement_is_one_the_server_plans(empty: str, style: Style) -> None:
    failed = {}
    with psycopg.connect(empty, autocommit=True) as connection:
        for definition in style.definitions():
            connection.execute(definition.encode())
        connection.execute(f"SET search_path = {style.schema}".encode())
        for statement in statements(style):
            try:
                connection.execute(f"EXPLAIN {statement}".encode())
            except psycopg.Error as error:
                failed[statement] = str(error)
    assert failed == {}


def test_admitted_functions_are_the_servers_and_only_compute(scratch_business_url: str) -> None:
    with psycopg.connect(scratch_business_url) as connection:
        version = connection.info.server_version
        rows = connection.execute(
            "SELECT proname, bool_or(provolatile = 'v') FROM pg_proc"
            " WHERE pronamespace = 'pg_catalog'::regnamespace GROUP BY proname"
        ).fetchall()
    is_volatile = dict(rows)
    unknown = FUNCTIONS - is_volatile.keys() - GRAMMAR
    assert unknown == set() or version < 180_000  # older servers lack the newest
    assert {name for name in FUNCTIONS if is_volatile.get(name)} <= VOLATILE
