"""Whoever asks the ReAct agent: a question nobody wants any more ends with its statement, and a thread has one turn."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import pytest

from tests.contract.conftest import Start
from tests.contract.service_in_process import Service
from tools.bench.stream_model import ENDLESS_SQL
from tools.harness.model_script import ScriptedReply
from tools.harness.model_server import ScriptedModelServer
from tools.harness.react_script import ReactScript, query, tool

ALL = "SELECT company_name FROM bss_company ORDER BY id"
PLANS = {"所有公司": query(ALL), "没完没了": [tool("run_sql", sql=ENDLESS_SQL), ScriptedReply("不会有结果。")]}
RUNS = "/api/v0/runs"


@pytest.fixture(scope="module")
def model() -> Iterator[ScriptedModelServer]:
    with ScriptedModelServer(script=ReactScript(PLANS, {"所有公司": ALL})) as server:
        yield server


@pytest.fixture(scope="module")
def service(start: Start, small_business_url: str, model: ScriptedModelServer) -> Iterator[Service]:
    with start(small_business_url, model) as running:
        yield running


def eventually(holds: Callable[[], Any], seconds: float = 20.0) -> Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := holds():
            return found
        time.sleep(0.01)
    raise AssertionError("it never held")


@contextmanager
def left_post(service: Service) -> Iterator[None]:
    body = '{"question": "没完没了", "user_id": "gone"}'.encode()
    head = f"POST /api/v0/ask_react_agent HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with connected(service) as connection:
        connection.sendall(head + body)
        yield


@contextmanager
def left_stream(service: Service) -> Iterator[None]:
    path = f"/api/v0/ask_react_agent_stream?question={quote('没完没了')}&user_id=gone&on_disconnect=cancel"
    with connected(service) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        yield


@contextmanager
def stopped_run(service: Service) -> Iterator[None]:
    body = {"question": "没完没了", "user_id": "gone", "engine": "react"}
    run_id = service.client.post(RUNS, json=body).json()["data"]["run_id"]
    yield
    service.client.post(f"{RUNS}/{run_id}/stop")
    eventually(lambda: service.client.get(f"{RUNS}/{run_id}").json()["data"]["state"] == "cancelled")


def connected(service: Service) -> socket.socket:
    return socket.create_connection((service.client.base_url.host, service.client.base_url.port), timeout=20)


@pytest.mark.parametrize("unwanted", [left_post, stopped_run, left_stream])
def test_statement_of_an_unwanted_question_is_cancelled(
    service: Service, statements: Callable[[], int], unwanted: Callable[[Service], Any]
) -> None:
    with unwanted(service):
        eventually(statements)
    eventually(lambda: statements() == 0)


@pytest.mark.parametrize(("path", "name"), [("/api/v0/ask_react_agent", "question"), ("/chat", "message")])
def test_plain_question_comes_after_the_runs_it_found(
    service: Service, model: ScriptedModelServer, path: str, name: str
) -> None:
    """One run executes and another waits behind it when the question comes."""
    thread = f"guest:turns{name}"
    model.delay_seconds = 0.1
    try:
        for question in ("所有公司，甲", "所有公司，乙"):
            body = {"question": question, "conversation_id": thread, "engine": "react"}
            assert service.client.post(RUNS, json=body).status_code == 202
        answer = service.client.post(path, json={name: "所有公司，丙", "thread_id": thread})
    finally:
        model.delay_seconds = 0.0
    assert answer.status_code == 200
    found = service.client.get(f"/api/v0/react/direct/conversations/{thread}").json()["data"]
    asked = [message["content"] for message in found["messages"] if message["role"] == "human"]
    assert asked == ["所有公司，甲", "所有公司，乙", "所有公司，丙"]
