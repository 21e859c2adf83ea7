"""The ReAct agent over HTTP: the envelope, the thread, its history, and what a broken model or caller makes of it."""

import concurrent.futures
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from common.answering import EngineEvent, NodeFinished, Question, TextWritten
from common.cancellation import CancelFlag
from core.async_bridge import CallerLeftError, run_in_request_loop
from tests.contract.conftest import Start
from tests.contract.service_in_process import Service
from tools.harness.model_faults import FIGURE_38, Fault
from tools.harness.model_script import ScriptedReply, ToolCall
from tools.harness.model_server import ScriptedModelServer
from tools.harness.react_script import ReactScript, query, tool

ALL = "SELECT company_name FROM bss_company ORDER BY id"
NUMBERS = "SELECT company_name, id AS 编号 FROM bss_company ORDER BY id"
DIVIDED = "SELECT 1 / (id - id) AS n FROM bss_company"
PLANS = {
    "所有公司": query(ALL),
    "编号": query(NUMBERS),
    "加起来": [tool("previous_result", operation="sum", column="编号"), lambda outputs: ScriptedReply(outputs[-1])],
    "除零": query(DIVIDED),
    "偷偷删除": [tool("run_sql", sql="DELETE FROM bss_company"), ScriptedReply("做不到。")],
    "两条语句": [tool("run_sql", sql="SELECT 1; DROP TABLE bss_company"), ScriptedReply("做不到。")],
    "没有的工具": [tool("drop_everything"), ScriptedReply("没有这个工具。")],
    "参数不对": [tool("run_sql", sq="x"), ScriptedReply("参数不对。")],
    "没完没了": [tool("list_tables")],
    "有哪些表": [tool("list_tables"), lambda outputs: ScriptedReply(outputs[-1])],
    "看看表": [
        tool("describe_table", table="bss_company"),
        tool("sample_values", table="bss_company"),
        tool("distinct_values", table="bss_company", column="company_name"),
        tool("distinct_values", table="bss_company", column='x" FROM pg_shadow --'),
        lambda outputs: ScriptedReply("\n".join(outputs)),
    ],
    "很多调用": [
        ScriptedReply(tool_calls=tuple(ToolCall("list_tables", "{}") for _ in range(40))),
        lambda outputs: ScriptedReply(f"{len(outputs)} 个回答"),
    ],
    "利润预测": [tool("generate_sql", question="?"), ScriptedReply("凭常识回答。")],
}
SQL = {"所有公司": ALL, "编号": NUMBERS, "除零": DIVIDED}


@pytest.fixture(scope="module")
def model() -> Iterator[ScriptedModelServer]:
    with ScriptedModelServer(script=ReactScript(PLANS, SQL)) as server:
        yield server


@pytest.fixture(scope="module")
def service(start: Start, small_business_url: str, model: ScriptedModelServer) -> Iterator[Service]:
    settings = {
        "REACT_RECURSION_LIMIT": "30",
        "LLM_TIMEOUT": "4",
        "LLM_ATTEMPT_TIMEOUT": "2",
        "LLM_BREAKER_FAILURES": "0",
    }
    with start(small_business_url, model, **settings) as running:
        yield running


def ask(service: Service, question: object, **members: object) -> httpx.Response:
    return service.client.post("/api/v0/ask_react_agent", json={"question": question, **members})


def asked(service: Service, question: str, **members: object) -> dict[str, Any]:
    response = ask(service, question, **members)
    assert response.status_code == 200, response.text
    data: dict[str, Any] = response.json()["data"]
    return data


def get(service: Service, path: str, **query: str) -> httpx.Response:
    return service.client.get(path, params=query)


def test_question_is_answered_with_sql_rows_and_its_origin(service: Service) -> None:
    response = ask(service, "列出所有公司", user_id="rita")
    body = response.json()
    assert (response.status_code, body["code"], body["message"], body["success"]) == (200, 200, "处理成功", True)
    data = body["data"]
    assert data["response"] == "共 3 行。"
    assert data["sql"] == ALL
    assert data["records"]["columns"] == ["company_name"]
    assert (data["records"]["total_row_count"], data["records"]["is_limited"]) == (3, False)
    assert "row_count" not in data["records"]
    assert data["user_id"] == "rita"
    assert data["react_agent_meta"]["tools_used"] == ["generate_sql", "valid_sql", "run_sql"]
    assert data["react_agent_meta"]["total_messages"] == 8
    assert data["provenance"]["model"] == "scripted"


