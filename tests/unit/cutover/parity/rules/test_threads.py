"""Rules of intended differences of the ReAct agent's requests, threads and checkpoints: the answer wanted is intended,
a near miss is not.
"""

from typing import Any

import pytest

from cutover.parity.answers import Answer
from cutover.parity.exchanges import Exchange
from cutover.parity.rules import AREAS
from tests.unit.cutover.parity.rules.rule_cases import case_tests, verdict

NOW = "2026-11-20T11:20:25.388159"
ASK, STREAM = "/api/v0/ask_react_agent", "/api/v0/ask_react_agent_stream"
DIRECT = "/api/v0/react/direct/conversations/u:20261120112129255"
USERS, STATS = "/api/v0/react/users/u/conversations", "/api/v0/checkpoint/direct/stats"
CLEANUP, LOOK = "/api/v0/checkpoint/direct/cleanup", "/api/test/redis"
KEY = "checkpoint:u:20261120112129255:__empty__:1f0"

Body = dict[str, Any]


def ok(response: str = "好", **data: Any) -> Body:
    return {
        "code": 200,
        "success": True,
        "message": "操作成功",
        "data": {"timestamp": NOW, "response": response, **data},
    }


def error(code: int, response: str, error_type: str = "database_error") -> Body:
    message = {400: "请求参数错误", 404: "资源未找到", 500: "系统内部错误"}[code]
    data = {"error_type": error_type, "response": response, "timestamp": NOW}
    return {"code": code, "success": False, "message": message, "data": data}


def told(code: int, message: str, text: str) -> Body:
    return {"code": code, "success": False, "message": message, "error": text}


def plain(code: int, message: str, data: Any = None) -> Body:
    return {"code": code, "success": code == 200, "message": message, "data": data}


def exchange(path: str, old: Any, *, body: Any = None, status: int = 0, method: str = "GET", **more: Any) -> Exchange:
    request = {"method": method, "path": path, "query": more.pop("query", {})}
    sent = request if body is None else request | {"json": body}
    if isinstance(old, list):
        return Exchange("x-1", "unified_api", "91", sent, {"status": 200, "events": old}, **more)
    answered = {"status": status or old.get("code", 200), "content_type": "application/json", "json": old}
    return Exchange("x-1", "unified_api", "91", sent, answered, **more)


def answered(user: str = "u") -> Body:
    meta = {"thread_id": f"{user}:20261120112129255"}
    return ok(conversation_id=f"{user}:20261120112129255", user_id=user, react_agent_meta=meta)


def event(kind: str, *, success: bool = True, **data: Any) -> Body:
    envelope = {"code": 200 if success else 500, "success": success, "message": "处理完成" if success else "处理失败"}
    return {"data": {**envelope, "data": {"type": kind, "timestamp": NOW, **data}}}


def called(old: Body, now: Body, *, body: Any = None, path: str = ASK, previous: Exchange | None = None) -> Exchange:
    """An earlier request and what it is answered with today."""
    found = exchange(path, old, body=body or {"question": 5, "user_id": "u"}, method="POST", previous=previous)
    found.received.append(Answer(now["code"], now))
    return found


def status(name: str, icon: str = "🤖", state: str = "running") -> Body:
    return plain(200, "获取状态成功", {"status": state, "name": name, "icon": icon, "timestamp": NOW})


def counted(human: int, ai: int, tool: int = 0, *, rounds: int | None = None, total: int | None = None) -> Body:
    return {
        "total_messages": human + ai + tool if total is None else total, "human_messages": human, "ai_messages": ai,
        "conversation_rounds": human if rounds is None else rounds, "tool_messages": tool, "messages_with_tools": tool,
        "system_messages": 0,
    }  # fmt: skip


def compared(full: Body, left_out: int) -> Body:
    mode = {"message_count": 3, "stats": full, "sample_messages": []}
    told_of = {"tools_filtered_out": left_out, "ai_messages_with_tools": left_out}
    return {
        "success": True, "timestamp": NOW,
        "data": {"full_mode": mode, "simple_mode": mode, "comparison_summary": told_of, "metadata": {"note": "x"}},
    }  # fmt: skip


