"""The chat service: `/chat` and `/redis/direct` on the unified entry, with a model that calls tools.

The asynchronous classes under it are used from two event loops, one after the other and in parallel threads.
"""

import concurrent.futures
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from common.errors import SqlRefusedError
from core.async_bridge import run_in_request_loop
from react_agent.async_resources import AsyncResourceManager
from tests.contract.conftest import Start
from tests.contract.service_in_process import Service
from tools.harness.model_faults import FIGURE_38
from tools.harness.model_script import ScriptedReply, ToolCall
from tools.harness.model_server import ScriptedModelServer
from tools.harness.react_script import ReactScript, query, tool

pytestmark = pytest.mark.entries("unified")

ALL = "SELECT company_name FROM bss_company ORDER BY id"
LONG, MEGABYTE = "long " * 180_000, "long " * 210_000
PLANS = {
    "所有公司": query(ALL),
    "没完没了": [tool("list_tables")],
    "没有的工具": [tool("drop_everything"), ScriptedReply("没有这个工具。")],
    "坏掉的参数": [ScriptedReply(tool_calls=(ToolCall("run_sql", '{"sql": '),))],
    "一兆": [ScriptedReply(MEGABYTE)],
    "很长": [ScriptedReply(LONG)],
    "上次": [tool("redis_search", query="公司名单"), lambda outputs: ScriptedReply(outputs[-1])],
}


@pytest.fixture(scope="module")
def model() -> Iterator[ScriptedModelServer]:
    with ScriptedModelServer(script=ReactScript(PLANS, {"所有公司": ALL})) as server:
        yield server


@pytest.fixture(scope="module")
def service(start: Start, small_business_url: str, model: ScriptedModelServer) -> Iterator[Service]:
    settings = {
        "LLM_TIMEOUT": "4",
        "LLM_ATTEMPT_TIMEOUT": "1",
        "LLM_BREAKER_FAILURES": "0",
        "LLM_MAX_CALLS": "3",
        "REACT_REDIS_DIRECT": "true",
    }
    with start(small_business_url, model, **settings) as running:
        yield running


def post(service: Service, message: object, **members: object) -> httpx.Response:
    return service.client.post("/chat", json={"message": message, **members})


def said(service: Service, message: str, **members: object) -> dict[str, Any]:
    response = post(service, message, **members)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    assert body["status"] == "success"
    return body


def test_a_plain_answer_costs_one_model_call(service: Service, model: ScriptedModelServer) -> None:
    before = len(model.calls)
    body = said(service, "你好", thread_id="t1")
    assert (body["response"], body["thread_id"], body["iterations"]) == ("你说：你好", "t1", 1)
    assert len(model.calls) == before + 1


def test_turns_remember_each_other_and_tools_are_usable_on_the_second(
    service: Service, model: ScriptedModelServer
) -> None:
    said(service, "你好，我是小王", thread_id="t2")
    assert said(service, "所有公司", thread_id="t2") == {
        "status": "success",
        "response": "共 3 行。",
        "thread_id": "t2",
        "iterations": 4,
    }
    told = [message["content"] for message in model.calls[-1].messages]
    assert "你好，我是小王" in told
    assert said(service, "所有公司", thread_id="t2")["response"] == "共 3 行。"


def test_without_a_thread_a_new_one_begins(service: Service) -> None:
    first, second = said(service, "你好")["thread_id"], said(service, "你好")["thread_id"]
    assert first != second
    assert first.startswith("guest:")
    assert said(service, "你好", thread_id=first)["thread_id"] == first
    assert said(service, "你好", thread_id=42, user_id=7)["thread_id"] == "42"


def test_threads_of_the_same_name_belong_to_their_users(service: Service, model: ScriptedModelServer) -> None:
    said(service, "安娜的秘密", thread_id="same", user_id="anna")
    said(service, "你好", thread_id="same", user_id="bert")
    assert "安娜的秘密" not in str(model.calls[-1].messages)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"[1]", b"{}", b'{"message": ""}', b'{"message": ["x"]}', b'{"message": "x", "thread_id": {}}',
     b'{"message": "a\\u0000b"}', b'{"message": "x", "thread_id": "a\\u0000"}', b'{"message": "x", "user_id": "a:b"}',
     b'{"message": "x", "user_id": "anna", "thread_id": "bert:1"}', b'{"message": "%s"}' % (b"x" * 3000)],
)  # fmt: skip
def test_bad_requests_are_told_without_the_envelope(service: Service, body: bytes) -> None:
    response = service.client.post("/chat", content=body)
    answered = response.json()
    assert (response.status_code, answered["status"]) == (400, "error")
    assert answered["message"]
    assert answered["error_type"]


CHAOS = {
    "429 with Retry-After once": ("429 with Retry-After", 1, 200),
    "500 twice": ("500", 2, 200),
    "500 for good": ("500", 3, 503),
    "time-out once": ("hang", 1, 200),
    "time-out for good": ("hang", 3, 503),
    "broken after the first token": ("RST mid-stream", 3, 503),
    "cut tool call": ("truncated tool call", 3, 503),
    "5 MB": ("5 MB answer", 3, 503),
}


@pytest.mark.parametrize("name", CHAOS)
def test_a_broken_model_ends_in_an_error_or_a_right_answer(
    service: Service, model: ScriptedModelServer, name: str
) -> None:
    fault, times, status = CHAOS[name]
    model.queue_fault(FIGURE_38[fault], times)
    thread = f"chaos {name}"
    response = post(service, "所有公司", thread_id=thread)
    assert response.status_code == status, response.text
    body = response.json()
    assert body.get("response", "共 3 行。") == "共 3 行。"
    assert status == 200 or (body["status"], body["error_type"]) == ("error", "model_unavailable")
    assert said(service, "所有公司", thread_id=thread)["response"] == "共 3 行。"


