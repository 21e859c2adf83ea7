"""Intended differences where the ReAct agent's threads are read, counted and cleaned up."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from cutover.parity.answers import Answer
from cutover.parity.exchanges import Exchange
from cutover.parity.rules.react import ASK, CLOSED_LOOP, HISTORY, LIST, STATUS_NAME
from cutover.parity.rules.react_requests import STREAM
from cutover.parity.rules.rule import Rule, body_of, is_error, old_answer

STATUS = r"/api/v0/react/status/[^/]+"
ANY_STATUS = r"/api/v0/react/(direct/)?status/[^/]+"
DIRECT = r"/api/v0/react/direct/conversations/[^/]+"
COMPARE, SUMMARY = DIRECT + "/compare", DIRECT + "/summary"
STATS, CLEANUP = "/api/v0/checkpoint/direct/stats", "/api/v0/checkpoint/direct/cleanup"
LOOK = "/api/test/redis"
GLOB = re.compile(r"[*?\[\]]")
KEY = re.compile(r"checkpoint:.+:__empty__(:.+)?")
STATUSES_TOLD_ALIKE = ("执行中", "调用工具中")
NOTHING_FOUND = "未找到需要清理的checkpoint"
CLEANED = re.compile(r"Checkpoint清理完成，删除了(\d+)个checkpoint")
FAILED = "Checkpoint清理失败: "
EVERYTHING = r"status|\$\.(code|success|message|error|timestamp|data)(\..*)?"
COUNTS = (
    r"status|\$\.(code|success|message)|\$\.data\.(response|total_\w+|thread_count|threads.*|users.*|details.*"
    r"|operation_type|user_id|error_type)"
)


def _id_of(exchange: Exchange) -> str:
    """The user or thread a request is about: in its path, its query or its body."""
    path = str(exchange.request["path"])
    named = re.search(r"/(?:users|status|conversations)/([^/]+)", path)
    query, body = exchange.request.get("query") or {}, body_of(exchange)
    return str((named and named[1]) or body.get("thread_id") or query.get("user_id") or body.get("user_id") or "")


def _was_found_by_pattern(exchange: Exchange) -> bool:
    """What was found belonged to others: an id was a pattern, and a user's name found one of that user's threads."""
    wanted, path = _id_of(exchange), exchange.request["path"]
    is_half = ":" not in wanted and not path.startswith(("/api/v0/checkpoint/", "/api/v0/react/users/",
                                                         "/api/v0/react/direct/users/"))  # fmt: skip
    return exchange.response["status"] == 200 and bool(wanted) and (GLOB.search(wanted) is not None or is_half)


def _is_nothing(_exchange: Exchange, answer: Answer) -> bool:
    if answer.status in (400, 404):
        return isinstance(answer.body, Mapping) and answer.body.get("success") is False
    data = answer.data
    is_empty_list = data.get("conversations") == [] and data.get("total_count") == 0
    is_nothing_cleaned = data.get("details") == {} and data.get("total_processed") == 0
    return answer.status == 200 and (is_empty_list or is_nothing_cleaned)


def _was_told_alike(exchange: Exchange) -> bool:
    return exchange.response["status"] == 200 and old_answer(exchange).data.get("name") in STATUSES_TOLD_ALIKE


def _tells_what_runs(_exchange: Exchange, answer: Answer) -> bool:
    is_named = STATUS_NAME.fullmatch(str(answer.data.get("name"))) is not None and bool(answer.data.get("icon"))
    return answer.status == 200 and answer.data["status"] == "running" and is_named


def _was_404_with_500(exchange: Exchange) -> bool:
    return bool(exchange.response["status"] == 404 and exchange.response["json"].get("code") == 500)


def _is_404_throughout(exchange: Exchange, answer: Answer) -> bool:
    return is_error(answer, 404, "resource_not_found") and answer.response == old_answer(exchange).response


def _stats(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    parts = [data, data.get("full_mode") or {}, data.get("simple_mode") or {}]
    return [part["stats"] for part in parts if "stats" in part]


def _was_not_counted(exchange: Exchange) -> bool:
    found = _stats(old_answer(exchange).data)
    return any(stats["total_messages"] and not stats["human_messages"] + stats["ai_messages"] for stats in found)


def _is_counted(exchange: Exchange, answer: Answer) -> bool:
    data = answer.data
    for stats in _stats(data):
        roles = [stats[f"{role}_messages"] for role in ("human", "ai")]
        roles += [stats.get(f"{role}_messages", 0) for role in ("tool", "system")]
        if sum(roles) != stats["total_messages"] or stats["conversation_rounds"] != stats["human_messages"]:
            return False
    compared = data.get("comparison_summary")
    if compared is None:
        return answer.status == 200
    full = data["full_mode"]["stats"]
    told = (compared["tools_filtered_out"], compared["ai_messages_with_tools"])
    return answer.status == 200 and told == (full["tool_messages"], full["messages_with_tools"])


def _messages(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    samples = [part["sample_messages"] for name in ("full_mode", "simple_mode") if (part := data.get(name))]
    return [message for group in (data.get("messages") or [], *samples) for message in group]


def _was_read(exchange: Exchange) -> bool:
    return exchange.response["status"] == 200 and "metadata" in old_answer(exchange).data


def _is_of_this_run(exchange: Exchange, answer: Answer) -> bool:
    """Calls and their results are paired by ids of this run; the newest checkpoint has an id of its own."""
    old, new = (_messages(data) for data in (old_answer(exchange).data, answer.data))
    is_same = [message["role"] for message in old] == [message["role"] for message in new]
    calls = [call["id"] for message in new for call in message.get("tool_calls") or ()]
    results = [message["tool_call_id"] for message in new if message["role"] == "tool"]
    is_paired = all(isinstance(one, str) and one in calls for one in results)
    key = answer.data["metadata"].get("latest_checkpoint_key")
    return answer.status == 200 and is_same and is_paired and (key is None or KEY.fullmatch(key) is not None)


def _was_bad_cleanup(exchange: Exchange) -> bool:
    return exchange.response["status"] == 500 and old_answer(exchange).response.startswith(FAILED)


def _is_object_or_nothing(exchange: Exchange) -> bool:
    """No body is an empty object; the type it was sent with does not matter."""
    if "json" in exchange.request:
        return isinstance(exchange.request["json"], Mapping)
    try:
        return isinstance(json.loads(exchange.request.get("body") or "{}"), Mapping)
    except ValueError:
        return False


def _is_cleaned(answer: Answer) -> bool:
    """A complete report whose sums agree with its details."""
    data, details = answer.data, answer.data["details"].values()
    deleted = sum(one["deleted_count"] for one in details)
    is_summed = (data["total_processed"], data["total_deleted"]) == (len(details), deleted)
    is_left = all(one["original_count"] - one["deleted_count"] == one["remaining_count"] for one in details)
    found = CLEANED.fullmatch(answer.response)
    is_told = (found is not None and int(found[1]) == deleted) if details else answer.response == NOTHING_FOUND
    return answer.status == 200 and is_summed and is_left and is_told


def _is_cleaned_or_refused(exchange: Exchange, answer: Answer) -> bool:
    return is_error(answer, 400) or (_is_object_or_nothing(exchange) and _is_cleaned(answer))


def _has_thread(answer: Answer) -> bool:
    """Whether a call left a thread behind, as far as its answer tells."""
    if answer.events:
        return any(event["data"]["data"].get("thread_id") or event["data"]["data"].get("conversation_id")
                   for event in answer.events)  # fmt: skip
    error = answer.body.get("error") if isinstance(answer.body, Mapping) else None
    return bool(answer.data.get("conversation_id")) and error != CLOSED_LOOP


def _old_calls(exchange: Exchange) -> Iterator[tuple[Exchange, bool, bool]]:
    """Earlier calls of the agent, whether each left a thread then, and whether it does today."""
    for one in exchange.earlier():
        if one.request["path"] in (ASK, STREAM) and one.received:
            before = Answer(one.response["status"], one.response.get("json"), events=one.response.get("events") or ())
            yield one, _has_thread(before), _has_thread(one.received[-1])


def _caller(exchange: Exchange) -> str:
    given = body_of(exchange) or exchange.request.get("query") or {}
    thread = str(given.get("thread_id") or given.get("conversation_id") or "")
    return str(given.get("user_id") or thread.partition(":")[0] or "guest")


def _other_threads(exchange: Exchange, user: str = "") -> int:
    """How many threads of a user, or of all, are there today only, or were there then only."""
    calls = [(one, then, now) for one, then, now in _old_calls(exchange) if then is not now]
    return sum(not user or _caller(one) == user for one, _, _ in calls)


def _was_cleaned_otherwise(exchange: Exchange) -> bool:
    cleanups = (one for one in exchange.earlier() if one.request["path"] == CLEANUP and one.received)
    return any(_was_bad_cleanup(one) and one.received[-1].status == 200 for one in cleanups)


def _lists_others(exchange: Exchange) -> bool:
    return exchange.response["status"] == 200 and bool(_other_threads(exchange, _id_of(exchange)))


def _lists_the_rest(exchange: Exchange, answer: Answer) -> bool:
    before, after = (data["conversations"] for data in (old_answer(exchange).data, answer.data))
    old, new = (Counter((one["conversation_title"], one["message_count"]) for one in part) for part in (before, after))
    most = _other_threads(exchange, _id_of(exchange))
    is_told = answer.data["total_count"] == len(after) and all(one["user_id"] == _id_of(exchange) for one in after)
    return answer.status == 200 and is_told and (old - new).total() <= most and (new - old).total() <= most


def _follows_other_calls(exchange: Exchange) -> bool:
    is_read = exchange.response["status"] in (200, 404)
    return is_read and (bool(_other_threads(exchange, _id_of(exchange))) or _was_cleaned_otherwise(exchange))


def _is_summed(exchange: Exchange, answer: Answer) -> bool:
    data = answer.data
    if "details" in data:
        return _is_cleaned(answer)
    if answer.status == 404:
        return is_error(answer, 404, "resource_not_found")
    users = data.get("users", [data])
    is_each = all(user["thread_count"] == len(user["threads"]) and user["total_checkpoints"] == sum(
        thread["checkpoint_count"] for thread in user["threads"]) for user in users)  # fmt: skip
    is_all = data["total_checkpoints"] == sum(user["total_checkpoints"] for user in users)
    return answer.status == 200 and is_each and is_all and _is_ordered(users)


def _is_ordered(users: list[Mapping[str, Any]]) -> bool:
    totals = [user["total_checkpoints"] for user in users]
    counts = [[thread["checkpoint_count"] for thread in user["threads"]] for user in users]
    return all(found == sorted(found, reverse=True) for found in (totals, *counts))


def _users(data: Mapping[str, Any]) -> Counter[tuple[Any, ...]]:
    return Counter(
        (user["user_id"], *(thread["checkpoint_count"] for thread in user["threads"]))
        for user in data.get("users", [data])
    )


def _was_counted(exchange: Exchange) -> bool:
    return bool(exchange.response["status"] == 200 and old_answer(exchange).data["total_checkpoints"] > 0)


def _counts_alike(exchange: Exchange, answer: Answer) -> bool:
    """Equal counts come in any order."""
    is_same = _users(old_answer(exchange).data) == _users(answer.data)
    return answer.status == 200 and is_same and _is_ordered(answer.data.get("users", [answer.data]))


def _looks_alike(exchange: Exchange, answer: Answer) -> bool:
    """The old look stopped after some keys, in no order; today's has them all."""
    before, after = old_answer(exchange).data, answer.data
    counts = after["user_key_counts"]
    is_summed = after["total_checkpoint_keys"] == sum(counts.values()) and set(after["users_found"]) == set(counts)
    is_sample = len(after["sample_keys"]) <= 5 and all(KEY.fullmatch(key) for key in after["sample_keys"])
    is_kept = _other_threads(exchange) or set(before["users_found"]) <= set(counts)
    return answer.status == 200 and after["redis_connected"] is True and is_summed and is_sample and bool(is_kept)


