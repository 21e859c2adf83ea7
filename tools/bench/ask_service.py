"""The whole service in a process of its own on the demo data, with a scripted model beside it.

Its data folder is kept (`data/bench`), so that only the first start loads the demo data.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import app_config
from tools.harness.model_server import ScriptedModelServer
from tools.harness.processes import UNIFIED, folders, free_port, inherited_environment, running

from .child import pin_to_core

START_SECONDS: Final = 180.0
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
    process: subprocess.Popen[Any]


@contextmanager
def asked_service(*, needs_repair: bool = False, **settings: str) -> Iterator[AskedService]:
    """Start it, wait until it answers, and end it afterwards.

    Args:
        needs_repair: whether the model's first SQL is refused by the planner.
        settings: of the service, by name.

    Raises:
        NotStartedError: it did not answer in time.
    """
    port = free_port()
    with ScriptedModelServer() as model:
        model.add_rule(CLASSIFIED, kind="classify")
        model.add_rule(BROKEN_SQL if needs_repair else SQL, kind="write_sql")
        model.add_rule(SQL, kind="repair_sql")
        model.add_rule(SUMMARY, kind="summarise")
        url, environ = f"http://127.0.0.1:{port}/", _environment(model.base_url, settings)
        program = (*UNIFIED, "--port", str(port))
        with running(program, environ, ready=f"{url}health", start_seconds=START_SECONDS) as process:
            pin_to_core(process.pid, 0)
            yield AskedService(url, model, process)


def _environment(model_url: str, settings: dict[str, str]) -> dict[str, str]:
    return {
        **inherited_environment(),
        **folders(app_config.project_path("data/bench")),
        "DEMO_DATA": "true",
        "DEMO_END_DATE": "2023-04-30",
        "LLM_PROVIDER": "openai",
        "LLM_BASE_URL": model_url,
        "LLM_API_KEY": "bench",
        "LLM_MODEL": "scripted",
        **settings,
    }
