"""`python -m tools.baseline`: latency, throughput, memory and CPU of both entries for a fixed mix of requests.

Writes docs/performance_benchmark.md. Both entries run in one go, in turns, on the same stores and the demo data, one
process each on one core; the load comes from the other core. The offline engine answers, so no model is waited for.
Absolute figures depend on the machine; the ratios are what is compared.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import psutil

from common import messages
from core.embedded import acquire_servers
from core.sql_executor.reader_role import ensure_reader_role
from demo.loader import load_demo
from tools.bench.child import pin_to_core
from tools.bench.load import LoadResult, Shot, drive
from tools.harness.entries import RunningEntry, running_entry
from tools.parity_rehearsal import DATA
from tools.scratch_databases import fresh_database

REPORT: Final = Path(__file__).resolve().parents[1] / "docs" / "performance_benchmark.md"
SIDES: Final = {
    "unified under uvicorn": "unified",
    "legacy under waitress": "citu-waitress",
    "legacy, own server": "citu",
}
CLIENTS: Final = (8, 32, 200)
DEMO_END: Final = date(2024, 6, 30)
READER: Final = ("citu_baseline_reader", "baseline reader")
SETTINGS: Final = {
    "LLM_PROVIDER": "offline",
    "DEMO_DATA": "true",
    "MAX_WORKERS": "1",
    "PIPELINE_WORKERS": "0",
    "LOG_LEVEL": "WARNING",
    "CONVERSATION_CONTEXT_COUNT": "2",
}
MIX: Final[Sequence[tuple[str, str, Mapping[str, Any] | None]]] = (
    ("GET", "/api/v0/user/baseline/conversations", None),
    ("POST", "/api/v0/citu_run_sql", {"sql": "SELECT COUNT(*) AS n FROM bss_company"}),
    ("POST", "/api/v0/qa_feedback/query", {"page": 1, "page_size": 20}),
    ("GET", "/api/v0/conversation_stats", None),
    ("POST", "/api/v0/citu_run_sql", {"sql": "SELECT 1 AS n"}),
    ("POST", "/api/v0/training_data/query", {"page": 1, "page_size": 20}),
    ("GET", "/api/v0/user/baseline/conversations", None),
    ("POST", "/api/v0/qa_feedback/query", {"page": 1, "page_size": 20}),
    ("GET", "/api/v0/training_data/stats", None),
    ("POST", "/api/v0/ask_agent", {"question": messages.EXAMPLE_QUESTION, "routing_mode": "database_direct"}),
)
"""Nine cheap requests and a whole question."""


@dataclass(frozen=True)
class Reading:
    """One side under one load; medians over the rounds."""

    side: str
    clients: int
    per_second: float
    p50_ms: float
    p95_ms: float
    failed: int
    memory_mb: float
    cpu_ms_a_request: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1 when a request failed."""
    parser = argparse.ArgumentParser(prog="tools.baseline", description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=8, help="of load for each side, level and round")
    parser.add_argument("--rounds", type=int, default=3, help="rounds a median is taken over")
    parser.add_argument("--out", type=Path, default=REPORT, help="where the report goes")
    options = parser.parse_args(arguments)
    pin_to_core(os.getpid(), 1)
    with _both_entries() as entries:
        readings = [
            _reading(side, clients, entries[side], options.seconds, options.rounds)
            for clients in CLIENTS
            for side in SIDES
        ]
    for reading in readings:
        print(json.dumps(reading.__dict__, ensure_ascii=False), flush=True)
    options.out.write_text(_report(readings, options), encoding="utf-8")
    return 1 if any(reading.failed for reading in readings) else 0


@contextmanager
def _both_entries() -> Iterator[dict[str, RunningEntry]]:
    with ExitStack() as stack:
        lease = stack.enter_context(acquire_servers(DATA))
        servers = lease.addresses
        business = fresh_database(servers.business_owner_url, "citu_baseline_business")
        load_demo(business, end_date=DEMO_END, progress=lambda *_step: None)
        role, password = READER
        settings = {
            **SETTINGS,
            "DATABASE_URL": fresh_database(servers.platform_url, "citu_baseline_platform"),
            "BUSINESS_DATABASE_URL": ensure_reader_role(business, role=role, password=password, schemas=["public"]),
            "REDIS_URL": servers.redis_url,
        }
        entries = {}
        for side, command in SIDES.items():
            entry = stack.enter_context(running_entry(command, settings, log=DATA / f"baseline-{command}.log"))
            pin_to_core(entry.process_id, 0)
            entries[side] = entry
        yield entries


