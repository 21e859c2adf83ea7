"""The ReAct agent without a model drives the same tools; a store it cannot reach takes down its own routes only."""

from collections.abc import Iterator

import pytest

from tests.contract.conftest import Start
from tests.contract.service_in_process import Service
from tools.harness.model_server import ScriptedModelServer


@pytest.fixture(scope="module")
def offline(start: Start, recorded_business_url: str) -> Iterator[Service]:
    with ScriptedModelServer() as model, start(recorded_business_url, model, LLM_PROVIDER="offline") as running:
        yield running
        assert model.calls == []


def ask(service: Service, question: str, **members: object) -> dict[str, object]:
    response = service.client.post("/api/v0/ask_react_agent", json={"question": question, **members})
    assert response.status_code == 200, response.text
    data: dict[str, object] = response.json()["data"]
    return data


def test_question_goes_through_the_three_tools(offline: Service) -> None:
    data = ask(offline, "公司总数是多少？", user_id="off")
    assert data["react_agent_meta"]["tools_used"] == ["generate_sql", "valid_sql", "run_sql"]
    assert list(data["records"]["rows"][0].values()) == [8]
    assert data["provenance"]["model"] == "offline"


def test_follow_up_is_computed_from_the_known_rows(offline: Service) -> None:
    first = ask(offline, "2023年4月1日各服务区的支付金额", user_id="off")
    amounts = [row[first["records"]["columns"][-1]] for row in first["records"]["rows"]]
    second = ask(offline, "他们合计多少", thread_id=first["conversation_id"])
    assert str(round(sum(amounts), 2)) in second["response"]
    assert second["react_agent_meta"]["sql_execution_count"] == 1
    assert second["sql"] == first["sql"]
    assert second["provenance"]["rows_from"] == "previous_result"


def test_follow_up_takes_the_question_before_apart(offline: Service) -> None:
    first = ask(offline, "2023年4月总支付金额", user_id="off")
    second = ask(offline, "按天拆开", thread_id=first["conversation_id"])
    assert second["react_agent_meta"]["context_injected"] is True
    assert "GROUP BY" in second["sql"]
    assert len(second["records"]["rows"]) > 1


def test_chat_uses_no_tool(offline: Service) -> None:
    data = ask(offline, "你好")
    assert data["react_agent_meta"]["tools_used"] == []
    assert "records" not in data


def test_lost_checkpoint_store_takes_down_only_its_own_routes(
    start: Start, small_business_url: str, model: ScriptedModelServer
) -> None:
    with start(small_business_url, model, REACT_CHECKPOINTS="redis") as service:
        response = service.client.post("/api/v0/ask_react_agent", json={"question": "你好", "user_id": "u"})
        body = response.json()
        assert (response.status_code, body["retry_suggested"]) == (503, True)
        assert body["data"]["error_type"] == "store_unavailable"
        assert service.client.get("/api/v0/react/users/u/conversations").status_code == 500
        assert service.client.get("/api/test/redis").status_code == 500
        assert service.ask("你好").status_code == 200
        health = service.client.get("/health").json()
        assert (health["components"]["checkpoints"], health["components"]["original_agent"]) == ("degraded", "healthy")
