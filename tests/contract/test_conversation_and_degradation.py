"""Conversations go on as clients expect; what is lost costs what hangs on it and never becomes an invented answer."""

import os

import psycopg
import pytest

from common import messages
from tests.contract.conftest import COMPANIES, Start
from tests.contract.service_in_process import Service
from tools.harness.model_faults import Fault
from tools.harness.model_script import ScriptedReply
from tools.harness.model_server import ScriptedModelServer
from tools.scratch_databases import drop_database, fresh_database

NOWHERE = "redis://127.0.0.1:9/0"
DATABASE = {"routing_mode": "database_direct"}
CHAT = {"routing_mode": "chat_direct"}
COUNT = "SELECT COUNT(*) AS 公司总数 FROM bss_company;"


@pytest.fixture
def counting(model: ScriptedModelServer) -> ScriptedModelServer:
    """The model writes the statement that counts the companies."""
    model.add_rule(COUNT, kind="write_sql", contains="公司总数")
    return model


def companies(url: str) -> list[tuple[int, str]]:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT id, company_name FROM bss_company ORDER BY id").fetchall()


def test_new_conversation_has_no_context(service: Service) -> None:
    data = service.ask("你好", user_id="new1", **CHAT).json()["data"]
    assert (data["conversation_status"], data["context_used"]) == ("new", False)
    assert data["conversation_id"].startswith("new1:")


def test_named_conversation_goes_on_with_context(service: Service, model: ScriptedModelServer) -> None:
    first = service.ask("我叫小明", user_id="named", **CHAT).json()["data"]
    second = service.ask("我叫什么", conversation_id=first["conversation_id"], **CHAT).json()["data"]
    assert second["conversation_id"] == first["conversation_id"]
    assert (second["conversation_status"], second["context_used"], second["user_id"]) == ("continue", True, "named")
    assert "User: 我叫小明" in model.calls[-1].last_user_text
    assert model.calls[-1].question == "我叫什么"


def test_newest_conversation_goes_on_when_asked_for(service: Service) -> None:
    service.ask("一", user_id="newest", **CHAT)
    second = service.ask("二", user_id="newest", **CHAT).json()["data"]
    third = service.ask("三", user_id="newest", continue_conversation=True, **CHAT).json()["data"]
    assert (third["conversation_id"], third["conversation_status"]) == (second["conversation_id"], "continue")


def test_unknown_conversation_becomes_a_new_one_that_names_it(service: Service) -> None:
    service.ask("我是frank", user_id="frank", **CHAT)
    data = service.ask("你好", conversation_id="frank:20200101000000000", **CHAT).json()["data"]
    assert (data["conversation_status"], data["context_used"]) == ("invalid_id_new", False)
    assert data["requested_conversation_id"] == "frank:20200101000000000"
    assert data["conversation_id"].startswith("frank:")
    assert data["conversation_id"] != "frank:20200101000000000"


def test_conversation_of_another_user_is_refused_and_stays_unread(service: Service, model: ScriptedModelServer) -> None:
    owned = service.ask("我的秘密", user_id="owner", **CHAT).json()["data"]["conversation_id"]
    calls = len(model.calls)
    response = service.ask("说出秘密", user_id="thief", conversation_id=owned, **CHAT)
    assert (response.status_code, len(model.calls)) == (400, calls)
    assert len(service.stored_messages(owned)) == 2


def test_answer_is_remembered_with_its_sql(service: Service, counting: ScriptedModelServer) -> None:
    data = service.ask("公司总数", user_id="memory", **DATABASE).json()["data"]
    user, assistant = service.stored_messages(data["conversation_id"])
    assert (user["role"], user["content"]) == ("user", "公司总数")
    assert (assistant["role"], assistant["content"]) == ("assistant", data["response"])
    assert assistant["metadata"]["sql"] == COUNT


def test_lost_model_is_503_and_leaves_the_question_without_an_answer(
    service: Service, model: ScriptedModelServer
) -> None:
    for kind in (CHAT, DATABASE, {"routing_mode": "hybrid"}, {"routing_mode": "llm_only"}):
        model.queue_fault(Fault("reset"))
        response = service.ask("公司总数", user_id="lost", **kind)
        data = response.json()["data"]
        assert (response.status_code, data["error_type"]) == (503, "model_unavailable")
        assert not {"sql", "records", "summary"} & data.keys()
        stored = service.stored_messages(data["conversation_id"])
        assert [message["role"] for message in stored] == ["user"]


def test_lost_model_after_the_query_costs_the_sentence_not_the_rows(
    service: Service, counting: ScriptedModelServer
) -> None:
    counting.add_rule(ScriptedReply(status=500), kind="summarise", contains="没有摘要")
    data = service.ask("没有摘要的公司总数", **DATABASE).json()["data"]
    assert data["records"]["rows"] == [{"公司总数": len(COMPANIES)}]
    assert "summary" not in data


def test_without_redis_questions_are_answered_as_new(
    start: Start, small_business_url: str, counting: ScriptedModelServer, entry: str
) -> None:
    with start(small_business_url, counting, entry, REDIS_URL=NOWHERE) as service:
        for conversation in ({}, {"continue_conversation": True}):
            data = service.ask("公司总数", user_id="dora", **DATABASE, **conversation).json()["data"]
            assert data["records"]["rows"] == [{"公司总数": len(COMPANIES)}]
            assert (data["conversation_status"], data["context_used"]) == ("new", False)
        named = service.ask("公司总数", conversation_id="dora:20200101000000000", **DATABASE).json()["data"]
        assert named["conversation_status"] == "invalid_id_new"
        health = service.client.get("/health")
        assert (health.status_code, health.json()["status"], health.json()["services"]["redis"]) == (
            200,
            "degraded",
            False,
        )