def read(call: str, result: str, key: str = KEY, **extra: Any) -> Body:
    messages = [
        {"role": "ai", "content": "", "tool_calls": [{"name": "run_sql", "id": call}], **extra},
        {"role": "tool", "content": "[]", "tool_call_id": result},
    ]
    return ok(messages=messages, metadata={"latest_checkpoint_key": key})


def threads(*titles: str, user: str = "u") -> Body:
    items = [{"conversation_title": title, "message_count": 2, "user_id": user} for title in titles]
    return ok(user_id=user, conversations=items, total_count=len(items), limit=10)


def counts(*numbers: int, total: int | None = None, user: str = "u") -> Body:
    rows = [{"thread_id": f"{user}:2026112011212925{n}", "checkpoint_count": count} for n, count in enumerate(numbers)]
    summed = sum(numbers) if total is None else total
    return ok(operation_type="user_stats", user_id=user, thread_count=len(rows), total_checkpoints=summed, threads=rows)


def cleaned(original: int, deleted: int, *, text: int | None = None) -> Body:
    one = {"original_count": original, "deleted_count": deleted, "remaining_count": original - deleted}
    response = f"Checkpoint清理完成，删除了{deleted if text is None else text}个checkpoint"
    return ok(response, total_processed=1, total_deleted=deleted, details={"u:20261120112129255": one})


def looked(*users: str, keys: int, sample: str = KEY, found: list[str] | None = None) -> Body:
    data = {
        "redis_connected": True, "total_checkpoint_keys": keys, "users_found": found or list(users),
        "user_key_counts": dict.fromkeys(users, 3), "sample_keys": [sample],
    }  # fmt: skip
    return {"success": True, "data": data, "timestamp": NOW}


INTERNAL = told(500, "内部服务错误", "服务暂时不可用，请稍后重试")
REFUSED = told(400, "参数验证失败", "会话ID格式无效，期望格式为 user_id:timestamp")
COLON = "用户ID不能包含冒号"
UNKNOWN = plain(404, "未找到执行线程")
HALF_500 = error(500, "未找到对话 u:1")
BAD_CLEANUP = error(500, "Checkpoint清理失败: 415 Unsupported Media Type")
ANSWERED_NOW = called(INTERNAL, answered())
CLEANED_NOW = called(BAD_CLEANUP, cleaned(5, 3), body={}, path=CLEANUP)
NOTHING = ok("未找到需要清理的checkpoint", total_processed=0, total_deleted=0, details={})

