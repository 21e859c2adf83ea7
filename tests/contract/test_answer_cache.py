"""Answers from the cache over HTTP: what clients see of them, what is never kept, and one chain for many callers."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from common.errors import StoreUnavailableError
from core.vector_store.door import TrainingDoor
from core.vector_store.records import TrainingItem
from cutover.parity.exchanges import Exchange, read_exchanges
from tests.contract import recordings
from tests.contract.conftest import COMPANIES, Start
from tests.contract.service_in_process import Service
from tools.harness.model_faults import Fault
from tools.harness.model_script import ScriptedReply
from tools.harness.model_server import ScriptedModelServer

SWITCHED_ON = {"ENABLE_QUESTION_ANSWER_CACHE": "true", "WSGI_THREADS": "64"}
DATABASE = {"routing_mode": "database_direct"}
CHAT = {"routing_mode": "chat_direct"}
COUNT = "SELECT COUNT(*) AS 公司总数 FROM bss_company;"
CALLERS = 50
NOW_A_MISS = {
    "citu-cache-0005": "another routing mode is another question",
    "citu-cache-0010": "another context is another question",
    "citu-cache-0015": "an explanation why there is no SQL is not kept",
}


@pytest.fixture(scope="module")
def cached(start: Start, small_business_url: str, model: ScriptedModelServer) -> Iterator[Service]:
    with start(small_business_url, model, **SWITCHED_ON) as running:
        yield running


@pytest.fixture
def counting(model: ScriptedModelServer) -> Iterator[ScriptedModelServer]:
    """The model writes the statement that counts the companies."""
    model.add_rule(COUNT, kind="write_sql", contains="公司总数")
    yield model
    model.delay_seconds = 0.0


def sources(service: Service, question: str, times: int = 2, **members: object) -> list[bool]:
    return [service.ask(question, **members).json()["data"]["from_cache"] for _ in range(times)]


def executions(service: Service, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement the service hands to its database from now on."""
    statements: list[str] = []
    execute = service.container.shared.executor.execute

    def counted(statement: str, **options: Any) -> Any:
        statements.append(statement)
        return execute(statement, **options)

    monkeypatch.setattr(service.container.shared.executor, "execute", counted)
    return statements


def test_second_answer_comes_from_the_cache_and_says_so(cached: Service, counting: ScriptedModelServer) -> None:
    first = cached.ask("公司总数是多少", user_id="anna", **DATABASE).json()["data"]
    calls = len(counting.calls)
    second = cached.ask(" 公司总数是多少 ", user_id="berta", **DATABASE).json()["data"]
    assert (first["from_cache"], second["from_cache"], len(counting.calls)) == (False, True, calls)
    assert isinstance(second["cache_age_seconds"], int)
    assert (first["provenance"].pop("from_cache"), second["provenance"].pop("from_cache")) == (False, True)
    own = {"conversation_id", "user_id", "timestamp", "from_cache"}
    gone = {"routing_mode_used", "routing_mode_source"}
    assert {key: first[key] for key in first.keys() - own - gone} == {
        key: second[key] for key in second.keys() - own - {"cache_age_seconds"}
    }
    assert not gone & second.keys()
    assert "cache_age_seconds" not in first
    user, assistant = cached.stored_messages(second["conversation_id"])
    assert (user["content"], user["metadata"]) == (" 公司总数是多少 ", {})
    assert (assistant["content"], assistant["metadata"]) == (second["response"], {"from_cache": True})


def test_off_by_default(start: Start, small_business_url: str, counting: ScriptedModelServer) -> None:
    with start(small_business_url, counting) as service:
        assert sources(service, "默认的公司总数", **DATABASE) == [False, False]


def test_routing_mode_and_context_are_part_of_the_question(cached: Service, counting: ScriptedModelServer) -> None:
    data = cached.ask("哪种公司总数", user_id="carl", **DATABASE).json()["data"]
    assert sources(cached, "哪种公司总数", times=1, **CHAT) == [False]
    followed = cached.ask("哪种公司总数", conversation_id=data["conversation_id"], **DATABASE).json()["data"]
    assert (followed["from_cache"], followed["context_used"]) == (False, True)


def test_training_makes_older_answers_unfindable(cached: Service, counting: ScriptedModelServer) -> None:
    assert sources(cached, "训练后的公司总数", **DATABASE) == [False, True]
    TrainingDoor(cached.container.shared.vector_store).add("default", "documentation", [TrainingItem("公司就是分公司")])
    assert sources(cached, "训练后的公司总数", **DATABASE) == [False, True]


def test_failures_are_not_kept(cached: Service, model: ScriptedModelServer) -> None:
    model.add_rule("DROP TABLE bss_company", kind="write_sql", contains="坏语句")
    assert [cached.ask("坏语句", **DATABASE).status_code for _ in range(2)] == [422, 422]
    model.queue_fault(Fault("reset"))
    assert cached.ask("断线后的问候", **CHAT).status_code == 503
    assert sources(cached, "断线后的问候", **CHAT) == [False, True]