def test_without_the_platform_database_questions_are_answered_without_examples(
    start: Start, platform_url: str, small_business_url: str, counting: ScriptedModelServer, entry: str
) -> None:
    with start(small_business_url, counting, entry) as service:
        before = service.ask("公司总数", **DATABASE).json()["data"]
        assert "no_examples" not in before.get("provenance", {}).get("notes", [])
        drop_database(platform_url, service.container.shared.stores.platform_url)
        data = service.ask("公司总数", **DATABASE).json()["data"]
        assert data["records"]["rows"] == [{"公司总数": len(COMPANIES)}]
        assert data["provenance"]["notes"] == ["no_examples"]
        assert service.client.get("/health").json()["status"] == "degraded"


def test_without_the_business_database_data_questions_are_503(
    start: Start, scratch_business_url: str, model: ScriptedModelServer, worker_name: str, entry: str
) -> None:
    url = fresh_database(scratch_business_url, f"citu_contract_gone_{worker_name}_{os.getpid()}")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE anything (id integer)")
    model.add_rule("SELECT 1 AS 数", kind="write_sql", contains="一个数")
    with start(url, model, entry) as service:
        assert service.ask("一个数", **DATABASE).status_code == 200
        drop_database(scratch_business_url, url)
        response = service.ask("一个数", **DATABASE)
        assert (response.status_code, response.json()["data"]["can_retry"]) == (503, True)
        assert "records" not in response.json()["data"]
        assert service.client.get("/health").status_code == 503


def test_database_without_tables_is_said_and_no_number_is_made_up(
    start: Start, scratch_business_url: str, model: ScriptedModelServer, worker_name: str, entry: str
) -> None:
    url = fresh_database(scratch_business_url, f"citu_contract_empty_{worker_name}_{os.getpid()}")
    model.add_rule("分类: CHAT\n理由: 闲聊\n置信度: 0.9", kind="classify", contains="多少部电影")
    model.add_rule("SELECT 1 AS 数", kind="write_sql", contains="多少部电影")
    with start(url, model, entry) as service:
        response = service.ask("一共有多少部电影")
    drop_database(scratch_business_url, url)
    assert response.status_code == 422
    assert response.json()["data"]["response"] == messages.NO_READABLE_TABLES


HOSTILE = (
    "DELETE FROM bss_company",
    "UPDATE bss_company SET company_name = 'x' RETURNING id",
    "DROP TABLE bss_company",
    "TRUNCATE bss_company",
    "INSERT INTO bss_company VALUES (99, 'x')",
    "SELECT 1; COMMIT; DELETE FROM bss_company; COMMIT; SELECT 1",
    "WITH gone AS (DELETE FROM bss_company RETURNING id) SELECT * FROM gone",
    "SELECT * INTO stolen FROM bss_company",
    "CREATE TABLE stolen AS SELECT * FROM bss_company",
    "COPY bss_company TO PROGRAM 'id'",
    "SELECT pg_sleep(30)",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity",
    "SELECT set_config('default_transaction_read_only', 'off', false)",
    "SELECT rolname, rolpassword FROM pg_authid",
    "SELECT company_name FROM bss_company FOR UPDATE",
    "DO $$ BEGIN DELETE FROM bss_company; END $$",
    "EXPLAIN ANALYZE DELETE FROM bss_company",
    "SELECT query_to_xml('DELETE FROM bss_company', true, true, '')",
)


@pytest.mark.parametrize("written", ["first", "repaired"])
def test_hostile_sql_is_422_and_changes_nothing(
    service: Service, model: ScriptedModelServer, small_business_url: str, written: str
) -> None:
    before = companies(small_business_url), _tables(small_business_url)
    for number, statement in enumerate(HOSTILE):
        question = f"{written} 问题{number}完"
        if written == "first":
            model.add_rule(statement, kind="write_sql", contains=question)
        else:
            model.add_rule("SELECT nowhere FROM bss_company", kind="write_sql", contains=question)
            model.add_rule(statement, kind="repair_sql", contains=question)
        response = service.ask(question, **DATABASE)
        data = response.json()["data"]
        assert (response.status_code, data["error_type"]) == (422, "agent_processing_failed"), statement
        assert data["response"]
        assert data["validation_error_type"] in ("forbidden_keywords", "syntax_repair_failed"), statement
        assert "records" not in data
    assert (companies(small_business_url), _tables(small_business_url)) == before


@pytest.mark.parametrize(
    "text", ["COMMIT; DELETE FROM bss_company", "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE"]
)
def test_text_that_begins_like_no_query_is_shown_and_never_run(
    service: Service, model: ScriptedModelServer, small_business_url: str, text: str
) -> None:
    before = companies(small_business_url)
    model.add_rule(text, kind="write_sql", contains=f"文字{len(text)}")
    response = service.ask(f"文字{len(text)}", **DATABASE)
    data = response.json()["data"]
    assert (response.status_code, data["response"]) == (200, f"{text} 请尝试提问其它问题。")
    assert not {"sql", "records", "summary"} & data.keys()
    assert companies(small_business_url) == before


def _tables(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    return {row[0] for row in rows}
