"""Intended differences of what the ReAct agent is asked: bad types and user ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cutover.parity.answers import Answer
from cutover.parity.exchanges import Exchange
from cutover.parity.rules.react import ASK
from cutover.parity.rules.rule import Rule, body_of, old_answer

STREAM = "/api/v0/ask_react_agent_stream"
MEMBERS = ("question", "user_id", "thread_id", "conversation_id")
REFUSED, COLON = "参数验证失败", "用户ID不能包含冒号"


def _told(answer: Answer, name: str) -> Any:
    return answer.body.get(name) if isinstance(answer.body, Mapping) else None


def _was_internal_error(exchange: Exchange) -> bool:
    return bool(exchange.response["status"] == 500 and _told(old_answer(exchange), "message") == "内部服务错误")


def _is_refused(answer: Answer) -> bool:
    is_400 = answer.status == _told(answer, "code") == 400 and _told(answer, "success") is False
    return is_400 and _told(answer, "message") == REFUSED and bool(_told(answer, "error"))


def _is_read_or_refused(exchange: Exchange, answer: Answer) -> bool:
    """Scalars are texts, so that a question can be answered; everything else is refused."""
    body = body_of(exchange)
    is_readable = bool(body) and not any(isinstance(body.get(name), list | dict) for name in MEMBERS)
    is_answered = answer.status == 200 and _told(answer, "success") is True and "react_agent_meta" in answer.data
    return _is_refused(answer) or (is_readable and is_answered)


def _user(exchange: Exchange) -> str:
    given = body_of(exchange) or exchange.request.get("query") or {}
    return str(given.get("user_id") or "")


def _has_colon_in_user(exchange: Exchange) -> bool:
    return ":" in _user(exchange) and len(_user(exchange)) <= 50


def _names_the_colon(_exchange: Exchange, answer: Answer) -> bool:
    return _is_refused(answer) and COLON in str(_told(answer, "error")).split("; ")


def _ends_with_the_colon(_exchange: Exchange, answer: Answer) -> bool:
    told = [event["data"] for event in answer.events]
    if len(told) != 1 or told[0]["success"] is not False:
        return False
    return told[0]["data"]["type"] == "error" and COLON in told[0]["data"]["error"]


RULES = (
    Rule(
        "react-types-are-read",
        "a number where text is expected, a list or a body that is no object was a 500; now text or 400 (rule 1)",
        ASK,
        was=_was_internal_error,
        became=_is_read_or_refused,
        covers=r"status|\$\.(code|success|message|error|data.*)",
    ),
    Rule(
        "react-user-without-colon",
        "a user id with a colon made a thread that nobody could go on with; now it is a 400 (rule 11)",
        ASK,
        was=lambda exchange: _has_colon_in_user(exchange) and exchange.response["status"] in (200, 400),
        became=_names_the_colon,
        covers=r"status|\$\.(code|success|message|error|data.*)",
    ),
    Rule(
        "react-stream-user-without-colon",
        "the same in the stream; now it ends with the error",
        STREAM,
        was=_has_colon_in_user,
        became=_ends_with_the_colon,
        covers=r"\$\.length|\$\[0\]\..*",
    ),
)
