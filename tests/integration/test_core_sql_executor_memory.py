"""The memory of one statement on a real server, past the guard: the kernel's bound, the watch, what a session has."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from common.errors import SqlExecutionError, SqlMemoryLimitError
from core.sql_executor import ExecutionLimits, ReaderPool, SqlExecutor
from core.sql_executor.backend_memory import LocalBackend, local_backend
from core.sql_executor.reader_role import ensure_reader_role
from core.sql_guard import GuardPolicy
from core.sql_guard.grammar import parse_statement
from core.sql_guard.lexer import tokenize
from core.sql_guard.lexical_rules import significant
from core.sql_guard.value_sizes import largest_value
from core.sql_parsing import Work
from tools.guard_database import guard_database
from tools.guard_memory import measure
from tools.guard_schema import policy_from_file
from tools.guard_score import AdmitAll
from tools.guard_statements import GROWING_CALLS, generated

SCHEMA = Path(__file__).parents[1] / "fixtures" / "sql_guard_shop.sql"
QUICK = ExecutionLimits(statement_timeout_seconds=0.5, wall_clock_seconds=1.0, cost_ceiling=50_000.0)
MEBIBYTE = 1024 * 1024
BOUND = 64 * MEBIBYTE
GROWING = (
    "SELECT length(string_agg(repeat('x', 9000), '')) FROM generate_series(1, (SELECT 200000)) g",
    "SELECT cardinality(ARRAY(SELECT repeat('x', 9000) FROM generate_series(1, 1000) a, generate_series(1, 1000) b))",
    "SELECT count(*) WHERE 'a' NOT IN (SELECT repeat('x', 9000) || g FROM generate_series(1, (SELECT 90000)) g)",
    "SELECT count(*) FROM (SELECT repeat('x', 9000) || g FROM generate_series(1, (SELECT 90000)) g EXCEPT SELECT '') q",
    "SELECT length(repeat('x', 90000000) || repeat('y', 90000000))",
)
SESSION = {
    "default_transaction_read_only": "on",
    "work_mem": "16MB",
    "hash_mem_multiplier": "1",
    "temp_file_limit": "256MB",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "lock_timeout": "1s",
    "client_connection_check_interval": "1s",
}


@pytest.fixture(scope="module")
def reader_url(scratch_business_url: str) -> str:
    return ensure_reader_role(scratch_business_url, role="citu_memory_reader", password="m", schemas=["public"])


@pytest.fixture
def pool(reader_url: str) -> Iterator[ReaderPool]:
    with closing(ReaderPool(reader_url, size=1, backend_memory_bytes=BOUND)) as pool:
        yield pool


def executor_on(pool: ReaderPool) -> SqlExecutor:
    limits = ExecutionLimits(cost_ceiling=1e30, collected_ceiling=1e30, statement_timeout_seconds=20)
    return SqlExecutor(pool=pool, guard=AdmitAll(GuardPolicy(relations=())), limits=limits)


def server_start(url: str) -> Any:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT pg_postmaster_start_time()").fetchone()


@pytest.mark.parametrize("sql", GROWING)
def test_kernel_bounds_a_statement_and_the_server_goes_on(
    pool: ReaderPool, scratch_business_url: str, sql: str
) -> None:
    started = server_start(scratch_business_url)
    with pytest.raises(SqlMemoryLimitError) as error:
        executor_on(pool).execute(sql)
    assert (error.value.status, error.value.error_type, error.value.sqlstate) == (500, "sql_memory_limit", "53200")
    assert executor_on(pool).execute("SELECT 1 AS one").rows == ({"one": 1},)
    assert server_start(scratch_business_url) == started


@pytest.mark.parametrize("sql", GROWING[1:4])
def test_watch_bounds_a_statement_where_the_kernel_may_not(
    pool: ReaderPool, monkeypatch: pytest.MonkeyPatch, sql: str
) -> None:
    monkeypatch.setattr(LocalBackend, "cap", lambda self: False)
    with pytest.raises(SqlMemoryLimitError) as error:
        executor_on(pool).execute(sql)
    assert error.value.error_type == "sql_memory_limit"
    assert executor_on(pool).execute("SELECT 1 AS one").rows == ({"one": 1},)


def test_query_that_heeds_no_cancel_loses_its_connection(pool: ReaderPool, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.sql_executor import query_watch

    monkeypatch.setattr(query_watch, "_PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(psycopg.Connection, "cancel_safe", lambda self, *, timeout: None)
    endless = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r"
    limits = ExecutionLimits(cost_ceiling=1e30, wall_clock_seconds=0.3)
    executor = SqlExecutor(pool=pool, guard=AdmitAll(GuardPolicy(relations=())), limits=limits)
    with pytest.raises(SqlExecutionError) as error:
        executor.execute(endless)
    assert error.value.sqlstate == "57014"


def test_small_statements_are_not_disturbed_by_the_bound(pool: ReaderPool) -> None:
    executor = executor_on(pool)
    for _ in range(3):
        assert executor.execute("SELECT sum(n) AS s FROM generate_series(1, 200000) n").rows == ({"s": 20000100000},)


def test_backend_on_this_machine_is_recognised_and_others_are_not(reader_url: str) -> None:
    with psycopg.connect(reader_url) as connection, psycopg.connect(reader_url) as other:
        found = local_backend(connection, BOUND)
        assert found is not None
        assert found.process_id == connection.info.backend_pid
        assert 0 < found.private_bytes() < BOUND
        assert LocalBackend(other.info.backend_pid, 0).process_id != found.process_id
        assert LocalBackend(2**22 + 1, BOUND).private_bytes() == 0


def settings_of(executor: SqlExecutor) -> dict[str, str]:
    columns = ", ".join(f"current_setting('{name}') AS {name}" for name in SESSION)
    row = executor.execute(f"SELECT {columns}").rows[0]
    return {name: str(value) for name, value in row.items()}


def test_every_statement_has_its_limits_also_on_a_used_and_on_a_new_connection(
    pool: ReaderPool, scratch_business_url: str
) -> None:
    executor = executor_on(pool)
    assert settings_of(executor) == SESSION
    assert settings_of(executor) == SESSION, "after DISCARD ALL"
    with psycopg.connect(scratch_business_url) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity"
            " WHERE usename = 'citu_memory_reader' AND datname = current_database()"
        )
    assert settings_of(executor) == SESSION, "after the server ended the connection"
    with pytest.raises(SqlMemoryLimitError):
        executor.execute(GROWING[1])
    assert settings_of(executor) == SESSION, "after a statement that was stopped"


def test_temporary_files_are_bounded(reader_url: str) -> None:
    rows = "SELECT (repeat('x', 900) || g)::bytea AS t FROM generate_series(1, 2000000) g"
    big = f"SELECT count(DISTINCT t) FROM ({rows}) q"
    with closing(ReaderPool(reader_url, size=1)) as pool, pytest.raises(SqlExecutionError) as error:
        executor_on(pool).execute(big)
    assert error.value.sqlstate == "53400"


def grown(count: int) -> Iterator[str]:
    """Expressions that multiply small constants, from the generator of costly statements."""
    draw = random.Random(7)
    kinds = [kind for kind in GROWING_CALLS if kind not in ("pretty", "headline")]
    for number in range(count):
        value = draw.choice(("repeat('x', 9)", "'ab''\"'", "lpad('a', 12, '[]')"))
        for _ in range(draw.randint(1, 2)):
            value = GROWING_CALLS[kinds[number % len(kinds)]](draw, value).replace("v.t", "'concatenated'")
        yield value


def test_estimated_sizes_are_not_below_the_servers(reader_url: str) -> None:
    """What the guard refuses by is compared with what PostgreSQL makes of the same expressions."""
    too_low = []
    with psycopg.connect(reader_url, autocommit=True) as connection:
        for value in [
            *grown(80),
            "jsonb_pretty(jsonb_build_object('a', jsonb_build_object('b', jsonb_build_array(1))))",
        ]:
            row = connection.execute(f"SELECT octet_length(({value})::text)".encode()).fetchone()
            estimated = estimate_of(value)
            if row is not None and estimated < row[0]:
                too_low.append((value, row[0], estimated))
    assert too_low == []


def estimate_of(value: str) -> float:
    policy = GuardPolicy(relations=(), max_value=10**12)
    sql = f"SELECT {value}"
    statement = parse_statement(sql, significant(tokenize(sql)), "postgres")
    return largest_value(statement, policy, Work(1_000_000))


def test_a_generated_statement_stays_within_the_bound(scratch_business_url: str, tmp_path: Path) -> None:
    """A few of what `python -m tools.guard_memory` runs by the hundred."""
    statements = [(item.id, item.sql) for item in generated(6, 3, schema="shop")]
    with guard_database(SCHEMA, server=scratch_business_url, folder=tmp_path) as database:
        policy = policy_from_file(SCHEMA)
        for mode in ("full", "cap"):
            lines = list(measure(database.reader_url, policy, statements, mode=mode, limits=QUICK, bound_megabytes=96))
            assert [line.id for line in lines] == [name for name, _ in statements]
            assert max(line.peak_megabytes for line in lines) < 96, mode
