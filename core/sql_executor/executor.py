"""Runs admitted SQL on the business database inside every limit; used by agents, the ask service and `citu_run_sql`.

One query is: `BEGIN READ ONLY` with its limits and a pinning `SELECT 1`, `EXPLAIN` against the cost ceiling, a
server-side cursor declared over the extended protocol (which takes one statement and no data-modifying one), FETCH up
to cap+1 rows, `ROLLBACK`; the pool runs `DISCARD ALL` before the connection is used again. A statement that `explain`
accepted a moment ago may come with its `PlannedQuery`, which stands for guard and `EXPLAIN`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeVar

import psycopg
from psycopg import Cursor, pq
from psycopg.rows import tuple_row

from common import messages
from common.answering import ResultSet
from common.caller import INTERNAL
from common.errors import CituError, OverloadedError, SqlExecutionError, SqlRefusedError, StoreUnavailableError
from core.sql_executor.database_errors import (
    database_sentence,
    execution_error,
    is_connection_loss,
    is_out_of_memory,
    memory_error,
    unavailable,
)
from core.sql_executor.planner import CostEstimate, PlannedQuery, plan_of
from core.sql_executor.query_watch import CancelSignal, QueryWatch, watched
from core.sql_executor.reader_connection import ReaderConnection, TooMuchReceivedError
from core.sql_executor.reader_pool import ReaderPool
from core.sql_executor.row_values import unique_names, value_bytes
from core.sql_guard import AdmittedQuery, SqlGuard

_CURSOR: Final = "citu_answer"
_LARGEST_BATCH: Final = 500
_BATCH_GROWTH: Final = 20
_GUESSED_SECONDS: Final = 3.0  # what collects from a recursion is bounded by nothing but the clock
_RECEIVED_PER_CAPPED_BYTE: Final = 4
_PLAN_KEPT_SECONDS: Final = 5.0

T = TypeVar("T")


@dataclass(frozen=True)
class ExecutionLimits:
    """What one query may take.

    Attributes:
        row_cap: rows returned; byte_cap: bytes of their values, estimated before they are stored.
        statement_timeout_seconds: the server's limit for each statement; wall_clock_seconds: for all of them together.
        cost_ceiling: planner cost above which a query is refused.
        collected_ceiling: bytes one group of `string_agg`, `array_agg`, ... may collect by the planner's estimate.
        count_cap: rows counted beyond `row_cap`, for at most `count_seconds`.
    """

    row_cap: int = 1000
    byte_cap: int = 2 * 1024 * 1024
    statement_timeout_seconds: float = 30.0
    wall_clock_seconds: float = 35.0
    cost_ceiling: float = 10_000_000.0
    collected_ceiling: float = 32 * 1024 * 1024
    count_cap: int = 100_000
    count_seconds: float = 1.0
    work_mem_kilobytes: int = 16 * 1024
    lock_timeout_seconds: float = 1.0


@dataclass(frozen=True)
class ExplainVerdict:
    """What the planner says. `detail` is the server's own sentence when it is not accepted; `cost` is in its units.

    `planned` spares guard and planner the same work when the accepted statement is run next.
    """

    is_accepted: bool
    cost: float | None = None
    detail: str = ""
    sqlstate: str | None = None
    is_too_costly: bool = False
    planned: PlannedQuery | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class ExecutedQuery:
    """A result with what was learned on the way: planner cost, and which cap cut it (None: every row is there).

    `type_oids` are PostgreSQL's numbers of the columns' types, in column order.
    """

    result: ResultSet
    cost: float
    cut_by: Literal["rows", "bytes"] | None = None
    type_oids: tuple[int, ...] = ()


class SqlExecutor:
    """Guards and runs queries; threads share it.

    Args:
        pool: connections of the reader role.
        guard: asked first, for every statement.
        limits: see `ExecutionLimits`.
    """

    def __init__(self, *, pool: ReaderPool, guard: SqlGuard, limits: ExecutionLimits) -> None:
        self._pool = pool
        self._guard = guard
        self._limits = limits

    def execute(
        self, sql: str, *, cancel: CancelSignal | None = None, planned: PlannedQuery | None = None
    ) -> ResultSet:
        """The rows of `sql`, without its cost and provenance: `run(...).result`."""
        return self.run(sql, cancel=cancel, planned=planned).result

    def run(
        self, sql: str, *, cancel: CancelSignal | None = None, planned: PlannedQuery | None = None
    ) -> ExecutedQuery:
        """The rows of `sql`, its cost and its truncation.

        `total_row_count` counts on past the row cap, up to `count_cap` rows or `count_seconds`; beyond that it is what
        was counted so far. A result cut by the byte cap alone is `is_limited` too.

        Args:
            cancel: when it is set, the query is stopped on the server within a moment.
            planned: what `explain` said of it. It counts for this very text, for seconds, on an unchanged schema;
                otherwise guard and planner are asked as without it.

        Raises:
            SqlRefusedError: the guard, or a ceiling (rules `cost.ceiling`, `cost.memory`), said no.
            SqlExecutionError: the database refused or broke off; sqlstate 57014: time-out or caller left.
            SqlMemoryLimitError: its server process reached the memory it may have.
            TooManyQueriesError, OverloadedError: no connection came free for this caller, or for anybody.
            StoreUnavailableError: the database cannot be reached.
        """
        known = planned if planned is not None and self._still_holds(planned, sql) else None
        admitted = known.admitted if known else self._guard.check(sql, cancel=cancel)
        plan = known.plan if known else None
        return self._run(admitted, lambda connection, watch: self._fetch(connection, admitted, plan, watch), cancel)

    def check(self, sql: str, *, cancel: CancelSignal | None = None) -> None:
        """Ask the guard alone; the database is not touched. A set `cancel` ends the check.

        Raises:
            SqlRefusedError: the guard said no.
            StoreUnavailableError: what the guard admits cannot be read from the database.
        """
        self._guard.check(sql, cancel=cancel)

    def explain(self, sql: str, *, cancel: CancelSignal | None = None) -> ExplainVerdict:
        """Whether the planner accepts `sql`, and at what cost; nothing is executed. A set `cancel` ends both.

        Raises:
            SqlRefusedError: the guard said no.
            StoreUnavailableError: the database cannot be reached.
        """
        admitted = self._guard.check(sql, cancel=cancel)
        try:
            plan = self._run(admitted, lambda connection, _: plan_of(connection, admitted), cancel)
        except SqlExecutionError as error:
            return ExplainVerdict(False, detail=error.detail or error.message, sqlstate=error.sqlstate)
        if (refusal := self._over_ceiling(plan)) is not None:
            return ExplainVerdict(False, cost=plan.cost, detail=refusal.message, is_too_costly=True)
        return ExplainVerdict(True, plan.cost, planned=PlannedQuery(admitted, plan, self, time.monotonic()))

    def is_available(self) -> bool:
        """Whether the business database answers now; True also while every connection is at work."""
        try:
            with self._pool.connection(INTERNAL) as connection:
                _extended(connection, "SELECT 1")
        except OverloadedError:
            return True
        except (StoreUnavailableError, psycopg.Error):
            return False
        return True

    def _run(
        self, admitted: AdmittedQuery, work: Callable[[ReaderConnection, QueryWatch], T], cancel: CancelSignal | None
    ) -> T:
        """Run `work` in a read-only transaction; once more when the pooled connection turns out to be stale."""
        deadline = time.monotonic() + self._limits.wall_clock_seconds
        for is_last in (False, True):
            if cancel is not None and cancel.is_set():
                raise SqlExecutionError(messages.SQL_CANCELLED, sqlstate="57014")
            try:
                return self._run_once(admitted, work, cancel, max(0.05, deadline - time.monotonic()))
            except _StaleConnection as stale:
                if is_last:
                    raise unavailable(stale) from stale
                self._pool.drop_stale()
        raise AssertionError

    def _run_once(
        self,
        admitted: AdmittedQuery,
        work: Callable[[ReaderConnection, QueryWatch], T],
        cancel: CancelSignal | None,
        seconds: float,
    ) -> T:
        with (
            self._pool.connection() as connection,
            watched(connection, wall_clock_seconds=seconds, cancel=cancel) as watch,
        ):
            try:
                self._begin(connection, admitted.search_path, seconds)
                return work(connection, watch)
            except psycopg.Error as error:
                raise _ended(error, connection, watch) from error
            finally:
                _roll_back(connection)

    def _begin(self, connection: ReaderConnection, search_path: Sequence[str], seconds: float) -> None:
        limits = self._limits
        path = ", ".join(_quoted(schema) for schema in search_path)
        statement_ms = int(min(limits.statement_timeout_seconds, seconds) * 1000)
        try:
            connection.execute(
                "BEGIN READ ONLY;"
                f"SET LOCAL statement_timeout = {statement_ms};"
                f"SET LOCAL lock_timeout = {int(limits.lock_timeout_seconds * 1000)};"
                f"SET LOCAL idle_in_transaction_session_timeout = {int(limits.wall_clock_seconds * 1000) + 5000};"
                f"SET LOCAL work_mem = {limits.work_mem_kilobytes};"
                "SET LOCAL hash_mem_multiplier = 1;"
                "SET LOCAL max_parallel_workers_per_gather = 0;"
                "SET LOCAL jit = off;"
                "SET LOCAL cursor_tuple_fraction = 1;"
                "SET LOCAL DateStyle = 'ISO, YMD';"
                "SET LOCAL IntervalStyle = 'postgres';"
                "SET LOCAL standard_conforming_strings = on;"
                f"{f'SET LOCAL search_path = {path};' if path else ''}"
                "SELECT 1".encode()
            )
        except psycopg.OperationalError as error:
            if is_connection_loss(error):
                raise _StaleConnection from error
            raise

    def _over_ceiling(self, plan: CostEstimate) -> SqlRefusedError | None:
        if plan.cost > self._limits.cost_ceiling:
            return SqlRefusedError(messages.SQL_TOO_EXPENSIVE, rule="cost.ceiling")
        if plan.collected_bytes > self._limits.collected_ceiling:
            return SqlRefusedError(messages.SQL_NEEDS_TOO_MUCH_MEMORY, rule="cost.memory")
        return None

    def _still_holds(self, planned: PlannedQuery, sql: str) -> bool:
        is_fresh = time.monotonic() - planned.made_at < _PLAN_KEPT_SECONDS
        return is_fresh and planned.made_by is self and self._guard.still_admits(planned.admitted, sql)

    def _fetch(
        self, connection: ReaderConnection, admitted: AdmittedQuery, known: CostEstimate | None, watch: QueryWatch
    ) -> ExecutedQuery:
        plan = known or plan_of(connection, admitted)
        if (refusal := self._over_ceiling(plan)) is not None:
            raise refusal
        if plan.is_guess:
            seconds = min(_GUESSED_SECONDS, self._limits.statement_timeout_seconds)
            connection.execute(f"SET LOCAL statement_timeout = {int(seconds * 1000)}".encode())
        _extended(connection, f"DECLARE {_CURSOR} NO SCROLL CURSOR FOR {admitted.text}")
        taken = _take_rows(connection, self._limits)
        rows = taken.rows
        if taken.cut_by and not rows:
            raise SqlExecutionError(messages.SQL_RESULT_TOO_LARGE)
        columns = unique_names(taken.names)
        total, is_exact = len(rows), True
        if taken.cut_by:
            counted, is_exact = self._count_on(connection, total + 1, watch)
            total = max(total + 1, counted)
        named = tuple(dict(zip(columns, row, strict=True)) for row in rows)
        result = ResultSet(columns, named, total, bool(taken.cut_by), is_exact)
        return ExecutedQuery(result, plan.cost, taken.cut_by, tuple(taken.types))

    def _count_on(self, connection: ReaderConnection, fetched: int, watch: QueryWatch) -> tuple[int, bool]:
        """How many rows there are in all, as far as the limits let us look, and whether that is all of them."""
        wanted = self._limits.count_cap - fetched
        if wanted <= 0 or self._limits.count_seconds <= 0 or connection.closed:
            return fetched, False
        try:
            connection.execute(f"SET LOCAL statement_timeout = {int(self._limits.count_seconds * 1000)}".encode())
            moved = connection.execute(f"MOVE FORWARD {wanted} FROM {_CURSOR}".encode())
        except (psycopg.errors.QueryCanceled, psycopg.errors.OutOfMemory):
            if watch.was_cancelled:
                raise
            return fetched, False
        return fetched + max(0, moved.rowcount), moved.rowcount < wanted


class _StaleConnection(Exception):  # noqa: N818 - leaves this module only as StoreUnavailableError
    """The pooled connection was dead before the query began."""


def _ended(error: psycopg.Error, connection: ReaderConnection, watch: QueryWatch) -> CituError:
    """What `error` means, given who stopped the statement. Memory the process still holds ends with its connection."""
    if is_out_of_memory(error):
        connection.close()
    if watch.was_too_large and not watch.was_cancelled:
        return memory_error(database_sentence(error))
    if watch.was_cut:
        return SqlExecutionError(
            messages.SQL_CANCELLED if watch.was_cancelled else messages.SQL_TIMED_OUT, sqlstate="57014"
        )
    return execution_error(error, was_cancelled=watch.was_cancelled)


def _quoted(name: str) -> str:
    """`name` as a quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def _roll_back(connection: ReaderConnection) -> None:
    if connection.closed or connection.info.transaction_status == pq.TransactionStatus.IDLE:
        return
    with suppress(psycopg.Error):
        connection.execute("ROLLBACK")


