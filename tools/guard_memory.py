"""How much private memory each statement takes in its server process, and what ends it; run by people and `make bench`.

    python -m tools.guard_memory [FILE.jsonl ...] [--schema FILE] [--mode full|cap|watch] [--generated N] [--seed N]

`full` runs a statement as the service does. `cap` leaves the guard and the planner's ceilings out, so that only the
bound of the server process holds; `watch` forbids the kernel's bound as well, so that only the watch does. FILE is one
of `guard_score`; its hostile cases by cost, limit or runtime and all legitimate ones are run. One line a statement:
peak of private memory beyond the idle process in MB (other processes' pages and shared buffers do not count), seconds,
what ended it. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import psycopg

from common.errors import CituError, SqlExecutionError, SqlRefusedError
from core.sql_executor import ExecutionLimits, ReaderPool, SqlExecutor
from core.sql_executor.backend_memory import LocalBackend
from core.sql_guard import GuardPolicy, SqlGuard
from tools.guard_database import guard_database
from tools.guard_schema import policy_from_file
from tools.guard_score import LIMITS, AdmitAll
from tools.guard_statements import generated

MEBIBYTE: Final = 1024 * 1024
GOAL_MEGABYTES: Final = 256
SCHEMA: Final = Path("tests/fixtures/sql_guard_shop.sql")
_COSTLY: Final = ("cost", "limit", "runtime")
_SAMPLE_SECONDS: Final = 0.002


@dataclass(frozen=True)
class Measured:
    """One statement's line. `ended_by` is `rows`, a rule of the guard, or an error type with its SQLSTATE."""

    id: str
    ended_by: str
    peak_megabytes: float
    seconds: float
    sql: str

    @property
    def shown(self) -> str:
        peak = f"{self.peak_megabytes:7.1f} MB {self.seconds:6.2f} s"
        return f"{self.id:12} {peak}  {self.ended_by:28} {self.sql[:90]!r}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 0 when the worst statement stayed within the goal and the server was never restarted."""
    options = _options(arguments)
    logging.disable(logging.CRITICAL)
    statements = [pair for file in options.files for pair in _costly_cases(file)]
    policy, lines = policy_from_file(options.schema), []
    made = generated(options.generated, options.seed, schema=policy.search_path[0])
    statements += [(item.id, item.sql) for item in made]
    with (
        tempfile.TemporaryDirectory(prefix="guard-memory-") as folder,
        guard_database(options.schema, server=options.server, folder=Path(folder)) as database,
    ):
        started = _server_start(database.reader_url)
        for line in measure(database.reader_url, policy, statements, mode=options.mode):
            lines.append(line)
            print(line.shown)
        restarts = int(_server_start(database.reader_url) != started)
    print(json.dumps(summary(lines, options.mode, restarts)))
    worst = max((line.peak_megabytes for line in lines), default=0.0)
    return int(worst > GOAL_MEGABYTES or restarts > 0)


def summary(lines: Sequence[Measured], mode: str, restarts: int) -> dict[str, object]:
    """The figures of a table."""
    worst = max(lines, key=lambda line: line.peak_megabytes)
    return {
        "mode": mode,
        "statements": len(lines),
        "worst_private_mb": round(worst.peak_megabytes, 1),
        "worst": worst.id,
        "slowest_s": round(max(line.seconds for line in lines), 2),
        "server_restarts": restarts,
        "ended_by": dict(Counter(line.ended_by.split(" ")[0].split(".")[0] for line in lines)),
    }


def measure(
    reader_url: str,
    policy: GuardPolicy,
    statements: Sequence[tuple[str, str]],
    *,
    mode: str,
    limits: ExecutionLimits = LIMITS,
    bound_megabytes: int = GOAL_MEGABYTES,
) -> Iterator[Measured]:
    """Run each statement on the one connection of a pool; see the module for `mode`."""
    guard = SqlGuard(policy) if mode == "full" else AdmitAll(policy)
    if mode != "full":
        limits = replace(limits, cost_ceiling=1e300, collected_ceiling=1e300)
    with (
        _without_kernel_bound() if mode == "watch" else _as_it_is(),
        closing(ReaderPool(reader_url, size=1, backend_memory_bytes=bound_megabytes * MEBIBYTE)) as pool,
    ):
        executor = SqlExecutor(pool=pool, guard=guard, limits=limits)
        for name, sql in statements:
            yield _measured(pool, executor, name, sql)


def _measured(pool: ReaderPool, executor: SqlExecutor, name: str, sql: str) -> Measured:
    with pool.connection() as connection:
        backend = LocalBackend(connection.info.backend_pid, 0)
    idle, started = backend.private_bytes(), time.monotonic()
    with _Peak(backend) as peak:
        ended_by = _ended_by(executor, sql)
    return Measured(name, ended_by, max(0, peak.seen - idle) / MEBIBYTE, time.monotonic() - started, sql)


def _ended_by(executor: SqlExecutor, sql: str) -> str:
    try:
        executor.execute(sql)
    except SqlRefusedError as error:
        return error.rule
    except SqlExecutionError as error:
        return f"{error.error_type} {error.sqlstate}"
    except CituError as error:
        return error.error_type
    except (RecursionError, ValueError) as error:
        return f"client {type(error).__name__}"
    return "rows"


class _Peak:
    """Samples the private memory of a process within the block."""

    def __init__(self, backend: LocalBackend) -> None:
        self.seen = backend.private_bytes()
        self._backend = backend
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> _Peak:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(_SAMPLE_SECONDS):
            self.seen = max(self.seen, self._backend.private_bytes())


@contextmanager
def _without_kernel_bound() -> Iterator[None]:
    original = LocalBackend.cap
    LocalBackend.cap = lambda self: False  # type: ignore[method-assign]
    try:
        yield
    finally:
        LocalBackend.cap = original  # type: ignore[method-assign]


@contextmanager
def _as_it_is() -> Iterator[None]:
    yield


def _costly_cases(path: Path) -> list[tuple[str, str]]:
    cases = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
    return [
        (case["id"], case["sql"])
        for case in cases
        if "dialect" not in case and (case["verdict"] == "allow" or case.get("by") in _COSTLY)
    ]


def _server_start(url: str) -> object:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT pg_postmaster_start_time()").fetchone()


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.guard_memory", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("files", nargs="*", type=Path, help="cases, one JSON object a line")
    parser.add_argument("--schema", type=Path, default=SCHEMA, help="DDL with the guard's settings")
    parser.add_argument("--mode", choices=("full", "cap", "watch"), default="full")
    parser.add_argument("--generated", type=int, default=240, help="further statements of the generator")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--server", help="superuser URL of a throw-away server; default: embedded servers")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