RULES = (
    Rule(
        "react-ids-are-exact",
        "ids were patterns, so that * or a user's name found other threads; now nobody has such an id",
        rf"{ANY_STATUS}|{LIST}|{HISTORY}|{DIRECT}(/compare|/summary)?|{STATS}|{CLEANUP}",
        was=_was_found_by_pattern,
        became=_is_nothing,
        covers=EVERYTHING,
    ),
    Rule(
        "react-status-says-what-runs",
        "after a question or a tool the status knew no name; now the same as the direct one",
        STATUS,
        was=_was_told_alike,
        became=_tells_what_runs,
        covers=r"\$\.data\.(name|icon)",
    ),
    Rule(
        "react-not-found-is-404",
        "an unknown thread was HTTP 404 around a code 500; now 404 in both",
        rf"{DIRECT}|{SUMMARY}",
        was=_was_404_with_500,
        became=_is_404_throughout,
        covers=r"\$\.(code|message)|\$\.data\.(error_type|can_retry)",
    ),
    Rule(
        "react-messages-are-counted",
        "every count of messages by role was 0; now they are counted",
        rf"{DIRECT}|{COMPARE}|{SUMMARY}",
        was=_was_not_counted,
        became=_is_counted,
        covers=r"\$\.data\.((full_mode\.|simple_mode\.)?stats\..*"
        r"|comparison_summary\.(tools_filtered_out|ai_messages_with_tools))",
    ),
    Rule(
        "react-calls-of-this-run",
        "ids of calls and checkpoints are those of this run, what the provider said beside a message is optional",
        rf"{DIRECT}|{COMPARE}|{SUMMARY}",
        was=_was_read,
        became=_is_of_this_run,
        covers=r"\$\.data\.(metadata\.(latest_checkpoint_key|note)|(\w+_mode\.sample_)?messages\[\d+\]"
        r"\.(tool_call_id|tool_calls\[\d+\]\.id|additional_kwargs.*|response_metadata.*))",
    ),
    Rule(
        "checkpoint-cleanup-reads-its-body",
        "a clean-up without JSON or with a wrong number was a 500; now no body is an empty one, the rest 400",
        CLEANUP,
        was=_was_bad_cleanup,
        became=_is_cleaned_or_refused,
        covers=EVERYTHING,
    ),
    Rule(
        "react-threads-follow",
        "other calls are answered or refused than before, so other threads are listed",
        LIST,
        was=_lists_others,
        became=_lists_the_rest,
        covers=r"\$\.data\.(conversations.*|total_count)",
    ),
    Rule(
        "checkpoint-counts-follow",
        "the same in counts; and a clean-up that failed before has left fewer",
        rf"{STATS}|{CLEANUP}",
        was=_follows_other_calls,
        became=_is_summed,
        covers=COUNTS,
    ),
    Rule(
        "checkpoint-total-follows",
        "a clean-up that failed before has left fewer checkpoints of a thread",
        HISTORY,
        was=lambda exchange: exchange.response["status"] == 200 and _was_cleaned_otherwise(exchange),
        became=lambda _exchange, answer: answer.status == 200 and answer.data["total_checkpoints"] > 0,
        covers=r"\$\.data\.total_checkpoints",
    ),
    Rule(
        "checkpoint-counts-in-any-order",
        "threads and users with equal counts came in the order the store happened to have",
        STATS,
        was=_was_counted,
        became=_counts_alike,
        covers=r"\$\.data\.(users\[\d+\]\..*|threads\[\d+\]\..*)",
    ),
    Rule(
        "react-store-is-looked-through",
        "the look at the store stopped after some keys, in no order; now it counts all",
        LOOK,
        was=lambda exchange: exchange.response["status"] == 200,
        became=_looks_alike,
        covers=r"\$\.data\.(total_checkpoint_keys|users_found.*|user_key_counts.*|sample_keys.*)",
    ),
)
