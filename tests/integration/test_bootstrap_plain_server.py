"""The plain server lets a running request end before it stops."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

pytestmark = pytest.mark.slow

SAMPLE = """
import sys, time
from flask import Flask
from serving.plain_server import serve_plain
app = Flask("sample")

@app.get("/slow")
def slow():
    time.sleep(1)
    return {"done": True}

@app.get("/")
def quick():
    return {"ok": True}

serve_plain(app, host="127.0.0.1", port=int(sys.argv[1]), grace_seconds=5)
"""


@pytest.fixture
def server() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-c", SAMPLE, str(port)])
    url = f"http://127.0.0.1:{port}"
    for _ in range(200):
        try:
            httpx.get(url, trust_env=False)
            break
        except httpx.TransportError:
            time.sleep(0.05)
    yield url, process
    process.kill()
    process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_running_request_ends_before_the_server_does(
    server: tuple[str, subprocess.Popen[bytes]], number: signal.Signals
) -> None:
    url, process = server
    answers: list[httpx.Response] = []
    asking = threading.Thread(target=lambda: answers.append(httpx.get(f"{url}/slow", timeout=10, trust_env=False)))
    asking.start()
    time.sleep(0.3)
    os.kill(process.pid, number)
    asking.join()
    assert answers[0].json() == {"done": True}
    assert process.wait(10) == 0
