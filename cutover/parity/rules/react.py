"""Intended differences of the ReAct agent's routes (docs/contract/react.md)."""

from __future__ import annotations

import re
from typing import Any

from cutover.parity.answers import Answer
from cutover.parity.exchanges import Exchange
from cutover.parity.rules.rule import Rule, body_of, old_answer

ASK = "/api/v0/ask_react_agent"
STATUS = r"/api/v0/react/status/[^/]+"
LIST = r"/api/v0/react/(direct/)?users/[^/]+/conversations"
HISTORY = r"/api/v0/react/conversations/[^/]+"
STATS = "/api/v0/checkpoint/direct/stats"
BECAME_A_FAILURE = r"status|\$\.(code|success|message|error|retry_suggested)|\$\.data\.(response|react_agent_meta.*)"
BECAME_A_SUCCESS = r"status|\$\.(code|success|message|error|retry_suggested|data)|\$\.data\..*"
CLOSED_LOOP = "Redis连接问题，请重试"
STATUS_NAME = re.compile(r"完成|初始化中|AI思考中|执行中|.+中|.+完成，AI处理中")


def _body(answer: Answer, name: str) -> Any:
    return answer.body.get(name) if isinstance(answer.body, dict) else None


def _lost_calls(exchange: Exchange, user: str) -> list[Exchange]:
    """Calls of a user before this exchange that failed on a closed event loop, as every second one did."""
    calls = [one for one in exchange.earlier() if one.request["path"] == ASK and body_of(one).get("user_id") == user]
    return [one for one in calls if _body(old_answer(one), "error") == CLOSED_LOOP]


def _was_lost(exchange: Exchange) -> bool:
    """A conversation that had just been answered, and was not found."""
    thread = exchange.request["path"].rpartition("/")[2]
    answered = (old_answer(one).data for one in exchange.earlier() if one.request["path"] == ASK)
    return old_answer(exchange).status == 404 and any(one.get("conversation_id") == thread for one in answered)


def _asks_about(exchange: Exchange) -> str:
    """Whose conversations are listed or counted."""
    given = (exchange.request.get("query") or {}).get("user_id")
    return str(given or exchange.request["path"].rpartition("/users/")[2].partition("/")[0])


def _is_failure(answer: Answer, status: int, message: str, *, can_retry: bool) -> bool:
    """A complete failure of `ask_react_agent`."""
    is_said = _body(answer, "message") == message and bool(_body(answer, "error"))
    has_ids = bool(answer.data.get("conversation_id") and answer.data.get("user_id") and answer.data.get("timestamp"))
    is_marked = _body(answer, "retry_suggested") is can_retry and _body(answer, "success") is False
    return answer.status == _body(answer, "code") == status and is_said and has_ids and is_marked


def _is_unknown_thread(_exchange: Exchange, answer: Answer) -> bool:
    is_plain = _body(answer, "data") is None and _body(answer, "success") is False
    return answer.status == 404 and is_plain and _body(answer, "message") == "未找到执行线程"


def _is_status(_exchange: Exchange, answer: Answer) -> bool:
    is_named = STATUS_NAME.fullmatch(str(answer.data.get("name"))) is not None and bool(answer.data.get("icon"))
    return answer.status == 200 and answer.data.get("status") in ("running", "completed") and is_named


def _is_without_thinking(exchange: Exchange, answer: Answer) -> bool:
    spoken = re.sub(r"<think>.*?</think>\s*", "", old_answer(exchange).response, flags=re.DOTALL)
    return answer.status == 200 and answer.response == spoken


def _showed_no_rows(exchange: Exchange) -> bool:
    old = old_answer(exchange)
    ran = old.data.get("react_agent_meta", {}).get("sql_execution_count", 0) > 0
    return old.status == 200 and ran and "records" not in old.data and bool(old.data.get("sql"))


def _is_run_failure(exchange: Exchange, answer: Answer) -> bool:
    """The failure, or the answer about no rows: the old answers to both look the same."""
    if answer.status == 200:
        return "records" not in answer.data and answer.response == old_answer(exchange).response
    is_same = answer.data.get("sql") == old_answer(exchange).data.get("sql")
    is_explained = str(_body(answer, "error")).startswith("SQL执行失败：") and is_same
    return _is_failure(answer, 500, "处理失败", can_retry=False) and is_explained


