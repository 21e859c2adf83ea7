"""Read-only mode over HTTP: every write is refused with its reason, questions are answered and leave nothing."""

import json
import time
from collections.abc import Iterator

import pytest

from core.read_only_mode import REDIS_KEY, REFRESH_SECONDS
from tests.contract.service_in_process import Service
from tools.harness.model_server import ScriptedModelServer
from web.route_table import ROUTES

pytestmark = pytest.mark.entries("unified")

ROUTE = "/api/v0/maintenance/readonly"
PAIR = {"question": "q", "sql": "SELECT 1", "is_thumb_up": True}


@pytest.fixture
def read_only(service: Service) -> Iterator[Service]:
    assert service.client.post(ROUTE, json={"reason": "数据迁移"}).status_code == 200
    yield service
    assert service.client.post(ROUTE, json={"enabled": False}).json()["data"]["enabled"] is False


def writes() -> list[tuple[str, str]]:
    return [
        (method, route.path.replace("<int:feedback_id>", "1").replace("<", "").replace(">", ""))
        for route in ROUTES
        for method in route.writes
    ]


@pytest.mark.parametrize(("method", "path"), writes())
def test_every_write_is_refused_with_the_reason(read_only: Service, method: str, path: str) -> None:
    answer = read_only.client.request(method, path, json={})
    data = answer.json()["data"]
    assert (answer.status_code, data["error_type"], answer.headers["Retry-After"]) == (503, "read_only", "30")
    assert "数据迁移" in data["response"]


def test_questions_are_answered_and_leave_nothing(read_only: Service, model: ScriptedModelServer) -> None:
    keys = set(read_only.container.shared.redis.commands.scan_iter("*"))
    answer = read_only.ask("你好", user_id="reader")
    data = answer.json()["data"]
    assert (answer.status_code, data["read_only"], data["conversation_status"]) == (200, True, "new")
    assert read_only.stored_messages(data["conversation_id"]) == []
    assert set(read_only.container.shared.redis.commands.scan_iter("*")) == keys


def test_nothing_says_read_only_when_it_is_not(service: Service) -> None:
    assert "read_only" not in service.ask("你好").json()["data"]


def test_no_body_switches_on_and_the_mode_is_shown(service: Service) -> None:
    try:
        assert service.client.post(ROUTE).json()["data"]["enabled"] is True
        shown = service.client.get(ROUTE).json()["data"]
        assert (shown["enabled"], shown["reason"]) == (True, "系统维护中")
    finally:
        service.client.post(ROUTE, json={"enabled": False})
    assert service.client.get(ROUTE).json()["data"]["enabled"] is False


@pytest.mark.parametrize("body", [{"enabled": "yes"}, {"enabled": 1}, {"enabled": None}, {"reason": ["a"]}])
def test_wrong_switch_changes_nothing(service: Service, body: dict[str, object]) -> None:
    assert service.client.post(ROUTE, json=body).status_code == 400
    assert service.client.get(ROUTE).json()["data"]["enabled"] is False


def test_a_restored_database_does_not_make_it_writable(read_only: Service) -> None:
    from sqlalchemy import delete

    from core.read_only_mode import SERVICE_MODE

    with read_only.container.shared.platform.session() as session:
        session.execute(delete(SERVICE_MODE))
    time.sleep(REFRESH_SECONDS)
    assert read_only.client.post("/api/v0/qa_feedback/add", json=PAIR).status_code == 503


def test_an_emptied_redis_does_not_make_it_writable(read_only: Service) -> None:
    stored = json.loads(str(read_only.container.shared.redis.commands.get(REDIS_KEY)))
    assert stored["is_read_only"] is True
    read_only.container.shared.redis.commands.delete(REDIS_KEY)
    time.sleep(REFRESH_SECONDS)
    assert read_only.client.post("/api/v0/qa_feedback/add", json=PAIR).status_code == 503
