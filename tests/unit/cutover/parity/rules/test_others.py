"""The intended differences of conversations, caches, direct questions, streams and the old entry, both ways."""

from typing import Any

from cutover.parity.answers import Answer
from cutover.parity.exchanges import Exchange
from cutover.parity.rules import AREAS
from tests.unit.cutover.parity.rules.rule_cases import case_tests

NOW = "2026-11-20T11:20:25.388159"
LIMITS, CLEANUP = "conversation_limit_enforcement", "conversation_cleanup"
HTML = {"status": 200, "content_type": "text/html; charset=utf-8"}

Body = dict[str, Any]


def ok(**data: Any) -> Body:
    return {"code": 200, "success": True, "message": "操作成功", "data": {"timestamp": NOW, **data}}


def error(code: int, response: str, error_type: str = "missing_required_params") -> Body:
    message = {400: "请求参数错误", 404: "资源未找到", 405: "请求方法不支持", 500: "系统内部错误"}[code]
    data = {"error_type": error_type, "response": response, "timestamp": NOW}
    return {"code": code, "success": False, "message": message, "data": data}


def exchange(path: str, request: Any, old: Body, *, app: str = "unified_api", **more: Any) -> Exchange:
    sent: Body = {"method": "POST", "path": f"/api/v0/{path}"} | ({} if request is None else {"json": request})
    return Exchange("x-1", app, "20", sent, {"status": old["code"], "json": old}, **more)


def enforced(*users: str, dry_run: bool | None = False, **counts: int) -> Body:
    row = {"original_conversations": 2, "kept_conversations": 2, "deleted_conversations": 0, "messages_trimmed": 0}
    rows = [{"user_id": user, **row} for user in users]
    totals = {"total_conversations_processed": 2 * len(rows), "total_conversations_deleted": 0, **counts}
    return ok(
        mode="global", dry_run=dry_run, processed_users=len(rows), execution_summary=rows, total_messages_trimmed=0,
        response="限额执行完成", **totals,
    )  # fmt: skip


def asked(user: str, now: int, previous: Exchange | None = None) -> Exchange:
    """A question that was answered then; `now` is the status it has today."""
    found = exchange("ask_agent", {"question": "q", "user_id": user}, ok(), previous=previous)
    found.received.append(Answer(now, {}))
    return found


def messages(count: int, told: str) -> Body:
    return ok(messages=[{"content": "x"}] * count, message_count=count, conversation_meta={"message_count": told})


def stream(**last: Any) -> list[Body]:
    known = {"code": 200, "success": True, "message": "处理完成"}
    envelope = {name: last.pop(name) for name in known if name in last}
    return [{"data": {**known, **envelope, "data": {"type": "completed", "timestamp": NOW, **last}}}]


def told(*, code: int = 500, **data: Any) -> list[Body]:
    return stream(code=code, success=False, message="处理失败", type="error", **data)


def streamed(path: str, events: list[Body]) -> Exchange:
    sent = {"method": "GET", "path": f"/api/v0/{path}", "query": {"question": "q"}}
    return Exchange("x-1", "unified_api", "15", sent, {"status": 200, "events": events})


def page(path: str, method: str = "GET", status: int = 200) -> Exchange:
    return Exchange("x-1", "citu_app", "01", {"method": method, "path": path}, {**HTML, "status": status})


