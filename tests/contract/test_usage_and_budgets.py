"""Model usage on the wire: who called, through which door, and the polite refusal when a budget is used up."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.contract.conftest import Start
from tests.contract.service_in_process import Service
from tools.evaluate.spending import Spending, spent
from tools.harness.model_faults import Fault
from tools.harness.model_server import ScriptedModelServer
from tools.scratch_databases import drop_database

pytestmark = pytest.mark.entries("unified")

CHAT = {"routing_mode": "chat_direct"}


@pytest.fixture
def own_model() -> Iterator[ScriptedModelServer]:
    """A model of one test alone, because calls are counted."""
    with ScriptedModelServer() as server:
        yield server


def usage(service: Service, **parameters: str) -> httpx.Response:
    return service.client.get("/api/v0/usage", params=parameters)


def written(service: Service, calls: int) -> dict[str, object]:
    """The report as soon as it has that many calls; they are written about a second later."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        data: dict[str, object] = usage(service, group_by="user,route,model").json()["data"]
        if data["totals"]["calls"] >= calls:
            return data
        time.sleep(0.05)
    raise AssertionError("the calls were never written")


def test_a_question_is_on_the_account_of_its_user_and_door(
    start: Start, small_business_url: str, own_model: ScriptedModelServer
) -> None:
    with start(small_business_url, own_model) as service:
        assert service.ask("你好", user_id="alice", **CHAT).status_code == 200
        assert service.client.get("/api/v0/agent_health").status_code == 200
        data = written(service, 3)
    found = {(item["user"], item["route"], item["model"], item["calls"]) for item in data["items"]}
    assert found == {("alice", "ask_agent", "scripted", 1), ("health_check", "agent_health", "scripted", 2)}
    assert data["totals"]["estimated_calls"] == 0
    assert data["totals"]["unpriced_calls"] == 3


def test_a_used_up_budget_is_429_with_a_sentence_and_the_time_to_come_back(
    start: Start, small_business_url: str, own_model: ScriptedModelServer
) -> None:
    with start(small_business_url, own_model, LLM_DAILY_TOKEN_BUDGET="5") as service:
        assert service.ask("你好", user_id="alice", **CHAT).status_code == 200
        refused = service.ask("你好啊", user_id="bob", **CHAT)
        asked = len(own_model.calls)
        assert usage(service).json()["data"]["budget"]["daily_tokens"] == 5
    body = refused.json()
    assert (refused.status_code, body["code"], body["success"], body["message"]) == (429, 429, False, "超出使用额度")
    assert body["data"]["error_type"] == "budget_exceeded"
    assert body["data"]["response"] == "今日的大模型用量已达上限（5 tokens），请明天再试或联系管理员"
    assert body["data"]["can_retry"] is False
    assert 0 < int(refused.headers["Retry-After"]) <= 86_400
    assert asked == 1


def test_rows_still_come_when_the_budget_ends_before_their_summary(
    start: Start, small_business_url: str, own_model: ScriptedModelServer
) -> None:
    own_model.add_rule("SELECT COUNT(*) AS 公司总数 FROM bss_company;", kind="write_sql")
    with start(small_business_url, own_model, LLM_DAILY_TOKEN_BUDGET="5") as service:
        answered = service.ask("公司总数是多少？", routing_mode="database_direct")
    assert answered.status_code == 200
    assert answered.json()["data"]["records"]["rows"] == [{"公司总数": 3}]
    assert [call.kind for call in own_model.calls] == ["write_sql"]


def test_the_offline_engine_knows_no_budget(
    start: Start, small_business_url: str, own_model: ScriptedModelServer
) -> None:
    with start(small_business_url, own_model, LLM_PROVIDER="offline", LLM_DAILY_TOKEN_BUDGET="1") as service:
        assert {service.ask("你好", **CHAT).status_code for _ in range(3)} == {200}
        assert usage(service).json()["data"]["totals"]["calls"] == 0


def test_a_failing_model_is_left_alone_after_some_failures(
    start: Start, small_business_url: str, own_model: ScriptedModelServer
) -> None:
    own_model.queue_fault(Fault("status", 503), times=99)
    with start(small_business_url, own_model, LLM_BREAKER_FAILURES="2", LLM_BREAKER_SECONDS="600") as service:
        refusals = [service.ask("你好", **CHAT) for _ in range(4)]
    assert [response.status_code for response in refusals] == [503] * 4
    assert refusals[-1].json()["data"]["response"] == "大模型服务连续出错，已暂停调用，请稍后重试"
    assert 590 < int(refusals[-1].headers["Retry-After"]) <= 600
    assert len(own_model.calls) == 2


