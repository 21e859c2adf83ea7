"""What the planner says before a statement runs: cost, kind, memory of its aggregates; asked by the executor."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg.rows import tuple_row
from sqlglot import exp

from common import messages
from common.errors import SqlRefusedError
from core.sql_executor.reader_connection import ReaderConnection, TooMuchReceivedError
from core.sql_guard import AdmittedQuery
from core.sql_guard.call_sizes import is_array_subquery
from core.sql_guard.constant_rules import has_unknown_rows
from core.sql_guard.node_rules import function_name

# Aggregates that keep every input value until the group ends; neither work_mem nor temp_file_limit bounds them.
_COLLECTING: Final = re.compile(
    r"\b(?:string_agg|array_agg|jsonb?_(?:object_)?agg(?:_\w+)?|json_(?:array|object)agg|range_agg|xmlagg)\(",
    re.IGNORECASE,
)
_AGGREGATES: Final = ("Aggregate", "WindowAgg")
_GENERATED: Final = ("Function Scan", "Values Scan", "Table Function Scan")
_EXPRESSIONS: Final = ("Filter", "Join Filter", "Hash Cond", "Merge Cond", "One-Time Filter", "Output")
_COST_OF_A_ROW: Final = 0.01  # cpu_tuple_cost, as no server is likely to lower it
_GROUPS_AT_ONCE: Final = 4.0
# The planner does not know how often a recursion goes round, nor where a series ends that is no constant; the latter
# are mostly calendars.
_RECURSION_ROWS: Final = 50_000.0
_SERIES_ROWS: Final = 20_000.0
_LARGEST_PLAN: Final = 4 * 1024 * 1024  # a plan repeats the constants the server folded


@dataclass(frozen=True, slots=True)
class CostEstimate:
    """What the planner estimates a statement to cost before it runs.

    Attributes:
        cost: in the planner's units.
        collected_bytes: of the largest collection the statement holds in memory at once.
        is_guess: an aggregate collects from a recursion, whose length nobody can foretell.
    """

    cost: float
    collected_bytes: float
    is_guess: bool = False


@dataclass(frozen=True, slots=True)
class PlannedQuery:
    """A statement that guard and planner accepted at `made_at`, by the monotonic clock; good for who asked them."""

    admitted: AdmittedQuery
    plan: CostEstimate
    made_by: object
    made_at: float


def plan_of(connection: ReaderConnection, admitted: AdmittedQuery) -> CostEstimate:
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
    hidden = _hidden_rows(admitted, nodes)
    holders = _Holders(hidden, admitted.collected_bytes, *_collecting_forms(admitted))
    held = max(map(holders.bytes_of, nodes), default=0.0)
    is_recursive = any(node["Node Type"] == "Recursive Union" for node in nodes)
    return CostEstimate(float(root["Total Cost"]), held, bool(is_recursive and held))


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


def _hidden_rows(admitted: AdmittedQuery, nodes: Sequence[dict[str, Any]]) -> float:
    """Rows a node may have to be credited with because the planner cannot know them; 0 when it can."""
    if any(node["Node Type"] == "Recursive Union" for node in nodes):
        return _RECURSION_ROWS
    statement: exp.Expr | None = admitted.statement
    return _SERIES_ROWS if statement is not None and has_unknown_rows(statement) else 0.0


def _collecting_forms(admitted: AdmittedQuery) -> tuple[bool, bool]:
    """Whether the text has `ARRAY(SELECT ...)`, and a recursion that drops repeated rows; a plan shows neither."""
    statement: exp.Expr | None = admitted.statement
    if statement is None:
        return False, False
    has_array = any(is_array_subquery(call, function_name(call)) for call in statement.find_all(exp.Anonymous))
    recursions = (clause for clause in statement.find_all(exp.With) if clause.args.get("recursive"))
    bodies = (cte.this for clause in recursions for cte in clause.expressions)
    return has_array, any(isinstance(body, exp.Union) and bool(body.args.get("distinct")) for body in bodies)


@dataclass(frozen=True, slots=True)
class _Holders:
    """Bytes that nodes of a plan hold in memory whatever `work_mem` says.

    Those are aggregates that collect, arrays made of subqueries, subqueries hashed for IN and NOT IN, hashed EXCEPT and
    INTERSECT, and the hash table of a recursive UNION. Sorts, joins, groups and materialised rows go to disk instead.
    """

    hidden_rows: float
    element_bytes: float
    has_array_subquery: bool
    has_recursive_union: bool

    def bytes_of(self, node: dict[str, Any]) -> float:
        """0 for a node that holds nothing."""
        children = node.get("Plans", ())
        if node["Node Type"] in _AGGREGATES and children and any(map(_COLLECTING.search, node.get("Output", ()))):
            return self._aggregated(node, children[0])
        if self._is_hashed(node) and children:
            return max(map(self._rows, children)) * self._width(children[0])
        return max((self._of_subplan(node, child) for child in children), default=0.0)

    def _is_hashed(self, node: dict[str, Any]) -> bool:
        return (node["Node Type"] == "SetOp" and node.get("Strategy") == "Hashed") or (
            node["Node Type"] == "Recursive Union" and self.has_recursive_union
        )

    def _of_subplan(self, parent: dict[str, Any], child: dict[str, Any]) -> float:
        name = str(child.get("Subplan Name", ""))
        if not name:
            return 0.0
        is_hashed = any(f"hashed {name}" in str(parent.get(place, "")) for place in _EXPRESSIONS)
        is_array = self.has_array_subquery and not name.startswith("CTE")
        return self._rows(child) * self._width(child) if is_hashed or is_array else 0.0

    def _aggregated(self, node: dict[str, Any], child: dict[str, Any]) -> float:
        """Groups of a hashed aggregate grow side by side; a quarter of them at once is taken for the largest."""
        rows = self._rows(child)
        groups = float(node["Plan Rows"]) if node["Node Type"] == "Aggregate" else 1.0
        if node.get("Strategy") == "Hashed":
            groups = min(groups, _GROUPS_AT_ONCE)
        return rows / max(1.0, min(groups, rows)) * self._width(child)

    def _rows(self, node: dict[str, Any]) -> float:
        return max(float(node["Plan Rows"]) * _misjudged(node), self.hidden_rows)

    def _width(self, node: dict[str, Any]) -> float:
        return max(float(node["Plan Width"]), self.element_bytes)


def _misjudged(node: dict[str, Any]) -> float:
    """By how much conditions on generated rows may have lowered an estimate: nothing is known of such rows."""
    factor = 1.0
    for part in _walk(node):
        if part["Node Type"] in _GENERATED and "Filter" in part:
            made = (float(part["Total Cost"]) - float(part["Startup Cost"])) / _COST_OF_A_ROW
            factor *= max(1.0, made / max(1.0, float(part["Plan Rows"])))
    return factor
