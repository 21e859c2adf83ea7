"""The command line of the measurements; exit code 1 when a goal is missed."""

from __future__ import annotations

import argparse
import os
import sys

from . import adapter_vs_stock, bridge, keepalive
from .child import pin_to_core
from .figures import Figure, show


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    pin_to_core(os.getpid(), 1)
    return 0 if show(_measure(options)) else 1


def _measure(options: argparse.Namespace) -> list[Figure]:
    if options.figure == "keepalive":
        return keepalive.measure(options.url, requests=options.requests, connections=options.connections)
    if options.figure == "adapter_vs_stock":
        return adapter_vs_stock.measure(connections=options.connections, rounds=options.rounds)
    return bridge.measure()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scripts.bench", description="Prints one JSON line a figure.")
    figures = parser.add_subparsers(dest="figure", required=True)
    running = figures.add_parser("keepalive", help="a running service under kept-alive connections")
    running.add_argument("--url", required=True)
    running.add_argument("--requests", type=int, default=10_000)
    running.add_argument("--connections", type=int, default=32)
    beside = figures.add_parser("adapter_vs_stock", help="our adapter beside asgiref's own (uses wrk when installed)")
    beside.add_argument("--connections", type=int, default=32)
    beside.add_argument("--rounds", type=int, default=1)
    figures.add_parser("bridge", help="cost of one crossing between sync and async")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
