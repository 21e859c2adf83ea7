"""Intended differences of the feedback routes (contract 30), and what follows from them for later lists and counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from core.sql_guard.refusal import Refusal
from core.sql_guard.single_query import read_query
from scripts.parity.answers import Answer
from scripts.parity.exchanges import Exchange
from scripts.parity.rules.rule import Rule, body_of, is_error, is_scalar, names_invalid, old_answer

ROUTES = r"/api/v0/qa_feedback/"
ADD, QUERY, STATS, TRAIN = (f"/api/v0/qa_feedback/{name}" for name in ("add", "query", "stats", "add_to_training"))
GENERIC = {
    "创建反馈记录失败，请稍后重试",
    "查询反馈记录失败，请稍后重试",
    "更新反馈记录失败，请稍后重试",
    "添加训练数据失败，请稍后重试",
}
TEXT_MEMBERS = ("question", "sql", "user_id")
FALSE_WORDS = {"f", "fa", "fal", "fals", "false", "n", "no", "of", "off", "0"}
TRUE_WORDS = {"t", "tr", "tru", "true", "y", "ye", "yes", "on", "1"}


def _was_generic_500(exchange: Exchange) -> bool:
    return exchange.response["status"] == 500 and old_answer(exchange).response in GENERIC


def _was_unreadable(exchange: Exchange) -> bool:
    return _was_generic_500(exchange) and not isinstance(exchange.request.get("json"), Mapping)


def _was_wrong_value(exchange: Exchange) -> bool:
    return _was_generic_500(exchange) and bool(body_of(exchange)) and not _is_readable_now(exchange)


def _names_a_given_one(exchange: Exchange, answer: Answer) -> bool:
    return any(names_invalid(answer, name) for name in body_of(exchange))


def _is_readable_now(exchange: Exchange) -> bool:
    """A 500 for a number where a word or a boolean is expected; the number is read as one."""
    body = body_of(exchange)
    is_sort = exchange.request["path"] == QUERY and (is_scalar(body.get("sort_order")))
    truths = [body[name] for name in ("is_thumb_up", "is_in_training_data") if name in body]
    return is_sort or any(value in (0, 1) and not isinstance(value, bool) for value in truths)


def _was_broken_page(exchange: Exchange) -> bool:
    body = body_of(exchange)
    pages = [body[name] for name in ("page", "page_size") if name in body]
    return exchange.response["status"] == 200 and any(
        isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()) for value in pages
    )


def _composites(body: Mapping[str, Any]) -> list[str]:
    return [name for name in TEXT_MEMBERS if isinstance(body.get(name), list | dict)]


def _has_strange_truth(body: Mapping[str, Any]) -> bool:
    value = body.get("is_thumb_up")
    if isinstance(value, bool) or value is None:
        return False
    return not isinstance(value, str | int) or str(value).strip().lower() not in FALSE_WORDS | TRUE_WORDS


def _is_accepted_no_more(exchange: Exchange) -> bool:
    body = body_of(exchange)
    return exchange.response["status"] == 200 and bool(_composites(body) or _has_strange_truth(body))


def _names_the_reason(exchange: Exchange, answer: Answer) -> bool:
    return names_invalid(answer, (_composites(body_of(exchange)) or ["is_thumb_up"])[0])


def _earlier_adds(exchange: Exchange) -> Iterator[Exchange]:
    """The verdicts the old service had taken in this replay before, newest first."""
    for earlier in exchange.earlier():
        if earlier.request["path"] == ADD and earlier.response["status"] == 200:
            yield earlier


def _refused_now(exchange: Exchange) -> list[Exchange]:
    return [earlier for earlier in _earlier_adds(exchange) if _is_accepted_no_more(earlier)]


def _turned_now(exchange: Exchange) -> list[Exchange]:
    """Verdicts whose thumb was a word for no, which any word was a yes to."""
    adds = [earlier for earlier in _earlier_adds(exchange) if not _is_accepted_no_more(earlier)]
    thumbs = [(earlier, body_of(earlier).get("is_thumb_up")) for earlier in adds]
    return [add for add, thumb in thumbs if isinstance(thumb, str) and thumb.strip().lower() in FALSE_WORDS]


def _has_other_rows(exchange: Exchange) -> bool:
    return exchange.response["status"] == 200 and bool(_refused_now(exchange) or _turned_now(exchange))


def _contents(records: list[dict[str, Any]]) -> Counter[tuple[str, str]]:
    return Counter((str(record["question"]), str(record["sql"])) for record in records)


def _is_rest_of_the_list(exchange: Exchange, answer: Answer) -> bool:
    """The recorded rows without those refused now; turned ones may have changed sides of a filter."""
    if answer.status != 200 or not _is_well_paged(answer):
        return False
    before, after = old_answer(exchange).data, answer.data
    refused, turned = _refused_now(exchange), _turned_now(exchange)
    lost = before["pagination"]["total"] - after["pagination"]["total"]
    if not -len(turned) <= lost <= len(refused) + len(turned):
        return False
    if before["pagination"]["total"] > len(before["records"]):
        return True
    old_rows, new_rows = _contents(before["records"]), _contents(after["records"])
    turned_rows = Counter((str(body_of(add)["question"]), str(body_of(add)["sql"])) for add in turned)
    unexplained = (old_rows - new_rows) - turned_rows
    return unexplained.total() <= len(refused) and not (new_rows - old_rows) - turned_rows


def _is_well_paged(answer: Answer) -> bool:
    paged, records = answer.data.get("pagination", {}), answer.data.get("records", [])
    total, size, page = paged.get("total", -1), paged.get("page_size", 1), paged.get("page", 0)
    pages = -(-total // size)
    expected = max(0, min(size, total - (page - 1) * size))
    is_counted = paged.get("total_pages") == pages and paged.get("has_next") is (page < pages)
    return is_counted and len(records) == expected and answer.response == f"查询成功，共找到 {total} 条记录"


def _are_rest_of_the_counts(exchange: Exchange, answer: Answer) -> bool:
    before, after = old_answer(exchange).data, answer.data
    lost = before["total_feedback"] - after.get("total_feedback", -1)
    sums = {after.get("positive_feedback", 0) + after.get("negative_feedback", 0)}
    sums |= {after.get("trained_feedback", 0) + after.get("untrained_feedback", 0), after.get("total_feedback")}
    return answer.status == 200 and 0 <= lost <= len(_refused_now(exchange)) and len(sums) == 1


def _requested_adds(exchange: Exchange) -> list[Exchange]:
    """The verdicts the request names, by the ids they had."""
    requested = body_of(exchange).get("feedback_ids")
    ids = {str(number) for number in requested} if isinstance(requested, list) else set()
    adds = _earlier_adds(exchange)
    return [add for add in adds if str(old_answer(add).data.get("feedback_id")) in ids]


def _trains_no_query(exchange: Exchange) -> bool:
    right = [add for add in _requested_adds(exchange) if body_of(add).get("is_thumb_up")]
    return exchange.response["status"] == 200 and any(not _is_query(body_of(add).get("sql")) for add in right)


def _is_query(sql: Any) -> bool:
    try:
        read_query(str(sql))
    except Refusal:
        return False
    return True


def _trains_a_turned_one(exchange: Exchange) -> bool:
    turned = _turned_now(exchange)
    return exchange.response["status"] == 200 and any(add in turned for add in _requested_adds(exchange))


def _is_consistent_training(exchange: Exchange, answer: Answer) -> bool:
    old, new = old_answer(exchange).data["summary"], answer.data.get("summary", {})
    parts = ("positive_trained", "negative_trained", "already_trained", "errors")
    is_summed = sum(new.get(part, 0) for part in parts) == new.get("total_processed")
    is_same_request = all(new.get(name) == old[name] for name in ("total_requested", "total_processed"))
    return answer.status == 200 and is_summed and is_same_request


RULES = (
    Rule(
        "feedback-body-is-400",
        "a body that is no JSON object was a 500; now 400",
        ROUTES + r".*",
        was=_was_unreadable,
        became=lambda _exchange, answer: is_error(answer, 400),
    ),
    Rule(
        "feedback-value-is-400",
        "a wrong value was a 500 of the database or of the helper; now the 400 that names it",
        ROUTES + r".*",
        was=_was_wrong_value,
        became=_names_a_given_one,
    ),
    Rule(
        "feedback-number-is-read",
        "a number as sort order or as boolean was a 500; now it is read as the word or the boolean it stands for",
        ROUTES + r".*",
        was=lambda exchange: _was_generic_500(exchange) and _is_readable_now(exchange),
        became=lambda _exchange, answer: answer.status == 200,
    ),
    Rule(
        "feedback-page-is-whole",
        "half a page was answered with an empty list; now 400",
        QUERY,
        was=_was_broken_page,
        became=_names_a_given_one,
    ),
    Rule(
        "feedback-types-checked",
        "lists and objects as text were stored as the database spells them, anything was a boolean; now 400",
        ADD,
        was=_is_accepted_no_more,
        became=_names_the_reason,
    ),
    Rule(
        "feedback-ids-not-used-up",
        "a verdict the database refused used up an id; now it is refused before, and later ids are smaller",
        ADD,
        was=lambda exchange: exchange.response["status"] == 200,
        became=lambda _exchange, answer: isinstance(answer.data.get("feedback_id"), int),
        covers=r"\$\.data\.feedback_id",
    ),
    Rule(
        "feedback-ids-not-used-up-in-lists",
        "the same ids in lists",
        QUERY,
        was=lambda exchange: exchange.response["status"] == 200,
        became=lambda _exchange, answer: answer.status == 200,
        covers=r"\$\.data\.records\[\d+\]\.id",
    ),
    Rule(
        "feedback-list-without-refused",
        "what is refused now was stored and listed, and a thumb sent as the word false was a yes; now neither",
        QUERY,
        was=_has_other_rows,
        became=_is_rest_of_the_list,
        covers=r"\$\.data\.(records.*|pagination\..*|response)",
    ),
    Rule(
        "feedback-counts-without-refused",
        "the same rows in the counts",
        STATS,
        was=_has_other_rows,
        became=_are_rest_of_the_counts,
        covers=r"\$\.data\..*",
    ),
    Rule(
        "feedback-training-is-queries",
        "any text could be trained as right SQL; now, as in the training routes, only a query, and others are errors",
        TRAIN,
        was=_trains_no_query,
        became=_is_consistent_training,
        covers=r"\$\.data\..*",
    ),
    Rule(
        "feedback-training-follows-the-thumb",
        "a thumb sent as the word false was a yes and was trained as right SQL; now as wrong SQL",
        TRAIN,
        was=_trains_a_turned_one,
        became=_is_consistent_training,
        covers=r"\$\.data\..*",
    ),
)
