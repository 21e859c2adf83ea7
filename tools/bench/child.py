"""Starts the sample application in a child process on a core of its own, waits for it, and ends it."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from tools.harness.processes import answers, end, free_port, start, wait_until, workers_of

_START_SECONDS = 30.0


def pin_to_core(process_id: int, number: int) -> None:
    """Bind a process to one core where the system can, so that generator and service do not share one."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(process_id, {number % (os.cpu_count() or 1)})


@dataclass(frozen=True)
class SampleService:
    """A running sample application."""

    url: str
    port: int
    process: subprocess.Popen[str]

    def state(self) -> dict[str, Any]:
        """Counters from inside its process; with several workers, of the one that answers."""
        with urllib.request.urlopen(f"{self.url}state", timeout=10) as answer:  # noqa: S310  our own http address
            found: dict[str, Any] = json.load(answer)
        return found

    def workers(self) -> list[int]:
        """Process ids of the workers under a launcher with a supervisor."""
        return [worker.pid for worker in workers_of(self.process.pid)]

    def stop(self) -> str:
        """End it in order; returns what it printed."""
        end(self.process)
        return self.process.communicate()[0]


@contextmanager
def sample_service(side: str, **options: int) -> Iterator[SampleService]:
    """The sample application served by `side`, with the options of `sample_servers` (`threads=8` is `--threads 8`).

    Raises NotStartedError when it does not answer in time.
    """
    port = free_port()
    named = [text for name, value in options.items() for text in (f"--{name.replace('_', '-')}", str(value))]
    program = ["-m", "tools.bench.sample_servers", side, str(port), *named]
    process = start(program, os.environ, stdout=subprocess.PIPE, stderr=None, text=True)
    service = SampleService(f"http://127.0.0.1:{port}/", port, process)
    try:
        wait_until(lambda: answers(service.url), process, seconds=_START_SECONDS)
        yield service
    finally:
        service.stop()


@contextmanager
def sample_services(*sides: str, **options: int) -> Iterator[dict[str, SampleService]]:
    """Several of them at once; the idle ones cost next to nothing, and rounds can take turns."""
    with ExitStack() as stack:
        yield {side: stack.enter_context(sample_service(side, **options)) for side in sides}
