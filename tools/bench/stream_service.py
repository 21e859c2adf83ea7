"""The whole service under its launcher, with a scripted model and own embedded servers, for the streams' figures."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from tools.harness.processes import (
    UNIFIED,
    answers,
    end,
    folders,
    free_port,
    inherited_environment,
    start,
    wait_until,
    workers_of,
)

_START_SECONDS: Final = 90.0
_MANY: Final = "256"
_SETTINGS: Final = {
    "LLM_PROVIDER": "openai",
    "LLM_API_KEY": "bench",
    "LLM_MODEL": "scripted",
    "LLM_MAX_CALLS": "1",
    "LLM_CONCURRENCY": _MANY,
    "BLOCKING_THREADS": _MANY,
    "RUN_THREADS": _MANY,
    "WSGI_STREAMS": _MANY,
    "REDIS_POOL_SIZE": "64",
    "DEMO_DATA": "false",
    "RUNS_PER_USER": "0",
    "LOG_LEVEL": "WARNING",
}


@dataclass(frozen=True)
class StreamService:
    """A running service and its model."""

    port: int
    model_port: int
    process: subprocess.Popen[Any]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def workers(self) -> list[psutil.Process]:
        """The processes that serve: the launcher itself when it has no worker processes."""
        return workers_of(self.process.pid) or [psutil.Process(self.process.pid)]

    def memory_bytes(self) -> int:
        return sum(process.memory_info().rss for process in self.workers())

    def model_counts(self) -> dict[str, int]:
        return dict(ask(f"http://127.0.0.1:{self.model_port}/state"))

    def open_streams(self) -> int:
        """Of the worker that answers."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=10) as answer:  # noqa: S310  our own address
            text = answer.read().decode()
        lines = [line for line in text.splitlines() if line.startswith("citu_streams_open")]
        return int(float(lines[0].rpartition(" ")[2])) if lines else 0


def ask(url: str, body: dict[str, Any] | None = None) -> Any:
    """The JSON at `url`; a POST when there is a body."""
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data), timeout=20) as answer:  # noqa: S310  our own address
        return json.load(answer)


@contextmanager
def stream_service(*, workers: int = 1, model_seconds: float = 1.0, **settings: str) -> Iterator[StreamService]:
    """
    Raises:
        NotStartedError: it does not start.
    """
    port, model_port = free_port(), free_port()
    folder = Path(tempfile.mkdtemp(prefix="citu-bench-"))
    environ = inherited_environment()
    environ |= {**_SETTINGS, **folders(folder), "LLM_BASE_URL": f"http://127.0.0.1:{model_port}/v1", **settings}
    model = start(["-m", "tools.bench.stream_model", str(model_port), str(model_seconds)], os.environ, stderr=None)
    process = start([*UNIFIED, "--port", str(port), "--workers", str(workers)], environ, stderr=None)
    with suppress(OSError, AttributeError):  # the generator's own core is not the service's
        os.sched_setaffinity(process.pid, range(os.cpu_count() or 1))
    service = StreamService(port, model_port, process)
    try:
        wait_until(lambda: answers(f"{service.url}/"), process, seconds=_START_SECONDS)
        time.sleep(3.0)  # what it does after its first answer is not measured
        yield service
    finally:
        end(process, seconds=30)
        model.kill()
        model.wait()
        shutil.rmtree(folder, ignore_errors=True)
