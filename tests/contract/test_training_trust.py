"""Whose training records teach everybody: what is used, what waits, what is refused, and what an answer says of it."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from core.vector_store.origin import Standing
from tests.contract.conftest import Start
from tests.contract.service_in_process import Service
from tools.harness.model_server import ScriptedModelServer

API = "/api/v0"
ADMIN = {"Authorization": "Bearer let-me-in"}
COUNT = "SELECT count(*) AS n FROM bss_company"
PAIR = {"training_data_type": "sql", "question": "公司总数是多少", "sql": COUNT}
WAYS: dict[str, tuple[str, Any]] = {
    "create": ("training_data/create", {"data": PAIR}),
    "train": ("citu_train_question_sql", {"question": PAIR["question"], "sql": COUNT}),
    "wrong": ("training_error_question_sql", {"question": "错误的公司总数", "sql": "SELECT 3"}),
}


@pytest.fixture(scope="module", params=["anyone", "reviewed", "admin"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def trusting(
    start: Start, small_business_url: str, model: ScriptedModelServer, entry: str, mode: str
) -> Iterator[Service]:
    model.add_rule(COUNT, kind="write_sql", contains="公司总数")
    settings = {"ADMIN_TOKEN": "let-me-in", "TRAINING_TRUST": mode, "ENABLE_RESULT_SUMMARY": "false"}
    with start(small_business_url, model, entry, **settings) as running:
        yield running


def post(service: Service, route: str, body: Any, **options: Any) -> httpx.Response:
    return service.client.post(f"{API}/{route}", json=body, **options)


def provenance(service: Service, question: str) -> dict[str, Any]:
    found: dict[str, Any] = service.ask(question, routing_mode="database_direct").json()["data"]["provenance"]
    return found


def waiting_for(service: Service, record_id: str) -> list[str]:
    """Why the record waits; read from the store, since the old entry has no route for it."""
    with service.container.shared.platform.autocommit() as connection:
        row = connection.exec_driver_sql(
            "SELECT e.waits_for, q.status FROM langchain_pg_embedding e LEFT JOIN training_quarantine q USING (id)"
            " WHERE e.id = %s",
            (record_id,),
        ).one()
    assert (row[1] == "pending") == bool(row[0])
    return list(row[0] or [])


@pytest.mark.parametrize("way", WAYS)
def test_an_anonymous_record_meets_the_mode(trusting: Service, mode: str, way: str) -> None:
    response = post(trusting, *WAYS[way])
    body = response.json()
    if mode == "admin":
        assert (response.status_code, body["code"], body["data"]["error_type"]) == (403, 403, "forbidden")
        return
    assert response.status_code == 200
    data = body["data"]["results"][0] if way == "create" else body["data"]
    record_id = data.get("training_id") or data["id"]
    expected = ["nobody_reviewed"] if mode == "reviewed" else []
    assert data.get("waits_for_review", []) == expected == waiting_for(trusting, record_id)
    if way == "create":
        used = provenance(trusting, PAIR["question"])
        assert (record_id in used.get("unreviewed_records", [])) == (mode == "anyone")
        assert (record_id in used.get("training_records", [])) == (mode == "anyone")


def test_an_administrators_record_is_used_and_counts_as_reviewed(trusting: Service) -> None:
    question = "管理员说的公司总数"
    made = post(trusting, "training_data/create", {"data": {**PAIR, "question": question}}, headers=ADMIN).json()[
        "data"
    ]
    record_id = made["results"][0]["training_id"]
    used = provenance(trusting, question)
    assert record_id in used["training_records"]
    assert record_id not in used.get("unreviewed_records", [])


def test_what_contradicts_a_reviewed_pair_waits_until_it_is_approved(trusting: Service, mode: str, entry: str) -> None:
    if mode == "admin":
        assert post(trusting, "training_data/create", {"data": PAIR}).status_code == 403
        return
    question = "注册公司总数"
    post(trusting, "training_data/create", {"data": {**PAIR, "question": question}}, headers=ADMIN)
    rival = {**PAIR, "question": f"请问{question}？", "sql": "SELECT max(id) AS n FROM bss_company"}
    same = {**PAIR, "question": f"{question}呢", "sql": "select COUNT(*) from public.bss_company c"}
    results = post(trusting, "training_data/create", {"data": [rival, same]}).json()["data"]["results"]
    extra = ["nobody_reviewed"] if mode == "reviewed" else []
    assert [one.get("waits_for_review", []) for one in results] == [[*extra, "contradicts_reviewed"], extra]
    assert results[0]["training_id"] not in provenance(trusting, question)["training_records"]
    wrong = post(trusting, "training_error_question_sql", {"question": question, "sql": COUNT}).json()["data"]
    assert "contradicts_reviewed" in wrong["waits_for_review"]
    if entry == "unified":
        for decision, record_id in (("approve", results[0]["training_id"]), ("reject", wrong["id"])):
            decided = post(trusting, f"training_data/quarantine/{decision}", {"ids": [record_id]}, headers=ADMIN)
            assert decided.is_success
        assert waiting_for(trusting, results[0]["training_id"]) == []
        listed = post(trusting, "training_data/query", {"search_keyword": question}).json()["data"]["records"]
        status = {one["id"]: one["review_status"] for one in listed}
        assert status[results[0]["training_id"]] == "reviewed"
        assert wrong["id"] not in status


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"training_data_type": "sql", "question": "营收", "sql": "SELECT 1000000 AS 营收"}, "reads_no_table"),
        (
            {"training_data_type": "sql", "question": "翻倍", "sql": "SELECT COUNT(*) * 2 FROM bss_company"},
            "moves_a_measure",
        ),
        (
            {"training_data_type": "sql", "question": "营收", "sql": "SELECT 7 FROM bss_company LIMIT 1"},
            "constant_result",
        ),
        ({"training_data_type": "documentation", "content": "公司数量 = id × 2"}, "changes_arithmetic"),
        ({"training_data_type": "documentation", "content": "所有金额乘以100"}, "changes_arithmetic"),
        ({"training_data_type": "ddl", "ddl": "create table a (b int); -- 总营收 = pay_sum * 2"}, "changes_arithmetic"),
    ],
)
def test_a_doubtful_record_keeps_its_place_on_the_wire_and_is_not_used(
    trusting: Service, mode: str, record: dict[str, str], reason: str
) -> None:
    if mode == "admin":
        assert post(trusting, "training_data/create", {"data": record}).status_code == 403
        return
    before = trusting.client.get(f"{API}/training_data/stats").json()["data"]["total_count"]
    body = post(trusting, "training_data/create", {"data": record}).json()["data"]
    (result,) = body["results"]
    assert result["success"]
    assert reason in result["waits_for_review"]
    assert (body["waiting_count"], body["current_total_count"]) == (1, before + 1)
    kind = record["training_data_type"]
    searched = record.get("question") or record.get("content") or record["ddl"]
    found = trusting.container.shared.vector_store.search("default", kind, searched, limit=50)  # type: ignore[arg-type]
    assert result["training_id"] not in [match.id for match in found]


@pytest.mark.entries("unified")
def test_an_update_asks_for_the_right_to_delete(trusting: Service, mode: str) -> None:
    made = post(trusting, "training_data/create", {"data": {**PAIR, "question": "要改的公司总数"}}, headers=ADMIN)
    record_id = made.json()["data"]["results"][0]["training_id"]
    change = {"id": record_id, **PAIR, "question": "改过的公司总数"}
    assert post(trusting, "training_data/update", change).status_code == 403
    assert post(trusting, "training_data/update", change, headers=ADMIN).status_code == 200


def test_a_verdict_and_a_pipeline_meet_the_mode_too(trusting: Service, mode: str) -> None:
    verdict = {"question": "反馈的公司总数", "sql": COUNT, "is_thumb_up": True}
    number = post(trusting, "qa_feedback/add", verdict).json()["data"]["feedback_id"]
    trained = post(trusting, "qa_feedback/add_to_training", {"feedback_ids": [number]})
    task = {"table_list_file": "data_pipeline/tables.txt", "business_context": "x"}
    task_id = post(trusting, "data_pipeline/tasks", task).json()["data"].get("task_id", "task_none")
    load = {"execution_mode": "step", "step_name": "training_load"}
    run = post(trusting, f"data_pipeline/tasks/{task_id}/execute", load)
    if mode == "admin":
        assert (trained.status_code, run.status_code) == (403, 403)
        return
    (result,) = trained.json()["data"].get("results", ({},))
    assert trained.json()["data"]["successfully_trained_ids"] == [number]
    assert result.get("waits_for_review", []) == (["nobody_reviewed"] if mode == "reviewed" else [])
    assert run.status_code in (202, 404)


def test_what_trains_itself_meets_the_mode(trusting: Service, mode: str) -> None:
    expected = {"anyone": Standing.OPEN, "reviewed": Standing.WAITING, "admin": None}
    assert trusting.container.training_trust.automatic_standing == expected[mode]


@pytest.mark.parametrize("way", [*WAYS, "feedback"])
def test_a_wrong_token_is_not_taken_for_an_anonymous_caller(trusting: Service, way: str) -> None:
    route, body = WAYS.get(way) or ("qa_feedback/add_to_training", {"feedback_ids": [1]})
    response = post(trusting, route, body, headers={"Authorization": "Bearer let-me-out"})
    data = response.json()["data"]
    assert (response.status_code, data["error_type"]) == (403, "admin_token_wrong")
    trusting.container.shared.redis.commands.delete("rate_limit:admin_token:127.0.0.1")


def test_a_locked_out_administrator_reads_so(trusting: Service) -> None:
    wrong, right = {"Authorization": "Bearer let-me-out"}, ADMIN
    statuses = [post(trusting, *WAYS["wrong"], headers=wrong).status_code for _ in range(11)]
    locked = post(trusting, *WAYS["wrong"], headers=right)
    trusting.container.shared.redis.commands.delete("rate_limit:admin_token:127.0.0.1")
    assert statuses == [403] * 10 + [429]
    assert (locked.status_code, locked.json()["data"]["error_type"]) == (429, "rate_limited")
    assert int(locked.headers["Retry-After"]) > 0


def test_changing_a_verdict_asks_for_what_deleting_asks_for_where_records_wait(trusting: Service, mode: str) -> None:
    verdict = {"question": "公司总数是多少", "sql": COUNT, "is_thumb_up": True, "user_id": "ann"}
    number = post(trusting, "qa_feedback/add", verdict).json()["data"]["feedback_id"]

    def change(**options: Any) -> httpx.Response:
        url = f"{API}/qa_feedback/update/{number}"
        return trusting.client.put(url, json={"is_thumb_up": False}, **options)

    refused = change(headers={"Authorization": "Bearer let-me-out"})
    trusting.container.shared.redis.commands.delete("rate_limit:admin_token:127.0.0.1")
    assert (refused.status_code, refused.json()["data"]["error_type"]) == (403, "admin_token_wrong")
    anonymous = change()
    assert anonymous.status_code == (200 if mode == "anyone" else 403)
    assert change(headers=ADMIN).status_code == 200
