"""The real service in a process of its own, for measurements that kill it or take its stores away."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import httpx

from core.embedded import ServerAddresses, acquire_servers

from .child import worker_ids
from .own_redis import free_port

_ROOT = Path(__file__).resolve().parents[2]
_START_SECONDS = 60.0
_OFFLINE = {"DEMO_DATA": "false", "LLM_PROVIDER": "offline", "MAX_WORKERS": "1", "ADMIN_TOKEN": ""}


UNIFIED = ("-m", "serving.serve")
OLD_ENTRY = ("citu_app.py",)


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
        own = {"DATA_DIR": str(folder), "LOG_DIR": str(folder / "logs"), "HOST": "127.0.0.1", "PORT": str(self.port)}
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TZ") if name in os.environ}
        self._environ = {**inherited, **_OFFLINE, **own, **settings}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns once it answers.

        Raises:
            RuntimeError: it ended, or took too long; its log is in its folder.
        """
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *self._program], cwd=_ROOT, env=self._environ, stdout=log, stderr=log
            )
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}/", timeout=2, trust_env=False).status_code == 200:
                    return
            time.sleep(0.05)
        raise RuntimeError(f"the service did not start: {self._log.read_text(errors='replace')[-2000:]}")

    def workers(self) -> list[int]:
        """Process ids of its workers; none when it is a single process or does not run."""
        return worker_ids(self._process.pid) if self._process is not None else []

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
            self._process.send_signal(number)
            self._process.wait(timeout=30)
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
