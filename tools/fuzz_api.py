"""`python -m tools.fuzz_api [--examples N] [--base-url URL] [--only PATTERN] [--exclude PATTERN]`: schemathesis over
`/swagger.json` of a served instance.

Without a URL it serves one itself: offline provider, embedded servers under a scratch folder, an admin token and other
canary secrets. Findings: 5xx, breaks of schema, status or content type, admin routes that answer strangers, stack
traces and canaries in answers or logs. Leniency of the old service stands in the schema, it is no finding. The last
line is {"examples", "findings", "leaks", "operations"}; exit code 1 on a finding.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import secrets
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings, strategies
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.failures import Failure, FailureGroup

from features.wire.http import Access
from tools.harness.processes import UNIFIED, free_port, inherited_environment, running
from web.route_table import ROUTES

ROOT: Final = Path(__file__).resolve().parents[1]
CHECK_NAMES: Final = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
)  # fmt: skip
TRACEBACK: Final = re.compile(r"Traceback \(most recent call last\)|File \"/.+\.py\", line \d+")
START_SECONDS: Final = 120
SWITCH: Final = "/api/v0/maintenance/readonly"
"""Comes last and is switched off again: while it is on, writes are rightly refused."""
MAX_SHOWN: Final = 400
CLOSED: Final = frozenset(
    re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route.path) for route in ROUTES if route.access is Access.ADMIN
)
"""Paths, as the documentation spells them, that only administrators may use."""


@dataclass
class Report:
    """What was sent and what was found; a finding is counted by operation and kind and shown once."""

    examples: int = 0
    operations: int = 0
    findings: Counter[str] = field(default_factory=Counter)
    shown: dict[str, str] = field(default_factory=dict)
    leaks: Counter[str] = field(default_factory=Counter)

    def add(self, operation: str, kind: str, detail: str) -> None:
        name = f"{operation}: {kind}"
        self.findings[name] += 1
        self.shown.setdefault(name, detail[:MAX_SHOWN])

    def line(self) -> str:
        return json.dumps(
            {
                "operations": self.operations,
                "examples": self.examples,
                "findings": sum(self.findings.values()),
                "kinds": len(self.findings),
                "leaks": sum(self.leaks.values()),
            }
        )


@dataclass(frozen=True)
class Target:
    """A service under test; `canaries` are secrets it was given, `logs` the folder it logs to."""

    base_url: str
    token: str = ""
    canaries: Mapping[str, str] = field(default_factory=dict)
    logs: Path | None = None


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    with _target(options.base_url, os.environ.get("ADMIN_TOKEN", "")) as target:
        report = fuzz(target, examples=options.examples, only=options.only, exclude=options.exclude)
    for name, count in sorted(report.findings.items()):
        print(f"{count:5} {name}\n      {report.shown[name]}")
    for name, count in report.leaks.items():
        print(f"{count:5} leak of {name}")
    print(report.line())
    return 1 if report.findings or report.leaks else 0


def fuzz(target: Target, *, examples: int, only: str = "", exclude: str = "") -> Report:
    """Send `examples` requests to each operation whose path matches `only` and not `exclude`."""
    load_all_checks()
    report = Report()
    schema = schemathesis.openapi.from_url(f"{target.base_url}/swagger.json")
    found: list[Any] = list(schema.get_all_operations())
    operations = [result.ok() for result in found]
    for operation in sorted(operations, key=lambda one: SWITCH in one.path):
        if not re.search(only, operation.path) or (exclude and re.search(exclude, operation.path)):
            continue
        report.operations += 1
        _fuzz_operation(target, operation, examples, report)
        _ask_as_stranger(target, operation, report)
    if re.search(only, SWITCH):
        httpx.post(target.base_url + SWITCH, json={"enabled": False}, headers=_bearer(target), trust_env=False)
    _grep_logs(target, report)
    return report


def _bearer(target: Target) -> dict[str, str]:
    return {"Authorization": f"Bearer {target.token}"} if target.token else {}


def _fuzz_operation(target: Target, operation: Any, examples: int, report: Report) -> None:
    checks = CHECKS.get_by_names(list(CHECK_NAMES))
    headers = _bearer(target)

    def send(case: Any) -> None:
        response = case.call(base_url=target.base_url, headers=headers, timeout=60)
        report.examples += 1
        _look_for_leaks(target, response.text, f"answer of {operation.label}", report)
        try:
            case.validate_response(response, checks=checks)
        except FailureGroup as group:
            for failure in group.exceptions:
                _note(report, operation.label, failure, case, response)
        except Failure as failure:
            _note(report, operation.label, failure, case, response)

    bounds = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    modes = (operation.as_strategy(generation_mode=mode) for mode in schemathesis.GenerationMode)
    bounds(given(case=strategies.one_of(*modes))(send))()


def _note(report: Report, operation: str, failure: BaseException, case: Any, response: Any) -> None:
    sent = f"{case.method} {case.path_parameters} {case.query} {case.body!r}"[: MAX_SHOWN // 2]
    title = getattr(failure, "title", type(failure).__name__)
    report.add(operation, f"{title} ({response.status_code})", f"{str(failure)[:150]!r} for {sent}")


def _ask_as_stranger(target: Target, operation: Any, report: Report) -> None:
    """With a token set, nobody else gets into what the route table closes to all but administrators.

    Routes that refuse some requests only (for instance a merge that is no dry run) answer others, so they do not count.
    """
    if not target.token or operation.path not in CLOSED:
        return
    path = re.sub(r"{[^}]+}", "1", operation.path)
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {target.token}"}):
        answer = httpx.request(operation.method, target.base_url + path, headers=headers, trust_env=False)
        if answer.status_code != httpx.codes.FORBIDDEN:
            report.add(operation.label, "ignored auth", f"{answer.status_code} for {list(headers)}")


def _look_for_leaks(target: Target, text: str, where: str, report: Report) -> None:
    if TRACEBACK.search(text):
        report.leaks[f"a stack trace in the {where}"] += 1
    for name, canary in target.canaries.items():
        if canary in text:
            report.leaks[f"{name} in the {where}"] += 1


def _grep_logs(target: Target, report: Report) -> None:
    for path in sorted(target.logs.glob("**/*")) if target.logs else ():
        if path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            for name, canary in target.canaries.items():
                if canary in text:
                    report.leaks[f"{name} in the log {path.name}"] += 1


@contextlib.contextmanager
def _target(base_url: str, token: str) -> Iterator[Target]:
    if base_url:
        yield Target(base_url, token)
        return
    with tempfile.TemporaryDirectory(prefix="citu-fuzz-", ignore_cleanup_errors=True) as folder:
        yield from _served(Path(folder))


def _served(folder: Path) -> Iterator[Target]:
    """A service of its own with small data and canaries for secrets; stopped at the end."""
    canaries = {name: f"canary-{secrets.token_hex(8)}" for name in ("ADMIN_TOKEN", "LLM_API_KEY", "EMBEDDING_API_KEY")}
    port, logs = free_port(), folder / "logs"
    environ = {
        **inherited_environment(without=("_URL", "_KEY", "_TOKEN")),
        **canaries,
        "DATA_DIR": str(folder / "data"),
        "LOG_DIR": str(logs),
        "LLM_PROVIDER": "offline",
        "DEMO_DATA": "false",
        "REQUEST_TIMEOUT": "10",
    }
    for named in ("DATABASE_URL", "BUSINESS_DATABASE_URL", "REDIS_URL"):
        if os.environ.get(f"FUZZ_{named}"):
            environ[named] = os.environ[f"FUZZ_{named}"]
    base_url = f"http://127.0.0.1:{port}"
    ready, program = f"{base_url}/swagger.json", (*UNIFIED, "--port", str(port))
    with running(program, environ, ready=ready, log=folder / "service.out", start_seconds=START_SECONDS):
        yield Target(base_url, canaries["ADMIN_TOKEN"], canaries, logs)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools.fuzz_api", description=__doc__)
    parser.add_argument("--examples", type=int, default=10, help="requests an operation; the figure takes 200")
    parser.add_argument("--base-url", default="", help="a running service instead of one of its own (ADMIN_TOKEN)")
    parser.add_argument("--only", default="", help="regular expression of paths to take")
    parser.add_argument("--exclude", default="", help="regular expression of paths to leave out")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
