"""Intended differences of the event streams of questions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cutover.parity.answers import Answer
from cutover.parity.exchanges import Exchange
from cutover.parity.rules.ask import EXPLANATION_END, PROMPTS
from cutover.parity.rules.rule import Rule

STREAM = "/api/v0/ask_agent_stream"
REACT_STREAM = "/api/v0/ask_react_agent_stream"
BROKEN_TEXT = "'NoneType' object has no attribute 'get'"
APOLOGIES = ("抱歉，我暂时无法回答", "SQL生成过程中出现异常")
LAST = r"\$\[\d+\]\.data"


def _last(events: Any) -> Mapping[str, Any]:
    """The envelope of the last event; empty when there is none."""
    event = events[-1]["data"] if events else {}
    return event if isinstance(event, Mapping) else {}


def _old(exchange: Exchange) -> Mapping[str, Any]:
    return _last(exchange.response.get("events")).get("data") or {}


def _new(answer: Answer) -> Mapping[str, Any]:
    return _last(answer.events).get("data") or {}


def _was_failure_told_as_success(exchange: Exchange) -> bool:
    old = _old(exchange)
    path = old.get("execution_path") or []
    return old.get("type") == "completed" and any(str(step).endswith("_failed") for step in path)


def _was_thinking(exchange: Exchange) -> bool:
    return _old(exchange).get("type") == "completed" and str(_old(exchange).get("sql")).startswith("<think>")


def _was_sql_of_thinking(exchange: Exchange) -> bool:
    return _old(exchange).get("type") == "completed" and "思考" in str(_old(exchange).get("sql"))


def _completes_with_prompt(_exchange: Exchange, answer: Answer) -> bool:
    """`completed`, no success, with the kind of failure and the prompt that belongs to it."""
    event, data = _last(answer.events), _new(answer)
    pattern = PROMPTS.get(str(data.get("validation_error_type")))
    is_worded = pattern is not None and re.fullmatch(pattern, str(data.get("response")), re.DOTALL) is not None
    is_failure = event.get("success") is False and event.get("code") == 422
    return answer.status == 200 and data.get("type") == "completed" and is_failure and is_worded


def _completes_with_explanation(_exchange: Exchange, answer: Answer) -> bool:
    data = _new(answer)
    is_success = _last(answer.events).get("success") is True and data.get("sql") is None
    return data.get("type") == "completed" and is_success and str(data.get("response")).endswith(EXPLANATION_END)


def _tells_error(answer: Answer) -> bool:
    event, data = _last(answer.events), _new(answer)
    is_failure = event.get("success") is False and event.get("code") == 500 and event.get("message") == "处理失败"
    return is_failure and data.get("type") == "error" and bool(data.get("timestamp"))


def _tells_database_error(_exchange: Exchange, answer: Answer) -> bool:
    return _tells_error(answer) and str(_new(answer).get("error")).startswith("SQL执行失败: ")


def _tells_model_failure(_exchange: Exchange, answer: Answer) -> bool:
    is_named = _new(answer).get("error_type") == "model_unavailable" and bool(_new(answer).get("error"))
    return _tells_error(answer) and is_named and _new(answer).get("can_retry") is True


def _was_react_completed(exchange: Exchange) -> bool:
    return _old(exchange).get("type") == "completed" and _old(exchange).get("user_id") == ""


def _names_user(_exchange: Exchange, answer: Answer) -> bool:
    data = _new(answer)
    owner = str(data.get("conversation_id")).rpartition(":")[0]
    return data.get("type") == "completed" and bool(owner) and data.get("user_id") == owner


def _was_answered_without_sql(exchange: Exchange) -> bool:
    """SQL was to be written, and the answer has none."""
    used = (_old(exchange).get("react_agent_meta") or {}).get("tools_used") or []
    return _was_react_completed(exchange) and "generate_sql" in used and "sql" not in _old(exchange)


def _was_failed_query(exchange: Exchange) -> bool:
    """The query was run, and there are no rows, not even none."""
    old = _old(exchange)
    ran = (old.get("react_agent_meta") or {}).get("sql_execution_count", 0) > 0
    return _was_react_completed(exchange) and ran and "records" not in old and bool(old.get("sql"))


def _tells_run_failure(exchange: Exchange, answer: Answer) -> bool:
    """The failure, or the answer about no rows: the old answers to both look the same."""
    if _new(answer).get("type") == "completed":
        return "records" not in _new(answer) and _new(answer).get("response") == _old(exchange).get("response")
    return _tells_error(answer) and str(_new(answer).get("error")).startswith("SQL执行失败：")


def _was_react_model_failure(exchange: Exchange) -> bool:
    is_quoted = str(_old(exchange).get("error")).startswith("Error code: ")
    return is_quoted or str(_old(exchange).get("response")).startswith("抱歉，由于网络连接问题")


def _was_closed_loop(exchange: Exchange) -> bool:
    return _old(exchange).get("error") in (
        "Redis连接问题，请重试",
        "服务暂时不可用，请稍后重试",
        "Event loop is closed",
    )


def _completes(_exchange: Exchange, answer: Answer) -> bool:
    is_success = _last(answer.events).get("success") is True
    return is_success and _new(answer).get("type") == "completed" and bool(_new(answer).get("response"))


def _says_why_before(exchange: Exchange, answer: Answer) -> bool:
    reason, _, rest = str(_new(answer).get("response")).partition("\n\n")
    return _new(answer).get("type") == "completed" and bool(reason) and rest == _old(exchange).get("response")


RULES = (
    Rule(
        "stream-failure-is-none",
        "a question without valid SQL completed as a success; it still completes, and says that it was none",
        STREAM,
        was=_was_failure_told_as_success,
        became=_completes_with_prompt,
        covers=rf"{LAST}\.(code|success)|{LAST}\.data\.(response|sub_status|details)",
    ),
    Rule(
        "stream-thinking-not-shown",
        "the model's thinking stood in the answer and hid a forbidden statement; now the statement is refused",
        STREAM,
        was=_was_thinking,
        became=_completes_with_prompt,
        covers=rf"{LAST}\.(code|success)|{LAST}\.data\.(response|sql|sub_status|details|execution_path.*)",
    ),
    Rule(
        "stream-thinking-not-searched",
        "SQL was taken from the model's thinking and run; now its answer, an explanation, is what counts",
        STREAM,
        was=_was_sql_of_thinking,
        became=_completes_with_explanation,
    ),
    Rule(
        "stream-database-error",
        "a failed query ended with a text of the program's; now with the database's",
        STREAM,
        was=lambda exchange: _old(exchange).get("error") == BROKEN_TEXT,
        became=_tells_database_error,
        covers=rf"{LAST}\.data\.error",
    ),
    Rule(
        "stream-model-failure",
        "a failed model call completed with an apology; now the stream ends with an error that may be tried again",
        STREAM,
        was=lambda exchange: str(_old(exchange).get("response")).startswith(APOLOGIES),
        became=_tells_model_failure,
    ),
    Rule(
        "react-stream-user",
        "the last event's user was always empty; now it is the one who asked",
        REACT_STREAM,
        was=_was_react_completed,
        became=_names_user,
        covers=rf"{LAST}\.data\.user_id",
    ),
    Rule(
        "react-stream-reason",
        "why there is no SQL stood before the answer of the POST route only; now it does here too",
        REACT_STREAM,
        was=_was_answered_without_sql,
        became=_says_why_before,
        covers=rf"{LAST}\.data\.response",
    ),
    Rule(
        "react-stream-model-failure",
        "a failed model call was told in the provider's words or by an apology; now in ours, and may be tried again",
        REACT_STREAM,
        was=_was_react_model_failure,
        became=_tells_model_failure,
    ),
    Rule(
        "react-stream-failed-query",
        "a query that failed while running was summarised as done; now the stream ends with the error (rule 4)",
        REACT_STREAM,
        was=_was_failed_query,
        became=_tells_run_failure,
    ),
    Rule(
        "react-stream-closed-loop",
        "calls after the first met a closed event loop; now each one is answered",
        REACT_STREAM,
        was=_was_closed_loop,
        became=_completes,
    ),
)
