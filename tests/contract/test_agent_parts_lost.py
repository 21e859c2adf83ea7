"""The classic agent over HTTP while parts are away, what its answers rest on, and its text while it is written."""

import asyncio

import pytest

from common.answering import Answer, EngineEvent, NodeFinished, Question, TextWritten
from common.errors import ModelUnavailableError, StoreUnavailableError
from core.vector_store.door import TrainingDoor
from core.vector_store.records import TrainingItem
from tests.contract.service_in_process import Service
from tools.harness.model_server import ScriptedModelServer

SQL = "SELECT count(*) AS 数量 FROM bss_company"
LOOK = "-- intermediate_sql\nSELECT DISTINCT company_name AS 名称 FROM bss_company"


@pytest.fixture(scope="module")
def answering(model: ScriptedModelServer) -> ScriptedModelServer:
    model.add_rule(LOOK, kind="write_sql", contains="先看看")
    model.add_rule("DELETE FROM bss_company", kind="write_sql", contains="改掉")
    model.add_rule(SQL, kind="write_sql")
    model.add_rule(
        "登记在册的公司共三家，其中规模最大的是宜春分公司，其余各家的规模相差不多，详见下面的列表。", kind="summarise"
    )
    model.add_rule("您好，很高兴为您服务。", kind="chat")
    return model


def test_chat_does_not_need_the_business_database(
    service: Service, answering: ScriptedModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone() -> None:
        raise StoreUnavailableError("gone")

    monkeypatch.setattr(service.container.shared.catalog, "schema", gone)
    monkeypatch.setattr(service.container.shared.catalog, "today", gone)
    for mode in ("chat_direct", "hybrid"):
        answer = service.ask("你好", routing_mode=mode)
        assert (answer.status_code, answer.json()["data"]["type"]) == (200, "CHAT")
    assert service.ask("公司数量", routing_mode="database_direct").status_code == 503


def test_answer_names_every_record_it_rests_on(service: Service, answering: ScriptedModelServer) -> None:
    store = service.container.shared.vector_store
    ids = TrainingDoor(store).add("default", "documentation", [TrainingItem("船闸档案每行记一座船闸，公司经营船闸")])
    ids += TrainingDoor(store).add("default", "ddl", [TrainingItem("CREATE TABLE lock_file (name text) -- 船闸档案")])
    asked = service.ask("船闸档案里有多少公司", routing_mode="database_direct")
    store.delete("default", ids)
    assert set(ids) <= set(asked.json()["data"]["provenance"]["training_records"])


def test_without_embeddings_words_find_the_examples_and_the_answer_says_so(
    service: Service, answering: ScriptedModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = TrainingDoor(service.container.shared.vector_store).add(
        "default", "sql", [TrainingItem(SQL, "公司一共有多少家")]
    )
    question = {"routing_mode": "database_direct"}
    before = service.ask("公司一共有多少家呢", **question).json()["data"]["provenance"]
    assert before["training_records"] == ids
    assert (before["tables"], before["sql_attempts"], before["model"]) == (["bss_company"], 1, "scripted")
    assert before["prompts"]["write_sql.txt"]
    assert "notes" not in before

    def lost(*_arguments: object, **_options: object) -> None:
        raise ModelUnavailableError("gone")

    embedder = service.container.shared.embedder
    monkeypatch.setattr(embedder, "embed_question", lost)
    monkeypatch.setattr(embedder, "embed", lost)
    after = service.ask("公司一共有多少家呢", **question).json()["data"]["provenance"]
    assert (after["training_records"], after["notes"]) == (ids, ["examples_by_words_only"])
    service.container.embedding_probe._tried_at = None
    health = service.client.get("/health")
    assert (health.status_code, health.json()["status"]) == (200, "degraded")
    assert "向量" in health.json()["reasons"]["embedding"]
    assert service.client.get("/health", params={"strict": "1"}).status_code == 503


def test_model_may_look_at_the_data_once_and_never_change_it(service: Service, answering: ScriptedModelServer) -> None:
    calls = len(answering.calls)
    answer = service.ask("先看看名称再数公司", routing_mode="database_direct").json()["data"]
    assert answer["provenance"]["intermediate_sql"].endswith("FROM bss_company")
    assert (answer["sql"], answer["provenance"]["sql_attempts"]) == (SQL, 2)
    asked = [call for call in answering.calls[calls:] if call.kind == "write_sql"]
    assert len(asked) == 2
    refused = service.ask("改掉公司数量", routing_mode="database_direct")
    assert refused.json()["data"]["validation_error_type"] == "forbidden_keywords"


@pytest.mark.parametrize(("mode", "nodes"), [("chat_direct", 3), ("database_direct", 4)])
def test_watcher_gets_the_text_while_the_model_writes_it(
    service: Service, answering: ScriptedModelServer, mode: str, nodes: int
) -> None:
    events: list[EngineEvent] = []
    question = Question("公司数量", "default", "alice", "alice:1", mode, route="stream", wants_tokens=True)
    answer = asyncio.run(service.container.shared.classic_agent().answer(question, events.append))
    assert isinstance(answer, Answer)
    pieces = [event.text for event in events if isinstance(event, TextWritten)]
    assert len(pieces) > 1
    assert "".join(pieces) == answer.response
    assert [type(event) for event in events].count(NodeFinished) == nodes