def test_a_plain_answer_costs_one_model_call(service: Service, model: ScriptedModelServer) -> None:
    before = len(model.calls)
    assert asked(service, "你好")["response"] == "你说：你好"
    assert [call.kind for call in model.calls[before:]] == ["react"]


def test_two_turns_of_a_thread_remember_each_other(service: Service, model: ScriptedModelServer) -> None:
    first = asked(service, "每家公司的编号", user_id="tom")
    second = asked(service, "加起来是多少", thread_id=first["conversation_id"])
    assert second["response"] == '{"编号": 3}'
    assert second["sql"] == NUMBERS
    third = asked(service, "再列出所有公司", conversation_id=first["conversation_id"])
    assert third["user_id"] == "tom"
    meta = third["react_agent_meta"]
    assert (meta["conversation_rounds"], meta["context_injected"]) == (3, True)
    written = next(call for call in reversed(model.calls) if call.kind == "write_sql")
    assert "每家公司的编号" in written.last_user_text
    assert "再列出所有公司" in written.question


def test_users_do_not_see_each_others_threads(service: Service) -> None:
    thread = asked(service, "你好", user_id="owner")["conversation_id"]
    response = ask(service, "你好", user_id="thief", thread_id=thread)
    assert response.status_code == 400
    assert response.json()["error"] == f"会话归属验证失败：会话ID [{thread}] 不属于当前用户 [thief]"


@pytest.mark.parametrize("user", ["*", "a?c", "[ow]ner", "o\\wner", "%", "_"])
def test_glob_characters_in_ids_are_data(service: Service, user: str) -> None:
    asked(service, "你好", user_id="plain-owner")
    thread = asked(service, "你好", user_id=user)["conversation_id"]
    listed = service.client.get(f"/api/v0/react/direct/users/{quote(user, safe='')}/conversations").json()["data"]
    assert [item["conversation_id"] for item in listed["conversations"]] == [thread]
    counted = get(service, "/api/v0/checkpoint/direct/stats", user_id=user).json()["data"]
    assert [entry["thread_id"] for entry in counted["threads"]] == [thread]


def test_no_sql_is_said_with_its_reason_first(service: Service) -> None:
    data = asked(service, "公司利润预测")
    assert data["response"] == "没有相关的表。\n\n凭常识回答。"
    assert "sql" not in data


def test_query_that_fails_is_an_error_and_never_summarised(service: Service) -> None:
    response = ask(service, "除零", user_id="u")
    body = response.json()
    assert (response.status_code, body["message"]) == (500, "处理失败")
    assert body["error"] == "SQL执行失败：division by zero"
    assert body["retry_suggested"] is False
    assert body["data"]["sql"] == DIVIDED


@pytest.mark.parametrize("question", ["偷偷删除", "两条语句"])
def test_hostile_sql_of_the_model_changes_nothing(service: Service, question: str) -> None:
    assert asked(service, question)["response"] == "做不到。"
    assert asked(service, "列出所有公司")["records"]["total_row_count"] == 3


@pytest.mark.parametrize(("question", "answer"), [("没有的工具", "没有这个工具。"), ("参数不对", "参数不对。")])
def test_model_that_asks_wrongly_is_told_and_goes_on(service: Service, question: str, answer: str) -> None:
    assert asked(service, question)["response"] == answer


def test_schema_is_shown_within_the_guard(service: Service) -> None:
    assert "bss_company" in asked(service, "有哪些表")["response"]
    seen = asked(service, "看看表")["response"]
    assert "company_name text" in seen
    assert "宜春分公司" in seen
    assert "没有字段" in seen


def test_many_calls_at_once_are_bounded(service: Service) -> None:
    assert asked(service, "很多调用")["response"] == "16 个回答"


