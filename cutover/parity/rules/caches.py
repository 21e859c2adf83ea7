"""Intended differences of the cache routes (docs/contract/conversations.md)."""

from __future__ import annotations

import re
from typing import Any

from cutover.parity.answers import Answer
from cutover.parity.exchanges import Exchange
from cutover.parity.rules.rule import Rule, body_of, is_error, is_malformed, old_answer, sent_object, was_html
from cutover.parity.rules.training_effects import answer_now

EMBEDDING_STATS = "/api/v0/embedding_cache_stats"
EMBEDDING_CLEANUP = "/api/v0/embedding_cache_cleanup"
ANSWER_STATS = "/api/v0/qa_cache_stats"
ANSWER_LIST = "/api/v0/qa_cache_list"
ANSWER_CLEANUP = "/api/v0/qa_cache_cleanup"
SESSIONS = r"/api/v0/cache_(overview|stats|export)"
OVERVIEW = "/api/v0/cache_overview_full"
REMOVALS = r"/api/v0/cache_(preview_cleanup|cleanup)"
LISTED = {
    "cache_key": str,
    "question": str,
    "cached_at": str,
    "ttl_seconds": int,
    "response_type": str,
    "has_sql": bool,
    "has_summary": bool,
}
CONDITIONS = ["older_than_hours", "older_than_days", "before_timestamp"]
QUESTION = "/api/v0/ask_agent"
QUESTIONS = r"/api/v0/ask(_agent|_agent_stream|_cached)?"
SESSION_MEMBERS = {
    "cache_overview": {"overview_summary", "recent_conversations", "session_summary"},
    "cache_stats": {"basic_stats", "time_distribution", "session_details", "time_ranges"},
    "cache_export": {"export_metadata", "session_info", "conversation_times", "conversations", "cache_statistics"},
}


def _count(answer: Answer, name: str) -> int:
    value = answer.data.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else -1


def _counts(answer: Answer) -> bool:
    """A figure of something that is there, with the memory it takes."""
    megabytes = answer.data.get("memory_usage_mb")
    is_measured = isinstance(megabytes, int | float) and not isinstance(megabytes, bool) and megabytes >= 0
    return answer.status == 200 and _count(answer, "total_count") > 0 and is_measured


def _asked_before(exchange: Exchange) -> int:
    """How many questions were answered before it in this phase."""
    asked = (one for one in exchange.earlier() if re.fullmatch(QUESTIONS, one.request["path"]))
    return sum(answer_now(one).status < 400 for one in asked)


def _counts_no_more(exchange: Exchange, answer: Answer) -> bool:
    """At most what there was: each question once, and refused ones not at all."""
    return _counts(answer) and _count(answer, "total_count") <= _count(old_answer(exchange), "total_count")


def _counts_no_more_than_asked(exchange: Exchange, answer: Answer) -> bool:
    return _counts(answer) and _count(answer, "total_count") <= _asked_before(exchange)


def _listed(answer: Answer) -> list[dict[str, Any]]:
    found = answer.data.get("cache_list")
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def _is_whole_list(exchange: Exchange, answer: Answer) -> bool:
    """Each row has its members; newest first; as many as are counted, and no more than asked for."""
    rows = _listed(answer)
    is_typed = all(type(row.get(name)) is kind for row in rows for name, kind in LISTED.items())
    is_named = all(re.fullmatch(r"qa_cache:[0-9a-f]{16}", row["cache_key"]) for row in rows) if is_typed else False
    times = [row["cached_at"] for row in rows] if is_typed else []
    is_told = all(row["response_type"] in ("DATABASE", "CHAT") for row in rows)
    limit = _count(answer, "limit_applied")
    is_counted = _count(answer, "total_returned") == len(rows) <= limit == _count(old_answer(exchange), "limit_applied")
    return is_typed and is_named and is_told and is_counted and times == sorted(times, reverse=True) and bool(rows)


def _asks_for_less(exchange: Exchange) -> bool:
    return bool(_listed(old_answer(exchange)))


def _was_refused_cleanup(exchange: Exchange) -> bool:
    return exchange.response["status"] == 400 and _is_code_500(exchange)


def _is_code_500(exchange: Exchange) -> bool:
    body = exchange.response.get("json")
    return isinstance(body, dict) and body.get("code") == 500


def _told_of_sessions(exchange: Exchange) -> bool:
    return bool(exchange.response["status"] == 200 and "json" in exchange.response)


