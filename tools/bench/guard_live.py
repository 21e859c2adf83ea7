"""The guard and the executor on a real server: harm, caps, cancelling, and connections that come back as they were.

Servers of its own, in a temporary folder. Tests in tests/integration call the parts with smaller numbers.
"""

from __future__ import annotations

import logging
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import psycopg

from common.cancellation import CancelFlag
from common.errors import CituError, SqlExecutionError
from core.embedded import acquire_servers
from core.sql_executor import ExecutionLimits, ReaderPool, SqlExecutor
from core.sql_guard import GuardPolicy, SqlGuard
from tools.guard_database import GuardDatabase, guard_database
from tools.guard_schema import policy_from_file
from tools.guard_score import LIMITS, AdmitAll, judge_executed

from .figures import Figure
from .guard import Cases, case_files

CANCELS: Final = 500
GONE_SECONDS: Final = 2.0
WORKER_MEGABYTES: Final = 64
BACKEND_MEGABYTES: Final = 256
ENDLESS: Final = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r"
# Beyond the cases: rows that are many or wide, and values that would grow.
_WIDE: Final = (
    "SELECT a.id, repeat('x', 10000) AS filler FROM generate_series(1, 3000) a(id)",
    "SELECT a.id FROM generate_series(1, 90000) a(id)",
    "SELECT string_agg(repeat('x', 10000), '') FROM generate_series(1, 90000)",
    "SELECT length(string_agg(repeat('x', 300), '')) FROM generate_series(1, 90000)",
    "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT length(string_agg(n::text, '')) FROM r",
    "SELECT array_agg(a) FROM generate_series(1, 90000) a, generate_series(1, 1000) b",
    "SELECT " + ", ".join(f"repeat('x', 9999) AS c{number}" for number in range(200)),
)
_STATE: Final = (
    "SELECT name, setting FROM pg_settings WHERE source <> 'client' ORDER BY 1",
    "SELECT name FROM pg_cursors",
    "SELECT name FROM pg_prepared_statements",
    "SELECT locktype, mode FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory'",
    "SELECT pg_my_temp_schema()",
    "SELECT pg_listening_channels()",
    "SELECT current_user, session_user",
)


@dataclass(frozen=True)
class CapsSeen:
    """The largest of everything over a list of statements."""

    rows: int
    seconds: float
    worker_megabytes: float
    backend_megabytes: float


def measure() -> list[Figure]:
    """Figures 3, 6, 7 and 8 of the scoreboard."""
    logging.disable(logging.CRITICAL)
    try:
        with tempfile.TemporaryDirectory(prefix="guard-live-") as folder, acquire_servers(Path(folder)) as lease:
            server = lease.addresses.business_owner_url
            figures: list[Figure] = []
            for name, (cases, schema) in case_files().items():
                with guard_database(schema, server=server, folder=Path(folder)) as database:
                    figures += _of_cases(name, cases, schema, database)
            return figures
    finally:
        logging.disable(logging.NOTSET)


def _of_cases(name: str, cases: Cases, schema: Path, database: GuardDatabase) -> list[Figure]:
    policy = policy_from_file(schema)
    guard = SqlGuard(policy)
    hostile = [case for case in cases if case["verdict"] == "reject"]
    figures = []
    for is_on in (True, False):
        changed, leaked = harm(database, guard if is_on else AdmitAll(policy), hostile)
        label = f"guard.{name}.{'on' if is_on else 'off'}"
        figures.append(Figure(f"{label}.changes", changed, f"of {len(hostile)}", 0, "lower"))
        figures.append(Figure(f"{label}.leaks", leaked, f"of {len(hostile)}", 0 if is_on else None, "lower"))
    figures.append(Figure(f"guard.{name}.hygiene", dirty_connections(database.reader_url, cases), "cases", 0, "lower"))
    costly = [case["sql"] for case in hostile if case.get("by") in ("cost", "runtime", "limit")]
    return (
        figures + _cap_figures(name, caps(database.reader_url, guard, [*costly, *_WIDE])) + _cancelling(name, database)
    )


def _cap_figures(name: str, seen: CapsSeen) -> list[Figure]:
    wall = LIMITS.wall_clock_seconds + 1
    return [
        Figure(f"guard.{name}.caps.rows", seen.rows, "rows", LIMITS.row_cap, "lower"),
        Figure(f"guard.{name}.caps.wall", seen.seconds, "s", wall, "lower"),
        Figure(f"guard.{name}.caps.worker", seen.worker_megabytes, "MB more", WORKER_MEGABYTES, "lower"),
        Figure(f"guard.{name}.caps.backend", seen.backend_megabytes, "MB more", BACKEND_MEGABYTES, "lower"),
    ]


def _cancelling(name: str, database: GuardDatabase) -> list[Figure]:
    if name != "own":
        return []
    worst = slowest_cancel(database.reader_url, CANCELS)
    return [Figure("guard.cancel_slowest", worst, f"s of {CANCELS}", GONE_SECONDS, "lower")]