def test_endless_tool_loop_ends_in_an_error(service: Service) -> None:
    response = ask(service, "没完没了", user_id="loop")
    body = response.json()
    assert (response.status_code, body["message"], body["data"]["user_id"]) == (500, "处理失败", "loop")
    assert "30 个步骤" in body["error"]
    thread = body["data"]["conversation_id"]
    assert asked(service, "你好", thread_id=thread)["response"] == "你说：你好"


@pytest.mark.parametrize("name", [name for name in FIGURE_38 if name not in ("hang", "slow drip", "wrong reply")])
def test_failing_model_is_an_error_and_leaves_the_thread_whole(
    service: Service, model: ScriptedModelServer, name: str
) -> None:
    thread = asked(service, "列出所有公司", user_id="chaos")["conversation_id"]
    model.queue_fault(FIGURE_38[name])
    response = ask(service, "列出所有公司", thread_id=thread)
    body = response.json()
    assert (response.status_code, body["message"]) == (503, "服务暂时不可用，请稍后重试"), body
    assert body["retry_suggested"] is True
    assert "secret" not in response.text
    assert asked(service, "列出所有公司", thread_id=thread)["records"]["total_row_count"] == 3


def test_hanging_model_ends_within_its_time(service: Service, model: ScriptedModelServer) -> None:
    model.queue_fault(Fault("hang"))
    assert ask(service, "你好").status_code == 503


@pytest.mark.parametrize(
    ("body", "message", "error"),
    [
        (b"{", "请求格式错误", "无效的JSON格式，请检查请求体中是否存在语法错误（如多余的逗号、引号不匹配等）"),
        (b"{}", "请求参数错误", "请求体不能为空"),
        (b'{"question": " "}', "参数验证失败", "问题不能为空"),
        (b'{"question": ["x"]}', "参数验证失败", "参数 question 必须是字符串，不能包含无法处理的字符"),
    ],
)
def test_bad_requests(service: Service, body: bytes, message: str, error: str) -> None:
    response = service.client.post("/api/v0/ask_react_agent", content=body)
    answered = response.json()
    assert (response.status_code, answered["code"], answered["message"]) == (400, 400, message)
    assert answered["error"] == answered["data"]["response"] == error


def test_status_and_history_of_a_thread(service: Service) -> None:
    thread = asked(service, "列出所有公司", user_id="hist")["conversation_id"]
    for path in ("status", "direct/status"):
        status = get(service, f"/api/v0/react/{path}/{thread}").json()
        assert (status["message"], status["data"]["status"], status["data"]["icon"]) == (
            "获取状态成功",
            "completed",
            "✅",
        )
    spoken = get(service, f"/api/v0/react/conversations/{thread}").json()["data"]
    assert [message["role"] for message in spoken["messages"]] == ["human", "ai"]
    assert spoken["total_checkpoints"] == 17
    everything = get(service, f"/api/v0/react/conversations/{thread}", include_tools="TRUE").json()["data"]
    assert everything["message_count"] == 8
    times = [message["timestamp"] for message in everything["messages"]]
    assert times == sorted(times)
    assert len(times[0]) == 23


