"""Hostile cases against a real server, guard on and guard off: nothing changes, nothing leaks, nothing stays behind."""

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from core.sql_executor import ExecutionLimits, ReaderPool, SqlExecutor
from core.sql_executor.row_values import register_loaders
from core.sql_guard import GuardPolicy, SqlGuard
from tools.bench.guard import OWN, OWN_SCHEMA, read_cases
from tools.bench.guard_live import caps, dirty_connections, harm, slowest_cancel
from tools.guard_database import GuardDatabase, guard_database
from tools.guard_schema import policy_from_file
from tools.guard_score import AdmitAll

CASES = read_cases(OWN)
# `make bench BENCH=guard_live` runs every case without the guard and looks at every connection; here a third does.
SAMPLE = CASES[::3]
TELLS_THE_TIME = re.compile(r"now\(|current_|localtime|_timestamp\(|random", re.IGNORECASE)
LEGITIMATE = [case for case in CASES if case["verdict"] != "reject" and not TELLS_THE_TIME.search(case["sql"])]
HOSTILE = [case for case in CASES if case["verdict"] == "reject"]
LIMITS = ExecutionLimits(statement_timeout_seconds=1.0, wall_clock_seconds=2.0, cost_ceiling=50_000.0)


@pytest.fixture(scope="module")
def database(scratch_business_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardDatabase]:
    folder: Path = tmp_path_factory.mktemp("guard")
    with guard_database(OWN_SCHEMA, server=scratch_business_url, folder=folder) as loaded:
        yield loaded


@pytest.fixture(scope="module")
def guard() -> SqlGuard:
    return SqlGuard(policy_from_file(OWN_SCHEMA))


def test_hostile_cases_change_and_leak_nothing(database: GuardDatabase, guard: SqlGuard) -> None:
    assert harm(database, guard, HOSTILE, seconds=0.2) == (0, 0)


def test_legitimate_cases_give_the_rows_a_plain_connection_gives(database: GuardDatabase, guard: SqlGuard) -> None:
    pool = ReaderPool(database.reader_url, size=2)
    executor = SqlExecutor(pool=pool, guard=guard, limits=LIMITS)
    differing = []
    try:
        with psycopg.connect(database.reader_url, autocommit=True) as plain:
            register_loaders(plain)
            for case in LEGITIMATE:
                wanted = plain.execute(case["sql"].encode()).fetchall()[: LIMITS.row_cap]
                given = [tuple(row.values()) for row in executor.execute(case["sql"]).rows]
                if sorted(map(repr, given)) != sorted(map(repr, wanted)):
                    differing.append(case["id"])
    finally:
        pool.close()
    assert len(LEGITIMATE) > 150
    assert differing == []


def test_hostile_cases_change_nothing_even_without_the_guard(database: GuardDatabase) -> None:
    changed, _leaked = harm(database, AdmitAll(GuardPolicy(relations=())), HOSTILE[::3], seconds=0.2)
    assert changed == 0


def test_every_case_leaves_its_connection_as_it_was(database: GuardDatabase) -> None:
    assert dirty_connections(database.reader_url, SAMPLE, seconds=0.2) == 0


def test_queries_of_callers_who_left_are_gone_within_two_seconds(database: GuardDatabase) -> None:
    assert slowest_cancel(database.reader_url, 25, at_once=5) <= 2


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a, repeat('x', 10000) FROM generate_series(1, 3000) a",
        "SELECT string_agg(repeat('x', 10000), '') FROM generate_series(1, 90000)",
        "SELECT string_agg(repeat('x', 300), '') FROM generate_series(1, 30000)",
    ],
)
def test_large_results_stay_inside_the_memory_caps(database: GuardDatabase, guard: SqlGuard, sql: str) -> None:
    seen = caps(database.reader_url, guard, [sql], LIMITS)
    assert seen.rows <= LIMITS.row_cap
    assert seen.worker_megabytes <= 64
    assert seen.backend_megabytes <= 256
