"""Queries as the reader role on a real server: values, caps, refusals, cancelling, clean connections."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace

import psycopg
import pytest

from common import messages
from common.errors import SqlExecutionError, SqlRefusedError, StoreUnavailableError
from core.schema_catalog import SchemaCatalog
from core.sql_executor import ExecutionLimits, PlannedQuery, ReaderPool, SqlExecutor
from core.sql_executor.reader_role import ensure_reader_role
from core.sql_guard import AdmittedQuery, GuardPolicy, SqlGuard
from core.sql_parsing import Cancellation

ROLE = "citu_test_reader"
PASSWORD = "p@ss:w/rd %41?"
SETUP = """
DROP TABLE IF EXISTS sale, wide; DROP TYPE IF EXISTS mood;
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE sale (id int PRIMARY KEY, amount numeric(12,2), sold_on date, sold_at timestamp, at timestamptz,
                   ratio float8, tags text[], extra jsonb, took interval, clock time, feeling mood, ok boolean);
INSERT INTO sale SELECT i, i * 1.5, date '2024-01-01' + i FROM generate_series(1, 3000) i;
UPDATE sale SET sold_at = '2024-02-03 04:05:06.5', at = '2024-02-03 04:05:06+00', ratio = 'NaN', tags = '{a,b}',
    extra = '{"n": 1.5, "deep": [1, null]}', took = '1 day 02:03:04', clock = '10:00', feeling = 'good', ok = true
    WHERE id = 1;
