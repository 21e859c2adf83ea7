"""Every rule of intended differences, both ways: the answer wanted is intended, a near miss is a difference."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from cutover.parity.exchanges import Exchange
from cutover.parity.replay import Replayer
from cutover.parity.rules import AREAS, RULES

NOW = "2026-11-20T11:20:25.388159"
MESSAGES = {400: "请求参数错误", 404: "资源未找到", 422: "处理失败", 500: "处理失败", 503: "服务暂时不可用"}
HTML_400 = {"status": 400, "content_type": "text/html; charset=utf-8"}
HTML_500 = {"status": 500, "content_type": "text/html; charset=utf-8"}
CRASH = {
    "code": 500, "success": False, "message": "系统内部错误",
    "data": {
        "can_retry": True, "error_type": "database_error", "response": "查询处理失败，请稍后重试", "timestamp": NOW,
    },
}  # fmt: skip
LOST_PROMPT = {
    "code": 500, "success": False, "message": "处理失败",
    "data": {
        "response": "Agent处理失败", "error_type": "agent_processing_failed", "timestamp": NOW, "user_id": "carol",
        "conversation_id": "carol:20261120112026239", "execution_path": [], "classification_info": {},
        "agent_version": "langgraph_v1",
    },
}  # fmt: skip
INFO = {"confidence": 0.92, "reason": "", "method": "enhanced_llm"}
CHAT_PATH = ["start", "classify", "agent_chat", "format_response"]
DATA_PATH = ["start", "classify", "agent_sql_generation", "agent_sql_execution", "format_response"]
STAMPED = "carol:20300101000000000"


def failure(status: int, error_type: str, response: str, **data: Any) -> dict[str, Any]:
    members = {"response": response, "error_type": error_type, "timestamp": NOW, **data}
    return {"code": status, "success": False, "message": MESSAGES[status], "data": members}


def invalid(*names: str, response: str = "错误") -> dict[str, Any]:
    return {**failure(400, "invalid_params", response, invalid_params=list(names)), "invalid_params": list(names)}


def success(**data: Any) -> dict[str, Any]:
    members = {
        "type": "CHAT", "response": "您好", "execution_path": CHAT_PATH, "classification_info": INFO,
        "conversation_id": STAMPED, "user_id": "carol", "timestamp": NOW, "context_used": False, "from_cache": False,
        "conversation_status": "new", "routing_mode_used": "hybrid", "routing_mode_source": "config",
        "agent_version": "langgraph_v1", **data,
    }  # fmt: skip
    return {"code": 200, "success": True, "message": "操作成功", "data": members}


def found(**data: Any) -> dict[str, Any]:
    """What every failed question says besides its text."""
    known = {"user_id": "carol", "conversation_id": STAMPED, "agent_version": "langgraph_v1"}
    return {**known, "execution_path": CHAT_PATH, "classification_info": INFO, **data}


PROMPT = failure(
    422,
    "agent_processing_failed",
    "不允许的操作: DELETE。本系统只支持查询操作(SELECT)。",
    **found(validation_error_type="forbidden_keywords", sql="DELETE FROM bss_company;"),
)
MODEL_LOST = failure(503, "model_unavailable", "大模型服务暂时不可用，请稍后重试", **found(), can_retry=True)
EXECUTION_LOST = failure(500, "agent_processing_failed", "SQL执行失败: division by zero", **found())


@dataclass(frozen=True)
class Case:
    """A recorded answer, the answer wanted now, and changes of the latter that make it a near miss."""

    rule: str
    request: dict[str, Any]
    recorded: dict[str, Any]
    wanted: dict[str, Any]
    near_misses: tuple[Callable[[dict[str, Any]], Any], ...]


def body(**members: Any) -> dict[str, Any]:
    return {"json": {"question": "你好", "user_id": "carol", **members}}


def recorded(answer: dict[str, Any]) -> dict[str, Any]:
    return {"status": answer["code"], "content_type": "application/json", "json": answer}


def change(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Set the member at a dotted path; None takes it away."""

    def apply(answer: dict[str, Any]) -> None:
        *way, last = path.split(".")
        for name in way:
            answer = answer[name]
        if value is None:
            del answer[last]
        else:
            answer[last] = value

    return apply


