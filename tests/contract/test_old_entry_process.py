"""`python citu_app.py` as operators start it: on the settings' address, with stores lost, beside the other entry."""

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from core.sql_executor.reader_role import ensure_reader_role
from tests.contract.conftest import READER_PASSWORD, Start
from tests.contract.service_in_process import MODEL_SETTINGS
from tools.harness.entries import RunningEntry, running_entry
from tools.harness.model_server import ScriptedModelServer
from tools.scratch_databases import drop_database, fresh_database

pytestmark = pytest.mark.slow

NOBODY = "127.0.0.1:9"
SECRET = "never shown"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("old_entry")


@pytest.fixture(scope="module")
def settings(
    platform_url: str, small_business_url: str, reader_role: str, folder: Path, worker_name: str
) -> Iterator[dict[str, str]]:
    """Databases that are there, a Redis and a model that are not."""
    platform = fresh_database(platform_url, f"citu_old_entry_{worker_name}_{os.getpid()}")
    business = ensure_reader_role(small_business_url, role=reader_role, password=READER_PASSWORD, schemas=["public"])
    yield {
        **MODEL_SETTINGS,
        "LLM_BASE_URL": f"http://{NOBODY}/v1",
        "LLM_API_KEY": SECRET,
        "REDIS_URL": f"redis://{NOBODY}/0",
        "DATABASE_URL": platform,
        "BUSINESS_DATABASE_URL": business,
        "RECORD_EXCHANGES": str(folder / "recorded.jsonl"),
    }
    drop_database(platform_url, platform)


@pytest.fixture(scope="module")
def running(settings: Mapping[str, str], folder: Path) -> Iterator[RunningEntry]:
    with running_entry("citu", settings, log=folder / "entry.log") as entry:
        yield entry


@pytest.fixture
def client(running: RunningEntry) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=running.url, timeout=30, trust_env=False) as client:
        yield client


def wait_for_text(paths: Iterable[Path], wanted: str) -> str:
    """The text of the first file, once it has that in it: records follow their answers."""
    [path, *_] = paths
    deadline = time.monotonic() + 10
    while wanted not in (text := path.read_text()):
        assert time.monotonic() < deadline, f"{wanted} never came to {path}"
        time.sleep(0.05)
    return text


def test_it_starts_without_redis_and_model_and_says_what_it_is(client: httpx.Client, folder: Path) -> None:
    shown = client.get("/").json()
    assert (shown["name"], shown["version"], shown["services"]["redis"]) == ("citu_app", "1.0.0", False)
    assert shown["docs"]
    health = client.get("/health")
    assert (health.status_code, health.json()["status"]) == (200, "degraded")
    assert client.get("/health?strict=1").status_code == 503
    first_line, *_ = (folder / "service" / "logs" / "app.log").read_text().splitlines()
    assert first_line.endswith("citu_app 1.0.0")


def test_what_needs_neither_works_and_the_rest_is_an_envelope(client: httpx.Client) -> None:
    ran = client.post("/api/v0/citu_run_sql", json={"sql": "SELECT count(*) AS n FROM bss_company"})
    assert (ran.status_code, ran.json()["data"]["query_result"]["rows"]) == (200, [{"n": 3}])
    asked = client.post("/api/v0/ask_agent", json={"question": "你好", "routing_mode": "chat_direct"})
    assert (asked.status_code, asked.json()["data"]["can_retry"]) == (503, True)
    assert int(asked.headers["retry-after"]) >= 1
    empty = client.get("/api/v0/user/alice/conversations")
    assert (empty.status_code, empty.json()["data"]["conversations"]) == (200, [])
    added = client.post("/api/v0/qa_feedback/add", json={"question": "q", "sql": "SELECT 1", "is_thumb_up": True})
    assert added.status_code == 200


def test_answers_carry_the_request_id(client: httpx.Client) -> None:
    assert client.get("/", headers={"X-Request-ID": "abc-123"}).headers["x-request-id"] == "abc-123"


def test_exchanges_are_recorded_without_secrets(client: httpx.Client, folder: Path) -> None:
    headers = {"Authorization": f"Bearer {SECRET}"}
    client.post("/api/v0/citu_run_sql", json={"sql": f"SELECT '{SECRET}' AS s"}, headers=headers)
    text = wait_for_text([folder / "recorded.jsonl"], "AS s")
    exchanges: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]
    [mine] = [one for one in exchanges if "AS s" in str(one["request"])]
    assert (mine["app"], mine["request"]["path"]) == ("citu_app", "/api/v0/citu_run_sql")
    assert mine["response"]["status"] == 200
    assert SECRET not in text


def test_requests_are_counted_for_the_other_processes(client: httpx.Client, folder: Path) -> None:
    client.get("/api/v0/conversation_stats")
    assert wait_for_text((folder / "service" / "metrics").glob("*/*.json"), "/api/v0/conversation_stats")


def test_both_entries_run_side_by_side(
    running: RunningEntry, settings: Mapping[str, str], client: httpx.Client, start: Start, small_business_url: str
) -> None:
    """On two ports, on the same stores; a switch to read-only on one is obeyed by the other process."""
    platform = settings["DATABASE_URL"]
    with ScriptedModelServer() as model, start(small_business_url, model, DATABASE_URL=platform) as unified:
        assert unified.client.base_url.port != client.base_url.port
        verdict = {"question": "并行", "sql": "SELECT 1", "is_thumb_up": False}
        number = client.post("/api/v0/qa_feedback/add", json=verdict).json()["data"]["feedback_id"]
        assert unified.client.delete(f"/api/v0/qa_feedback/delete/{number}").status_code == 200
    with psycopg.connect(platform) as connection:
        assert connection.execute("SELECT 1 FROM qa_feedback WHERE id = %s", [number]).fetchone() is None
