"""Measures the offline brain: `python -m tools.evaluate_offline --pairs FILE.json --database-url URL`.

Runs the brain on each question (`--training FILE.json` are its trained pairs), executes its SQL and the reference SQL
read-only and compares the rows. Strict: the same columns in any order. Lenient: the reference's columns are among ours.
A pair whose `sql` is null asks for what the database cannot answer: right is a refusal. `--split NAME` keeps the pairs
of that split, `--counts-only` prints no question. Prints the accuracy, the precision of what was answered and the
failures.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import Any

import psycopg
import sqlglot
from sqlglot import exp

from common.answering import SqlDraft, SqlRequest, TrainedPair
from common.business_schema import BusinessSchema, Column, Table
from core.async_bridge import run_in_request_loop
from offline.brain import OfflineBrain
from offline.similarity import rank_pairs

_STATEMENT_TIMEOUT = "SET statement_timeout = '5s'"
_MOST_VALUES = 500
_UNIT = Decimal("0.01")
_READ_COLUMNS = """
    SELECT n.nspname, c.relname, coalesce(obj_description(c.oid), ''), a.attname, format_type(a.atttypid, a.atttypmod),
           coalesce(col_description(c.oid, a.attnum), ''), NOT a.attnotnull
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relkind IN ('r', 'v') AND n.nspname = 'public' ORDER BY c.relname, a.attnum
"""
Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Outcome:
    """How one question went: `strict`, `lenient`, `wrong`, `refused`,
    `broken`, `gold_fails` (the reference itself),
    `other_order`, or `deleted_rows` (equal once the reference leaves deleted rows out).
    Without a reference: `unanswerable` (refused, as it should be) or `invented`."""

    question: str
    verdict: str
    sql: str
    gold: str
    milliseconds: float


def read_schema(connection: psycopg.Connection[Any]) -> BusinessSchema:
    """Tables of schema public with comments and the values of short text columns."""
    tables: dict[tuple[str, str, str], list[Column]] = {}
    for schema, table, about, name, kind, comment, nullable in connection.execute(_READ_COLUMNS).fetchall():
        values: tuple[str, ...] = ()
        if kind.startswith("character") and name != "id" and not name.endswith("_id"):
            values = _values(connection, table, name)
        column = Column(name, kind, comment, nullable, name == "id", values)
        tables.setdefault((schema, table, about), []).append(column)
    return BusinessSchema(tuple(Table(*key, tuple(columns)) for key, columns in tables.items()))


def _values(connection: psycopg.Connection[Any], table: str, column: str) -> tuple[str, ...]:
    query = psycopg.sql.SQL("SELECT DISTINCT {c} FROM {t} WHERE {c} IS NOT NULL LIMIT {n}").format(
        c=psycopg.sql.Identifier(column), t=psycopg.sql.Identifier(table), n=psycopg.sql.Literal(_MOST_VALUES + 1)
    )
    found = [row[0] for row in connection.execute(query).fetchall()]
    return tuple(sorted(found)) if len(found) <= _MOST_VALUES else ()


def rows_of(connection: psycopg.Connection[Any], sql: str) -> Rows:
    """The rows of a query, read in a transaction that is always rolled back."""
    with connection.cursor() as cursor:
        try:
            cursor.execute(sql.encode())
            return cursor.fetchall()
        finally:
            connection.rollback()


def _cell(value: Any) -> Any:
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        number = Decimal(str(value))
        return number.quantize(_UNIT, ROUND_HALF_UP) if number.is_finite() else str(number)
    return str(value) if value is not None else None


def _columns(rows: Rows) -> list[tuple[Any, ...]]:
    return list(zip(*([_cell(value) for value in row] for row in rows), strict=True))


def same_rows(gold: Rows, ours: Rows, *, is_ordered: bool, is_lenient: bool) -> bool:
    """Whether the rows are the same: as multisets, in order when the reference orders; column names do not count."""
    if len(gold) != len(ours):
        return False
    if not gold:
        return True
    width, our_width = len(gold[0]), len(ours[0])
    if our_width < width or (our_width != width and not is_lenient):
        return False
    wanted = [tuple(_cell(value) for value in row) for row in gold]
    ours_columns, gold_columns = _columns(ours), _columns(gold)
    candidates = [
        [i for i, column in enumerate(ours_columns) if Counter(column) == Counter(gold_column)]
        for gold_column in gold_columns
    ]
    if not all(candidates):
        return False
    for order in permutations(range(our_width), width):
        if all(i in options for i, options in zip(order, candidates, strict=True)):
            picked = list(zip(*(ours_columns[i] for i in order), strict=True))
            if picked == wanted or (not is_ordered and Counter(picked) == Counter(wanted)):
                return True
    return False


def _is_ordered(sql: str) -> bool:
    tree = sqlglot.parse_one(sql, dialect="postgres")
    return isinstance(tree, exp.Query) and tree.args.get("order") is not None


def without_deleted(sql: str, deletable: frozenset[str]) -> str:
    """The reference with `delete_ts IS NULL` for every table of `deletable` it reads."""
    tree = sqlglot.parse_one(sql, dialect="postgres")
    for table in list(tree.find_all(exp.Table)):
        if table.name in deletable:
            kept = exp.select("*").from_(table.name).where("delete_ts IS NULL").subquery(table.alias_or_name)
            table.replace(kept)
    return tree.sql(dialect="postgres")


def _agrees_without_deleted(connection: psycopg.Connection[Any], gold_sql: str, ours: Rows) -> bool:
    found = rows_of(connection, "SELECT table_name FROM information_schema.columns WHERE column_name = 'delete_ts'")
    changed = without_deleted(gold_sql, frozenset(row[0] for row in found))
    return same_rows(rows_of(connection, changed), ours, is_ordered=False, is_lenient=True)


def judge(connection: psycopg.Connection[Any], gold_sql: str | None, draft: SqlDraft) -> str:
    """The verdict of one question (see `Outcome`). Ties in the reference's order do not count against us."""
    if gold_sql is None:
        return "invented" if draft.sql else "unanswerable"
    try:
        gold = rows_of(connection, gold_sql)
    except psycopg.Error:
        return "gold_fails"
    if not draft.sql:
        return "refused"
    try:
        ours = rows_of(connection, draft.sql)
    except psycopg.Error as error:
        print("   broken:", error, file=sys.stderr)
        return "broken"
    for is_lenient in (False, True):
        if same_rows(gold, ours, is_ordered=_is_ordered(gold_sql), is_lenient=is_lenient):
            return "lenient" if is_lenient else "strict"
    if _is_ordered(gold_sql) and same_rows(gold, ours, is_ordered=False, is_lenient=True):
        return "other_order"
    return "deleted_rows" if _agrees_without_deleted(connection, gold_sql, ours) else "wrong"


