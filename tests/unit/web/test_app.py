"""The Flask application: errors in the envelope, access rules, request ids, documentation; no store behind it."""

import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_restx import Namespace, Resource

from common.errors import AnswerFailedError, CituError, ModelUnavailableError, SqlExecutionError
from core.token_bucket import Limit, TokenBuckets
from features.ask import routes as ask
from features.health import home_routes as home
from features.health import routes as health
from features.health.service import Component, HealthService
from features.metrics.collector import MetricsCollector
from features.wire.http import Access, Route, Work
from web.access import Administrators
from web.app import create_app
from web.rate_limits import RateLimits
from web.route_table import ROUTES

SETTINGS = {
    "MAX_REQUEST_BYTES": 2000,
    "ADMIN_TOKEN": "",
    "HOST": "0.0.0.0",  # noqa: S104 - as clients know it
    "ALLOWED_ORIGINS": (),
    "ALLOWED_HOSTS": (),
    "TRUSTED_PROXIES": (),
    "REQUIRE_ADMIN_TOKEN": False,
}
docs = Namespace("admin")


class AdminThing(Resource):  # type: ignore[misc]
    def __init__(self, api: Any = None, *, services: Any) -> None:
        super().__init__(api)

    def get(self) -> dict[str, bool]:
        return {"ok": True}