NOT_JSON = failure(400, "missing_required_params", "请求格式错误：需要JSON格式的数据")
NO_OBJECT = failure(400, "missing_required_params", "请求格式错误：请求体必须是JSON对象")
NO_MODE = "无效的routing_mode参数值: bogus，支持的值: ['database_direct', 'chat_direct', 'hybrid', 'llm_only']"
MISMATCH = "用户ID不匹配：conversation_id中的用户ID 'alice' 与提供的用户ID 'carol' 不一致"
APOLOGY = success(response="抱歉，我暂时无法回答您的问题。请稍后再试。")
CASES = (
    Case("errors-in-the-envelope", {"body": "not json"}, HTML_400, NOT_JSON,
         (change("code", 500), change("success", True), change("message", "错误"), change("data.response", ""),
          change("data.error_type", None), change("data.timestamp", None))),
    Case("non-object-is-400", {"json": []}, HTML_500, NO_OBJECT,
         (change("code", 500), change("data.response", ""))),
    Case("routing-mode-is-400", body(routing_mode="bogus"), HTML_500, invalid("routing_mode", response=NO_MODE),
         (change("invalid_params", ["user_id"]), change("data.invalid_params", None), change("data.response", "错误"))),
    Case("mismatch-is-400", body(conversation_id="alice:20261120112024488"), recorded(CRASH),
         invalid("user_id", "conversation_id", response=MISMATCH),
         (change("data.response", "错误"), change("invalid_params", ["user_id"]), change("message", "处理失败"))),
    Case("number-is-the-owner", body(user_id=5, conversation_id="5:20261120112024488"), recorded(CRASH),
         success(user_id="5", conversation_id="5:20300101000000001", conversation_status="invalid_id_new"),
         (change("data.user_id", "6"), change("data.conversation_id", STAMPED), change("data.user_id", 5))),
    Case("owner-up-to-the-last-colon", body(user_id="a", conversation_id="a:b:20261120112024488"),
         recorded(success(user_id="a")),
         invalid("user_id", "conversation_id", response=MISMATCH.replace("alice", "a:b").replace("carol", "a")),
         (change("data.response", MISMATCH), change("invalid_params", ["user_id"]))),
    Case("word-is-a-boolean", body(continue_conversation="false"),
         recorded(success(conversation_status="continue", context_used=True)),
         success(conversation_status="new", context_used=False),
         (change("data.conversation_status", "invalid_id_new"), change("data.context_used", True),
          change("data.user_id", "guest"))),
    Case("model-failure-is-503", body(), recorded(APOLOGY), MODEL_LOST,
         (change("data.can_retry", False), change("data.conversation_id", None), change("data.user_id", "guest"),
          change("data.error_type", "store_unavailable"), change("data.agent_version", None))),
    Case("prompt-kept", body(), recorded(LOST_PROMPT), PROMPT,
         (change("data.response", "Agent处理失败"), change("data.validation_error_type", "unheard_of"),
          change("data.execution_path", []), change("data.classification_info", {}), change("data.user_id", "guest"))),
    Case("failure-findings", body(),
         recorded({**LOST_PROMPT, "data": {**LOST_PROMPT["data"], "response": "SQL执行失败: division by zero\n"}}),
         EXECUTION_LOST,
         (change("data.response", "SQL执行失败: other"), change("data.execution_path", ["start"]),
          change("data.conversation_id", None))),
    Case("thinking-not-shown", body(),
         recorded(success(sql="<think>x</think>\n\nDELETE FROM a;", response="<think>x</think>")), PROMPT,
         (change("data.response", "<think>x</think>"), change("data.conversation_id", None))),
    Case("thinking-not-searched", body(),
         recorded(success(type="DATABASE", sql="SELECT 1 AS 思考中的SQL;", summary="有", records={"rows": []},
                          execution_path=DATA_PATH)),
         success(type="DATABASE", response="无法生成SQL。 请尝试提问其它问题。"),
         (change("data.sql", "SELECT 1"), change("data.response", "无法生成SQL。"), change("data.type", "CHAT"))),
    Case("composite-refused", body(user_id=["x"]), recorded(success(user_id=["x"])),
         invalid("user_id", response="参数类型错误：需要字符串，不能是列表或对象"),
         (change("invalid_params", ["question"]), change("data.response", ""))),
    Case("scalar-question", body(question=123),
         recorded(success(response="抱歉，我暂时无法处理您的问题。", execution_path=["start", "classify", "x", "y"])),
         success(response="已收到：123", execution_path=["start", "classify", "agent_chat", "y"]),
         (change("data.response", "您好"), change("data.type", "DATABASE"), change("data.user_id", "dave"))),
    Case("scalar-user", body(user_id=42), recorded(success(user_id=42, conversation_id="42:20300101000000000")),
         success(user_id="42", conversation_id="42:20300101000000001"),
         (change("data.user_id", "43"), change("data.conversation_id", STAMPED), change("data.response", "再见"))),
    Case("scalar-conversation", {"json": {"question": "你好", "conversation_id": 12345}}, recorded(CRASH),
         success(user_id="unknown", conversation_status="invalid_id_new", requested_conversation_id="12345"),
         (change("data.conversation_status", "new"), change("data.requested_conversation_id", None))),
    Case("colon-refused", body(user_id="a:b"), recorded(success(user_id="a:b")),
         invalid("user_id", response="用户ID不能包含冒号"),
         (change("invalid_params", ["conversation_id"]), change("code", 422))),
)  # fmt: skip


