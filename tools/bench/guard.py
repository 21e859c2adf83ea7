"""The static guard: how much it refuses, how fast, and whether size or disguise gets the better of it."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from common.errors import SqlRefusedError
from core.sql_guard import SqlGuard
from tools.guard_mutants import hostile_statements, mutants
from tools.guard_schema import policy_from_file

from .figures import Figure

ROOT: Final = Path(__file__).resolve().parents[2]
OWN: Final = ROOT / "tests" / "fixtures" / "sql_guard_cases.jsonl"
OWN_SCHEMA: Final = ROOT / "tests" / "fixtures" / "sql_guard_shop.sql"
DEV: Final = ROOT.parent / "shared" / "data" / "sql_guard_dev.jsonl"
DEV_SCHEMA: Final = DEV.with_name("sql_guard_schema.sql")
MUTANTS: Final = 20_000
_ROUNDS: Final = 20

Cases = list[Mapping[str, Any]]


def case_files() -> dict[str, tuple[Cases, Path]]:
    """The case files of this machine with their schemas: our own, and the development half when it is there."""
    found = {"own": (read_cases(OWN), OWN_SCHEMA)}
    if DEV.exists():
        found["dev"] = (read_cases(DEV), DEV_SCHEMA)
    return found


def read_cases(path: Path) -> Cases:
    """The cases of a file that are PostgreSQL."""
    cases = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
    return [case for case in cases if "dialect" not in case]


def measure() -> list[Figure]:
    """Figures 1, 4 and 5 of the scoreboard."""
    logging.disable(logging.CRITICAL)
    try:
        return [*_verdicts(), *_speed(), *_mutants(), *_ladder()]
    finally:
        logging.disable(logging.NOTSET)


def is_admitted(guard: SqlGuard, statement: str) -> bool:
    """Whether the static guard lets a statement pass."""
    try:
        guard.check(statement)
    except SqlRefusedError:
        return False
    return True


def _verdicts() -> list[Figure]:
    figures = []
    for name, (cases, schema) in case_files().items():
        guard = SqlGuard(policy_from_file(schema))
        # what only the planner or the clock can tell is not the static guard's to refuse
        hostile = [case for case in cases if case["verdict"] == "reject" and case.get("by") not in ("cost", "runtime")]
        legitimate = [case for case in cases if case["verdict"] == "allow"]
        passed = sum(is_admitted(guard, case["sql"]) for case in hostile)
        refused = sum(not is_admitted(guard, case["sql"]) for case in legitimate)
        figures.append(Figure(f"guard.{name}.hostile_passed", passed, f"of {len(hostile)}", 0, "lower"))
        figures.append(Figure(f"guard.{name}.legitimate_refused", refused, f"of {len(legitimate)}", 0, "lower"))
    return figures


def _speed() -> list[Figure]:
    seconds = []
    for cases, schema in case_files().values():
        guard = SqlGuard(policy_from_file(schema))
        for _ in range(_ROUNDS):
            for case in cases:
                started = time.perf_counter()
                is_admitted(guard, case["sql"])
                seconds.append(time.perf_counter() - started)
    ordered = sorted(seconds)
    return [
        Figure("guard.check_p50", _milliseconds(ordered[len(ordered) // 2]), "ms", 1.0, "lower"),
        Figure("guard.check_p99", _milliseconds(ordered[int(len(ordered) * 0.99)]), "ms", 10.0, "lower"),
    ]


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)


def _mutants() -> list[Figure]:
    figures = []
    for name, (cases, schema) in case_files().items():
        guard = SqlGuard(policy_from_file(schema))
        rejected = [case for case in cases if case.get("by") not in ("parse", "cost", "runtime")]
        admitted = sum(is_admitted(guard, text) for text in mutants(hostile_statements(rejected), MUTANTS))
        figures.append(Figure(f"guard.{name}.mutants_admitted", admitted, f"of {MUTANTS}", 0, "lower"))
    return figures


def _ladder() -> list[Figure]:
    command = [sys.executable, "-m", "tools.guard_ladder"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    steps = [json.loads(line) for line in done.stdout.splitlines()]
    slowest = max((step["ms"] for step in steps if step["verdict"] != "admitted"), default=None)
    return [
        Figure("guard.ladder_exits", int(done.returncode != 0), f"in {len(steps)} steps to 5 MB", 0, "lower"),
        Figure("guard.ladder_slowest_refusal", slowest, "ms", 50.0, "lower"),
    ]
