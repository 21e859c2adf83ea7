"""Runs over HTTP, on two workers that share their stores: watched from anywhere, stopped from anywhere, ended once."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.contract.conftest import Start
from tests.contract.service_in_process import Service, serving
from tools.harness.model_faults import Fault
from tools.harness.model_server import ScriptedModelServer

COUNT = "SELECT COUNT(*) AS 公司总数 FROM bss_company;"
ENDLESS = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) AS n FROM r"
DATABASE = {"routing_mode": "database_direct"}
CHAT = {"routing_mode": "chat_direct"}
RUNS = "/api/v0/runs"
ENDED = ("completed", "failed", "cancelled", "timed_out")
SETTINGS = {"RUNS_PER_USER": "2", "SQL_STATEMENT_TIMEOUT": "60", "SQL_WALL_CLOCK": "70"}


@pytest.fixture(scope="module")
def worker(start: Start, small_business_url: str, model: ScriptedModelServer) -> Iterator[Service]:
    model.add_rule(COUNT, kind="write_sql", contains="公司总数")
    model.add_rule(ENDLESS, kind="write_sql", contains="没完没了")
    with start(small_business_url, model, **SETTINGS) as running:
        yield running


@pytest.fixture(scope="module")
def other_worker(
    worker: Service, model: ScriptedModelServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    stores = worker.container.shared.stores
    environ = {
        "DATABASE_URL": stores.platform_url,
        "BUSINESS_DATABASE_URL": stores.business_url,
        "REDIS_URL": stores.redis_url,
        "LLM_BASE_URL": model.base_url,
    }
    with serving({**environ, **SETTINGS}, tmp_path_factory.mktemp("other")) as running:
        yield running


@pytest.fixture
def slow_model(model: ScriptedModelServer) -> Iterator[ScriptedModelServer]:
    """Calls hang until their caller leaves."""
    yield model
    model.delay_seconds = 0.0


class HangingCall:
    """The model's next call; it hangs until its caller leaves."""

    def __init__(self, model: ScriptedModelServer) -> None:
        self._model = model
        self._number = len(model.calls)
        model.queue_fault(Fault("hang"))

    def has_come(self) -> bool:
        return len(self._model.calls) > self._number

    def was_given_up(self) -> bool:
        return self._model.calls[self._number].is_abandoned


def eventually(holds: Callable[[], Any], seconds: float = 10.0) -> Any:
    until = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < until, "gave up waiting"
        time.sleep(0.02)
    return found


def create(service: Service, question: str, **members: object) -> dict[str, Any]:
    answer = service.client.post(RUNS, json={"question": question, **members})
    assert answer.status_code == 202, answer.text
    return answer.json()["data"]


def state(service: Service, run: dict[str, Any]) -> dict[str, Any]:
    return service.client.get(f"{RUNS}/{run['run_id']}").json()["data"]


def ended(service: Service, run: dict[str, Any]) -> dict[str, Any]:
    return eventually(lambda: (found := state(service, run))["state"] in ENDED and found)