@pytest.mark.parametrize(
    ("question", "status", "text"),
    [
        ("没有的工具", 200, "没有这个工具。"),
        ("坏掉的参数", 503, ""),
        ("没完没了", 500, "24 个步骤"),
        ("很长", 200, LONG),
        ("一兆", 503, ""),
    ],
)
def test_a_model_that_misbehaves(service: Service, question: str, status: int, text: str) -> None:
    response = post(service, question)
    body = response.json()
    assert response.status_code == status, body
    assert text.strip() in body["response" if status == 200 else "message"]


def test_earlier_conversations_are_the_users_own(service: Service) -> None:
    said(service, "给我公司名单", user_id="carl", thread_id="old")
    said(service, "给我公司名单", user_id="dora", thread_id="old")
    said(service, "给我公司名单", thread_id="of nobody in particular")
    found = said(service, "我上次问了什么", user_id="carl", thread_id="new")["response"]
    assert found == '[{"question": "给我公司名单", "answer": "你说：给我公司名单"}]'
    assert said(service, "我上次问了什么", user_id="carla", thread_id="new")["response"] == "没有找到相关的历史对话"
    assert said(service, "我上次问了什么", thread_id="another")["response"] == "没有找到相关的历史对话"


def test_redis_direct_sets_and_gets_under_its_own_prefix(service: Service) -> None:
    def direct(**members: object) -> httpx.Response:
        return service.client.post("/redis/direct", json=members)

    commands = service.container.shared.redis.commands
    commands.set("test", "somebody else's")
    assert direct(operation="set", key="test", value={"a": ["值"]}, ttl=60).json() == {
        "status": "success",
        "message": "键已写入",
    }
    assert direct(operation="get", key="test").json() == {"status": "success", "value": {"a": ["值"]}}
    assert commands.get("test") == "somebody else's"
    assert 0 < int(commands.ttl("react:direct:test")) <= 60
    assert direct(operation="get", key="react:direct:test").json()["value"] is None
    assert direct(operation="delete", key="test").status_code == 200
    for wrong in ({"operation": "keys", "key": "*"}, {"operation": "set", "key": ""}, {"operation": "get", "key": []},
                  {"operation": ["set"], "key": "x"}, {"operation": "set", "key": "x", "ttl": 10**30},
                  {"operation": "set", "key": "x", "value": "x" * 70_000}):  # fmt: skip
        assert direct(**wrong).status_code == 400


def test_classes_serve_two_loops_in_turn_and_in_parallel(service: Service) -> None:
    resources: AsyncResourceManager = service.container.chat_resources

    async def everything(name: str) -> tuple[Any, ...]:
        async with resources.get_agent() as agent, agent.sql_tools.get_connection() as connection:
            redis = await resources.get_redis_api()
            await redis.batch_set({f"{name}*1": 1, f"{name}*2": {"b": 2}}, ttl=60)
            answer = await agent.process_message("所有公司", f"loops:{name}")
            return (
                answer["response"],
                await connection.fetchval(
                    "SELECT count(*) FROM bss_company WHERE id >= $1 AND company_name <> $2", 1, "'"
                ),
                await redis.get_all_data(f"{name}\\**"),
                (await agent.health_check())["status"],
                (await redis.health_check())["status"],
            )

    def in_a_loop(name: str) -> tuple[Any, ...]:
        return run_in_request_loop(lambda: everything(name), timeout_seconds=30)

    def expected(name: str) -> tuple[Any, ...]:
        return ("共 3 行。", 2, {f"{name}*1": 1, f"{name}*2": {"b": 2}}, "healthy", "healthy")

    assert in_a_loop("a") == expected("a")
    assert in_a_loop("b") == expected("b")
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        names = [f"p{number}" for number in range(6)]
        assert list(pool.map(in_a_loop, names)) == [expected(name) for name in names]
    run_in_request_loop(resources.cleanup, timeout_seconds=10)
    assert resources.agent is None
    assert in_a_loop("c") == expected("c")


def test_sql_tools_read_through_the_guard_and_change_own_tables_only(service: Service) -> None:
    async def used() -> int:
        async with service.container.chat_resources.get_agent() as agent:
            tools = agent.sql_tools
            for query in ("DELETE FROM bss_company", "SELECT pg_sleep(1)", "SELECT 1; SELECT 2"):
                with pytest.raises(SqlRefusedError):
                    await tools.execute_query(query)
            with pytest.raises(SqlRefusedError):
                await tools.execute_non_query("DELETE FROM bss_company WHERE id = $1", (1,))
            await agent.process_message("你好", "forget:1")
            changed = await tools.execute_non_query("DELETE FROM checkpoints WHERE thread_id = $1", ("forget:1",))
            return int(changed["rows_affected"])

    assert run_in_request_loop(used, timeout_seconds=20) > 0


def test_a_hundred_threads_at_once(service: Service) -> None:
    with concurrent.futures.ThreadPoolExecutor(25) as pool:
        answers = list(pool.map(lambda number: said(service, f"第{number}个", thread_id=f"load_{number}"), range(100)))
    assert [answer["response"] for answer in answers] == [f"你说：第{number}个" for number in range(100)]