ASKED = asked("x", 400, asked("x", 400, asked("a", 200, asked("b", 200))))
NO_OBJECT, NO_JSON = "请求格式错误：请求体必须是JSON对象", "请求格式错误：需要JSON格式的数据"
COMPOSITE = "参数类型错误：需要字符串，不能是列表或对象"
FAILED = error(500, "对话限额执行失败，请稍后重试", "database_error")
GONE = {"deleted_conversation_metas": 1, "deleted_conversation_messages": 1, "deleted_user_conversations": 1}
UNKNOWN = error(404, "请求的路径不存在：/api/v0/x", "resource_not_found")
WRONG_METHOD = error(405, "路径 /api/v0/run_sql 不支持 POST 方法", "method_not_allowed")
NOT_PORTED = {"type": "error", "error": "The rest of the API is not ported yet.", "code": 200}
PROMPT = "不允许的操作: DELETE。本系统只支持查询操作(SELECT)。"
REFUSED = {"code": 422, "success": False, "validation_error_type": "forbidden_keywords", "response": PROMPT}
EXPLAINED = {"sql": None, "response": "没有 请尝试提问其它问题。"}
DIRECT, REACT = "ask_agent_stream", "ask_react_agent_stream"
RAN = {"react_agent_meta": {"sql_execution_count": 1, "tools_used": ["run_sql"]}, "sql": "S", "user_id": ""}
LACKS = {"react_agent_meta": {"tools_used": ["generate_sql"]}, "user_id": ""}

