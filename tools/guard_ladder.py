"""Statements that grow in size and depth up to 5 MB, each checked once; prints one JSON line a step.

    python -m tools.guard_ladder

Run as a child process by tests and by `python -m tools.bench guard`, so that a crash of a parser would show.
"""

# ruff: noqa: S608 - these statements are built to be refused

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable, Mapping
from typing import Final

from common.errors import SqlRefusedError
from core.sql_guard import GuardPolicy, RelationRule, SqlGuard

COUNTS: Final = (1, 10, 45, 70, 300, 1000, 5000, 100_000, 1_000_000)
LARGEST: Final = 5_000_000
SHAPES: Final[Mapping[str, Callable[[int], str]]] = {
    "parentheses": lambda n: "SELECT " + "(" * n + "1" + ")" * n,
    "subqueries": lambda n: "SELECT 1 FROM " + "(SELECT 1 FROM " * n + "t" + ") x" * n,
    "functions": lambda n: "SELECT " + "abs(" * n + "1" + ")" * n,
    "case": lambda n: "SELECT " + "CASE WHEN true THEN " * n + "1" + " END" * n,
    "sum": lambda n: "SELECT 1" + "+1" * n,
    "not": lambda n: "SELECT " + "NOT " * n + "true",
    "minus": lambda n: "SELECT " + "- " * n + "1",
    "subscripts": lambda n: "SELECT a" + "[1]" * n + " FROM t",
    "casts": lambda n: "SELECT 1" + "::int" * n,
    "unions": lambda n: "SELECT 1" + " UNION SELECT 1" * n,
    "list": lambda n: "SELECT a FROM t WHERE a IN (" + ",".join("1" * n) + ")",
    "conditions": lambda n: "SELECT a FROM t WHERE a=1" + " AND a=1" * n,
    "expressions": lambda n: (
        "WITH x0 AS (SELECT 1 AS a)"
        + "".join(f", x{i + 1} AS (SELECT a FROM x{i})" for i in range(min(n, 200_000)))
        + " SELECT 1"
    ),
    "comments": lambda n: "SELECT 1 " + "/*" * n + "*/" * n,
    "string": lambda n: "SELECT '" + "x" * n + "'",
    "quotes": lambda n: "SELECT " + "'" * n,
    "dollars": lambda n: "SELECT " + "$a" * n,
}


def main() -> int:
    """Check every step; 0 when all got a verdict."""
    logging.disable(logging.CRITICAL)
    guard = SqlGuard(GuardPolicy(relations=(RelationRule("public", "t", ("a", "b")),)))
    for name, shape in SHAPES.items():
        for count in COUNTS:
            text = shape(count)[:LARGEST]
            started = time.perf_counter()
            verdict = _verdict(guard, text)
            milliseconds = round((time.perf_counter() - started) * 1000, 2)
            step = {"shape": name, "count": count, "bytes": len(text), "verdict": verdict, "ms": milliseconds}
            print(json.dumps(step))
    return 0


def _verdict(guard: SqlGuard, text: str) -> str:
    try:
        guard.check(text)
    except SqlRefusedError as error:
        return error.rule
    return "admitted"


if __name__ == "__main__":
    sys.exit(main())