CREATE TABLE wide AS SELECT i AS id, repeat('x', 10000) AS filler FROM generate_series(1, 1000) i;
ANALYZE sale; ANALYZE wide;
"""
SLOW = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 2000000000) SELECT count(*) FROM r"


class Leaver:
    """A caller who may leave."""

    def __init__(self) -> None:
        self._left = threading.Event()
        self._callbacks: list = []

    def is_set(self) -> bool:
        return self._left.is_set()

    def add_callback(self, callback) -> None:
        self._callbacks.append(callback)

    def leave(self) -> None:
        self._left.set()
        for callback in self._callbacks:
            callback()


class NoGuard(SqlGuard):
    """Lets everything pass, so that the layers behind the guard are seen."""

    def check(self, sql: str, *, cancel: Cancellation | None = None) -> AdmittedQuery:
        return AdmittedQuery(text=sql, statement=None, relations=())  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def reader_url(scratch_business_url: str) -> str:
    with psycopg.connect(scratch_business_url, autocommit=True) as connection:
        connection.execute(SETUP)
    return ensure_reader_role(scratch_business_url, role=ROLE, password=PASSWORD, schemas=["public"])


@pytest.fixture
def pool(reader_url: str) -> Iterator[ReaderPool]:
    with closing(ReaderPool(reader_url, size=3)) as pool:
        yield pool


def executor_on(pool: ReaderPool, **limits: float) -> SqlExecutor:
    guard = SqlGuard(SchemaCatalog(pool=pool).guard_policy())
    return SqlExecutor(pool=pool, guard=guard, limits=ExecutionLimits(**limits))


def unguarded(pool: ReaderPool, **limits: float) -> SqlExecutor:
    return SqlExecutor(pool=pool, guard=NoGuard(GuardPolicy(relations=())), limits=ExecutionLimits(**limits))


def test_values_are_json_ready(pool: ReaderPool) -> None:
    result = executor_on(pool).execute("SELECT * FROM sale WHERE id = 1")
    assert dict(result.rows[0]) == {
        "id": 1,
        "amount": "1.50",
        "sold_on": "2024-01-02",
        "sold_at": "2024-02-03 04:05:06.500000",
        "at": result.rows[0]["at"],
        "ratio": None,
        "tags": ["a", "b"],
        "extra": {"n": 1.5, "deep": [1, None]},
        "took": "1 day 02:03:04",
        "clock": "10:00:00",
        "feeling": "good",
        "ok": True,
    }
    assert result.rows[0]["at"].startswith("2024-02-03 ")
    assert result.total_row_count == 1
    assert not result.is_limited


def test_nulls_infinities_and_arrays_of_numbers(pool: ReaderPool) -> None:
    sql = "SELECT sold_at, 'Infinity'::float8 AS f, 'NaN'::numeric AS n, ARRAY[1.5, 2.25] AS a FROM sale WHERE id = 2"
    assert dict(executor_on(pool).execute(sql).rows[0]) == {"sold_at": None, "f": None, "n": None, "a": ["1.5", "2.25"]}


def test_equal_column_names_keep_every_value(pool: ReaderPool) -> None:
    result = executor_on(pool).execute("SELECT 1 AS a, 2 AS a, 3 AS a_2, 4 AS a")
    assert len(set(result.columns)) == 4
    assert sorted(result.rows[0].values()) == [1, 2, 3, 4]


def test_empty_result_keeps_its_columns(pool: ReaderPool) -> None:
    result = executor_on(pool).execute("SELECT id, amount FROM sale WHERE id < 0")
    assert (result.columns, result.rows, result.total_row_count) == (("id", "amount"), (), 0)


def test_rows_beyond_the_cap_are_cut_and_counted(pool: ReaderPool) -> None:
    result = executor_on(pool, row_cap=100).execute("SELECT id FROM sale ORDER BY id;")
    assert [row["id"] for row in result.rows] == list(range(1, 101))
    assert result.is_limited
    assert result.total_row_count == 3000


def test_exactly_the_cap_is_not_limited(pool: ReaderPool) -> None:
    result = executor_on(pool, row_cap=3000).execute("SELECT id FROM sale")
    assert (result.row_count, result.total_row_count, result.is_limited) == (3000, 3000, False)


def test_counting_stops_at_its_own_cap(pool: ReaderPool) -> None:
    result = executor_on(pool, row_cap=10, count_cap=500).execute("SELECT id FROM sale")
    assert (result.total_row_count, result.is_total_exact) == (500, False)
    whole = executor_on(pool, row_cap=10, count_cap=5_000).execute("SELECT id FROM sale")
    assert (whole.total_row_count, whole.is_total_exact) == (3000, True)


def test_bytes_beyond_the_cap_are_cut(pool: ReaderPool) -> None:
    result = executor_on(pool, byte_cap=105_000).execute("SELECT id, filler FROM wide")
    assert result.row_count == 10
    assert result.is_limited


def test_guard_refuses_before_the_database(pool: ReaderPool) -> None:
    with pytest.raises(SqlRefusedError, match="pg_sleep"):
        executor_on(pool).execute("SELECT pg_sleep(1)")


def test_costly_query_is_refused(pool: ReaderPool) -> None:
    executor = executor_on(pool, cost_ceiling=1000.0)
    with pytest.raises(SqlRefusedError) as refusal:
        executor.execute("SELECT count(*) FROM sale a, sale b")
    assert refusal.value.rule == "cost.ceiling"
    verdict = executor.explain("SELECT count(*) FROM sale a, sale b")
    assert (verdict.is_accepted, verdict.is_too_costly) == (False, True)


def test_explain_tells_the_databases_own_sentence(pool: ReaderPool) -> None:
    verdict = executor_on(pool).explain("SELECT date_trunc(id, id) FROM sale")
    assert not verdict.is_accepted
    assert "date_trunc" in verdict.detail
    assert verdict.sqlstate == "42883"


def test_explain_accepts_and_executes_nothing(pool: ReaderPool) -> None:
    verdict = executor_on(pool).explain("SELECT 1 / 0 * id FROM sale")
    assert verdict.is_accepted or verdict.sqlstate == "22012"


def planned_by(executor: SqlExecutor, sql: str) -> PlannedQuery:
    verdict = executor.explain(sql)
    assert verdict.planned is not None
    return verdict.planned


def test_accepted_statement_runs_without_a_second_plan(pool: ReaderPool, monkeypatch: pytest.MonkeyPatch) -> None:
    executor = executor_on(pool)
    planned = planned_by(executor, "SELECT count(*) AS n FROM sale")
    asked: list[str] = []
    monkeypatch.setattr("core.sql_executor.executor.plan_of", lambda _connection, admitted: asked.append(admitted.text))
    executed = executor.run("SELECT count(*) AS n FROM sale", planned=planned)
    assert (executed.result.row_count, executed.cost, asked) == (1, planned.plan.cost, [])


@pytest.mark.parametrize("changed", ["SELECT pg_sleep(9)", "SELECT count(*) AS n FROM sale -- pg_sleep\n, pg_shadow"])
def test_plan_of_another_text_admits_nothing(pool: ReaderPool, changed: str) -> None:
    executor = executor_on(pool)
    planned = planned_by(executor, "SELECT count(*) AS n FROM sale")
    with pytest.raises(SqlRefusedError):
        executor.execute(changed, planned=planned)


def test_plan_holds_neither_for_long_nor_on_another_schema_nor_for_others(pool: ReaderPool) -> None:
    sql = "SELECT count(*) AS n FROM sale"
    catalog = SchemaCatalog(pool=pool)
    limits = ExecutionLimits()
    executor = SqlExecutor(pool=pool, guard=SqlGuard(catalog.guard_policy), limits=limits)
    planned = planned_by(executor, sql)
    costly = replace(planned, plan=replace(planned.plan, cost=limits.cost_ceiling * 2))
    with pytest.raises(SqlRefusedError):
        executor.execute(sql, planned=costly)
    assert executor.execute(sql, planned=replace(costly, made_at=planned.made_at - 60)).row_count == 1
    assert executor_on(pool).execute(sql, planned=costly).row_count == 1
    catalog.refresh()
    assert executor.execute(sql, planned=costly).row_count == 1


def test_plan_of_an_unguarded_statement_does_not_count(pool: ReaderPool) -> None:
    executor = unguarded(pool)
    planned = planned_by(executor, "SELECT 1 AS one")
    with pytest.raises(SqlRefusedError):
        executor_on(pool).execute("SELECT pg_sleep(9)", planned=replace(planned, made_by=None))


def test_runtime_error_carries_sqlstate(pool: ReaderPool) -> None:
    with pytest.raises(SqlExecutionError) as error:
        executor_on(pool).execute("SELECT 1 / (id - id) FROM sale")
    assert error.value.sqlstate == "22012"
    assert "division by zero" in error.value.message


def test_slow_query_times_out(pool: ReaderPool) -> None:
    with pytest.raises(SqlExecutionError) as error:
        executor_on(pool, statement_timeout_seconds=0.3).execute(SLOW)
    assert (error.value.message, error.value.sqlstate) == (messages.SQL_TIMED_OUT, "57014")


def test_wall_clock_holds_when_the_statement_timeout_is_longer(pool: ReaderPool) -> None:
    with pytest.raises(SqlExecutionError) as error:
        executor_on(pool, statement_timeout_seconds=60, wall_clock_seconds=0.3).execute(SLOW)
    assert error.value.message == messages.SQL_TIMED_OUT


def test_query_of_a_caller_who_left_is_gone_from_the_server(pool: ReaderPool, scratch_business_url: str) -> None:
    leaver = Leaver()
    threading.Timer(0.3, leaver.leave).start()
    with pytest.raises(SqlExecutionError) as error:
        executor_on(pool).execute(SLOW, cancel=leaver)
    assert error.value.message == messages.SQL_CANCELLED
    with psycopg.connect(scratch_business_url) as connection:
        query = (
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE usename = %s AND state = 'active' AND datname = current_database()"
        )
        assert connection.execute(query, (ROLE,)).fetchone() == (0,)
    assert executor_on(pool).execute("SELECT 1 AS one").rows[0]["one"] == 1


def test_caller_who_left_before_gets_no_query(pool: ReaderPool) -> None:
    leaver = Leaver()
    leaver.leave()
    with pytest.raises(SqlExecutionError, match=messages.SQL_CANCELLED):
        executor_on(pool).execute("SELECT 1", cancel=leaver)


def test_caller_who_leaves_while_the_query_starts_is_noticed(pool: ReaderPool) -> None:
    class LeavesUnseen(Leaver):
        def add_callback(self, callback) -> None:
            self._left.set()

    with pytest.raises(SqlExecutionError, match=messages.SQL_CANCELLED):
        executor_on(pool).execute(SLOW, cancel=LeavesUnseen())


@pytest.mark.parametrize(
    "attack",
    [
        "SELECT 1; DELETE FROM sale",
        "SELECT 1; COMMIT; DELETE FROM sale",
        "WITH d AS (DELETE FROM sale RETURNING id) SELECT * FROM d",
        "SELECT * FROM sale FOR UPDATE",
        "DELETE FROM sale",
        "COMMIT",
        "SET TRANSACTION READ WRITE",
        "CREATE TEMP TABLE t AS SELECT 1",
        "SELECT set_config('statement_timeout', '0', false)",
        "SELECT pg_advisory_lock(1)",
        "SELECT pg_sleep(0)",
        "SELECT lo_create(0)",
        "SELECT * FROM query_to_xml('SELECT 1', true, false, '')",
        "SELECT $1",
    ],
)
def test_database_layers_alone_stop_an_attack(pool: ReaderPool, scratch_business_url: str, attack: str) -> None:
    with pytest.raises((SqlExecutionError, SqlRefusedError)):
        unguarded(pool).execute(attack)
    with psycopg.connect(scratch_business_url) as connection:
        assert connection.execute("SELECT count(*) FROM sale").fetchone() == (3000,)


def session_state(pool: ReaderPool) -> list[object]:
    with pool.connection() as connection:
        return [
            connection.execute(query).fetchall()
            for query in (
                "SELECT name, setting FROM pg_settings WHERE source <> 'client' ORDER BY 1",
                "SELECT name FROM pg_cursors",
                "SELECT name FROM pg_prepared_statements",
                "SELECT locktype FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory'",
                "SELECT pg_my_temp_schema()",
            )
        ]


def test_connection_comes_back_as_it_was(reader_url: str) -> None:
    with closing(ReaderPool(reader_url, size=1)) as pool:
        before = session_state(pool)
        executor = executor_on(pool)
        for sql in ("SELECT * FROM sale", "SELECT 1 / (id - id) FROM sale", "SELECT date_trunc(id, id) FROM sale"):
            with suppress(SqlExecutionError):
                executor.execute(sql)
        assert session_state(pool) == before


def test_broken_pooled_connection_is_replaced_without_an_error(pool: ReaderPool, scratch_business_url: str) -> None:
    executor = executor_on(pool)
    executor.execute("SELECT 1 AS one")
    with psycopg.connect(scratch_business_url) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE usename = %s AND datname = current_database()",
            (ROLE,),
        )
    time.sleep(0.1)
    assert executor.execute("SELECT 1 AS one").row_count == 1


def test_unreachable_database_is_unavailable() -> None:
    with closing(ReaderPool("postgresql://nobody:x@127.0.0.1:1/none", size=1, wait_seconds=0.5)) as pool:
        executor = SqlExecutor(pool=pool, guard=NoGuard(GuardPolicy(relations=())), limits=ExecutionLimits())
        assert not executor.is_available()
        with pytest.raises(StoreUnavailableError):
            executor.execute("SELECT 1")


def test_available_database_says_so(pool: ReaderPool) -> None:
    assert executor_on(pool).is_available()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT string_agg(repeat('x', 9000), '') FROM generate_series(1, (SELECT count(*) FROM sale)) g",
        "SELECT string_agg(repeat('x', 9000), '') FROM generate_series(1, 40000) g WHERE g::text = (g + 0)::text",
        "SELECT ARRAY(SELECT repeat('x', 9000) FROM generate_series(1, 1000) a, generate_series(1, 90) b)",
        "SELECT count(*) FROM wide"
        " WHERE filler NOT IN (SELECT repeat('x', 9000) || g FROM generate_series(1, (SELECT 9)) g)",
        "SELECT 'a' EXCEPT SELECT repeat('x', 9000) || g FROM generate_series(1, 90000) g",
    ],
)
def test_what_would_be_held_in_memory_is_refused_before_it_runs(pool: ReaderPool, sql: str) -> None:
    with pytest.raises(SqlRefusedError) as error:
        executor_on(pool, cost_ceiling=1e12).execute(sql)
    assert error.value.rule == "cost.memory"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT string_agg(amount::text, ',' ORDER BY id) AS s FROM sale",
        "SELECT jsonb_agg(jsonb_build_object('day', d::date, 'n', s.n, 'sum', s.total, 'ok', true)) AS j"
        " FROM generate_series((SELECT min(sold_on) FROM sale), (SELECT max(sold_on) FROM sale), interval '1 day') d"
        " LEFT JOIN (SELECT sold_on, count(*) AS n, sum(amount) AS total FROM sale GROUP BY 1) s"
        " ON s.sold_on = d::date",
        "SELECT ARRAY(SELECT id FROM sale ORDER BY amount DESC LIMIT 5) AS top",
        "SELECT count(*) AS n FROM sale WHERE id NOT IN (SELECT id FROM wide)",
        "SELECT sold_on FROM sale EXCEPT SELECT date '2024-01-02'",
        "SELECT array_agg(d::date) AS days"
        " FROM generate_series(date '2024-01-01', date '2024-12-31', interval '1 day') d"
        " WHERE extract(isodow FROM d) < 6",
    ],
)
def test_ordinary_collections_are_run(pool: ReaderPool, sql: str) -> None:
    assert executor_on(pool).execute(sql).row_count >= 1
