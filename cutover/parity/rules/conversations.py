"""Intended differences of the conversation routes (docs/contract/conversations.md)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cutover.parity.answers import Answer
from cutover.parity.exchanges import Exchange
from cutover.parity.rules.ask import COMPOSITE
from cutover.parity.rules.conversation_turns import begun_otherwise, turns_before
from cutover.parity.rules.rule import NOT_JSON, Rule, body_of, is_error, is_malformed, is_other_json, old_answer

CLEANUP = "/api/v0/conversation_cleanup"
LIMITS = "/api/v0/conversation_limit_enforcement"
REMOVALS = f"{CLEANUP}|{LIMITS}"
ID_NAMES = ("user_id", "conversation_id", "thread_id")
LIMIT_NAMES = ("user_max_conversations", "conversation_max_length")
ROW_COUNTS = ("original_conversations", "kept_conversations", "deleted_conversations", "messages_trimmed")
TOTALS = {
    "total_conversations_processed": "original_conversations",
    "total_conversations_deleted": "deleted_conversations",
    "total_messages_trimmed": "messages_trimmed",
}
DELETED_KEYS = ("deleted_conversation_metas", "deleted_conversation_messages", "deleted_user_conversations")


def _is_not_json(exchange: Exchange) -> bool:
    return "json" not in exchange.request


def _was_array(exchange: Exchange) -> bool:
    """JSON that is no object: a 500, or, when empty, as if it were an empty object."""
    status, is_empty = exchange.response["status"], not exchange.request.get("json", True)
    return is_other_json(exchange) and (status == 500 or (is_empty and status == 200))


def _true_limits(exchange: Exchange) -> list[str]:
    return [name for name in LIMIT_NAMES if body_of(exchange).get(name) is True]


def _names_true_limit(exchange: Exchange, answer: Answer) -> bool:
    text = f"{_true_limits(exchange)[0]} 必须是大于0的整数"
    return is_error(answer, 400, "missing_required_params") and answer.response == text


def _rows(data: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {str(row["user_id"]): row for row in data.get("execution_summary", ())}


def _is_whole(answer: Answer) -> bool:
    """Every total is the sum of its rows, every row is whole, and the rows are in the order of the users."""
    data, rows = answer.data, _rows(answer.data)
    if answer.status != 200 or "execution_summary" not in data:
        return False
    adds_up = all(data.get(total) == sum(row[name] for row in rows.values()) for total, name in TOTALS.items())
    is_each_whole = all(
        row["original_conversations"] == row["kept_conversations"] + row["deleted_conversations"]
        for row in rows.values()
        if not row.get("cleaned_references")
    )
    is_ordered = list(rows) == sorted(rows) and len(rows) == len(data["execution_summary"])
    return adds_up and is_each_whole and is_ordered and data["processed_users"] == len(rows)


def _has_the_same_users(exchange: Exchange, answer: Answer) -> bool:
    """Everybody has as many conversations as recorded, but for those that may never have begun.

    Who asked nothing in what is replayed, because only a part of the recording is, has none.
    """
    if not _is_whole(answer):
        return False
    old, new, turns = _rows(old_answer(exchange).data), _rows(answer.data), turns_before(exchange)
    fewer, more = begun_otherwise(turns)
    counts = [{name: int(row["original_conversations"]) for name, row in rows.items()} for rows in (old, new)]
    missing = {name: counts[0].get(name, 0) - counts[1].get(name, 0) for name in (*old, *new)}
    known = {*new, *(turn.user for turn in turns)}
    is_complete = all(-more[name] <= count <= fewer[name] for name, count in missing.items() if name in known)
    same = (name for name in new if missing[name] == 0) if is_complete else ()
    return is_complete and all(new[name][key] == old[name][key] for name in same for key in ROW_COUNTS)


def _was_everybody(exchange: Exchange) -> bool:
    old = old_answer(exchange)
    return old.status == 200 and old.data.get("mode") == "global"


def _is_about_a_colon_user(exchange: Exchange) -> bool:
    return ":" in str(body_of(exchange).get("user_id")) and old_answer(exchange).status == 200


def _has_the_whole_name(exchange: Exchange, answer: Answer) -> bool:
    return _is_whole(answer) and list(_rows(answer.data)) == [str(body_of(exchange)["user_id"])]


def _scalar_ids(exchange: Exchange) -> list[Any]:
    given = [body_of(exchange).get(name) for name in ID_NAMES]
    return [value for value in given if value and isinstance(value, int | float)]


def _names_as_text(exchange: Exchange, answer: Answer) -> bool:
    told = [answer.data.get("conversation_id"), answer.data.get("user_id"), *_rows(answer.data)]
    return answer.status == 200 and json.dumps(_scalar_ids(exchange)[0]) in told


def _composite_ids(exchange: Exchange) -> list[str]:
    return [name for name in ID_NAMES if isinstance(body_of(exchange).get(name), list | dict)]


def _was_trimmed(exchange: Exchange) -> bool:
    if "limit" in exchange.request.get("query", {}):
        return False
    data = old_answer(exchange).data
    return bool(data.get("message_count") != int(data.get("conversation_meta", {}).get("message_count", 0)))


def _counts_what_is_there(_exchange: Exchange, answer: Answer) -> bool:
    count = answer.data.get("conversation_meta", {}).get("message_count")
    return bool(count == str(len(answer.data.get("messages", ()))))


def _has_no_more_users(exchange: Exchange, answer: Answer) -> bool:
    before, now = int(old_answer(exchange).data["processed_users"]), int(answer.data.get("processed_users", 0))
    fewer, more = begun_otherwise(turns_before(exchange))
    return answer.status == 200 and before - len(fewer) <= now <= before + len(more)


def _is_all_gone(exchange: Exchange, answer: Answer) -> bool:
    """No more keys than were there of old, each counted once."""
    counts = [answer.data.get(name, -1) for name in DELETED_KEYS]
    is_in_bounds = all(
        0 <= new <= old_answer(exchange).data[name] for name, new in zip(DELETED_KEYS, counts, strict=True)
    )
    return answer.status == 200 and is_in_bounds and answer.data.get("total_keys_deleted") == sum(counts)


RULES = (
    Rule(
        "removal-without-json-is-400",
        "enforcing limits without a JSON body was a 500 with a generic text; now 400, as for every malformed body",
        LIMITS,
        was=lambda exchange: _is_not_json(exchange) and exchange.response["status"] == 500,
        became=lambda _exchange, answer: is_error(answer, 400) and answer.response == NOT_JSON,
    ),
    Rule(
        "removal-by-array-is-400",
        "an array was a 500, or, when empty, removed things for everybody; now every non-object is a 400",
        REMOVALS,
        was=_was_array,
        became=is_malformed,
    ),
    Rule(
        "true-is-no-limit",
        "true was taken for the limit 1; now it is a 400 like every value that is no whole number above 0",
        LIMITS,
        was=lambda exchange: bool(_true_limits(exchange)) and exchange.response["status"] == 200,
        became=_names_true_limit,
    ),
    Rule(
        "null-dry-run-is-the-default",
        "dry_run null was echoed and ran for real; now it is the default, which is shown",
        LIMITS,
        was=lambda exchange: body_of(exchange).get("dry_run", False) is None and exchange.response["status"] == 200,
        became=lambda _exchange, answer: (
            answer.status == 200 and answer.data.get("dry_run") is False and answer.response == "限额执行完成"
        ),
        covers=r"\$\.data\.dry_run",
    ),
    Rule(
        "users-in-order",
        "users came in the order of the KEYS command, and some only had conversations of requests refused today",
        LIMITS,
        was=_was_everybody,
        became=_has_the_same_users,
        covers=r"\$\.data\.(execution_summary.*|processed_users|total_\w+)",
    ),
    Rule(
        "whole-user-id",
        "the user id was cut at its first colon; now it is whole (new ids with a colon are refused)",
        LIMITS,
        was=_is_about_a_colon_user,
        became=_has_the_whole_name,
        covers=r"\$\.data\.(execution_summary.*|total_conversations_processed)",
    ),
    Rule(
        "scalar-id-is-text",
        "a number as conversation or user id was echoed as a number; now it is the text it stands for",
        REMOVALS,
        was=lambda exchange: bool(_scalar_ids(exchange)) and exchange.response["status"] == 200,
        became=_names_as_text,
        covers=r"\$\.data\.(conversation_id|user_id|execution_summary\[0\]\.user_id)",
    ),
    Rule(
        "count-after-trimming",
        "the count in meta was not brought up to date by trimming; now it says how many messages there are",
        r"/api/v0/conversation/[^/]+/messages",
        was=_was_trimmed,
        became=_counts_what_is_there,
        covers=r"\$\.data\.conversation_meta\.message_count",
    ),
    Rule(
        "fewer-keys-to-clear",
        "refused requests, which used to begin conversations, begin none today: there is less to clear",
        CLEANUP,
        was=lambda exchange: "total_keys_deleted" in old_answer(exchange).data,
        became=_is_all_gone,
        covers=r"\$\.data\.(deleted_\w+|total_keys_deleted)",
    ),
    Rule(
        "fewer-users-to-look-at",
        "users whose requests are all refused today have no list that could name an ended conversation",
        CLEANUP,
        was=lambda exchange: old_answer(exchange).data.get("operation_mode") == "cleanup_invalid_refs",
        became=_has_no_more_users,
        covers=r"\$\.data\.processed_users",
    ),
    Rule(
        "composite-id-refused",
        "lists and objects as id were taken as they are spelt, or were a 500; now 400",
        REMOVALS,
        was=lambda exchange: bool(_composite_ids(exchange)) and exchange.response["status"] in (200, 500),
        became=lambda _exchange, answer: is_error(answer, 400) and answer.response == COMPOSITE,
    ),
)