def _adds_up(exchange: Exchange, answer: Answer) -> bool:
    """Every figure is that of the list it is about."""
    data, name = answer.data, exchange.request["path"].rpartition("/")[2]
    if answer.status != 200 or not SESSION_MEMBERS[name] <= data.keys():
        return False
    if name == "cache_overview":
        summary = data["overview_summary"]
        shown = (summary["total_sessions"], min(summary["total_conversations"], 10))
        return bool(shown == (len(data["session_summary"]), len(data["recent_conversations"])))
    if name == "cache_stats":
        basic, spread = data["basic_stats"], data["time_distribution"]
        totals = (basic["total_sessions"], basic["total_conversations"])
        is_spread = totals == (sum(spread["sessions"].values()), sum(spread["conversations"].values()))
        return bool(is_spread and totals[0] == len(data["session_details"]))
    told = data["export_metadata"]
    return bool((told["total_sessions"], told["total_conversations"]) == (
        len(data["session_info"]), len(data["conversations"])))  # fmt: skip


def _overview_adds_up(_exchange: Exchange, answer: Answer) -> bool:
    cached = answer.data["conversation_aware_cache"]
    counts = [answer.data[name].get("total_count", 0) for name in ("question_answer_cache", "embedding_cache")]
    return answer.status == 200 and cached["total_items"] == len(cached["sessions"]) and min(counts) >= 0


def _was_broken(exchange: Exchange) -> bool:
    is_json = "json" in exchange.request or sent_object(exchange) is not None
    return exchange.response["status"] in (500, 503) and is_json


def _condition(exchange: Exchange) -> str | None:
    return next((name for name in CONDITIONS if body_of(exchange).get(name)), None)


def _does_what_was_designed(exchange: Exchange, answer: Answer) -> bool:
    """The members that were meant, or the refusal of a condition that is missing or none."""
    if answer.status == 200:
        name = _condition(exchange)
        is_preview = exchange.request["path"].endswith("preview_cleanup")
        members = (
            {"summary", "will_be_removed", "will_be_kept"} if is_preview else {"sessions_removed", "sessions_kept"}
        )
        shown = str(answer.data.get("time_condition"))
        return members <= answer.data.keys() and name is not None and shown.startswith(f"{name}: ")
    if isinstance(exchange.request.get("json"), dict) and _condition(exchange) is None:
        return is_error(answer, 400, "missing_required_params") and answer.data.get("missing_params") == CONDITIONS
    return answer.status in (400, 422) and answer.data.get("error_type") in (
        "invalid_params",
        "missing_required_params",
    )


def _was_hit_of_another(exchange: Exchange) -> bool:
    """A hit although routing mode or context was another one, or although there was nothing worth keeping."""
    old = old_answer(exchange)
    body = body_of(exchange)
    is_other = bool(body.get("routing_mode")) or old.data.get("context_used") is True
    is_explanation = old.data.get("type") == "DATABASE" and "records" not in old.data
    return old.data.get("from_cache") is True and (is_other or is_explanation)


def _messages(answer: Answer) -> list[dict[str, Any]]:
    found = answer.data.get("messages")
    return found if isinstance(found, list) else []


def _is_hit(message: dict[str, Any]) -> bool:
    return message.get("metadata") == {"from_cache": True}


def _says_how_it_was_found(exchange: Exchange, answer: Answer) -> bool:
    """Messages are as many as before, and each former hit is one or tells its own path."""
    old, new = _messages(old_answer(exchange)), _messages(answer)
    hits = [message for before, message in zip(old, new, strict=False) if _is_hit(before)]
    is_told = all(_is_hit(message) or message["metadata"].get("execution_path") for message in hits)
    return answer.status == 200 and len(old) == len(new) and is_told


def _is_answer_of_its_own(_exchange: Exchange, answer: Answer) -> bool:
    is_fresh = answer.data.get("from_cache") is False and bool(answer.data.get("routing_mode_used"))
    return answer.status == 200 and (is_fresh or answer.data.get("from_cache") is True)