def judged(case: Case, answer: dict[str, Any]) -> tuple[str, str]:
    request = {"method": "POST", "path": "/api/v0/ask_agent", "query": {}, "headers": {}, **case.request}
    exchange = Exchange("x-1", "unified_api", "10", request, case.recorded)
    status = answer["code"]
    transport = httpx.MockTransport(lambda _request: httpx.Response(status, json=answer))
    with httpx.Client(base_url="http://service", transport=transport) as client:
        (outcome,) = Replayer(client).replay([exchange])
    return outcome.verdict, outcome.why


def test_every_rule_has_a_case() -> None:
    assert [rule.name for rule in AREAS["ask"]] == [case.rule for case in CASES]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_wanted_answer_is_intended_by_its_rule(case: Case) -> None:
    assert judged(case, case.wanted) == ("intended", case.rule)


@pytest.mark.parametrize(
    ("case", "number"),
    [
        pytest.param(case, number, id=f"{case.rule}-{number}")
        for case in CASES
        for number in range(len(case.near_misses))
    ],
)
def test_near_miss_is_a_difference(case: Case, number: int) -> None:
    answer = copy.deepcopy(case.wanted)
    case.near_misses[number](answer)
    assert judged(case, answer)[0] == "different"


@pytest.mark.parametrize("case", [case for case in CASES if "json" in case.recorded], ids=lambda case: case.rule)
def test_old_defect_that_came_back_is_a_difference(case: Case) -> None:
    assert judged(case, case.recorded["json"])[0] == "different"


@pytest.mark.parametrize("method", ["direct_chat", "rule_based_strong_business", "rule_based_uncertain"])
def test_another_classification_method_is_a_difference(method: str) -> None:
    old = success(classification_info={**INFO, "method": method})
    case = Case("", body(), recorded(old), success(), ())
    assert judged(case, success())[0] == "different"


def test_same_answer_on_another_route_is_a_difference() -> None:
    request = {**body(), "path": "/api/v0/other"}
    case = Case("", request, recorded(APOLOGY), MODEL_LOST, ())
    assert judged(case, MODEL_LOST)[0] == "different"


def test_two_rules_together_explain_what_one_cannot() -> None:
    ids = {"conversation_id": "42:20300101000000000"}
    old = success(user_id=42, **ids, response="抱歉，我暂时无法处理您的问题。")
    case = Case("", body(question=123, user_id=42), recorded(old), {}, ())
    new = success(user_id="42", **ids, response="已收到：123")
    assert judged(case, new) == ("intended", "scalar-question, scalar-user")


@pytest.mark.parametrize("members", [{"question": [], "user_id": "a:b"}, {"question": "", "user_id": ["x"]}])
def test_what_was_refused_then_is_refused_in_the_same_words(members: dict[str, Any]) -> None:
    missing = failure(400, "missing_required_params", "缺少必需参数：question")
    case = Case("", body(**members), recorded(missing), {}, ())
    assert judged(case, missing)[0] == "same"
    assert judged(case, invalid("user_id"))[0] == "different"


def test_other_json_sent_as_text_is_malformed_like_any_other() -> None:
    (case,) = (case for case in CASES if case.rule == "non-object-is-400")
    assert judged(replace(case, request={"body": "[1]"}), NO_OBJECT) == ("intended", case.rule)
    assert judged(replace(case, request={"body": '{"question": "你好"}'}), NO_OBJECT)[0] == "different"


def test_owner_is_told_from_a_whole_id_only() -> None:
    """What stands behind the last colon is no time, so the name ends at the first one."""
    asked = {"json": {"question": "你好", "conversation_id": "carol:1:2"}}
    kept = success(conversation_status="invalid_id_new", requested_conversation_id="carol:1:2")
    assert judged(Case("", asked, recorded(kept), kept, ()), kept)[0] == "same"


def test_every_rule_is_explained_in_the_documentation() -> None:
    page = (Path(__file__).resolve().parents[5] / "docs" / "parity.md").read_text(encoding="utf-8")
    assert [rule.name for rule in RULES if f"| `{rule.name}` | {rule.reason} |" not in page] == []