def test_details_compare_and_summary(service: Service) -> None:
    thread = asked(service, "列出所有公司", user_id="det")["conversation_id"]
    full = get(service, f"/api/v0/react/direct/conversations/{thread}", include_tools="true").json()
    assert full["data"]["response"] == "获取对话详情成功 (完整模式)"
    assert full["data"]["stats"] == {
        "total_messages": 8,
        "human_messages": 1,
        "ai_messages": 4,
        "conversation_rounds": 1,
        "include_tools_mode": True,
        "tool_messages": 3,
        "system_messages": 0,
        "messages_with_tools": 3,
        "unique_tools_used": ["generate_sql", "valid_sql", "run_sql"],
    }
    simple = get(service, f"/api/v0/react/direct/conversations/{thread}").json()["data"]
    assert [message["role"] for message in simple["messages"]] == ["human", "ai"]
    assert simple["messages"][1]["simplified"] is True
    compared = get(service, f"/api/v0/react/direct/conversations/{thread}/compare").json()["data"]
    assert compared["comparison_summary"]["message_count_difference"] == 6
    assert compared["comparison_summary"]["filtering_effectiveness"] == "有效"
    summary = get(service, f"/api/v0/react/direct/conversations/{thread}/summary").json()["data"]
    assert (summary["first_message_preview"], summary["last_message_preview"]) == ("列出所有公司", "共 3 行。")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/v0/react/status/nobody:1", 404, 404),
        ("/api/v0/react/direct/status/nobody:1", 404, 404),
        ("/api/v0/react/conversations/nobody:1", 404, 404),
        ("/api/v0/react/direct/conversations/nobody:1", 404, 404),
        ("/api/v0/react/direct/conversations/nobody:1/summary", 404, 404),
        ("/api/v0/react/direct/conversations/nobody:1/compare", 404, None),
        ("/api/v0/react/direct/conversations/no-colon", 400, None),
        ("/api/v0/react/direct/conversations/no-colon/summary", 400, 400),
        ("/api/v0/react/direct/conversations/a:1?user_id=b", 400, 400),
        ("/api/v0/react/status/a%00b:1", 400, 400),
        ("/api/v0/checkpoint/direct/stats?user_id=nobody", 404, 404),
    ],
)
def test_what_is_not_there(service: Service, path: str, status: int, code: int | None) -> None:
    response = service.client.get(path)
    assert response.status_code == status
    assert response.json().get("code") == code
    assert response.json()["success"] is False


def test_list_of_threads_is_bounded_and_newest_first(service: Service) -> None:
    threads = [asked(service, f"第{number}个", user_id="lister")["conversation_id"] for number in range(3)]
    for limit, shown in (("2", 2), ("0", 1), ("x", 3), ("9" * 40, 3)):
        listed = get(service, "/api/v0/react/users/lister/conversations", limit=limit).json()["data"]
        assert [item["thread_id"] for item in listed["conversations"]] == list(reversed(threads))[:shown]
    assert listed["conversations"][0]["conversation_title"] == "第2个"


def test_clean_up_leaves_the_newest_and_the_thread_goes_on(service: Service) -> None:
    thread = asked(service, "列出所有公司", user_id="clean")["conversation_id"]
    before = get(service, f"/api/v0/react/conversations/{thread}", include_tools="true").json()["data"]["messages"]
    response = service.client.post("/api/v0/checkpoint/direct/cleanup", json={"thread_id": thread, "keep_count": 2})
    data = response.json()["data"]
    assert (data["operation_type"], data["total_deleted"]) == ("cleanup_thread", 15)
    assert data["details"][thread] == {
        "original_count": 17,
        "deleted_count": 15,
        "remaining_count": 2,
        "status": "success",
    }
    after = get(service, f"/api/v0/react/conversations/{thread}", include_tools="true").json()["data"]["messages"]
    assert after == before
    assert asked(service, "再列出所有公司", thread_id=thread)["react_agent_meta"]["conversation_rounds"] == 2


@pytest.mark.parametrize(
    "body", [{"keep_count": 0}, {"keep_count": "3"}, {"keep_count": None}, {"thread_id": "x"}, {"user_id": []}, []]
)
def test_clean_up_refuses_wrong_parameters(service: Service, body: object) -> None:
    assert service.client.post("/api/v0/checkpoint/direct/cleanup", json=body).status_code == 400


def test_store_is_shown_in_health_and_to_admins(service: Service) -> None:
    asked(service, "你好", user_id="shown")
    health = get(service, "/health").json()
    assert (health["components"]["react_agent"], health["components"]["checkpoints"]) == ("healthy", "healthy")
    assert health["react_agent_initialized"] is True
    assert health["details"]["checkpoints"] == "postgresql"
    seen = get(service, "/api/test/redis").json()["data"]
    assert seen["redis_connected"] is True
    assert "shown" in seen["users_found"]


def test_second_question_in_a_busy_thread_waits_for_the_first(service: Service, model: ScriptedModelServer) -> None:
    model.delay_seconds = 0.05
    try:
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda _: asked(service, "列出所有公司", thread_id="guest:busy"), range(4)))
    finally:
        model.delay_seconds = 0.0
    rounds = sorted(answer["react_agent_meta"]["conversation_rounds"] for answer in answers)
    assert rounds == [1, 2, 3, 4]
    assert {answer["records"]["total_row_count"] for answer in answers} == {3}