def evaluate(
    connection: psycopg.Connection[Any],
    pairs: Sequence[dict[str, Any]],
    training: Sequence[TrainedPair],
    *,
    leaves_one_out: bool = False,
) -> list[Outcome]:
    """Ask every question. `leaves_one_out` hides a trained pair with the very question asked."""
    schema = read_schema(connection)
    row = connection.execute("SELECT CURRENT_DATE").fetchone()
    connection.rollback()
    connection.execute(_STATEMENT_TIMEOUT)
    connection.commit()
    connection.read_only = True
    brain = OfflineBrain()
    outcomes = []
    for pair in pairs:
        shown = [trained for trained in training if not leaves_one_out or trained.question != pair["question"]]
        request = SqlRequest(
            question=pair["question"],
            context="",
            schema=schema,
            today=row[0] if row else None,  # type: ignore[arg-type]
            pairs=rank_pairs(pair["question"], shown)[:5],
        )
        start = time.perf_counter()
        draft = run_in_request_loop(partial(brain.write_sql, request), timeout_seconds=None)
        elapsed = (time.perf_counter() - start) * 1000
        outcomes.append(
            Outcome(
                pair["question"],
                judge(connection, pair["sql"], draft),
                draft.sql or draft.explanation,
                pair["sql"] or "(refusal)",
                elapsed,
            )
        )
    return outcomes


def report(outcomes: Sequence[Outcome], *, is_verbose: bool, counts_only: bool = False) -> None:
    """Print the failures (all questions when verbose, none with `counts_only`) and the numbers."""
    counts = Counter(outcome.verdict for outcome in outcomes)
    for outcome in () if counts_only else outcomes:
        if is_verbose or outcome.verdict not in ("strict", "lenient", "unanswerable"):
            print(f"[{outcome.verdict}] {outcome.question}\n    ours: {outcome.sql}\n    gold: {outcome.gold}")
    unanswerable = counts["unanswerable"] + counts["invented"]
    total = len(outcomes) - counts["gold_fails"] - unanswerable
    strict, lenient = counts["strict"], counts["strict"] + counts["lenient"]
    answered = total - counts["refused"] + counts["invented"]
    print(
        f"questions {total}  strict {strict} ({strict / max(total, 1):.1%})"
        f"  lenient {lenient} ({lenient / max(total, 1):.1%})"
    )
    print(
        f"refused {counts['refused']}  wrong {total - lenient - counts['refused'] - counts['broken']}"
        f"  broken {counts['broken']}"
    )
    print(f"unanswerable {unanswerable}  refused as they should be {counts['unanswerable']}")
    print(f"precision of the answered: {lenient}/{answered} ({lenient / max(answered, 1):.1%})")
    print(f"of the wrong: reference counts deleted rows {counts['deleted_rows']}")
    print(f"other order only {counts['other_order']}  reference fails {counts['gold_fails']}")
    times = sorted(outcome.milliseconds for outcome in outcomes)
    if times:
        print(f"milliseconds a question: median {times[len(times) // 2]:.1f}, longest {times[-1]:.1f}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the evaluation. Exit code 0 always: the numbers are the result."""
    parser = argparse.ArgumentParser(prog="python -m tools.evaluate_offline", description=__doc__)
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--database-url", required=True)
    parser.add_argument("--training", type=Path)
    parser.add_argument("--split")
    parser.add_argument("--leave-one-out", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--counts-only", action="store_true")
    options = parser.parse_args(arguments)
    pairs = json.loads(options.pairs.read_text(encoding="utf-8"))
    pairs = [pair for pair in pairs if options.split in (None, pair.get("split"))]
    training = json.loads(options.training.read_text(encoding="utf-8")) if options.training else []
    trained = [TrainedPair(question=pair["question"], sql=pair["sql"]) for pair in training]
    with psycopg.connect(options.database_url) as connection:
        outcomes = evaluate(connection, pairs, trained, leaves_one_out=options.leave_one_out)
        report(outcomes, is_verbose=options.verbose, counts_only=options.counts_only)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