def harm(database: GuardDatabase, guard: SqlGuard, cases: Cases, *, seconds: float = 1.0) -> tuple[int, int]:
    """How many of the cases changed something, and how many brought forbidden bytes back."""
    limits = replace(LIMITS, statement_timeout_seconds=seconds, wall_clock_seconds=2 * seconds)
    with closing(ReaderPool(database.reader_url, size=2, application_name="guard-harm")) as pool:
        executor = SqlExecutor(pool=pool, guard=guard, limits=limits)
        outcomes = [judge_executed(executor, database, case["sql"]) for case in cases]
    return sum(outcome.changed for outcome in outcomes), sum(outcome.leaked for outcome in outcomes)


def dirty_connections(reader_url: str, cases: Cases, *, seconds: float = 0.5) -> int:
    """After how many cases, sent past the guard, the one pooled connection was not as before."""
    limits = replace(LIMITS, statement_timeout_seconds=seconds, wall_clock_seconds=2 * seconds, count_seconds=0.1)
    with closing(ReaderPool(reader_url, size=1, wait_seconds=5.0, application_name="guard-hygiene")) as pool:
        executor = SqlExecutor(pool=pool, guard=AdmitAll(GuardPolicy(relations=())), limits=limits)
        before = _session_state(pool)
        dirty = 0
        for case in cases:
            with suppress(CituError, UnicodeEncodeError):
                executor.execute(case["sql"])
            dirty += _session_state(pool) != before
    return dirty


def _session_state(pool: ReaderPool) -> list[Any]:
    with pool.connection() as connection:
        return [connection.execute(query.encode()).fetchall() for query in _STATE]


def caps(reader_url: str, guard: SqlGuard, statements: list[str], limits: ExecutionLimits = LIMITS) -> CapsSeen:
    """Run each statement on a connection of its own and note the largest answer, time and growth in memory."""
    rows, slowest, worker, backend = 0, 0.0, 0.0, 0.0
    for sql in statements:
        with closing(ReaderPool(reader_url, size=1, application_name="guard-caps")) as pool, _peak_growth() as own:
            with pool.connection() as connection:
                server_process = connection.info.backend_pid
                idle = _peak_megabytes(server_process)
            executor = SqlExecutor(pool=pool, guard=guard, limits=limits)
            started = time.monotonic()
            watcher = _PeakWatcher(server_process)
            with suppress(CituError), watcher:
                rows = max(rows, executor.execute(sql).row_count)
            slowest = max(slowest, time.monotonic() - started)
            backend = max(backend, watcher.peak - idle)
        worker = max(worker, own[0])
    return CapsSeen(rows, round(slowest, 2), round(worker, 1), round(backend, 1))


class _PeakWatcher:
    """Reads a process's peak until it is gone: a cancelled backend ends before anyone could ask it afterwards."""

    def __init__(self, process_id: int) -> None:
        self.peak = 0.0
        self._process_id = process_id
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> _PeakWatcher:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            is_last = self._over.is_set()
            self.peak = max(self.peak, _peak_megabytes(self._process_id))
            if is_last:
                return
            self._over.wait(0.01)


@contextmanager
def _peak_growth() -> Iterator[list[float]]:
    """Megabytes this process grew by within the block, at its highest; Linux only."""
    grown = [0.0]
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before = _peak_megabytes("self")
    yield grown
    grown[0] = _peak_megabytes("self") - before


def _peak_megabytes(process: int | str) -> float:
    with suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    return 0.0


def slowest_cancel(reader_url: str, count: int, *, at_once: int = 10) -> float:
    """Seconds from the moment callers leave until none of their queries is active on the server; the worst of all."""
    worst = 0.0
    with closing(ReaderPool(reader_url, size=at_once, wait_seconds=10.0, application_name="guard-cancel")) as pool:
        executor = SqlExecutor(pool=pool, guard=AdmitAll(GuardPolicy(relations=())), limits=ExecutionLimits())
        with psycopg.connect(reader_url, autocommit=True) as watching:
            for _ in range(0, count, at_once):
                worst = max(worst, _cancel_batch(executor, watching, at_once))
    return round(worst, 3)


def _cancel_batch(executor: SqlExecutor, watching: psycopg.Connection[Any], at_once: int) -> float:
    left = CancelFlag()
    threads = [threading.Thread(target=_run_ended, args=(executor, left)) for _ in range(at_once)]
    for thread in threads:
        thread.start()
    _wait_for_active(watching, at_once)
    started = time.monotonic()
    left.set()
    _wait_for_active(watching, 0)
    seconds = time.monotonic() - started
    for thread in threads:
        thread.join()
    return seconds


def _run_ended(executor: SqlExecutor, left: CancelFlag) -> None:
    with suppress(SqlExecutionError):
        executor.execute(ENDLESS, cancel=left)


def _wait_for_active(watching: psycopg.Connection[Any], wanted: int) -> None:
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'guard-cancel' AND query LIKE %s"
    query += " AND state = 'active'"
    until = time.monotonic() + 30.0
    while time.monotonic() < until:
        row = watching.execute(query, ("FETCH%",)).fetchone()
        if row is not None and row[0] == wanted:
            return
        time.sleep(0.01)
    raise RuntimeError(f"never {wanted} active queries")
