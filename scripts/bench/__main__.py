"""The command line of the measurements: all of them, or those named; exit code 1 when a goal is missed."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable

from . import bridge, guard, guard_live, hostile, keepalive, lifecycle, llm_faults, mixed, parallel, rates
from .child import pin_to_core
from .figures import Figure, show

Options = argparse.Namespace

# name: what measures it. `keepalive` asks a service that runs already and therefore only comes when named.
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
    "guard_live": lambda _options: guard_live.measure(),
    "llm_faults": lambda _options: llm_faults.measure(),
    "keepalive": lambda options: keepalive.measure(
        options.url, requests=options.requests, connections=options.connections
    ),
}
ON_REQUEST = frozenset({"keepalive"})


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    pin_to_core(os.getpid(), 1)
    met = [show(MEASUREMENTS[name](options)) for name in options.names or _standard()]
    return 0 if all(met) else 1


def _standard() -> list[str]:
    return [name for name in MEASUREMENTS if name not in ON_REQUEST]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scripts.bench", description="Prints one JSON line a figure.")
    parser.add_argument("names", nargs="*", choices=[*MEASUREMENTS, []], metavar="name", help=", ".join(MEASUREMENTS))
    parser.add_argument("--long", action="store_true", help="minutes instead of seconds where it matters")
    parser.add_argument("--rounds", type=int, default=3, help="rounds a median is taken over")
    parser.add_argument("--url", default="http://127.0.0.1:8084/health", help="keepalive: what is asked")
    parser.add_argument("--requests", type=int, default=10_000, help="keepalive: how many requests")
    parser.add_argument("--connections", type=int, default=32, help="keepalive: over how many connections")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