RULES = (
    Rule(
        "embedding-counts",
        "a question was embedded with its context and once more to keep it; now once, as asked, so other ones are kept",
        EMBEDDING_STATS,
        was=lambda exchange: _counts(old_answer(exchange)),
        became=_counts_no_more,
        covers=r"\$\.data\.total_count",
    ),
    Rule(
        "embedding-cleanup-without-cache",
        "without its cache the clean-up was HTTP 400 around a code 500; now 503 in both",
        EMBEDDING_CLEANUP,
        was=_was_refused_cleanup,
        became=lambda exchange, answer: (
            answer.status == 503 and answer.body["code"] == 503 and answer.response == old_answer(exchange).response
        ),
    ),
    Rule(
        "answers-kept-by-all-they-depend-on",
        "only the question counted, and explanations were kept; now routing mode and context count too, answers only",
        ANSWER_STATS,
        was=lambda exchange: _counts(old_answer(exchange)),
        became=_counts_no_more_than_asked,
        covers=r"\$\.data\.total_count",
    ),
    Rule(
        "answers-listed-as-they-are",
        "type, SQL and summary of listed answers were looked for in the wrong place; now they are told",
        ANSWER_LIST,
        was=_asks_for_less,
        became=_is_whole_list,
        covers=r"\$\.data\.(total_returned|cache_list.*)",
    ),
    Rule(
        "answers-removed-as-many-as-kept",
        "other answers are kept than before, so another number is removed",
        ANSWER_CLEANUP,
        was=lambda exchange: _count(old_answer(exchange), "deleted_count") > 0,
        became=lambda exchange, answer: (
            0 < _count(answer, "deleted_count") <= _asked_before(exchange) and answer.data.get("cleared") is True
        ),
        covers=r"\$\.data\.deleted_count",
    ),
    Rule(
        "answers-counted-as-many-as-kept",
        "other answers are kept than before, so another number is counted",
        "/api/v0/conversation_stats",
        was=lambda exchange: _count(old_answer(exchange), "cached_qa_count") > 0,
        became=lambda exchange, answer: 0 < _count(answer, "cached_qa_count") <= _asked_before(exchange),
        covers=r"\$\.data\.cached_qa_count",
    ),
    Rule(
        "answer-of-another-question",
        "an answer was given again whatever its routing mode and context; now only for the same question as a whole",
        QUESTION,
        was=_was_hit_of_another,
        became=_is_answer_of_its_own,
        covers=r"\$\.data\.(from_cache|type|response|sql|records.*|summary|execution_path.*|classification_info.*)",
    ),
    Rule(
        "stored-answer-of-another-question",
        "the same in the conversation: a stored answer now says how it was found when it was found for it",
        "/api/v0/conversation/[^/]+/messages",
        was=lambda exchange: any(_is_hit(message) for message in _messages(old_answer(exchange))),
        became=_says_how_it_was_found,
        covers=r"\$\.data\.messages\[\d+\]\.(content|metadata.*)",
    ),
    Rule(
        "sessions-work",
        "the session cache of another library's release broke its own overview, statistics and export",
        SESSIONS,
        was=lambda exchange: exchange.response["status"] == 500,
        became=lambda exchange, answer: (
            answer.status == 200 and SESSION_MEMBERS[exchange.request["path"].rpartition("/")[2]] <= answer.data.keys()
        ),
    ),
    Rule(
        "sessions-add-up",
        "sessions were always none, and figures told of other lists than the ones shown; now each is its list's",
        SESSIONS,
        was=_told_of_sessions,
        became=_adds_up,
        covers=r"\$\.data\.(overview_summary|recent_conversations|session_\w+|basic_stats|time_\w+|export_metadata"
        r"|conversation\w*|cache_statistics).*",
    ),
    Rule(
        "overview-adds-up",
        "the same for the overview; and other answers and embeddings are kept than before",
        OVERVIEW,
        was=_told_of_sessions,
        became=_overview_adds_up,
        covers=r"\$\.data\.(conversation_aware_cache\.(total_items|sessions.*)|\w+_cache\.total_count"
        r"|redis_conversation_stats\.(total_\w+|cached_qa_count))",
    ),
    Rule(
        "session-cleanup-works",
        "preview and clean-up of sessions could only fail; now they do what was designed",
        REMOVALS,
        was=_was_broken,
        became=_does_what_was_designed,
    ),
    Rule(
        "session-cleanup-non-json",
        "a malformed body was a failure of the service; now 400",
        REMOVALS,
        was=lambda exchange: (
            not ("json" in exchange.request or sent_object(exchange))
            and (exchange.response["status"] >= 500 or was_html(exchange, 400))
        ),
        became=is_malformed,
    ),
)
