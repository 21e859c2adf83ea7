"""What the planner says before a statement runs: cost, kind, memory of its aggregates; asked by the executor."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from psycopg.rows import tuple_row

from common import messages
from common.errors import SqlRefusedError
from core.sql_executor.reader_connection import ReaderConnection, TooMuchReceivedError
from core.sql_guard import AdmittedQuery

# Aggregates that keep every input value until the group ends; neither work_mem nor temp_file_limit bounds them.
_COLLECTING: Final = re.compile(r"\b(?:string_agg|array_agg|jsonb?_(?:object_)?agg(?:_\w+)?|range_agg|xmlagg)\(")
_AGGREGATES: Final = ("Aggregate", "WindowAgg")
# The planner does not know how often a recursion goes round.
_RECURSION_ROWS: Final = 50_000
_LARGEST_PLAN: Final = 4 * 1024 * 1024  # a plan repeats the constants the server folded


@dataclass(frozen=True, slots=True)
class Plan:
    """The planner's estimate.

    Attributes:
        cost: in the planner's units.
        collected_bytes: of the largest group an aggregate collects.
        is_guess: an aggregate collects from a recursion, whose length nobody can foretell.
    """

    cost: float
    collected_bytes: float
    is_guess: bool = False


@dataclass(frozen=True, slots=True)
class PlannedQuery:
    """A statement that guard and planner accepted at `made_at`, by the monotonic clock; good for who asked them."""

    admitted: AdmittedQuery
    plan: Plan
    made_by: object
    made_at: float


def plan_of(connection: ReaderConnection, admitted: AdmittedQuery) -> Plan:
    """Ask the planner; nothing is executed but what it folds into constants.

    Raises:
        SqlRefusedError: rule `plan.kind`, a utility statement, a write or a lock; `plan.size`, beyond 4 MB.
        psycopg.Error: the server does not accept the statement.
    """
    row = _explained(connection, admitted.text)
    root = row[0][0].get("Plan") if row is not None and isinstance(row[0][0], dict) else None
    if root is None or root["Node Type"] in ("ModifyTable", "LockRows"):
        raise SqlRefusedError(messages.SQL_REFUSED_STATEMENT, rule="plan.kind")
    nodes = list(_walk(root))
    least_rows = _RECURSION_ROWS if any(node["Node Type"] == "Recursive Union" for node in nodes) else 0
    collected = max((_collected(node, least_rows, admitted.collected_bytes) for node in nodes), default=0.0)
    return Plan(float(root["Total Cost"]), collected, bool(least_rows and collected))


def _explained(connection: ReaderConnection, text: str) -> tuple[Any, ...] | None:
    cursor = connection.cursor(row_factory=tuple_row)
    try:
        with connection.receiving_at_most(_LARGEST_PLAN):
            return cursor.execute(f"EXPLAIN (FORMAT JSON, VERBOSE) {text}".encode(), binary=True).fetchone()
    except TooMuchReceivedError as error:
        raise SqlRefusedError(messages.SQL_TOO_EXPENSIVE, rule="plan.size") from error


def _walk(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    pending = [node]
    while pending:
        current = pending.pop()
        yield current
        pending.extend(current.get("Plans", ()))


def _collected(node: dict[str, Any], least_rows: int, element_bytes: int) -> float:
    """Bytes one group of a collecting aggregate may hold, 0 for other nodes."""
    is_collecting = node["Node Type"] in _AGGREGATES and any(map(_COLLECTING.search, node.get("Output", ())))
    children = node.get("Plans", ())
    if not is_collecting or not children:
        return 0.0
    rows = max(float(children[0]["Plan Rows"]), least_rows)
    groups = float(node["Plan Rows"]) if node["Node Type"] == "Aggregate" else 1.0
    width = max(float(children[0]["Plan Width"]), element_bytes)
    return rows / max(1.0, min(groups, rows)) * width
