"""Read-only mode and the ReAct agent: its threads are read and answered in by every door, and nothing is added."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from sqlalchemy import text

from tests.contract.conftest import Start
from tests.contract.service_in_process import Service
from tools.harness.model_server import ScriptedModelServer
from tools.harness.react_script import ReactScript, query

MODE = "/api/v0/maintenance/readonly"
TABLES = ("checkpoints", "checkpoint_blobs", "checkpoint_writes")
OWNER = "reader"
ALL = "SELECT company_name FROM bss_company ORDER BY id"
Answer = Mapping[str, Any]


@pytest.fixture(scope="module")
def model() -> Iterator[ScriptedModelServer]:
    with ScriptedModelServer(script=ReactScript({"所有公司": query(ALL)}, {"所有公司": ALL})) as server:
        yield server


@pytest.fixture(scope="module")
def service(start: Start, small_business_url: str, model: ScriptedModelServer) -> Iterator[Service]:
    with start(small_business_url, model) as running:
        yield running


@pytest.fixture
def read_only(service: Service) -> Iterator[Callable[[], None]]:
    """Switches the mode on; it is off again after the test."""

    def switch() -> None:
        assert service.client.post(MODE, json={"reason": "数据迁移"}).status_code == 200

    yield switch
    assert service.client.post(MODE, json={"enabled": False}).json()["data"]["enabled"] is False


def plainly(service: Service, question: str, thread: str) -> Answer:
    body = {"question": question, "user_id": OWNER, "thread_id": thread}
    answer: Answer = service.client.post("/api/v0/ask_react_agent", json=body).json()["data"]
    return answer


def streamed(service: Service, question: str, thread: str) -> Answer:
    asked = {"question": question, "user_id": OWNER, "thread_id": thread}
    found = service.client.get("/api/v0/ask_react_agent_stream", params=asked)
    answer: Answer = json.loads([line for line in found.text.splitlines() if line.startswith("data: ")][-1][6:])["data"]
    return answer


def as_run(service: Service, question: str, thread: str) -> Answer:
    body = {"question": question, "user_id": OWNER, "conversation_id": thread, "engine": "react"}
    run = service.client.post("/api/v0/runs", json=body).json()["data"]
    until = time.monotonic() + 30
    while time.monotonic() < until:
        result = service.client.get(f"/api/v0/runs/{run['run_id']}").json()["data"]["result"]
        if result is not None:
            answer: Answer = result["data"]
            return answer
        time.sleep(0.02)
    raise AssertionError("the run did not end")


def chatted(service: Service, question: str, thread: str) -> Answer:
    body = {"message": question, "user_id": OWNER, "thread_id": thread}
    answer: Answer = service.client.post("/chat", json=body).json()
    return answer


def stored_rows(service: Service) -> list[int]:
    with service.container.shared.platform.session() as session:
        return [int(session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()) for table in TABLES]


@pytest.mark.parametrize("ask", [plainly, streamed, as_run, chatted])
def test_thread_is_answered_in_and_left_as_it_was(
    service: Service, model: ScriptedModelServer, read_only: Callable[[], None], ask: Callable[..., Answer]
) -> None:
    thread = f"reader:{ask.__name__}"
    plainly(service, "列出所有公司", thread)
    before = stored_rows(service)
    read_only()
    for _ in range(2):
        answer = ask(service, "再列出所有公司", thread)
        assert (answer["response"], answer["read_only"]) == ("共 3 行。", True)
        assert "列出所有公司" in [message.get("content") for message in model.calls[-1].messages]
        assert sum(message["role"] == "user" for message in model.calls[-1].messages) == 2
    assert stored_rows(service) == before


def test_new_thread_is_answered_and_not_kept(service: Service, read_only: Callable[[], None]) -> None:
    plainly(service, "列出所有公司", "reader:before")
    before = stored_rows(service)
    read_only()
    assert plainly(service, "列出所有公司", "reader:new")["records"]["total_row_count"] == 3
    assert stored_rows(service) == before
    assert service.client.get("/api/v0/react/direct/conversations/reader:new").status_code == 404


def test_thread_goes_on_where_it_was_when_the_mode_has_ended(service: Service, read_only: Callable[[], None]) -> None:
    plainly(service, "列出所有公司", "reader:later")
    read_only()
    plainly(service, "再列出所有公司", "reader:later")
    service.client.post(MODE, json={"enabled": False})
    answer = plainly(service, "再列出所有公司", "reader:later")
    assert answer["react_agent_meta"]["conversation_rounds"] == 2
    assert "read_only" not in answer
