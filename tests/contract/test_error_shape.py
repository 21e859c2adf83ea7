"""Whatever goes wrong, a client reads the same envelope: code, success, message, data with text, type and time."""

import json
import re
from typing import Any

import httpx
import pytest

from tests.contract.service_in_process import Service
from tools.harness.model_faults import Fault
from tools.harness.model_server import ScriptedModelServer

ASK = "/api/v0/ask_agent"
LOCAL_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?")
DATABASE = {"routing_mode": "database_direct"}


def error_of(response: httpx.Response, status: int) -> dict[str, Any]:
    """The envelope's data, once its shape is as promised."""
    assert (response.status_code, response.headers["content-type"]) == (status, "application/json")
    envelope = response.json()
    assert (envelope["code"], envelope["success"]) == (status, False)
    assert envelope["message"]
    data: dict[str, Any] = envelope["data"]
    assert data["response"]
    assert re.fullmatch(r"[a-z_]+", data["error_type"])
    assert LOCAL_TIME.fullmatch(data["timestamp"])
    assert "Traceback" not in response.text
    return data


def test_service_runs_as_in_production(service: Service) -> None:
    assert not service.app.testing
    assert not service.app.debug


@pytest.mark.parametrize("path", ["/nope", "/api/v0/nope", "/api/v0/ask_agent/", "/%00", "/api/v0/../../etc/passwd"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_unknown_path_is_404(service: Service, method: str, path: str) -> None:
    assert error_of(service.client.request(method, path), 404)["error_type"] == "resource_not_found"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("GET", ASK, "POST"), ("DELETE", ASK, "POST"), ("POST", "/health", "GET"), ("PUT", "/", "GET")],
)
def test_wrong_method_is_405_and_says_what_is_allowed(service: Service, method: str, path: str, allowed: str) -> None:
    response = service.client.request(method, path)
    assert error_of(response, 405)["error_type"] == "method_not_allowed"
    assert allowed in response.headers["allow"]


@pytest.mark.parametrize(
    "content", ["", "not json", '{"a": 1,}', "[]", "null", '"text"', "1", "[" * 50_000, b"\xff\xfe"]
)
def test_malformed_body_is_400(service: Service, content: str | bytes) -> None:
    error_of(service.client.post(ASK, content=content), 400)


def test_form_instead_of_json_is_400(service: Service) -> None:
    error_of(service.client.post(ASK, files={"question": (None, "你好")}), 400)


@pytest.mark.parametrize("question", [None, "", 0, False])
def test_missing_question_is_named_in_both_places(service: Service, question: Any) -> None:
    response = service.ask(question)
    data = error_of(response, 400)
    assert (data["error_type"], data["response"]) == ("missing_required_params", "缺少必需参数：question")
    assert data["missing_params"] == response.json()["missing_params"] == ["question"]


@pytest.mark.parametrize(
    ("members", "wrong"),
    [
        ({"routing_mode": "bogus"}, ["routing_mode"]),
        ({"routing_mode": "HYBRID"}, ["routing_mode"]),
        ({"routing_mode": 5}, ["routing_mode"]),
        ({"routing_mode": True}, ["routing_mode"]),
        ({"routing_mode": {"a": 1}}, ["routing_mode"]),
        ({"user_id": ["x"]}, ["user_id"]),
        ({"user_id": "a:b"}, ["user_id"]),
        ({"conversation_id": {"a": 1}}, ["conversation_id"]),
        ({"user_id": "frank", "conversation_id": "alice:20260101000000000"}, ["user_id", "conversation_id"]),
        ({"user_id": "frank", "conversation_id": "nocolon"}, ["user_id", "conversation_id"]),
        ({"question": ["a"]}, ["question"]),
        ({"question": "长" * 50_001}, ["question"]),
        ({"question": "\ud800"}, ["question"]),
    ],
)
def test_wrong_value_is_400_and_named_in_both_places(
    service: Service, members: dict[str, Any], wrong: list[str]
) -> None:
    response = service.client.post(ASK, content=json.dumps({"question": "你好", **members}))
    data = error_of(response, 400)
    assert data["error_type"] == "invalid_params"
    assert data["invalid_params"] == response.json()["invalid_params"] == wrong


@pytest.mark.parametrize("value", ["", None, 0, False])
@pytest.mark.parametrize("name", ["routing_mode", "user_id", "conversation_id"])
def test_falsy_value_counts_as_not_given(service: Service, name: str, value: Any) -> None:
    data = service.ask("你好", **{name: value}).json()["data"]
    assert (data["user_id"], data["conversation_status"]) == ("guest", "new")
    assert (data["routing_mode_used"], data["routing_mode_source"]) == ("hybrid", "config")


def test_body_above_the_limit_is_413(service: Service) -> None:
    limit = service.container.settings.get("MAX_REQUEST_BYTES")
    assert error_of(service.ask("长" * (limit // 2)), 413)["error_type"] == "payload_too_large"


@pytest.mark.entries("unified")
def test_head_above_the_limit_is_431(service: Service) -> None:
    limit = service.container.settings.get("MAX_HEADER_BYTES")
    error_of(service.client.get("/", headers={"X-Long": "a" * limit}), 431)


def test_question_without_valid_sql_is_422_with_all_findings(service: Service, model: ScriptedModelServer) -> None:
    model.add_rule("DELETE FROM bss_company;", kind="write_sql", contains="删除所有公司")
    data = error_of(service.ask("删除所有公司", user_id="carol", **DATABASE), 422)
    assert data["error_type"] == "agent_processing_failed"
    assert data["response"] == "不允许的操作: DELETE。本系统只支持查询操作(SELECT)。"
    assert (data["validation_error_type"], data["sql"]) == ("forbidden_keywords", "DELETE FROM bss_company;")
    assert data["execution_path"] == ["start", "classify", "forbidden_keywords_failed", "format_response"]
    assert data["classification_info"]["method"] == "direct_database"
    assert (data["user_id"], data["agent_version"]) == ("carol", "langgraph_v1")
    assert data["conversation_id"].startswith("carol:")


def test_query_the_database_breaks_off_is_500_with_its_text(service: Service, model: ScriptedModelServer) -> None:
    model.add_rule("SELECT 1 / (id * 0) FROM bss_company", kind="write_sql", contains="除以零")
    data = error_of(service.ask("除以零", **DATABASE), 500)
    assert (data["error_type"], data["response"]) == ("agent_processing_failed", "SQL执行失败: division by zero")
    assert data["execution_path"][-2:] == ["agent_sql_execution_error", "format_response"]


def test_failed_model_is_503_and_may_be_tried_again(service: Service, model: ScriptedModelServer) -> None:
    model.queue_fault(Fault("status", 500))
    response = service.ask("你好")
    data = error_of(response, 503)
    assert (data["error_type"], data["can_retry"]) == ("model_unavailable", True)
    assert int(response.headers["retry-after"]) >= 1
    assert "secret-of-the-provider" not in response.text


def test_bug_is_500_without_its_text(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> None:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr(service.container.ask, "ask", fail)
    response = service.ask("你好")
    data = error_of(response, 500)
    assert (data["error_type"], data["response"]) == ("database_error", "查询处理失败，请稍后重试")
    assert "hunter2" not in response.text
