"""The historical event stream: its events, what is kept before the last one, its errors, and joining it again."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.conftest import Start
from tests.contract.service_in_process import Service
from tools.harness.model_faults import Fault
from tools.harness.model_server import ScriptedModelServer

STREAM = "/api/v0/ask_agent_stream"
COUNT = "SELECT COUNT(*) AS 公司总数 FROM bss_company;"
DATABASE = {"routing_mode": "database_direct"}
CHAT = {"routing_mode": "chat_direct"}


@pytest.fixture(scope="module")
def service(start: Start, small_business_url: str, model: ScriptedModelServer) -> Iterator[Service]:
    model.add_rule(COUNT, kind="write_sql", contains="公司总数")
    model.add_rule("SELECT 1/(id-id) AS x FROM bss_company", kind="write_sql", contains="除以零")
    settings = {"ENABLE_QUESTION_ANSWER_CACHE": "true", "SSE_HEARTBEAT_SECONDS": "0.2"}
    with start(small_business_url, model, **settings) as running:
        yield running


def lines(service: Service, last_event_id: str | None = None, **query: str) -> list[str]:
    headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
    answer = service.client.get(STREAM, params=query, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    return answer.text.splitlines()


def events(service: Service, **query: str) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in lines(service, **query) if line.startswith("data: ")]


def test_both_messages_are_kept_before_the_last_event(service: Service) -> None:
    query = {"question": "公司总数是多少", "user_id": "ada", **DATABASE}
    with service.client.stream("GET", STREAM, params=query) as stream:
        for line in stream.iter_lines():
            if '"completed"' in line:
                data = json.loads(line[6:])["data"]
                kept = service.stored_messages(data["conversation_id"])
    assert [message["role"] for message in kept] == ["user", "assistant"]
    assert kept[1]["metadata"]["classification_info"] == data["classification_info"]
    assert data["query_result"]["rows"] == [{"公司总数": 3}]


def test_first_comes_a_comment_and_json_is_raw_text(service: Service) -> None:
    found = lines(service, question="你好", **CHAT)
    assert found[0].startswith(":")
    assert any("正在执行: 思考回答" in line for line in found)
    assert not [line for line in found if line.partition(":")[0] not in ("", "id", "data")]


def test_answer_from_the_cache_is_one_event_in_its_own_conversation(service: Service) -> None:
    events(service, question="公司总数有几个", user_id="bob", **DATABASE)
    [completed] = events(service, question="公司总数有几个", user_id="bob", **DATABASE)
    conversation_id = completed["data"]["conversation_id"]
    assert completed["data"]["type"] == "completed"
    assert conversation_id.startswith("bob:")
    assert [message["role"] for message in service.stored_messages(conversation_id)] == ["user", "assistant"]


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ({}, "缺少必需参数：question"),
        ({"question": ""}, "缺少必需参数：question"),
        ({"question": "q", "routing_mode": "bogus"}, "无效的routing_mode参数值: bogus"),
        ({"question": "q", "user_id": "a:b"}, "用户ID不能包含冒号"),
    ],
)
def test_refusal_is_an_event(service: Service, query: dict[str, str], text: str) -> None:
    [error] = events(service, **query)
    assert (error["code"], error["success"], error["message"]) == (500, False, "处理失败")
    assert (error["data"]["type"], error["data"]["error"]) == ("error", text)


def test_database_error_is_told(service: Service) -> None:
    found = events(service, question="除以零", **DATABASE)
    assert [event["data"]["type"] for event in found] == ["progress", "progress", "error"]
    assert found[-1]["data"]["error"] == "SQL执行失败: division by zero"


def test_model_failure_is_an_error_and_no_answer(service: Service, model: ScriptedModelServer) -> None:
    model.queue_fault(Fault("status", 500))
    found = events(service, question="你好啊", **CHAT)
    assert (found[-1]["data"]["type"], found[-1]["data"]["error_type"]) == ("error", "model_unavailable")


def test_silence_is_filled_with_comments(service: Service, model: ScriptedModelServer) -> None:
    model.delay_seconds = 0.8
    found = lines(service, question="慢慢来", **CHAT)
    model.delay_seconds = 0.0
    assert ": waiting" in found


def test_lost_stream_is_joined_again_instead_of_asked_again(service: Service, model: ScriptedModelServer) -> None:
    query = {"question": "公司总数再来一次", "user_id": "cora", **DATABASE}
    first = lines(service, **query)
    calls = len(model.calls)
    ids = [line[4:] for line in first if line.startswith("id: ")]
    again = lines(service, ids[1], **query)
    assert [line for line in again if line.startswith("id: ")] == [f"id: {found}" for found in ids[2:]]
    assert len(model.calls) == calls


def test_id_of_nothing_we_know_asks_anew(service: Service) -> None:
    for identifier in ("17", f"{'x' * 32}:3", "a:b", "x" * 3000):
        assert any('"completed"' in line for line in lines(service, identifier, question="你好", **CHAT))
