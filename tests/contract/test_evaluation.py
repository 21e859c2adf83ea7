"""Golden questions over HTTP: asked in the background through the live service, judged by rows, read at any time."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.contract.conftest import Start
from tests.contract.service_in_process import Service
from tools.harness.model_server import ScriptedModelServer

RUNS = "/api/v0/evaluation/runs"
COUNT = "SELECT COUNT(*) AS 公司总数 FROM bss_company;"
NAMES = "SELECT id, company_name FROM bss_company ORDER BY id;"
ENDED = ("completed", "failed", "cancelled", "timed_out")


@pytest.fixture(scope="module")
def served(start: Start, small_business_url: str, model: ScriptedModelServer) -> Iterator[Service]:
    model.add_rule(COUNT, kind="write_sql", contains="总数")
    model.add_rule(NAMES, kind="write_sql", contains="名称")
    model.add_rule("SELECT 1 FROM nowhere", kind="write_sql", contains="利润")
    model.add_rule("SELECT 1 FROM nowhere", kind="repair_sql", contains="利润")
    with start(small_business_url, model) as running:
        yield running


def begun(service: Service, **body: Any) -> httpx.Response:
    return service.client.post(RUNS, json=body)


def ended(service: Service, run_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        data: dict[str, Any] = service.client.get(f"{RUNS}/{run_id}").json()["data"]
        if data["state"] in ENDED:
            return data
        time.sleep(0.05)
    raise AssertionError("the run did not end")


def pair(question: str, sql: Any) -> dict[str, Any]:
    return {"question": question, "sql": sql}


def test_every_verdict_is_counted_as_the_evaluation_tool_counts(served: Service) -> None:
    pairs = [
        pair("公司总数", "SELECT count(*) FROM bss_company"),
        pair("公司总数是多少", ["SELECT 7", "SELECT count(id) FROM bss_company"]),
        pair("公司名称", "SELECT company_name FROM bss_company ORDER BY id"),
        pair("公司总数呢", "SELECT 99"),
        pair("公司总数吗", "DELETE FROM bss_company"),
        pair("去年公司总数", None),
        pair("公司利润", None),
        pair("公司利润多少", "SELECT 5"),
    ]
    response = begun(served, pairs=pairs, routing_mode="database_direct")
    assert response.status_code == 202
    assert response.json()["data"]["questions"] == len(pairs)
    data = ended(served, response.json()["data"]["run_id"])
    assert (data["state"], data["asked"], data["error_type"]) == ("completed", len(pairs), None)
    verdicts = [outcome["verdict"] for outcome in data["outcomes"]]
    assert verdicts == ["exact", "exact", "soft", "wrong", "gold_failed", "invented", "declined", "refused"]
    figures = data["figures"]
    assert figures["p95_ms"] >= figures["p50_ms"] > 0
    counts = {name: figures[name] for name in figures if not name.endswith("_ms")}
    assert counts == {
        "total": 8, "gold_failed": 1, "exact": 2, "soft": 1, "figures": 3, "wrong": 1, "refused": 1, "chat": 0,
        "invented": 1,
    }  # fmt: skip
    assert data["outcomes"][7]["error_type"]


def test_no_conversation_is_kept(served: Service) -> None:
    run_id = begun(served, pairs=[pair("公司总数", COUNT)], routing_mode="database_direct").json()["data"]["run_id"]
    assert ended(served, run_id)["figures"]["exact"] == 1
    listed = served.client.get("/api/v0/user/evaluation/conversations").json()["data"]
    assert listed["conversations"] == []


def test_a_tenant_has_one_evaluation_at_a_time(served: Service, model: ScriptedModelServer) -> None:
    model.delay_seconds = 1.0
    try:
        first = begun(served, pairs=[pair("公司总数", COUNT)], routing_mode="database_direct")
        assert first.status_code == 202
        second = begun(served, pairs=[pair("公司总数", COUNT)])
        assert second.status_code == 429
        assert second.headers["Retry-After"]
    finally:
        model.delay_seconds = 0.0
    assert ended(served, first.json()["data"]["run_id"])["state"] == "completed"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"pairs": []},
        {"pairs": "SELECT 1"},
        {"pairs": [pair("公司总数", COUNT)] * 201},
        {"pairs": [{"question": "公司总数"}]},
        {"pairs": [["公司总数", COUNT]]},
        {"pairs": [pair("", COUNT)]},
        {"pairs": [pair("问" * 2001, COUNT)]},
        {"pairs": [pair("公司总数\0", COUNT)]},
        {"pairs": [pair("公司总数", "")]},
        {"pairs": [pair("公司总数", [])]},
        {"pairs": [pair("公司总数", [COUNT] * 6)]},
        {"pairs": [pair("公司总数", 7)]},
        {"pairs": [pair("公司总数", "S" * 20_001)]},
        {"pairs": [pair("公司总数", COUNT)], "routing_mode": "sideways"},
    ],
)
def test_what_is_no_set_of_questions_is_refused(served: Service, body: dict[str, Any]) -> None:
    response = begun(served, **body)
    assert response.status_code == 400
    assert response.json()["data"]["response"]


def test_a_run_of_another_kind_or_none_is_not_found(served: Service) -> None:
    question = served.client.post("/api/v0/runs", json={"question": "你好", "routing_mode": "chat_direct"}).json()
    for run_id in (question["data"]["run_id"], "x" * 32, "short"):
        assert served.client.get(f"{RUNS}/{run_id}").status_code == 404