def test_no_event_loop_outlives_its_question(service: Service, model: ScriptedModelServer) -> None:
    """Sequential, parallel, cancelled, then again: nobody meets another's loop."""
    for _ in range(5):
        asked(service, "列出所有公司")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert len(list(pool.map(lambda _: asked(service, "列出所有公司"), range(16)))) == 16
    model.delay_seconds = 0.3
    try:
        with concurrent.futures.ThreadPoolExecutor(5) as pool:
            assert list(pool.map(lambda number: cancelled(service, f"gone:{number}"), range(5))) == [True] * 5
    finally:
        model.delay_seconds = 0.0
    for number in range(5):
        data = asked(service, "列出所有公司", thread_id=f"gone:{number}", user_id="gone")
        assert data["records"]["total_row_count"] == 3


def cancelled(service: Service, thread_id: str) -> bool:
    """Whether a question whose caller leaves ends as such."""
    agent = service.container.react.agent()
    question = Question("列出所有公司", "default", "gone", thread_id)
    leaving = CancelFlag()
    timer = threading.Timer(0.45, leaving.set)
    timer.start()
    try:
        run_in_request_loop(lambda: agent.answer(question), timeout_seconds=20, cancel=leaving)
    except CallerLeftError:
        return True
    finally:
        timer.cancel()
    return False


def test_steps_and_text_are_told_to_the_watcher(service: Service) -> None:
    agent = service.container.react.agent()
    told: list[EngineEvent] = []
    question = Question("公司利润预测", "default", "w", "w:1", wants_tokens=True)
    answer = run_in_request_loop(lambda: agent.answer(question, told.append), timeout_seconds=20)
    steps = [(event.node, event.findings.get("tool_name")) for event in told if isinstance(event, NodeFinished)]
    assert steps == [
        ("trim_messages", None),
        ("agent", "generate_sql"),
        ("prepare_tool_input", "generate_sql"),
        ("tools", "generate_sql"),
        ("update_state_after_tool", None),
        ("agent", None),
        ("format_final_response", None),
    ]
    assert {event.findings["thread_id"] for event in told if isinstance(event, NodeFinished)} == {"w:1"}
    assert "".join(event.text for event in told if isinstance(event, TextWritten)) == answer.response


def test_tenants_keep_their_threads_apart(service: Service) -> None:
    agent = service.container.react.agent()
    for tenant in ("default", "acme"):
        run_in_request_loop(
            lambda tenant=tenant: agent.answer(Question("你好", tenant, "t", "t:1")), timeout_seconds=20
        )
    seen = get(service, "/api/v0/react/direct/users/t/conversations").json()["data"]["conversations"]
    assert [(item["thread_id"], item["message_count"]) for item in seen] == [("t:1", 2)]


def test_process_question_answers_as_the_guide_has_it(service: Service) -> None:
    agent = service.container.react.agent()
    found = run_in_request_loop(lambda: agent.process_question("列出所有公司", user_id="guide"), timeout_seconds=20)
    assert (found["success"], found["answer"], found["sql"]) == (True, "共 3 行。", ALL)
    failed = run_in_request_loop(lambda: agent.process_question("除零", thread_id="guide:9"), timeout_seconds=20)
    assert (failed["success"], failed["thread_id"], failed["user_id"]) == (False, "guide:9", "guide")


def test_time_is_no_longer_than_the_limit(service: Service, model: ScriptedModelServer) -> None:
    """A question that takes too long is a 503, and what it had begun does not hold up the thread."""
    model.delay_seconds = 1.2
    started = time.monotonic()
    try:
        agent = service.container.react.agent()
        with pytest.raises(TimeoutError):
            run_in_request_loop(
                lambda: agent.answer(Question("列出所有公司", "default", "slow", "slow:1")), timeout_seconds=0.5
            )
    finally:
        model.delay_seconds = 0.0
    assert time.monotonic() - started < 10
    assert asked(service, "列出所有公司", thread_id="slow:1", user_id="slow")["records"]["total_row_count"] == 3