def test_a_lost_platform_database_costs_no_answer(
    start: Start, platform_url: str, small_business_url: str, own_model: ScriptedModelServer
) -> None:
    with start(small_business_url, own_model, LLM_DAILY_TOKEN_BUDGET="1000000") as service:
        drop_database(platform_url, service.container.shared.stores.platform_url)
        assert service.ask("你好", **CHAT).status_code == 200
        lost = usage(service)
    assert (lost.status_code, lost.json()["data"]["error_type"]) == (503, "store_unavailable")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("from", "yesterday"), ("from", "1700000000"), ("to", "2024-02-30"), ("group_by", "tenant"),
        ("group_by", "day,day"), ("group_by", ""), ("page", "0"),
        ("page", "x"), ("page_size", "201"), ("page_size", "-1"),
    ],
)  # fmt: skip
def test_wrong_parameters_are_named(service: Service, name: str, value: str) -> None:
    response = usage(service, **{name: value})
    assert response.status_code == 400
    assert response.json()["data"]["invalid_params"] == [name]


def test_usage_is_for_administrators(start: Start, small_business_url: str, own_model: ScriptedModelServer) -> None:
    with start(small_business_url, own_model, ADMIN_TOKEN="t0ken") as service:
        assert usage(service).status_code == 403
        allowed = service.client.get("/api/v0/usage", headers={"Authorization": "Bearer t0ken"})
        assert allowed.status_code == 200


def test_threads_count_for_the_quota_of_conversations(
    start: Start, small_business_url: str, own_model: ScriptedModelServer
) -> None:
    settings = {"CONVERSATIONS_PER_USER_PER_DAY": "2", "RATE_LIMIT_EXEMPT": "203.0.113.9", "RUNS_PER_USER": "0"}
    with start(small_business_url, own_model, **settings) as service:
        body = {"question": "你好", "user_id": "ann", "routing_mode": "chat_direct"}
        first = service.client.post("/api/v0/ask_react_agent", json=body).json()["data"]["conversation_id"]
        assert service.ask("你好", user_id="ann", routing_mode="chat_direct").status_code == 200
        for path in ("/api/v0/ask_react_agent", "/chat"):
            refused = service.client.post(path, json={**body, "message": "你好"})
            found = refused.json().get("data") or refused.json()
            assert refused.status_code == 429, (path, refused.text)
            assert (refused.status_code, found["error_type"]) == (429, "quota_exceeded")
            assert int(refused.headers["Retry-After"]) > 0
        streamed = service.client.get("/api/v0/ask_react_agent_stream", params=body).text
        assert '"error_type": "quota_exceeded"' in streamed
        went_on = service.client.post("/api/v0/ask_react_agent", json={**body, "thread_id": first})
        assert went_on.status_code == 200
        assert len(service.client.get("/api/v0/react/users/ann/conversations").json()["data"]["conversations"]) == 1


def test_each_question_that_is_written_counts_as_one(
    start: Start, small_business_url: str, own_model: ScriptedModelServer
) -> None:
    settings = {"RATE_LIMIT_QUESTIONS": "1/5", "RATE_LIMIT_EXEMPT": "203.0.113.9"}
    with start(small_business_url, own_model, **settings) as service:

        def create(first: int, number: int) -> httpx.Response:
            rows = [
                {"training_data_type": "sql", "sql": f"SELECT company_name FROM bss_company WHERE id > {one}"}
                for one in range(first, first + number)
            ]
            return service.client.post("/api/v0/training_data/create", json={"data": rows})

        create(0, 4)
        asked = len(own_model.calls)
        assert asked == 4
        refused = create(10, 4)
        assert (refused.status_code, refused.json()["data"]["error_type"]) == (429, "rate_limited")
        assert len(own_model.calls) == asked
        assert service.ask("你好", **CHAT).status_code == 200
        assert service.ask("你好", **CHAT).status_code == 429


def test_the_evaluation_counts_what_a_set_has_spent(
    start: Start, small_business_url: str, own_model: ScriptedModelServer, tmp_path: Path
) -> None:
    prices = tmp_path / "prices.json"
    prices.write_text('{"scripted": {"input": 1000000, "output": 0}}')
    with start(small_business_url, own_model, LLM_PRICES=str(prices)) as service:
        before = spent(service.container)
        assert before == Spending()
        assert service.ask("你好", user_id="alice", **CHAT).status_code == 200
        first = spent(service.container)
        assert service.ask("你好", user_id="bob", **CHAT).status_code == 200
        second = spent(service.container).since(first)
    assert (first.calls, second.calls, second.unpriced_calls) == (1, 1, 0)
    assert second.prompt_tokens > 0
    assert second.cost == second.prompt_tokens
    assert second.as_json()["cost"] == str(second.prompt_tokens)