def _extended(connection: ReaderConnection, text: str) -> Cursor[Any]:
    """Send one statement over the extended protocol: the server takes no second one in the same message."""
    cursor: Cursor[Any] = connection.cursor(row_factory=tuple_row)
    return cursor.execute(text.encode(), binary=True)


@dataclass(slots=True)
class _Taken:
    """Rows within both caps, and which cap ended them."""

    names: list[str]
    types: list[int]
    rows: list[tuple[Any, ...]]
    cut_by: Literal["rows", "bytes"] | None = None


def _take_rows(connection: ReaderConnection, limits: ExecutionLimits) -> _Taken:
    """Fetch from the cursor in batches that start with one row, grow, and shrink when rows are wide."""
    taken = _Taken([], [], [])
    used, widest, batch = 0, 1, 1
    while True:
        batch = min(batch, limits.row_cap + 1 - len(taken.rows))
        try:
            with connection.receiving_at_most(limits.byte_cap * _RECEIVED_PER_CAPPED_BYTE):
                cursor = connection.execute(f"FETCH FORWARD {batch} FROM {_CURSOR}".encode())
        except TooMuchReceivedError:
            taken.cut_by = "bytes"
            return taken
        if not taken.names:
            taken.names = [column.name for column in cursor.description or ()]
            taken.types = [column.type_code for column in cursor.description or ()]
        fetched = cursor.fetchall()
        for row in fetched:
            size = sum(map(value_bytes, row))
            used, widest = used + size, max(widest, size)
            if used > limits.byte_cap or len(taken.rows) == limits.row_cap:
                taken.cut_by = "bytes" if used > limits.byte_cap else "rows"
                return taken
            taken.rows.append(row)
        if len(fetched) < batch:
            return taken
        batch = max(1, min(_LARGEST_BATCH, batch * _BATCH_GROWTH, (limits.byte_cap - used) // widest + 1))
