"""Size and depth: whatever grows, the guard gives a verdict; in a child process, so that a crash would show."""

import subprocess
import sys

LADDER = """
import logging
from common.errors import SqlRefusedError
from core.sql_guard import GuardPolicy, RelationRule, SqlGuard

logging.disable(logging.CRITICAL)
guard = SqlGuard(GuardPolicy(relations=(RelationRule("public", "t", ("a", "b")),)))
shapes = {
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
    "comments": lambda n: "SELECT 1 " + "/*" * n + "*/" * n,
    "string": lambda n: "SELECT '" + "x" * n + "'",
    "quotes": lambda n: "SELECT " + "'" * n,
    "dollars": lambda n: "SELECT " + "$a" * n,
}
for name, shape in shapes.items():
    for count in (1, 10, 45, 70, 300, 1000, 5000, 100_000, 1_000_000):
        text = shape(count)[:5_000_000]
        try:
            guard.check(text)
            verdict = "admitted"
        except SqlRefusedError as error:
            verdict = error.rule
        print(name, count, verdict)
"""


def verdicts() -> dict[tuple[str, int], str]:
    done = subprocess.run([sys.executable, "-c", LADDER], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    rows = (line.split() for line in done.stdout.splitlines())
    return {(name, int(count)): verdict for name, count, verdict in rows}


def test_every_step_of_the_ladder_gets_a_verdict() -> None:
    found = verdicts()
    shapes = {name for name, _ in found}
    assert len(found) == len(shapes) * 9
    assert all(found[shape, 1] == "admitted" for shape in shapes - {"quotes", "dollars"})
    assert all(found[shape, 1_000_000] != "admitted" for shape in shapes)
    assert "internal.error" not in found.values()