def test_explanation_and_lost_summary_are_not_kept(cached: Service, model: ScriptedModelServer) -> None:
    model.add_rule("没有相关的表。", kind="write_sql", contains="无法回答")
    assert sources(cached, "无法回答", **DATABASE) == [False, False]
    model.add_rule(COUNT, kind="write_sql", contains="摘要丢失")
    model.add_rule(ScriptedReply(status=500), kind="summarise", contains="摘要丢失")
    assert sources(cached, "摘要丢失", **DATABASE) == [False, False]


@pytest.mark.parametrize("lost", ["revision", "find"])
def test_answers_without_the_training_store_are_not_kept(
    cached: Service, counting: ScriptedModelServer, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    def gone(*_arguments: object, **_options: object) -> None:
        raise StoreUnavailableError("gone")

    question = f"没有样例的公司总数 {lost}"
    monkeypatch.setattr(cached.container.shared.vector_store, lost, gone)
    assert sources(cached, question, **DATABASE) == [False, False]
    monkeypatch.undo()
    assert sources(cached, question, **DATABASE) == [False, True]


def test_many_cold_callers_of_two_services_cost_one_chain(
    cached: Service,
    start: Start,
    small_business_url: str,
    counting: ScriptedModelServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with start(small_business_url, counting, **SWITCHED_ON) as other:
        _same_training(cached, other)
        services = (cached, other)
        for service in services:
            service.ask("预热的问候", **CHAT)
        statements = [executions(service, monkeypatch) for service in services]
        counting.delay_seconds = 0.3
        calls = len(counting.calls)

        def ask(number: int) -> Mapping[str, Any]:
            return services[number % 2].ask("同时问的公司总数", user_id=f"u{number}", **DATABASE).json()["data"]

        with ThreadPoolExecutor(CALLERS) as threads:
            answers = list(threads.map(ask, range(CALLERS)))
    assert [call.kind for call in counting.calls[calls:]] == ["write_sql", "summarise"]
    assert [*statements[0], *statements[1]] == [COUNT]
    assert sorted(data["from_cache"] for data in answers) == [False] + [True] * (CALLERS - 1)
    assert all(data["records"]["rows"] == [{"公司总数": len(COMPANIES)}] for data in answers)
    assert len({data["conversation_id"] for data in answers}) == CALLERS


def test_two_tenants_never_share_an_answer(
    cached: Service, counting: ScriptedModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for tenant in ("default", "acme"):
        monkeypatch.setattr("features.ask.service.TENANT", tenant)
        assert sources(cached, "各自的公司总数", **DATABASE) == [False, True]


def test_without_redis_every_question_is_answered(
    start: Start, small_business_url: str, counting: ScriptedModelServer
) -> None:
    with start(small_business_url, counting, REDIS_URL="redis://127.0.0.1:9/0", **SWITCHED_ON) as service:
        assert sources(service, "无缓存的公司总数", **DATABASE) == [False, False]


@pytest.mark.skipif(not recordings.are_present(), reason=recordings.ABSENT_REASON)
def test_recorded_hits_and_misses_are_repeated(start: Start, recorded_business_url: str) -> None:
    with ScriptedModelServer() as model:
        model.load_script(recordings.MODEL_SCRIPT)
        with start(recorded_business_url, model, **SWITCHED_ON) as service:
            for exchange in _recorded_questions():
                response = service.client.post(exchange.request["path"], json=exchange.request["json"])
                _assert_alike(exchange, response.json()["data"])


def _recorded_questions() -> list[Exchange]:
    """What the old entry was asked with its cache switched on, up to the first emptying."""
    exchanges = read_exchanges(recordings.EXCHANGES, app="citu_app", groups=frozenset({"27"}))
    asked = [exchange for exchange in exchanges if exchange.request["path"] == "/api/v0/ask_agent"]
    return [exchange for exchange in asked if exchange.id < "citu-cache-0018"]


def _assert_alike(exchange: Exchange, data: Mapping[str, Any]) -> None:
    recorded = exchange.response["json"]["data"]
    if "from_cache" not in recorded:
        assert "from_cache" not in data, exchange.id
        return
    expected = recorded["from_cache"] and exchange.id not in NOW_A_MISS
    assert data["from_cache"] is expected, exchange.id
    assert ("routing_mode_used" in data) is not expected, exchange.id
    if exchange.id != "citu-cache-0005":
        shown = ("type", "response", "sql", "records", "context_used")
        assert [data.get(key) for key in shown] == [recorded.get(key) for key in shown], exchange.id


def _same_training(one: Service, other: Service) -> None:
    """Bring both training stores to the same revision, as if they were one."""
    stores = [service.container.shared.vector_store for service in (one, other)]
    newest = max(store.revision("default") for store in stores)
    for store in stores:
        while (revision := store.revision("default")) < newest:
            TrainingDoor(store).add("default", "documentation", [TrainingItem(f"说明{revision}")])
