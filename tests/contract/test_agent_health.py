"""`agent_health` on the wire: it really asks the model, and a broken part costs no more than what hangs on it."""

import os
from collections.abc import Iterator

import httpx
import pytest

from tests.contract.conftest import Start
from tests.contract.service_in_process import Service
from tools.harness.model_faults import Fault
from tools.harness.model_server import ScriptedModelServer
from tools.scratch_databases import drop_database, fresh_database

CHECKS = ("agent_creation", "tools_import", "llm_connection", "classifier_ready")


def examine(service: Service) -> httpx.Response:
    return service.client.get("/api/v0/agent_health")


@pytest.fixture
def model() -> Iterator[ScriptedModelServer]:
    """A model of one test alone, because calls are counted."""
    with ScriptedModelServer() as server:
        yield server


@pytest.fixture
def fresh(start: Start, small_business_url: str, model: ScriptedModelServer, entry: str) -> Iterator[Service]:
    """A service nobody has examined yet."""
    with start(small_business_url, model, entry) as service:
        yield service


def test_healthy_agent_has_asked_its_model(fresh: Service, model: ScriptedModelServer) -> None:
    response = examine(fresh)
    body = response.json()
    assert (response.status_code, body["code"], body["success"], body["message"]) == (200, 200, True, "操作成功")
    data = body["data"]
    assert data.pop("timestamp")
    assert data == {
        "status": "healthy",
        "test_result": True,
        "workflow_compiled": True,
        "tools_count": 4,
        "message": "Agent健康检查完成",
        "response": "Agent健康检查完成",
        "checks": dict.fromkeys(CHECKS, True),
    }
    assert [call.kind for call in model.calls] == ["classify", "chat"]
    assert model.calls[-1].question == "你好"
    assert examine(fresh).status_code == 200
    assert len(model.calls) == 2


@pytest.mark.parametrize("fault", [Fault("reset"), Fault("status", 500), Fault("hang")])
def test_lost_model_is_503_degraded_until_it_is_back(
    start: Start, small_business_url: str, model: ScriptedModelServer, fault: Fault
) -> None:
    with start(small_business_url, model, AGENT_HEALTH_TIMEOUT="1", AGENT_HEALTH_FRESH_SECONDS="0") as service:
        model.queue_fault(fault)
        response = examine(service)
        body = response.json()
        assert (response.status_code, body["code"], body["success"]) == (503, 503, False)
        assert body["message"] == "服务暂时不可用"
        data = body["data"]
        assert (data["status"], data["test_result"], data["response"]) == ("degraded", False, "部分组件异常")
        assert data["checks"] == {**dict.fromkeys(CHECKS, True), "llm_connection": False}
        assert data["message"].startswith("完整测试失败: ")
        assert list(data["reasons"]) == ["llm_connection"]
        assert examine(service).json()["data"]["status"] == "healthy"


def health_of(service: Service, name: str) -> tuple[str, str, str | None]:
    found = service.client.get("/health").json()
    return found["status"], found["components"][name], found["reasons"].get(name)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_shown_in_health_until_a_call_succeeds(
    start: Start, small_business_url: str, model: ScriptedModelServer, entry: str, status: int
) -> None:
    with start(small_business_url, model, entry, AGENT_HEALTH_FRESH_SECONDS="0") as service:
        assert health_of(service, "model") == ("healthy", "healthy", None)
        model.queue_fault(Fault("status", status))
        assert service.ask("你好", routing_mode="chat_direct").status_code == 503
        overall, component, reason = health_of(service, "model")
        assert (overall, component) == ("degraded", "degraded")
        assert "LLM_API_KEY" in str(reason)
        model.queue_fault(Fault("status", status))
        assert examine(service).status_code == 503
        assert health_of(service, "model")[0] == "degraded"
        assert examine(service).status_code == 200
        assert health_of(service, "model") == ("healthy", "healthy", None)


def test_a_model_that_keeps_failing_is_shown_in_health(
    start: Start, small_business_url: str, model: ScriptedModelServer
) -> None:
    with start(small_business_url, model, LLM_BREAKER_FAILURES="2") as service:
        for _ in range(2):
            model.queue_fault(Fault("status", 500))
            assert service.ask("你好", routing_mode="chat_direct").status_code == 503
        assert health_of(service, "model")[:2] == ("degraded", "degraded")


def test_repeated_looks_at_a_lost_model_ask_it_once(fresh: Service, model: ScriptedModelServer) -> None:
    model.queue_fault(Fault("status", 500))
    assert examine(fresh).status_code == 503
    asked = len(model.calls)
    assert examine(fresh).status_code == 503
    assert len(model.calls) == asked


def test_light_examination_costs_no_model_call(
    start: Start, small_business_url: str, model: ScriptedModelServer
) -> None:
    with start(small_business_url, model, AGENT_HEALTH_FULL_TEST="false") as service:
        assert examine(service).json()["data"]["status"] == "healthy"
    assert not model.calls


def test_lost_business_database_is_unhealthy(
    start: Start, scratch_business_url: str, model: ScriptedModelServer, worker_name: str
) -> None:
    url = fresh_database(scratch_business_url, f"citu_contract_unwell_{worker_name}_{os.getpid()}")
    with start(url, model) as service:
        drop_database(scratch_business_url, url)
        response = examine(service)
        assert (response.status_code, response.json()["data"]["status"]) == (503, "unhealthy")
        assert list(response.json()["data"]["reasons"]) == ["business_database"]
    assert not model.calls


def test_lost_platform_database_is_degraded(
    start: Start, platform_url: str, small_business_url: str, model: ScriptedModelServer
) -> None:
    with start(small_business_url, model) as service:
        drop_database(platform_url, service.container.shared.stores.platform_url)
        data = examine(service).json()["data"]
        assert (data["status"], data["test_result"], data["message"]) == ("degraded", True, "部分组件异常")


def test_broken_classifier_takes_down_the_agent_alone(
    start: Start, small_business_url: str, model: ScriptedModelServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("broken") / "dictionary.yaml"
    path.write_text("weights: {business_entity: 2}\n")
    with start(small_business_url, model, AGENT_CLASSIFIER_FILE=str(path)) as service:
        for mode in ("hybrid", "database_direct"):
            asked = service.ask("你好", routing_mode=mode)
            assert (asked.status_code, asked.json()["data"]["response"]) == (503, "AI服务暂时不可用，请稍后重试")
        examined = examine(service)
        data = examined.json()["data"]
        assert (examined.status_code, data["status"], data["workflow_compiled"]) == (503, "unhealthy", False)
        assert data["checks"] == dict.fromkeys(CHECKS, False)
        assert data["message"] == "Agent创建失败: AI服务暂时不可用，请稍后重试"
        assert str(path) not in examined.text
        health = service.client.get("/health")
        assert (health.status_code, health.json()["services"]["original_agent"]) == (503, False)
        assert health.json()["services"]["business_database"] is True
        ran = service.client.post("/api/v0/citu_run_sql", json={"sql": "SELECT 1 AS one"})
        assert ran.status_code == 200
    assert not model.calls


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_other_methods_are_405(fresh: Service, method: str) -> None:
    assert fresh.client.request(method, "/api/v0/agent_health", json={}).status_code == 405