# rule -> the exchange, the answer wanted now, near misses; a list is the events of a stream
CASES: dict[str, tuple[Exchange, Any, list[Any]]] = {
    "removal-without-json-is-400": (exchange(LIMITS, None, FAILED), error(400, NO_JSON), [error(400, "错误"), FAILED]),
    "removal-by-array-is-400": (
        exchange(LIMITS, [], enforced("a")), error(400, NO_OBJECT), [error(400, NO_JSON), enforced("b")],
    ),
    "true-is-no-limit": (
        exchange(LIMITS, {"user_max_conversations": True}, enforced("a")),
        error(400, "user_max_conversations 必须是大于0的整数"),
        [error(400, "conversation_max_length 必须是大于0的整数")],
    ),
    "null-dry-run-is-the-default": (
        exchange(LIMITS, {"dry_run": None}, enforced("a", dry_run=None)), enforced("a"), [enforced("a", dry_run=True)],
    ),
    "users-in-order": (
        exchange(LIMITS, {}, enforced("b", "a", "x"), previous=ASKED),
        enforced("a", "b"),
        [enforced("b", "a"), enforced("a"), enforced("a", "b", "c"), enforced("a", "b", total_conversations_deleted=1)],
    ),
    "whole-user-id": (
        exchange(LIMITS, {"user_id": "a:b"}, {**enforced("a"), "data": {**enforced("a")["data"], "mode": "user"}}),
        {**enforced("a:b"), "data": {**enforced("a:b")["data"], "mode": "user"}}, [enforced("b"), enforced()],
    ),
    "scalar-id-is-text": (
        exchange(CLEANUP, {"conversation_id": 5}, ok(conversation_id=5, existed=False)),
        ok(conversation_id="5", existed=False), [ok(conversation_id="6", existed=False), ok(conversation_id="5")],
    ),
    "count-after-trimming": (
        exchange("conversation/a:1/messages", None, messages(4, "10")), messages(4, "4"), [messages(4, "5")],
    ),
    "fewer-keys-to-clear": (
        exchange(CLEANUP, {"clear_all_agent_data": True}, ok(**dict.fromkeys(GONE, 2), total_keys_deleted=6)),
        ok(**GONE, total_keys_deleted=3), [ok(**GONE, total_keys_deleted=2), ok(**dict.fromkeys(GONE, 3))],
    ),
    "fewer-users-to-look-at": (
        exchange(CLEANUP, {"cleanup_invalid_refs": True}, ok(operation_mode="cleanup_invalid_refs", processed_users=3),
                 previous=asked("x", 400)),
        ok(operation_mode="cleanup_invalid_refs", processed_users=2),
        [ok(operation_mode="cleanup_invalid_refs", processed_users=1), ok(processed_users=2)],
    ),
    "composite-id-refused": (
        exchange(CLEANUP, {"user_id": ["x"]}, ok(user_id=["x"])), error(400, COMPOSITE), [error(400, "错误"), ok()],
    ),
    "front-page-is-json": (
        page("/"), {"name": "citu_app", "message": "m", "version": "1", "services": {}, "code": 200},
        [{"name": "other", "code": 200}, UNKNOWN],
    ),
    "health-is-json": (page("/health"), {"status": "degraded", "code": 200}, [{"status": "?", "code": 200}, UNKNOWN]),
    "unknown-page-is-404": (page("/x"), UNKNOWN, [error(404, "x", "resource_not_found"), ok()]),
    "not-ported-is-404": (
        exchange("x", {}, NOT_PORTED), UNKNOWN, [error(404, "没有", "resource_not_found"), NOT_PORTED, ok()],
    ),
    "wrong-id-is-404": (
        page("/api/v0/qa_feedback/update/x", "PUT", 405), UNKNOWN,
        [WRONG_METHOD, error(404, "x", "resource_not_found")],
    ),
    "unknown-method-is-404": (
        page("/x", "POST", 405), UNKNOWN, [error(404, "x", "resource_not_found"), ok()],
    ),
    "interface-routes-gone": (
        exchange("run_sql", {}, ok(), app="citu_app"), WRONG_METHOD, [error(405, "错误", "method_not_allowed"), FAILED],
    ),
    "stream-failure-is-none": (
        streamed(DIRECT, stream(response="旧", execution_path=["start", "sql_validation_failed"])),
        stream(execution_path=["start", "sql_validation_failed"], **REFUSED),
        [stream(execution_path=["start", "sql_validation_failed"], **{**REFUSED, "response": "别的"})],
    ),
    "stream-thinking-not-shown": (
        streamed(DIRECT, stream(sql="<think>x</think>D", response="旧")), stream(sql="D", **REFUSED),
        [stream(sql="D", **{**REFUSED, "success": True})],
    ),
    "stream-thinking-not-searched": (
        streamed(DIRECT, stream(sql="SELECT 1 AS 思考", response="旧")), stream(**EXPLAINED),
        [stream(**{**EXPLAINED, "sql": "S"}), stream(sql=None, response="没有")],
    ),
    "stream-database-error": (
        streamed(DIRECT, told(error="'NoneType' object has no attribute 'get'")), told(error="SQL执行失败: x"),
        [told(error="x"), told(error="SQL执行失败: x", code=200)],
    ),
    "stream-model-failure": (
        streamed(DIRECT, stream(response="抱歉，我暂时无法回答您的问题。")),
        told(error="x", error_type="model_unavailable", can_retry=True), [told(error="x"), stream(response="抱歉")],
    ),
    "react-stream-user": (
        streamed(REACT, stream(user_id="", conversation_id="u:1")), stream(user_id="u", conversation_id="u:1"),
        [stream(user_id="v", conversation_id="u:1")],
    ),
    "react-stream-reason": (
        streamed(REACT, stream(conversation_id="u:1", response="答", **LACKS)),
        stream(conversation_id="u:1", response="原因\n\n答", **{**LACKS, "user_id": "u"}),
        [stream(conversation_id="u:1", response="原因\n\n别的", **{**LACKS, "user_id": "u"})],
    ),
    "react-stream-model-failure": (
        streamed(REACT, told(error="Error code: 500 - {}")),
        told(error="x", error_type="model_unavailable", can_retry=True), [told(error="x"), stream()],
    ),
    "react-stream-failed-query": (
        streamed(REACT, stream(conversation_id="u:1", response="完", **RAN)), told(error="SQL执行失败：x"),
        [told(error="x"), stream(conversation_id="u:1", response="别的", **{**RAN, "user_id": "u"})],
    ),
    "react-stream-closed-loop": (
        streamed(REACT, told(error="Redis连接问题，请重试")), stream(response="好"),
        [told(error="x"), stream(response="")],
    ),
}  # fmt: skip


test_every_rule_has_a_case, test_wanted_answer_is_intended, test_near_miss_is_a_difference = case_tests(
    CASES, (*AREAS["conversations"], *AREAS["old_entry"], *AREAS["streams"])
)