# rule -> the exchange, the answer wanted now, near misses; a list is the events of a stream
CASES: dict[str, tuple[Exchange, Any, list[Any]]] = {
    "react-types-are-read": (
        exchange(ASK, INTERNAL, body={"question": ["a"]}, method="POST"), REFUSED,
        [answered(), told(400, "别的", "x"), INTERNAL],
    ),
    "react-user-without-colon": (
        exchange(ASK, answered("a:b"), body={"question": "q", "user_id": "a:b"}, method="POST"),
        told(400, "参数验证失败", COLON), [REFUSED, told(500, "内部服务错误", COLON)],
    ),
    "react-stream-user-without-colon": (
        exchange(STREAM, [event("completed", user_id="")], query={"question": "q", "user_id": "a:b"}),
        [event("error", success=False, error=f"参数验证失败: {COLON}")],
        [[event("error", success=False, error="参数验证失败: 问题不能为空")], [event("completed", user_id="a:b")]],
    ),
    "react-ids-are-exact": (
        exchange("/api/v0/react/direct/status/*", status("完成")), UNKNOWN, [status("执行中"), plain(500, "坏了")],
    ),
    "react-status-says-what-runs": (
        exchange("/api/v0/react/status/u:1", status("执行中", "⚙️")), status("AI思考中"),
        [status("坏了"), status("完成", state="completed")],
    ),
    "react-not-found-is-404": (
        exchange(DIRECT, HALF_500, status=404), error(404, "未找到对话 u:1", "resource_not_found"),
        [error(404, "没有", "resource_not_found"), error(404, "未找到对话 u:1")],
    ),
    "react-messages-are-counted": (
        exchange(f"{DIRECT}/compare", compared(counted(0, 0, total=3), 0)), compared(counted(1, 1, 1), 1),
        [compared(counted(1, 1, 1), 0), compared(counted(1, 1, 1, rounds=2), 1), compared(counted(1, 1, total=3), 1)],
    ),
    "react-calls-of-this-run": (
        exchange(DIRECT, read("a", "a", additional_kwargs={"refusal": None})), read("b", "b"),
        [read("b", "c"), read("b", "b", key="x")],
    ),
    "checkpoint-cleanup-reads-its-body": (
        exchange(CLEANUP, BAD_CLEANUP, method="POST"), cleaned(5, 3),
        [cleaned(5, 3, text=4), BAD_CLEANUP, error(404, "没有", "resource_not_found")],
    ),
    "react-threads-follow": (
        exchange(USERS, threads("旧"), previous=ANSWERED_NOW), threads("5", "旧"),
        [threads("5", "6", "旧"), threads("5", "旧", user="v")],
    ),
    "checkpoint-counts-follow": (
        exchange(STATS, counts(17), query={"user_id": "u"}, previous=ANSWERED_NOW), counts(17, 5),
        [counts(17, 5, total=20), counts(5, 17)],
    ),
    "checkpoint-total-follows": (
        exchange("/api/v0/react/conversations/u:1", ok(total_checkpoints=17), previous=CLEANED_NOW),
        ok(total_checkpoints=10), [ok(total_checkpoints=0)],
    ),
    "checkpoint-counts-in-any-order": (
        exchange(STATS, ok(total_checkpoints=34, users=[counts(17)["data"], counts(17, user="v")["data"]])),
        ok(total_checkpoints=34, users=[counts(17, user="v")["data"], counts(17)["data"]]),
        [ok(total_checkpoints=34, users=[counts(17, user="w")["data"], counts(17)["data"]])],
    ),
    "react-store-is-looked-through": (
        exchange(LOOK, looked("u", keys=3)), looked("u", "v", keys=6),
        [looked("v", keys=3), looked("u", keys=4), looked("u", keys=3, found=["u", "v"])],
    ),
}  # fmt: skip


test_every_rule_has_a_case, test_wanted_answer_is_intended, test_near_miss_is_a_difference = case_tests(
    CASES, (*AREAS["react_requests"], *AREAS["react_threads"])
)


def test_scalars_are_answered_and_lists_are_not() -> None:
    for body, wanted in (
        ({"question": 5}, "intended"),
        ({"question": "q", "user_id": []}, "different"),
        ([1], "different"),
    ):
        recorded = exchange(ASK, INTERNAL, body=body, method="POST")
        assert verdict(recorded, answered())[0] == wanted


@pytest.mark.parametrize("path", [USERS, f"{STATS}?", "/api/v0/react/conversations/u:1"])
def test_without_another_call_nothing_follows(path: str) -> None:
    same = called(answered(), answered())
    recorded = exchange(path.rstrip("?"), counts(17) if "stats" in path else threads("旧"), previous=same)
    new = counts(17, 5) if "stats" in path else threads("5", "旧")
    assert verdict(recorded, new)[0] == "different"


def test_another_users_call_explains_nothing() -> None:
    other = called(INTERNAL, answered("v"), body={"question": 5, "user_id": "v"})
    assert verdict(exchange(USERS, threads("旧"), previous=other), threads("5", "旧"))[0] == "different"


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("/api/v0/react/users/*/conversations", threads("旧", user="*"), threads(user="*")),
        ("/api/v0/react/direct/status/u", status("完成"), UNKNOWN),
        (f"{STATS}?*", counts(17, user="*"), error(404, "用户 * 没有任何checkpoint", "resource_not_found")),
        (f"{CLEANUP}?*", cleaned(5, 3), NOTHING),
    ],
)
def test_a_pattern_finds_nothing(path: str, old: Body, new: Body) -> None:
    route, _, user = path.partition("?")
    recorded = exchange(route, old, query={"user_id": user} if user else {})
    assert verdict(recorded, new)[0] == "intended"


def test_a_name_in_the_list_of_a_user_is_no_pattern() -> None:
    assert verdict(exchange(USERS, threads("旧")), threads())[0] == "different"
