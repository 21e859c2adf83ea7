"""The real service in a process of its own, for measurements that kill it or take its stores away."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from core.embedded import ServerAddresses, acquire_servers
from tools.harness.processes import (
    UNIFIED,
    answers,
    bare_environment,
    end,
    folders,
    free_port,
    start,
    wait_until,
    workers_of,
)

_OFFLINE = {"DEMO_DATA": "false", "LLM_PROVIDER": "offline", "MAX_WORKERS": "1", "ADMIN_TOKEN": ""}


class ServiceProcess:
    """An entry with exactly these settings on a fixed port, started as often as wanted.

    Args:
        program: what Python runs, from the project's folder.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str], *, program: Sequence[str] = UNIFIED) -> None:
        self._program = program
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = folder / "service.log"
        own = {**folders(folder), "HOST": "127.0.0.1", "PORT": str(self.port)}
        self._environ = {**bare_environment(), **_OFFLINE, **own, **settings}
        self._process: subprocess.Popen[Any] | None = None

    def start(self) -> None:
        """Returns once it answers.

        Raises:
            NotStartedError: it ended, or took too long; its log is in its folder.
        """
        self._process = start(self._program, self._environ, log=self._log)
        wait_until(lambda: answers(f"{self.url}/"), self._process, log=self._log)

    def workers(self) -> list[int]:
        """Process ids of its workers; none when it is a single process or does not run."""
        return [worker.pid for worker in workers_of(self._process.pid)] if self._process is not None else []

    def tell(self, number: signal.Signals) -> None:
        """Send the launcher a signal, and do not wait for what comes of it."""
        if self._process is not None:
            self._process.send_signal(number)

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """SIGKILL: nothing in it gets a chance to finish."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            end(self._process, number=number, seconds=30)
            self._process = None

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=30, trust_env=False)


@contextlib.contextmanager
def databases(folder: Path) -> Iterator[ServerAddresses]:
    """Embedded servers that outlive the service processes on the same folder."""
    with acquire_servers(folder) as lease:
        yield lease.addresses
        lease.release(wait_seconds=20)


def settings_of(servers: ServerAddresses, **others: str) -> dict[str, str]:
    """Settings that name the servers, so that the service starts none."""
    named = {
        "DATABASE_URL": servers.platform_url,
        "BUSINESS_DATABASE_URL": servers.business_owner_url,
        "REDIS_URL": servers.redis_url,
    }
    return {**named, **others}
