"""The whole service under its launcher with a scripted model that calls tools, for the figures of the ReAct routes.

The servers are the scene's own and outlive the service, so that what it wrote can be read when it is gone.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx
import psycopg

from tools.harness.model_script import ScriptedReply
from tools.harness.model_server import ScriptedModelServer
from tools.harness.processes import UNIFIED
from tools.harness.react_script import ReactScript, StepReply, query, tool

from .ask import Asked
from .service_process import ServiceProcess, databases, settings_of
from .stream_model import ENDLESS_SQL

ROWS: Final = "how many rows"
ENDLESS: Final = "without end"
_ROWS_SQL: Final = "SELECT 1 AS n"
_PLANS: Final[Mapping[str, Sequence[StepReply]]] = {
    ROWS: query(_ROWS_SQL),
    ENDLESS: [tool("run_sql", sql=ENDLESS_SQL), ScriptedReply("never said")],
}
_SETTINGS: Final = {"LLM_PROVIDER": "openai", "LLM_API_KEY": "bench", "LLM_MODEL": "scripted", "RUNS_PER_USER": "0"}
_STATEMENTS: Final = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE state = 'active' AND datname = current_database() AND pid <> pg_backend_pid()"
)


@dataclass(frozen=True)
class ReactScene:
    """A running service, its model and its business database."""

    service: ServiceProcess
    model: ScriptedModelServer
    business_url: str
    redis_url: str

    def statements(self) -> int:
        """Statements that run in the business database now."""
        with psycopg.connect(self.business_url) as connection:
            found = connection.execute(_STATEMENTS).fetchone()
        return int(found[0]) if found else 0


def react_script() -> ReactScript:
    """What the scene's model says."""
    return ReactScript(_PLANS, {ROWS: _ROWS_SQL})


@contextmanager
def react_scene(*, workers: int = 1, **settings: str) -> Iterator[ReactScene]:
    """
    Raises:
        RuntimeError: the service does not start.
    """
    folder = Path(tempfile.mkdtemp(prefix="citu-bench-"))
    try:
        with databases(folder) as servers, ScriptedModelServer(script=react_script()) as model:
            wanted = settings_of(servers, **{**_SETTINGS, "LLM_BASE_URL": model.base_url, **settings})
            service = ServiceProcess(folder, wanted, program=(*UNIFIED, "--workers", str(workers)))
            service.start()
            try:
                yield ReactScene(service, model, servers.business_owner_url, servers.redis_url)
            finally:
                service.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def ask_plainly(client: httpx.Client, question: str, user: str, thread: str) -> Asked:
    """`POST ask_react_agent`."""
    started = time.perf_counter()
    body = {"question": question, "user_id": user, "thread_id": thread}
    found = client.post("/api/v0/ask_react_agent", json=body).json()
    return Asked(time.perf_counter() - started, found["code"] == 200, found)


def ask_chat(client: httpx.Client, question: str, user: str, thread: str) -> Asked:
    """`POST /chat`, whose body has no code of its own."""
    started = time.perf_counter()
    answer = client.post("/chat", json={"message": question, "user_id": user, "thread_id": thread})
    found = {**answer.json(), "code": answer.status_code}
    return Asked(time.perf_counter() - started, answer.status_code == 200, found)


def ask_streamed(client: httpx.Client, question: str, user: str, thread: str) -> Asked:
    """`GET ask_react_agent_stream` to its end; an error event always says 500, so its `can_retry` stands for 503."""
    started = time.perf_counter()
    answer = client.get(stream_path(question, user, thread))
    events = events_of(answer.text)
    last = events[-1] if events else {"data": {}}
    is_completed = last["data"].get("type") == "completed"
    code = 200 if is_completed else 503 if last["data"].get("can_retry") else 500
    return Asked(time.perf_counter() - started, is_completed, {**last, "code": code})


def stream_path(question: str, user: str, thread: str, more: str = "") -> str:
    return f"/api/v0/ask_react_agent_stream?question={quote(question)}&user_id={user}&thread_id={quote(thread)}{more}"


def events_of(text: str) -> list[dict[str, Any]]:
    """The events of a stream, comments left out."""
    return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]


def is_whole(messages: list[Mapping[str, Any]]) -> bool:
    """Whether every tool call in what the model was sent is answered, and nothing else is."""
    called = [call["id"] for message in messages for call in message.get("tool_calls") or []]
    answered = [message["tool_call_id"] for message in messages if message.get("role") == "tool"]
    return sorted(called) == sorted(answered)
