"""Scores the SQL guard against a file of hostile and legitimate statements; run by people and by `make bench`.

    python -m tools.guard_score FILE.jsonl [--schema FILE] [--mode static|full|db-only] [--server URL]

Each line of FILE has `id`, `sql`, `verdict` (allow or reject), and may have `class`, `by` and `dialect` (then only the
static guard is asked, in that dialect). `static` opens no connection. The other
modes load the schema into a database of their own on `--server` (a superuser's URL) or on embedded servers in a
temporary folder, and drop it afterwards; `db-only` switches the guard off to see what the database alone stops.
The last line is JSON: hostile_total, hostile_stopped, legit_total, legit_kept.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from common.answering import ResultSet
from common.errors import SqlExecutionError, SqlRefusedError
from core.sql_executor import ExecutionLimits, ReaderPool, SqlExecutor
from core.sql_guard import AdmittedQuery, GuardPolicy, SqlGuard
from core.sql_parsing import Cancellation
from tools.guard_database import GuardDatabase, guard_database
from tools.guard_schema import policy_from_file

LIMITS = ExecutionLimits(
    statement_timeout_seconds=2.5, wall_clock_seconds=4.0, cost_ceiling=50_000.0, count_seconds=0.5
)
RESOURCE_CLASS = "exhaustion"
Case = Mapping[str, Any]
FORBIDDEN = ("sk-SECRET", "5e884898da28", "@example.com")


@dataclass(frozen=True)
class Outcome:
    """What became of one statement: `stopped` is a rule or an error, empty when it ran."""

    stopped: str
    is_limited: bool = False
    leaked: bool = False
    changed: bool = False


@dataclass
class Score:
    """The counts, and the cases that went wrong."""

    hostile_total: int = 0
    hostile_stopped: int = 0
    legit_total: int = 0
    legit_kept: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, case: Case, outcome: Outcome) -> None:
        is_wrong = False
        if case["verdict"] == "allow":
            self.legit_total += 1
            is_wrong = bool(outcome.stopped) or outcome.changed
            self.legit_kept += not is_wrong
        else:
            self.hostile_total += 1
            is_held = bool(outcome.stopped) or (case.get("class") == RESOURCE_CLASS and outcome.is_limited)
            is_wrong = not is_held or outcome.leaked or outcome.changed
            self.hostile_stopped += not is_wrong
        if is_wrong:
            facts = "leaked " * outcome.leaked + "changed " * outcome.changed + (outcome.stopped or "ran")
            self.wrong.append(f"{case['id']} {case['verdict']} by={case.get('by')}: {facts}: {case['sql'][:120]!r}")

    def as_json(self) -> str:
        return json.dumps(
            {
                "hostile_total": self.hostile_total,
                "hostile_stopped": self.hostile_stopped,
                "legit_total": self.legit_total,
                "legit_kept": self.legit_kept,
            }
        )


Judge = Callable[[Case], Outcome]


class AdmitAll(SqlGuard):
    """No guard at all, to measure the database's own layers."""

    def check(self, sql: str, *, cancel: Cancellation | None = None) -> AdmittedQuery:
        return AdmittedQuery(text=sql, statement=None, relations=())  # type: ignore[arg-type]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the score; 0 when nothing went wrong."""
    options = _options(arguments)
    cases = [json.loads(line) for line in options.file.read_text(encoding="utf-8").split("\n") if line.strip()]
    schema = options.schema or options.file.with_name("sql_guard_schema.sql")
    for name in ("app", "psycopg"):
        logging.getLogger(name).addHandler(logging.NullHandler())
    if options.mode == "db-only":
        cases = [case for case in cases if "dialect" not in case]
    score, seconds = Score(), []
    with _judge(options, schema) as judge:
        for case in cases:
            started = time.perf_counter()
            outcome = judge(case)
            seconds.append(time.perf_counter() - started)
            score.add(case, outcome)
    for line in score.wrong:
        print(line)
    print(_times(options.mode, seconds))
    print(score.as_json())
    return 1 if score.wrong else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.guard_score", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("file", type=Path, help="cases, one JSON object a line")
    parser.add_argument("--schema", type=Path, help="DDL with the guard's settings; default: beside FILE")
    parser.add_argument("--mode", choices=("static", "full", "db-only"), default="full")
    parser.add_argument("--server", help="superuser URL of a throw-away server; default: embedded servers")
    return parser.parse_args(arguments)


@contextmanager
def _judge(options: argparse.Namespace, schema: Path) -> Iterator[Judge]:
    policy = policy_from_file(schema)
    if options.mode == "static":
        yield lambda case: _checked(policy, case)
        return
    guard = AdmitAll(policy) if options.mode == "db-only" else SqlGuard(policy)
    with (
        tempfile.TemporaryDirectory(prefix="guard-score-") as folder,
        guard_database(schema, server=options.server, folder=Path(folder)) as database,
        closing(ReaderPool(database.reader_url, size=2, application_name="guard-score")) as pool,
    ):
        executor = SqlExecutor(pool=pool, guard=guard, limits=LIMITS)
        yield (
            lambda case: (
                _checked(policy, case) if "dialect" in case else judge_executed(executor, database, case["sql"])
            )
        )


def _checked(policy: GuardPolicy, case: Case) -> Outcome:
    try:
        SqlGuard(replace(policy, dialect=case.get("dialect", "postgres"))).check(case["sql"])
    except SqlRefusedError as error:
        return Outcome(error.rule)
    return Outcome("")


def judge_executed(executor: SqlExecutor, database: GuardDatabase, sql: str) -> Outcome:
    """Run one statement and look at what came back and what changed."""
    result: ResultSet | None = None
    stopped = ""
    try:
        result = executor.execute(sql)
    except SqlRefusedError as error:
        stopped = error.rule
    except SqlExecutionError as error:
        stopped = f"database {error.sqlstate}"
    except UnicodeEncodeError:
        stopped = "encoding"
    leaked = result is not None and any(word in str(result.rows) for word in FORBIDDEN)
    return Outcome(stopped, bool(result and result.is_limited), leaked, database.has_changed())


def _times(mode: str, seconds: list[float]) -> str:
    ordered = sorted(seconds)
    middle, late = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)]
    return f"{mode}: {len(ordered)} statements, p50 {middle * 1000:.2f} ms, p99 {late * 1000:.2f} ms"


if __name__ == "__main__":
    sys.exit(main())
