"""The command line of the measurements: all of them, or those named; exit code 1 when a goal is missed."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable

from . import (
    ask,
    ask_faults,
    boot,
    bridge,
    conversations,
    fairness,
    guard,
    guard_live,
    guard_shapes,
    hostile,
    keepalive,
    killed_writes,
    lifecycle,
    llm_faults,
    mixed,
    parallel,
    pipeline,
    pipeline_workers,
    rates,
    react,
    react_cancel,
    react_faults,
    react_lifecycle,
    request_limits,
    retrieval,
    stampede,
    store_faults,
    streams,
    switch_over,
    vector_backup,
    wide_questions,
)
from .child import pin_to_core
from .figures import Figure, show

Options = argparse.Namespace

# name: what measures it. `keepalive` asks a service that runs already and others take minutes: only when named.
MEASUREMENTS: dict[str, Callable[[Options], list[Figure]]] = {
    "rates": lambda options: rates.measure(rounds=options.rounds),
    "mixed": lambda options: mixed.measure(seconds=60 if options.long else 10),
    "share": lambda options: parallel.measure_share(rounds=options.rounds),
    "beside": lambda options: parallel.measure_beside(rounds=options.rounds if options.long else 1),
    "contexts": lambda _options: parallel.measure_contexts(),
    "admission": lambda _options: parallel.measure_admission(),
    "uploads": lambda _options: hostile.measure_uploads(),
    "slow_senders": lambda _options: hostile.measure_slow_senders(),
    "abandoned": lambda _options: hostile.measure_abandoned_streams(),
    "killed": lambda _options: lifecycle.measure_killed(),
    "rolling": lambda _options: lifecycle.measure_rolling_restart(),
    "recycling": lambda _options: lifecycle.measure_recycling(),
    "sigterm": lambda _options: lifecycle.measure_sigterm(),
    "bridge": lambda _options: bridge.measure(),
    "guard": lambda _options: guard.measure(),
    "fairness": lambda _options: fairness.measure(),
    "request_limits": lambda _options: request_limits.measure(),
    "guard_live": lambda _options: guard_live.measure(),
    "guard_shapes": lambda options: guard_shapes.measure(count=10_000 if options.long else 1_000, seed=1),
    "wide_questions": lambda options: [
        *wide_questions.measure(count=5_000 if options.long else 500),
        *wide_questions.measure(count=500 if options.long else 50, tables=1_000),
    ],
    "llm_faults": lambda _options: llm_faults.measure(),
    "react": lambda _options: react.measure(),
    "react_faults": lambda options: react_faults.measure(runs=20 if options.long else 1),
    "react_cancel": lambda _options: react_cancel.measure(),
    "react_lifecycle": lambda options: react_lifecycle.measure_changes(rounds=10 if options.long else 1),
    "react_sigterm": lambda _options: react_lifecycle.measure_sigterm(),
    "pipeline": lambda _options: pipeline.measure_demo(),
    "pipeline_many": lambda _options: pipeline.measure_many(),
    "pipeline_worker_kills": lambda options: pipeline_workers.measure(
        rounds=options.rounds if options.long else 1, points=20 if options.long else 4
    ),
    "pipeline_kills": lambda _options: pipeline.measure_kills(),
    "ask": lambda _options: ask.measure_own_cost(),
    "ask_crowd": lambda _options: ask.measure_crowd(),
    "ask_twenty": lambda options: ask.measure_twenty(seconds=600 if options.long else 10),
    "stampede": lambda _options: stampede.measure(),
    "ask_faults": lambda options: ask_faults.measure(
        questions=1000 if options.long else 160, runs=20 if options.long else 2
    ),
    "retrieval": lambda _options: retrieval.measure(),
    "conversations": lambda _options: conversations.measure(),
    "killed_writes": lambda options: killed_writes.measure(kills=20 if options.long else 5),
    "boot": lambda options: boot.measure_boots(boots=10 if options.long else 2),
    "migrations": lambda _options: boot.measure_migrations(),
    "postgres_crash": lambda _options: store_faults.measure_crashes(),
    "pools": lambda _options: store_faults.measure_pools(),
    "switch_over": lambda _options: switch_over.measure(),
    "streams": lambda _options: streams.measure(),
    "vector_backup": lambda _options: vector_backup.measure(),
    "keepalive": lambda options: keepalive.measure(
        options.url, requests=options.requests, connections=options.connections
    ),
}
ON_REQUEST = frozenset(
    {
        "keepalive",
        "retrieval",
        "vector_backup",
        "pipeline_many",
        "pipeline_kills",
        "pipeline_worker_kills",
        "react_faults",
        "react_lifecycle",
    }
)


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    pin_to_core(os.getpid(), 1)
    met = [show(MEASUREMENTS[name](options)) for name in options.names or _standard()]
    return 0 if all(met) else 1


def _standard() -> list[str]:
    return [name for name in MEASUREMENTS if name not in ON_REQUEST]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.bench", description="Prints one JSON line a figure.")
    parser.add_argument("names", nargs="*", choices=[*MEASUREMENTS, []], metavar="name", help=", ".join(MEASUREMENTS))
    parser.add_argument("--long", action="store_true", help="minutes instead of seconds where it matters")
    parser.add_argument("--rounds", type=int, default=3, help="rounds a median is taken over")
    parser.add_argument("--url", default="http://127.0.0.1:8084/health", help="keepalive: what is asked")
    parser.add_argument("--requests", type=int, default=10_000, help="keepalive: how many requests")
    parser.add_argument("--connections", type=int, default=32, help="keepalive: over how many connections")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