def _reading(side: str, clients: int, entry: RunningEntry, seconds: float, rounds: int) -> Reading:
    shots = [_shot(entry.url, *one) for one in MIX]
    drive(entry.url, shots, requests=10**9, connections=clients, at_most_seconds=min(2.0, seconds))
    results: list[LoadResult] = []
    before = _cpu_seconds(entry)
    for _ in range(rounds):
        results.append(drive(entry.url, shots, requests=10**9, connections=clients, at_most_seconds=seconds))
    used = _cpu_seconds(entry) - before
    completed = sum(result.completed for result in results) or 1
    return Reading(
        side=side,
        clients=clients,
        per_second=round(statistics.median(result.per_second for result in results), 1),
        p50_ms=round(statistics.median(result.percentile_ms(50) or 0 for result in results), 1),
        p95_ms=round(statistics.median(result.percentile_ms(95) or 0 for result in results), 1),
        failed=sum(result.failed for result in results),
        memory_mb=round(_memory_mb(entry), 1),
        cpu_ms_a_request=round(used / completed * 1000, 2),
    )


def _shot(url: str, method: str, path: str, body: Mapping[str, Any] | None) -> Shot:
    content = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: {url.removeprefix('http://')}\r\nContent-Type: application/json\r\n"
    return Shot(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content, contains=b'"success":')


def _processes(entry: RunningEntry) -> list[psutil.Process]:
    parent = psutil.Process(entry.process_id)
    return [parent, *parent.children(recursive=True)]


def _cpu_seconds(entry: RunningEntry) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in _processes(entry))


def _memory_mb(entry: RunningEntry) -> float:
    return sum(process.memory_full_info().uss for process in _processes(entry)) / 2**20


def _report(readings: Sequence[Reading], options: argparse.Namespace) -> str:
    lines = [
        "# Both entries under the same load",
        "",
        f"Written by `python -m tools.baseline --seconds {options.seconds:g} --rounds {options.rounds}` on",
        f"{os.cpu_count()} cores, Python {sys.version.split()[0]}: one process a side on one core, the load on the",
        "other, PostgreSQL and Redis on loopback, nine cheap requests for each whole question to the offline",
        "engine, no pipeline workers on either side. Medians over the rounds. Absolute figures are this machine's; the",
        "ratios are what counts.",
        "",
        "| side | clients | requests/s | p50 ms | p95 ms | failed | memory MB | CPU ms a request |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {one.side} | {one.clients} | {one.per_second} | {one.p50_ms} | {one.p95_ms} | {one.failed}"
        f" | {one.memory_mb} | {one.cpu_ms_a_request} |"
        for one in readings
    ]
    lines += ["", "Unified as a ratio to the old entry under waitress:", ""]
    lines += ["| clients | throughput | p50 | p95 | memory |", "|---|---|---|---|---|"]
    new_side, old_side = list(SIDES)[:2]
    for clients in CLIENTS:
        new, old = (
            next(one for one in readings if (one.side, one.clients) == (side, clients)) for side in (new_side, old_side)
        )
        lines.append(
            f"| {clients} | {_ratio(new.per_second, old.per_second)} | {_ratio(new.p50_ms, old.p50_ms)}"
            f" | {_ratio(new.p95_ms, old.p95_ms)} | {_ratio(new.memory_mb, old.memory_mb)} |"
        )
    lines += [
        "",
        "The historical service, measured elsewhere with a scripted model of 1 s and three calls a question: 32",
        "concurrent questions took 98.8 s under its ASGI adapter and 4.43 s threaded; ideal is 3.1 s.",
    ]
    return "\n".join(lines) + "\n"


def _ratio(new: float, old: float) -> str:
    return f"{new / old:.2f}" if old else "-"


if __name__ == "__main__":
    sys.exit(main())
