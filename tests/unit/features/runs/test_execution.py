"""What each way to end means for a run's state and last event, and how both read on the historical streams."""

import json
import threading
from typing import Any

import pytest

from common.answering import NodeFinished, TextWritten
from common.caller import Caller, current_caller, working_for
from common.errors import (
    AnswerFailedError,
    AnswerStoppedError,
    AnswerTimedOutError,
    ModelUnavailableError,
    SqlExecutionError,
)
from common.result import success
from core.runs.live_run import LiveRun
from core.runs.record import RunEvent, RunRecord
from features.runs.engines import RunEngine, classic_progress
from features.runs.execution import RunExecution
from features.runs.react_engine import react_progress
from features.runs.streams import react_form, rendering
from web.error_envelopes import envelope_of

EXECUTION = RunExecution(envelope_of=envelope_of)
OPENED: Any = None


def live_run() -> LiveRun:
    record = RunRecord("r" * 32, "default", "ann", "ann:1", "classic", "q")
    return LiveRun(record, is_stored=False, on_news=lambda _live: None, render_text=lambda text: f'"{text}"')


def engine(answer: Any) -> RunEngine:
    return RunEngine("classic", lambda _wanted: "ann", lambda _wanted: OPENED, answer, classic_progress)


@pytest.mark.parametrize(
    ("error", "state", "error_type"),
    [
        (AnswerTimedOutError("t"), "timed_out", "service_unavailable"),
        (AnswerStoppedError("t"), "cancelled", "run_cancelled"),
        (AnswerFailedError("t"), "completed", "agent_processing_failed"),
        (AnswerFailedError("t", status=500), "failed", "agent_processing_failed"),
        (ModelUnavailableError("t"), "failed", "model_unavailable"),
        (SqlExecutionError("t"), "failed", "sql_execution_failed"),
        (ZeroDivisionError("secret"), "failed", "database_error"),
    ],
)
def test_error_decides_state_and_last_event(error: Exception, state: str, error_type: str) -> None:
    end = EXECUTION.crashed(live_run(), error)
    event = json.loads(end.body)
    assert (end.state, event["data"]["type"], event["data"]["error_type"]) == (state, state, error_type)
    assert event["success"] is False
    assert "secret" not in end.body


@pytest.mark.parametrize(
    ("reason", "state"),
    [("interrupted", "cancelled"), ("unwatched", "cancelled"), ("shutting_down", "failed"), ("lost", "failed")],
)
def test_stop_reason_decides_state(reason: Any, state: str) -> None:
    live = live_run()
    live.request_stop(reason)
    live.request_stop("requested")
    assert EXECUTION.crashed(live, AnswerStoppedError("t")).state == state


def test_nothing_is_told_after_a_step_that_failed() -> None:
    def answer(_opened: object, watch: Any, _stop: object, _tokens: bool) -> Any:
        watch(NodeFinished("agent_chat"))
        watch(TextWritten("a"))
        watch(NodeFinished("agent_sql_execution", {"error": "e", "error_type": "x"}))
        watch(NodeFinished("format_response"))
        return success({"type": "CHAT", "response": "a"})

    live = live_run()
    end = EXECUTION.work(engine(answer), OPENED, wants_tokens=True)(live)
    assert [event.kind for event in live.events_after(0)] == ["progress"]
    live.flush_text()
    assert [event.kind for event in live.events_after(1)] == ["text"]
    assert json.loads(end.body)["data"] == {"type": "completed", "response": "a", "response_type": "CHAT"}


def test_run_works_for_the_caller_of_its_request_on_its_own_thread() -> None:
    seen: list[Caller] = []

    def answer(*_arguments: Any) -> Any:
        seen.append(current_caller())
        return success({})

    caller = Caller("default", "ann", "192.0.2.7")
    with working_for(caller):
        work = EXECUTION.work(engine(answer), OPENED, wants_tokens=False)
    thread = threading.Thread(target=work, args=(live_run(),))
    thread.start()
    thread.join()
    assert seen == [caller]


def test_generated_sql_is_shown_short() -> None:
    found = {"is_ready": True, "sql": "x" * 51, "validation_error_type": None, "user_prompt": None}
    event = classic_progress(NodeFinished("agent_sql_generation", found), "ann:1")
    assert event is not None
    assert event["data"]["details"] == f"生成SQL: {'x' * 50}..."


@pytest.mark.parametrize(
    ("node", "tool", "name"),
    [
        ("agent", "run_sql", "准备执行SQL查询"),
        ("tools", "valid_sql", "验证SQL语法"),
        ("prepare_tool_input", "generate_sql", "准备工具参数"),
        ("agent", "unknown_tool", "AI分析中"),
        ("agent", None, "AI分析中"),
        ("another", None, "处理中"),
    ],
)
def test_step_of_the_react_agent_bears_its_tools_name(node: str, tool: str | None, name: str) -> None:
    event = react_progress(NodeFinished(node, {"tool_name": tool} if tool else {}), "ann:1")
    assert (event["message"], event["data"]["display_name"]) == (f"正在执行: {name}", name)
    assert event["data"].get("tool_name") == tool


@pytest.mark.parametrize("last_event", [rendering.last_event, react_form.last_event])
def test_stopped_run_is_an_error_on_the_historical_streams(last_event: Any) -> None:
    end = EXECUTION.stopped("shutting_down")
    told = json.loads(last_event(RunEvent(3, end.state, end.body)))
    assert (told["code"], told["success"], told["message"], told["data"]["type"]) == (500, False, "处理失败", "error")
    assert told["data"]["error"] == "服务正在停止，任务已中断，请稍后重试"
