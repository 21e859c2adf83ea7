"""The stand-alone ReAct service: its own routes and bodies over the same agent and threads (docs/contract/react.md)."""

import importlib
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from features.wire.http import Access
from serving.react_api import REACT_ROUTES
from tests.contract.conftest import Start
from tests.contract.service_in_process import Service
from tools.harness.model_faults import FIGURE_38
from tools.harness.model_server import ScriptedModelServer
from tools.harness.react_script import ReactScript, query
from web.app import create_app

pytestmark = pytest.mark.entries("unified")

ALL = "SELECT company_name FROM bss_company ORDER BY id"


@pytest.fixture(scope="module")
def model() -> Iterator[ScriptedModelServer]:
    with ScriptedModelServer(script=ReactScript({"所有公司": query(ALL)}, {"所有公司": ALL})) as server:
        yield server


@pytest.fixture(scope="module")
def client(start: Start, small_business_url: str, model: ScriptedModelServer) -> Iterator[FlaskClient]:
    with start(small_business_url, model, LLM_BREAKER_FAILURES="0") as running:
        yield standalone(running)


def standalone(running: Service) -> FlaskClient:
    return create_app(running.container, REACT_ROUTES).test_client()


def get(client: FlaskClient, path: str) -> tuple[int, dict[str, Any]]:
    response = client.get(path)
    return response.status_code, response.json


def test_home_and_health(client: FlaskClient) -> None:
    assert get(client, "/") == (200, {"message": "Custom React Agent API 服务正在运行"})
    status, body = get(client, "/health")
    assert (status, body["status"], body["agent_initialized"]) == (200, "healthy", True)
    assert body["agent_status"] == {"status": "healthy", "redis": "connected", "sql": "connected", "graph": "compiled"}


def test_question_and_its_thread(client: FlaskClient) -> None:
    answered = client.post("/api/chat", json={"question": "列出所有公司", "user_id": "rita"}).json
    assert (answered["code"], answered["message"], answered["success"]) == (200, "操作成功", True)
    assert answered["data"]["records"]["total_row_count"] == 3
    thread = answered["data"]["conversation_id"]
    status, listed = get(client, "/api/v0/react/users/rita/conversations")
    assert (status, set(listed)) == (200, {"success", "data", "timestamp"})
    assert [item["thread_id"] for item in listed["data"]["conversations"]] == [thread]
    status, said = get(client, f"/api/v0/react/users/rita/conversations/{thread}")
    assert (status, set(said["data"])) == (200, {"user_id", "thread_id", "message_count", "messages"})
    assert (said["data"]["message_count"], len(said["data"]["messages"])) == (2, 2)
    direct = get(client, "/api/v0/react/direct/users/rita/conversations")[1]["data"]
    assert direct["method"] == "simple_redis_query"
    assert set(direct["conversations"][0]) == {
        "thread_id", "user_id", "timestamp", "message_count", "conversation_preview",
    }  # fmt: skip
    for part in ("", "/compare", "/summary"):
        status, body = get(client, f"/api/v0/react/direct/conversations/{thread}{part}?include_tools=true")
        assert (status, body["success"], body["data"]["thread_id"]) == (200, True, thread)
    assert client.post("/chat", json={"message": "再列出所有公司", "thread_id": thread}).json["response"] == "共 3 行。"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "请求格式错误"),
        (b"{}", "请求参数错误"),
        (b'{"question": " "}', "请求参数错误"),
        (b'{"question": "x", "thread_id": "plain"}', "会话ID格式无效"),
        (b'{"question": "x", "user_id": "a", "thread_id": "b:1"}', "会话归属验证失败"),
    ],
)
def test_refusals_name_their_category(client: FlaskClient, body: bytes, message: str) -> None:
    response = client.post("/api/chat", data=body)
    answered = response.json
    assert (response.status_code, answered["code"], answered["message"]) == (400, 400, message)
    assert (answered["success"], answered["error_type"]) == (False, "validation_error")


def test_failure_carries_the_thread(client: FlaskClient, model: ScriptedModelServer) -> None:
    model.queue_fault(FIGURE_38["500"])
    response = client.post("/api/chat", json={"question": "列出所有公司", "user_id": "rita", "thread_id": "rita:9"})
    data = response.json["data"]
    assert (response.status_code, response.json["retry_suggested"]) == (503, True)
    assert data["react_agent_meta"] == {
        "thread_id": "rita:9",
        "agent_version": "custom_react_v1_async",
        "execution_path": ["error"],
    }


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v0/react/users/rita/conversations/otto:1", 400),
        ("/api/v0/react/users/rita/conversations/rita", 400),
        ("/api/v0/react/users/rita/conversations/rita:1", 404),
        ("/api/v0/react/direct/conversations/rita:1", 404),
        ("/api/v0/react/direct/conversations/rita", 400),
        ("/api/v0/react/direct/conversations/rita:1/compare", 404),
        ("/api/v0/react/direct/conversations/rita:1/summary", 404),
    ],
)
def test_what_is_not_there(client: FlaskClient, path: str, status: int) -> None:
    found, body = get(client, path)
    assert (found, body["success"], set(body)) == (status, False, {"success", "error", "timestamp"})


def test_redis_is_closed_unless_switched_on(client: FlaskClient) -> None:
    response = client.post("/redis/direct", json={"operation": "get", "key": "x"})
    assert (response.status_code, response.json["status"]) == (403, "error")
    stranger = client.post("/redis/direct", json={}, environ_base={"REMOTE_ADDR": "203.0.113.9"})
    assert (stranger.status_code, stranger.json["success"]) == (403, False)
    closed = {route.path for route in REACT_ROUTES if route.access is Access.ADMIN}
    assert closed == {"/redis/direct", "/api/test/redis"}


def test_entry_builds_nothing_until_it_is_asked() -> None:
    module = importlib.import_module("react_agent.api")
    assert not {"app", "asgi_app", "resource_manager"} & set(vars(module))
    with pytest.raises(AttributeError):
        _ = module.run_async_safely