class ScriptedAsk:
    """Stands for the ask service: answers, or raises what it was given."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.asked: list[Any] = []

    def ask(self, wanted: Any, caller_left: Any = None) -> dict[str, Any]:
        self.asked.append(wanted)
        if self.error is not None:
            raise self.error
        return {"code": 200, "success": True, "message": "操作成功", "data": {"response": wanted.question}}


class FakeSettings(dict[str, Any]):
    def is_set(self, name: str) -> bool:
        return name in self


class FakeContainer:
    def __init__(self, **settings: Any) -> None:
        self.settings = FakeSettings({**SETTINGS, **settings})
        buckets = TokenBuckets(lambda: None)
        self.administrators = Administrators(self.settings["ADMIN_TOKEN"], buckets, Limit(0, 1))
        self.rate_limits = RateLimits(buckets, dict.fromkeys(Work, Limit(0, 1)), exempt=())
        self.ask = ScriptedAsk()
        self.collector = MetricsCollector()
        self.problem: str | None = None
        redis, agent = Component("redis", lambda: self.problem), Component("original_agent", lambda: None, True)
        self.health = HealthService([redis, agent])


def client_of(container: Any) -> FlaskClient:
    routes = (
        Route("/", home.docs, home.Home, Access.PUBLIC),
        Route("/health", health.docs, health.Health, Access.PUBLIC),
        Route("/api/v0/ask_agent", ask.docs, ask.AskAgent, Access.PUBLIC),
        Route("/api/v0/admin_thing", docs, AdminThing, Access.ADMIN),
    )
    return create_app(container, routes).test_client()


@pytest.fixture
def container() -> FakeContainer:
    return FakeContainer()


@pytest.fixture
def client(container: FakeContainer) -> FlaskClient:
    return client_of(container)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nope", 404), ("GET", "/api/v0/nope", 404), ("DELETE", "/api/v0/ask_agent", 405)],
)
def test_unknown_path_and_wrong_method_answer_in_the_envelope(
    client: FlaskClient, method: str, path: str, status: int
) -> None:
    response = client.open(path, method=method)
    assert response.status_code == response.json["code"] == status
    assert response.json["success"] is False
    assert response.json["data"]["response"]


def test_wrong_method_says_what_is_allowed(client: FlaskClient) -> None:
    assert "POST" in client.get("/api/v0/ask_agent").headers["Allow"]


@pytest.mark.parametrize("body", ["", "not json", '{"a": 1,}', "[]", "null", '"text"', "[" * 900])
def test_malformed_body_is_a_400_in_the_envelope(client: FlaskClient, container: FakeContainer, body: str) -> None:
    response = client.post("/api/v0/ask_agent", data=body, content_type="application/json")
    assert response.status_code == response.json["code"] == 400
    assert not container.ask.asked


@pytest.mark.parametrize("question", [None, "", 0, False])
def test_missing_question_is_named_in_both_places(client: FlaskClient, question: Any) -> None:
    response = client.post("/api/v0/ask_agent", json={"question": question})
    assert response.status_code == 400
    assert response.json["data"]["missing_params"] == response.json["missing_params"] == ["question"]
    assert response.json["data"]["error_type"] == "missing_required_params"
    assert response.json["data"]["response"] == "缺少必需参数：question"


@pytest.mark.parametrize("body", [{"question": ["a"]}, {"question": {"a": 1}}, {"question": "q", "user_id": ["x"]}])
def test_composite_where_text_is_expected_is_a_400(client: FlaskClient, body: dict[str, Any]) -> None:
    response = client.post("/api/v0/ask_agent", json=body)
    assert response.status_code == 400
    assert response.json["data"]["error_type"] == "invalid_params"


def test_scalars_become_text_and_unknown_members_are_ignored(client: FlaskClient, container: FakeContainer) -> None:
    response = client.post("/api/v0/ask_agent", json={"question": 123, "user_id": 42, "unknown": [1]})
    assert response.status_code == 200
    assert (container.ask.asked[0].question, container.ask.asked[0].user_id) == ("123", "42")


@pytest.mark.parametrize("value", [0, False, None, ""])
@pytest.mark.parametrize("name", ["user_id", "conversation_id", "routing_mode"])
def test_falsy_parameter_is_one_not_given(client: FlaskClient, container: FakeContainer, name: str, value: Any) -> None:
    assert client.post("/api/v0/ask_agent", json={"question": "q", name: value}).status_code == 200
    assert not getattr(container.ask.asked[0], name)


def test_json_is_read_whatever_the_content_type(client: FlaskClient) -> None:
    response = client.post("/api/v0/ask_agent", data='{"question": "你好"}', content_type="text/plain")
    assert response.json["data"]["response"] == "你好"


def test_body_above_the_limit_is_413(client: FlaskClient) -> None:
    response = client.post("/api/v0/ask_agent", json={"question": "长" * 3000})
    assert response.status_code == response.json["code"] == 413


@pytest.mark.parametrize(
    ("error", "status", "error_type"),
    [
        (AnswerFailedError("没有表", data={"sql": "SELECT"}), 422, "agent_processing_failed"),
        (AnswerFailedError("除零", status=500), 500, "agent_processing_failed"),
        (ModelUnavailableError("稍后"), 503, "model_unavailable"),
        (SqlExecutionError("失败"), 500, "sql_execution_failed"),
        (CituError("失败"), 500, "request_processing_failed"),
    ],
)
def test_errors_keep_their_status_and_type(
    client: FlaskClient, container: FakeContainer, error: Exception, status: int, error_type: str
) -> None:
    container.ask.error = error
    response = client.post("/api/v0/ask_agent", json={"question": "你好"})
    assert response.status_code == response.json["code"] == status
    assert response.json["data"]["error_type"] == error_type
    if status == 503:
        assert response.json["data"]["can_retry"] is True
        assert int(response.headers["Retry-After"]) >= 1


def test_a_bug_is_a_500_without_its_text(client: FlaskClient, container: FakeContainer) -> None:
    container.ask.error = RuntimeError("password=hunter2")
    response = client.post("/api/v0/ask_agent", json={"question": "你好"})
    assert response.status_code == response.json["code"] == 500
    assert "hunter2" not in response.text
    assert response.json["data"]["error_type"] == "database_error"


def test_health_is_200_when_degraded_and_503_when_strict(client: FlaskClient, container: FakeContainer) -> None:
    assert client.get("/health").json["status"] == "healthy"
    container.problem = "没有了"
    assert (client.get("/health").status_code, client.get("/health").json["status"]) == (200, "degraded")
    assert client.get("/health").json["reasons"] == {"redis": "没有了"}
    assert client.get("/health?strict=1").status_code == 503


def test_home_names_the_service_and_its_version(client: FlaskClient) -> None:
    body = client.get("/").json
    assert body["message"] == "统一API服务正在运行"
    assert body["version"].count(".") == 2


def test_admin_route_without_a_token_is_for_loopback_only(client: FlaskClient) -> None:
    assert client.get("/api/v0/admin_thing", environ_base={"REMOTE_ADDR": "127.0.0.1"}).status_code == 200
    refused = client.get("/api/v0/admin_thing", environ_base={"REMOTE_ADDR": "10.0.0.9"})
    assert (refused.status_code, refused.json["data"]["error_type"]) == (403, "forbidden")
    forged = {"X-Forwarded-For": "127.0.0.1"}
    refused = client.get("/api/v0/admin_thing", headers=forged, environ_base={"REMOTE_ADDR": "10.0.0.9"})
    assert refused.status_code == 403


def test_admin_route_with_a_token_wants_the_bearer_even_from_loopback() -> None:
    client = client_of(FakeContainer(ADMIN_TOKEN="s3cret"))
    assert client.get("/api/v0/admin_thing").status_code == 403
    assert client.get("/api/v0/admin_thing", headers={"Authorization": "Bearer wrong"}).status_code == 403
    assert client.get("/api/v0/admin_thing", headers={"Authorization": "Bearer s3cret"}).status_code == 200


def test_request_id_is_kept_when_sane_and_replaced_when_not(client: FlaskClient) -> None:
    assert client.get("/health", headers={"X-Request-ID": "abc-1"}).headers["X-Request-ID"] == "abc-1"
    assert client.get("/health", headers={"X-Request-ID": "a b;<x>"}).headers["X-Request-ID"] != "a b;<x>"


def test_every_served_route_is_documented_with_answers_and_description() -> None:
    paths = create_app(FakeContainer(), ROUTES).test_client().get("/swagger.json").json["paths"]
    for route in ROUTES:
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route.path)
        operations = [value for key, value in paths[path].items() if key != "parameters"]
        assert operations
        for operation in operations:
            assert operation.get("description")
            assert operation["responses"].keys() - {"default"}


def test_documentation_page_needs_nothing_from_other_hosts(client: FlaskClient) -> None:
    page = client.get("/api/docs").text
    assert "swagger" in page
    assert "//" not in page.replace("http://localhost", "").replace("http://www.w3.org", "") or "https://" not in page