def events_of(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Ids and data of the events of a whole stream."""
    found, identifier = [], ""
    for line in text.splitlines():
        if line.startswith("id: "):
            identifier = line[4:]
        elif line.startswith("data: "):
            found.append((identifier, json.loads(line[6:])))
    return found


def watch(service: Service, run: dict[str, Any], after: str = "", tokens: str = "") -> list[tuple[str, dict[str, Any]]]:
    headers = {"Last-Event-ID": after} if after else {}
    answer = service.client.get(f"{RUNS}/{run['run_id']}/events", headers=headers, params={"tokens": tokens})
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    return events_of(answer.text)


def kinds(events: list[tuple[str, dict[str, Any]]]) -> list[str]:
    return [event["data"]["type"] for _, event in events]


def test_run_is_told_step_by_step_and_ends_in_its_stored_state(worker: Service) -> None:
    run = create(worker, "公司总数是多少", user_id="anna", **DATABASE)
    events = watch(worker, run)
    assert kinds(events) == ["progress"] * 4 + ["completed"]
    found = state(worker, run)
    assert (found["state"], found["result"]) == ("completed", events[-1][1])
    assert found["result"]["data"]["records"]["rows"] == [{"公司总数": 3}]
    assert found["result"]["data"]["conversation_id"] == run["conversation_id"] == run["thread_id"]


def test_watcher_goes_on_at_the_other_worker_where_it_was(worker: Service, other_worker: Service) -> None:
    run = create(worker, "公司总数是多少", user_id="bert", **DATABASE)
    whole = watch(other_worker, run)
    for position, (identifier, _event) in enumerate(whole[:-1]):
        assert watch(other_worker, run, after=identifier) == whole[position + 1 :]
    assert watch(worker, run) == whole
    assert watch(worker, run, after=whole[-1][0]) == []


def test_other_worker_sees_events_as_they_come(
    worker: Service, other_worker: Service, slow_model: ScriptedModelServer
) -> None:
    call = HangingCall(slow_model)
    run = create(worker, "公司总数是多少", user_id="carl", **DATABASE)
    with other_worker.client.stream("GET", run["events_url"]) as stream:
        lines = stream.iter_lines()
        assert json.loads(next(line for line in lines if line.startswith("data: "))[6:])["data"]["type"] == "progress"
        eventually(call.has_come)
        assert other_worker.client.post(f"{RUNS}/{run['run_id']}/stop").status_code == 200
        rest = [json.loads(line[6:])["data"]["type"] for line in lines if line.startswith("data: ")]
    assert rest[-1:] == ["cancelled"]
    eventually(call.was_given_up)
    assert ended(worker, run)["state"] == "cancelled"


def test_stopping_cancels_the_statement(worker: Service, other_worker: Service, statements: Callable[[], int]) -> None:
    run = create(worker, "没完没了", user_id="dora", **DATABASE)
    eventually(statements)
    other_worker.client.post(f"{RUNS}/{run['run_id']}/stop")
    eventually(lambda: statements() == 0)
    assert ended(other_worker, run)["state"] == "cancelled"


def test_stopping_what_has_ended_changes_nothing(worker: Service) -> None:
    run = create(worker, "你好", user_id="emil", **CHAT)
    before = ended(worker, run)
    assert worker.client.post(f"{RUNS}/{run['run_id']}/stop").json()["data"] == before


def test_a_run_is_not_there_for_who_says_another_user(worker: Service) -> None:
    run = create(worker, "公司总数是多少", user_id="anna", **DATABASE)
    ended(worker, run)
    path = f"{RUNS}/{run['run_id']}"
    for method, place in (("GET", path), ("GET", f"{path}/events"), ("POST", f"{path}/stop")):
        other = worker.client.request(method, place, params={"user_id": "mallory"})
        assert (other.status_code, other.json()["data"]["error_type"]) == (404, "resource_not_found"), place
        assert worker.client.request(method, place, params={"user_id": "anna"}).status_code == 200
    stream = worker.client.get(
        "/api/v0/ask_agent_stream",
        params={"question": "公司总数是多少", "user_id": "mallory", **DATABASE},
        headers={"Last-Event-ID": f"{run['run_id']}:1"},
    )
    assert run["run_id"] not in stream.text


def test_text_is_told_as_it_is_written(worker: Service, model: ScriptedModelServer) -> None:
    model.add_rule("今天天气很好，适合出门走走，看看远处的山。", kind="chat", contains="天气")
    run = create(worker, "天气怎么样", user_id="fay", **CHAT)
    ended(worker, run)
    events = watch(worker, run, tokens="1")
    text = "".join(event["data"]["text"] for _, event in events if event["data"]["type"] == "text")
    assert text == events[-1][1]["data"]["response"] == "今天天气很好，适合出门走走，看看远处的山。"
    assert "text" not in kinds(watch(worker, run))


def test_repeated_request_with_a_key_is_one_run(worker: Service, other_worker: Service) -> None:
    body = {"question": "你好", "user_id": "gus", **CHAT}
    first = worker.client.post(RUNS, json=body, headers={"Idempotency-Key": "a-key"})
    again = other_worker.client.post(RUNS, json={**body, "idempotency_key": "a-key"})
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json()["data"]["run_id"] == again.json()["data"]["run_id"]
    other = worker.client.post(RUNS, json={**body, "question": "别的"}, headers={"Idempotency-Key": "a-key"})
    assert (other.status_code, other.json()["data"]["error_type"]) == (422, "invalid_params")
    stranger = worker.client.post(RUNS, json={**body, "user_id": "hal"}, headers={"Idempotency-Key": "a-key"})
    assert stranger.status_code == 202
    for made in (first, stranger):
        ended(worker, made.json()["data"])


def test_busy_conversation(worker: Service, other_worker: Service, slow_model: ScriptedModelServer) -> None:
    call = HangingCall(slow_model)
    first = create(worker, "你好", user_id="ida", **CHAT)
    thread = {"user_id": "ida", "thread_id": first["thread_id"], **CHAT}
    eventually(call.has_come)
    refused = other_worker.client.post(RUNS, json={"question": "二", "when_busy": "reject", **thread})
    assert (refused.status_code, refused.json()["data"]["error_type"]) == (409, "conflict")
    second = create(other_worker, "二", **thread)
    assert (state(other_worker, second)["state"], state(other_worker, second)["position"]) == ("queued", 1)
    assert second["conversation_id"] == first["conversation_id"]
    worker.client.post(f"{RUNS}/{first['run_id']}/stop")
    assert ended(worker, second)["state"] == "completed"
    questions = [m["content"] for m in worker.stored_messages(first["conversation_id"]) if m["role"] == "user"]
    assert questions == ["你好", "二"]


def test_new_question_may_interrupt(worker: Service, other_worker: Service, slow_model: ScriptedModelServer) -> None:
    call = HangingCall(slow_model)
    first = create(worker, "你好", user_id="jan", **CHAT)
    eventually(call.has_come)
    second = create(other_worker, "算了", user_id="jan", thread_id=first["thread_id"], when_busy="interrupt", **CHAT)
    assert ended(worker, first)["result"]["data"]["error_type"] == "run_interrupted"
    assert ended(worker, second)["state"] == "completed"


def test_cap_is_each_users_and_not_the_shared_ones(worker: Service, slow_model: ScriptedModelServer) -> None:
    slow_model.delay_seconds = 30.0
    runs = [create(worker, "你好", user_id="kim", **CHAT) for _ in range(2)]
    refused = worker.client.post(RUNS, json={"question": "你好", "user_id": "kim"})
    assert (refused.status_code, refused.json()["data"]["error_type"]) == (429, "too_many_runs")
    assert int(refused.headers["retry-after"]) > 0
    runs += [create(worker, "你好", user_id="lea", **CHAT), *(create(worker, "你好", **CHAT) for _ in range(3))]
    for run in runs:
        worker.client.post(f"{RUNS}/{run['run_id']}/stop")
    assert {ended(worker, run)["state"] for run in runs} == {"cancelled"}
    slow_model.delay_seconds = 0.0
    assert ended(worker, create(worker, "你好", user_id="kim", **CHAT))["state"] == "completed"


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({}, "question"),
        ({"question": ["x"]}, "question"),
        ({"question": "q", "engine": "none"}, "engine"),
        ({"question": "q", "engine": {}}, "engine"),
        ({"question": "q", "when_busy": "perhaps"}, "when_busy"),
        ({"question": "q", "on_disconnect": 7}, "on_disconnect"),
        ({"question": "q", "idempotency_key": "a b"}, "idempotency_key"),
        ({"question": "q", "routing_mode": "sideways"}, "routing_mode"),
        ({"question": "q", "thread_id": ["x"]}, "thread_id"),
    ],
)
def test_wrong_parameter_is_named(worker: Service, body: dict[str, object], name: str) -> None:
    answer = worker.client.post(RUNS, json=body)
    assert answer.status_code == 400
    assert name in [*answer.json().get("missing_params", ()), *answer.json().get("invalid_params", ())]


@pytest.mark.parametrize("run_id", ["none", "x" * 32, "a" * 31 + "*", "x" * 500])
@pytest.mark.parametrize("path", ["", "/events", "/stop"])
def test_run_nobody_was_told_of_is_not_found(worker: Service, run_id: str, path: str) -> None:
    method = "POST" if path == "/stop" else "GET"
    answer = worker.client.request(method, f"{RUNS}/{run_id}{path}")
    assert (answer.status_code, answer.json()["data"]["error_type"]) == (404, "resource_not_found")


@pytest.mark.parametrize("run_id", ["x" * 4000, "%00" * 32])
def test_what_can_be_no_run_id_is_refused(worker: Service, run_id: str) -> None:
    answer = worker.client.get(f"{RUNS}/{run_id}")
    assert (answer.status_code, answer.json()["data"]["error_type"]) == (400, "invalid_params")


@pytest.mark.parametrize("identifier", ["-1", "abc", "1-0", "9" * 40, "1.5"])
def test_wrong_last_event_id_is_refused(worker: Service, identifier: str) -> None:
    run = create(worker, "你好", **CHAT)
    ended(worker, run)
    answer = worker.client.get(run["events_url"], headers={"Last-Event-ID": identifier})
    assert (answer.status_code, answer.json()["data"]["error_type"]) == (400, "invalid_params")


def test_question_without_valid_sql_completes_as_no_success(worker: Service, model: ScriptedModelServer) -> None:
    model.add_rule("DELETE FROM bss_company;", kind="write_sql", contains="删掉")
    found = ended(worker, create(worker, "删掉公司", user_id="max", **DATABASE))
    result = found["result"]
    assert (found["state"], result["success"], result["code"]) == ("completed", False, 422)
    assert result["data"]["validation_error_type"] == "forbidden_keywords"


def test_failed_model_call_fails_the_run(worker: Service, model: ScriptedModelServer) -> None:
    model.queue_fault(Fault("status", 500))
    found = ended(worker, create(worker, "你好", user_id="nora", **CHAT))
    assert (found["state"], found["result"]["data"]["error_type"]) == ("failed", "model_unavailable")


def test_two_watchers_see_the_same(worker: Service, model: ScriptedModelServer) -> None:
    model.delay_seconds = 0.2
    run = create(worker, "公司总数是多少", user_id="olga", **DATABASE)
    seen: list[list[tuple[str, dict[str, Any]]]] = []
    threads = [threading.Thread(target=lambda: seen.append(watch(worker, run))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    model.delay_seconds = 0.0
    assert seen[0] == seen[1] == watch(worker, run)
    assert kinds(seen[0]).count("completed") == 1


def test_run_goes_on_without_its_watcher_or_ends_with_it(worker: Service, slow_model: ScriptedModelServer) -> None:
    def leave(**query: str) -> str:
        call = HangingCall(slow_model)
        wanted = {"question": "你好", "user_id": "pam", **CHAT, **query}
        with worker.client.stream("GET", "/api/v0/ask_agent_stream", params=wanted) as stream:
            lines = stream.iter_lines()  # held, since the connection goes with the iterator
            line = next(line for line in lines if line.startswith("id: "))
            eventually(call.has_come)
        return line[4:].rpartition(":")[0]

    cancelled = {"run_id": leave(on_disconnect="cancel")}
    assert ended(worker, cancelled)["state"] == "cancelled"
    lasting = {"run_id": leave()}
    assert state(worker, lasting)["state"] == "running"
    with httpx.Client(base_url=worker.client.base_url, trust_env=False) as client:
        client.post(f"{RUNS}/{lasting['run_id']}/stop")
    assert ended(worker, lasting)["state"] == "cancelled"
