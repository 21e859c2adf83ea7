"""The application under servers other than the launcher: plain uvicorn, and gunicorn with the uvicorn worker."""

import shutil
import signal
from pathlib import Path

import httpx
import pytest

from core.embedded.layout import Layout
from tests.integration.launched_service import START_SECONDS, Launched, assert_nothing_left
from tools.bench.load import Shot, drive, get_request
from tools.harness.processes import free_port

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("server", ["uvicorn", "gunicorn"])
def test_serves_and_stops_without_a_trace(server: str, tmp_path: Path) -> None:
    port = free_port()
    options = {
        "uvicorn": ("asgi_app:asgi_app", "--port", str(port), "--reset-contextvars", "--no-access-log"),
        "gunicorn": ("asgi_app:asgi_app", "-b", f"127.0.0.1:{port}", "-k", "uvicorn_worker.UvicornWorker"),
    }
    served = Launched(tmp_path / "data", port, *options[server], module=server)
    try:
        served.wait_until_served()
        shots = [Shot(get_request(served.url, "/nope"), status=404), Shot(get_request(served.url, "/metrics"))]
        assert drive(served.url, shots, requests=100, connections=8).failures == {}
        refused = httpx.post(f"{served.url}/api/v0/ask_agent", content=b"x" * 11_000_000, timeout=START_SECONDS)
        assert refused.json()["code"] == 413
        assert served.stop(signal.SIGTERM) in (0, 143, -signal.SIGTERM)
        assert_nothing_left(tmp_path / "data")
    finally:
        if served.process.poll() is None:
            served.process.kill()
            served.process.communicate()
        shutil.rmtree(Layout.of(tmp_path / "data").home, ignore_errors=True)
