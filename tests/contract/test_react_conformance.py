"""One list of promises, kept by every way to think: a model that calls tools, one that only writes, and no model."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.conftest import Start
from tests.contract.service_in_process import Service
from tests.contract.test_chat_text_protocol import TextScript
from tools.harness.model_server import ScriptedModelServer
from tools.harness.react_script import ReactScript, query

pytestmark = pytest.mark.entries("unified")

COUNT = "SELECT count(*) AS n FROM bss_company"
QUESTION = "公司总数是多少？"
THINKERS = {
    "tools": {"REACT_TOOL_PROTOCOL": "tools"},
    "text": {"REACT_TOOL_PROTOCOL": "text"},
    "offline": {"LLM_PROVIDER": "offline"},
}


@pytest.fixture(scope="module", params=THINKERS)
def thinking(request: pytest.FixtureRequest, start: Start, recorded_business_url: str) -> Iterator[Service]:
    script = TextScript() if request.param == "text" else ReactScript({"总数": query(COUNT)}, {"总数": COUNT})
    with (
        ScriptedModelServer(script=script) as model,
        start(recorded_business_url, model, **THINKERS[request.param]) as running,
    ):
        yield running


def asked(service: Service, question: str, **members: object) -> dict[str, Any]:
    response = service.client.post("/api/v0/ask_react_agent", json={"question": question, **members})
    assert response.status_code == 200, response.text
    data: dict[str, Any] = response.json()["data"]
    return data


def test_rows_sql_and_origin(thinking: Service) -> None:
    data = asked(thinking, QUESTION, user_id="conform")
    assert [list(row.values()) for row in data["records"]["rows"]] == [[8]]
    assert "bss_company" in data["sql"]
    assert data["provenance"]["sql"] == data["sql"]
    assert data["react_agent_meta"]["tools_used"][-1] == "run_sql"


def test_a_plain_answer_needs_one_round_and_no_tool(thinking: Service) -> None:
    body = thinking.client.post("/chat", json={"message": "你好", "thread_id": "plain"}).json()
    assert (body["status"], body["iterations"]) == ("success", 1)
    data = asked(thinking, "你好")
    assert "records" not in data
    assert data["react_agent_meta"]["tools_used"] == []


def test_tools_are_usable_on_the_second_turn_of_a_remembered_thread(thinking: Service) -> None:
    thread = asked(thinking, "你好", user_id="second")["conversation_id"]
    data = asked(thinking, QUESTION, thread_id=thread)
    assert data["records"]["total_row_count"] == 1
    assert data["react_agent_meta"]["conversation_rounds"] == 2
    said = thinking.client.get(f"/api/v0/react/conversations/{thread}").json()["data"]["messages"]
    assert [message["role"] for message in said] == ["human", "ai", "human", "ai"]


def test_one_terminal_event_equal_to_the_answer(thinking: Service) -> None:
    response = thinking.client.get("/api/v0/ask_react_agent_stream", params={"question": QUESTION, "user_id": "live"})
    events = [line for line in response.text.splitlines() if line.startswith("data: ")]
    assert sum('"completed"' in line for line in events) == 1
    assert '"completed"' in events[-1]
