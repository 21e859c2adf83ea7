"""The whole service in a process of its own on the demo data, with a scripted model beside it.

Its data folder is kept (`data/bench`), so that only the first start loads the demo data.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import app_config
from tools.harness.model_server import ScriptedModelServer

from .child import free_port, pin_to_core

START_SECONDS: Final = 180.0
STOP_SECONDS: Final = 20.0
_SCRIPT: Final[dict[str, str]] = json.loads(Path(__file__).with_name("ask_script.json").read_text("utf-8"))
QUESTION: Final = _SCRIPT["question"]
SQL: Final = _SCRIPT["sql"]
BROKEN_SQL: Final = _SCRIPT["broken_sql"]
CLASSIFIED: Final = _SCRIPT["classified"]
SUMMARY: Final = _SCRIPT["summary"]


@dataclass(frozen=True)
class AskedService:
    """A running service and its model."""

    url: str
    model: ScriptedModelServer
    process: subprocess.Popen[bytes]


@contextmanager
def asked_service(*, needs_repair: bool = False, **settings: str) -> Iterator[AskedService]:
    """Start it, wait until it answers, and end it afterwards.

    Args:
        needs_repair: whether the model's first SQL is refused by the planner.
        settings: of the service, by name.

    Raises:
        RuntimeError: it did not answer in time.
    """
    port = free_port()
    with ScriptedModelServer() as model:
        model.add_rule(CLASSIFIED, kind="classify")
        model.add_rule(BROKEN_SQL if needs_repair else SQL, kind="write_sql")
        model.add_rule(SQL, kind="repair_sql")
        model.add_rule(SUMMARY, kind="summarise")
        process = subprocess.Popen(
            [sys.executable, "-m", "serving.serve", "--port", str(port)],
            env=_environment(model.base_url, settings),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        service = AskedService(f"http://127.0.0.1:{port}/", model, process)
        try:
            _wait_for(service)
            pin_to_core(process.pid, 0)
            yield service
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _environment(model_url: str, settings: dict[str, str]) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
    return {
        **inherited,
        "DATA_DIR": str(app_config.project_path("data/bench")),
        "LOG_DIR": str(app_config.project_path("data/bench/logs")),
        "DEMO_DATA": "true",
        "DEMO_END_DATE": "2023-04-30",
        "LLM_PROVIDER": "openai",
        "LLM_BASE_URL": model_url,
        "LLM_API_KEY": "bench",
        "LLM_MODEL": "scripted",
        **settings,
    }


def _wait_for(service: AskedService) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and service.process.poll() is None:
        try:
            urllib.request.urlopen(f"{service.url}health", timeout=5).close()  # noqa: S310  our own http address
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("the service did not start")
