"""What the names in a row's conditions mean: the recorded exchange, the new answer, and general predicates on both."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from cutover.parity.answers import Answer
from cutover.parity.exchanges import Exchange
from cutover.parity.rules import following, readings, recorded
from cutover.parity.rules.expressions import member

NOT_JSON = "请求格式错误：需要JSON格式的数据"
NOT_AN_OBJECT = "请求格式错误：请求体必须是JSON对象"
CATEGORIES = {
    400: "请求参数错误",
    404: "资源未找到",
    405: "请求方法不支持",
    422: "处理失败",
    500: "处理失败",
    503: "服务暂时不可用",
}
"""The envelope's `message` by status."""

Function = Callable[..., Any]
BUILTINS: Mapping[str, Any] = {
    one.__name__: one for one in (abs, all, any, dict, int, len, list, max, min, range, set, sorted, str, sum, tuple)
}


def scope_of(exchange: Exchange, answer: Answer | None = None) -> dict[str, Any]:
    """The names of a row's conditions.

    Args:
        answer: the new answer; None for the condition on the recording alone, which has no names of a new answer.
    """
    old = recorded.old_answer(exchange)
    scope: dict[str, Any] = {
        "__builtins__": {},
        **BUILTINS,
        **readings.READINGS,
        "member": member,
        "app": exchange.app,
        "request": exchange.request,
        "path": exchange.request["path"],
        "method": exchange.request["method"],
        "query": exchange.request.get("query") or {},
        "sent": recorded.body_of(exchange),
        "response": exchange.response,
        "old": old.body,
        "old_status": old.status,
        "old_text": old.response,
        "old_page": exchange.response.get("text"),
        "old_last": _last(exchange.response.get("events")),
        "before": old.data,
        "loose": exchange.loose,
        "template": exchange.template,
        **_about_request(exchange),
        **following.follow_ups(exchange),
    }
    scope["earlier"] = lambda pattern: _earlier(exchange, pattern)
    return scope if answer is None else {**scope, **_about_answer(exchange, answer)}


def _earlier(exchange: Exchange, pattern: str) -> Iterable[dict[str, Any]]:
    """Exchanges of the same phase before this one on the paths of a pattern, newest first, each with these names."""
    for one in exchange.earlier():
        if re.fullmatch(pattern, one.request["path"]):
            yield {**_plain_names(one), "is_answered": bool(one.received)}


def _plain_names(exchange: Exchange) -> dict[str, Any]:
    old, new = recorded.old_answer(exchange), recorded.answer_now(exchange)
    return {
        "request": exchange.request, "path": exchange.request["path"], "method": exchange.request["method"],
        "sent": recorded.body_of(exchange), "old": old.body, "old_status": old.status, "old_text": old.response,
        "before": old.data, "exchange": exchange, "status": new.status, "new": new.body,
        "after": new.data, "text": new.response,
    }  # fmt: skip


def _last(events: Any) -> Mapping[str, Any]:
    """The envelope of a stream's last event; empty when there is none."""
    event = events[-1]["data"] if events else {}
    return event if isinstance(event, Mapping) else {}


def _about_request(exchange: Exchange) -> dict[str, Function]:
    sent, response = recorded.body_of(exchange), exchange.response

    def html(*statuses: int) -> bool:
        return str(response.get("content_type", "")).startswith("text/html") and response["status"] in statuses

    def was_refused() -> bool:
        """A 4xx in the envelope: the request was wrong then, so that is what counts."""
        return 400 <= response["status"] < 500 and member(response.get("json"), "success") is False

    def composites(*names: str) -> list[str]:
        """The members of the request that are lists or objects."""
        return [name for name in names if isinstance(sent.get(name), list | dict)]

    return {
        "html": html,
        "was_refused": was_refused,
        "composites": composites,
        "other_json": lambda: _is_other_json(exchange),
        "sent_object": lambda: recorded.sent_object(exchange),
        "has_json": lambda: "json" in response,
    }


def _is_other_json(exchange: Exchange) -> bool:
    """Whether the body is JSON but no object, by whatever type it was sent."""
    if "json" in exchange.request:
        return not isinstance(exchange.request["json"], Mapping)
    try:
        return not isinstance(json.loads(str(exchange.request.get("body", ""))), Mapping)
    except ValueError:
        return False


def _about_answer(exchange: Exchange, answer: Answer) -> dict[str, Any]:
    def error(status: int, error_type: str | None = None, message: str | None = None) -> bool:
        """A complete error envelope; `message` is the category of the status unless given."""
        return answer.is_error(status, CATEGORIES.get(status, "") if message is None else message, error_type)

    def invalid(*names: str) -> bool:
        """A 400 that names exactly these parameters, in both places clients look."""
        is_named = answer.data.get("invalid_params") == list(names) == answer.body.get("invalid_params")
        return error(400, "invalid_params") and is_named

    def malformed() -> bool:
        """The 400 for a body that is no JSON, or JSON but no object; the old entry has one text for both."""
        texts: Sequence[str] = (NOT_AN_OBJECT,) if _is_other_json(exchange) else (NOT_JSON,)
        is_worded = answer.response in texts or (exchange.app == "citu_app" and answer.response == NOT_JSON)
        return error(400, "missing_required_params") and is_worded

    def unknown_path() -> bool:
        return error(404, "resource_not_found") and answer.response.startswith("请求的路径不存在：/")

    def wrong_method() -> bool:
        is_named = (
            answer.response.startswith("路径 /") and f" 不支持 {exchange.request['method']} 方法" in answer.response
        )
        return error(405, "method_not_allowed") and is_named

    return {
        "new": answer.body, "status": answer.status, "text": answer.response, "page": answer.text,
        "after": answer.data, "events": answer.events, "last": _last(answer.events),
        "error": error, "invalid": invalid, "malformed": malformed, "unknown_path": unknown_path,
        "wrong_method": wrong_method, "paged_total": lambda: readings.paged_total(answer.data),
        **following.follow_up_answers(exchange, answer),
    }  # fmt: skip