def _is_answer(_exchange: Exchange, answer: Answer) -> bool:
    members = {"response", "conversation_id", "user_id", "react_agent_meta", "timestamp"}
    return answer.status == 200 and _body(answer, "message") == "处理成功" and members <= answer.data.keys()


def _lists_more(exchange: Exchange, answer: Answer) -> bool:
    threads = answer.data.get("conversations") or []
    users = {thread.get("user_id") for thread in threads}
    more = len(threads) - len(old_answer(exchange).data.get("conversations", ()))
    is_told = answer.data.get("total_count") == len(threads) and users == {answer.data.get("user_id")}
    return answer.status == 200 and 0 <= more <= len(_lost_calls(exchange, _asks_about(exchange))) and is_told


def _counts_more(exchange: Exchange, answer: Answer) -> bool:
    counts = [thread.get("checkpoint_count", 0) for thread in answer.data.get("threads", ())]
    more = len(counts) - old_answer(exchange).data.get("thread_count", 0)
    is_summed = (answer.data.get("thread_count"), answer.data.get("total_checkpoints")) == (len(counts), sum(counts))
    return answer.status == 200 and 0 <= more <= len(_lost_calls(exchange, _asks_about(exchange))) and is_summed


RULES = (
    Rule(
        "status-without-agent",
        "the status of a thread needed an agent in the same process; now it is read from the store",
        STATUS,
        was=lambda exchange: (exchange.response.get("json") or {}).get("message") == "Agent实例未初始化",
        became=_is_unknown_thread,
        covers=r"status|\$\.(code|message)",
    ),
    Rule(
        "status-after-closed-loop",
        "the status failed because its event loop was closed; now it is read from the store",
        STATUS,
        was=lambda exchange: "Event loop is closed" in str((exchange.response.get("json") or {}).get("message")),
        became=_is_status,
        covers=BECAME_A_SUCCESS,
    ),
    Rule(
        "reason-without-thinking",
        "the model's thinking stood in the reason why there is no SQL; now only what it said",
        ASK,
        was=lambda exchange: "<think>" in old_answer(exchange).response,
        became=_is_without_thinking,
        covers=r"\$\.data\.response",
    ),
    Rule(
        "failed-query-is-500",
        "a query that failed while running was summarised as done; now it is an error (rule 4)",
        ASK,
        was=_showed_no_rows,
        became=_is_run_failure,
        covers=BECAME_A_FAILURE,
    ),
    Rule(
        "react-model-failure-is-503",
        "a failing model was a 500 that quoted the provider, or an apology with 200; now 503 that may be tried again",
        ASK,
        was=lambda exchange: (
            "Error code: " in str((exchange.response.get("json") or {}).get("error"))
            or old_answer(exchange).response.startswith("抱歉，由于网络连接问题")
        ),
        became=lambda _exchange, answer: _is_failure(answer, 503, "服务暂时不可用，请稍后重试", can_retry=True),
        covers=BECAME_A_FAILURE,
    ),
    Rule(
        "no-closed-loop",
        "every second call under a plain WSGI server met a closed event loop; now each one is answered",
        ASK,
        was=lambda exchange: _body(old_answer(exchange), "error") == CLOSED_LOOP,
        became=_is_answer,
        covers=BECAME_A_SUCCESS,
    ),
    Rule(
        "history-after-closed-loop",
        "the history of an existing thread was not found because its event loop was closed; now it is read",
        HISTORY,
        was=_was_lost,
        became=lambda _exchange, answer: answer.status == 200 and bool(answer.data.get("messages")),
        covers=BECAME_A_SUCCESS,
    ),
    Rule(
        "threads-of-answered-calls",
        "calls that failed on a closed event loop left no thread; now they are answered and listed",
        LIST,
        was=lambda exchange: bool(_lost_calls(exchange, _asks_about(exchange))),
        became=_lists_more,
        covers=r"\$\.data\.(conversations\.length|total_count)",
    ),
    Rule(
        "checkpoints-of-answered-calls",
        "the same for the counts",
        STATS,
        was=lambda exchange: bool(_lost_calls(exchange, _asks_about(exchange))),
        became=_counts_more,
        covers=r"\$\.data\.(thread_count|threads\.length|total_checkpoints)",
    ),
)
