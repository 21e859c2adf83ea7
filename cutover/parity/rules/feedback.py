"""Intended differences of the feedback routes (docs/contract/feedback.md), and what follows for later lists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from core.sql_guard.refusal import Refusal
from core.sql_guard.single_query import read_query
from cutover.parity.answers import Answer
from cutover.parity.exchanges import Exchange
from cutover.parity.rules.ask import COMPOSITE
from cutover.parity.rules.rule import Rule, body_of, is_malformed, is_scalar, names_invalid, old_answer, told_counts

ROUTES = r"/api/v0/qa_feedback/"
ADD, QUERY, STATS, TRAIN = (f"/api/v0/qa_feedback/{name}" for name in ("add", "query", "stats", "add_to_training"))
UPDATE = ROUTES + r"update/[^/]+"
TRAINED = r"\$\.data\.(summary\..*|training_details\..*|successfully_trained_ids.*|response)"
GENERIC = {
    "创建反馈记录失败，请稍后重试",
    "查询反馈记录失败，请稍后重试",
    "更新反馈记录失败，请稍后重试",
    "添加训练数据失败，请稍后重试",
}
TEXT_MEMBERS = ("question", "sql", "user_id")
CHANGEABLE = ("question", "sql", "is_thumb_up", "user_id", "is_in_training_data")
READ_AS_TEXT = ("sort_order", "create_time_start", "create_time_end")
BOUNDS = {"page": "页码必须大于0", "page_size": "每页大小必须在1-100之间"}
FALSE_WORDS = {"f", "fa", "fal", "fals", "false", "n", "no", "of", "off", "0"}
TRUE_WORDS = {"t", "tr", "tru", "true", "y", "ye", "yes", "on", "1"}


def _was_generic_500(exchange: Exchange) -> bool:
    return exchange.response["status"] == 500 and old_answer(exchange).response in GENERIC


def _was_unreadable(exchange: Exchange) -> bool:
    return _was_generic_500(exchange) and not isinstance(exchange.request.get("json"), Mapping)


def _was_wrong_value(exchange: Exchange) -> bool:
    """A crash, or a record that was looked for before its new values were."""
    is_told = _was_generic_500(exchange) or _was_absent(exchange)
    return is_told and bool(_wrong_ones(exchange)) and not _is_all_readable(exchange)


def _was_absent(exchange: Exchange) -> bool:
    return exchange.response["status"] == 404 and old_answer(exchange).error_type == "resource_not_found"


def _is_named_or_absent(exchange: Exchange, answer: Answer) -> bool:
    is_absent = _was_absent(exchange) and answer.status == 404 and answer.response == old_answer(exchange).response
    return is_absent or _names_a_wrong_one(exchange, answer)


def _names_a_wrong_one(exchange: Exchange, answer: Answer) -> bool:
    """A 400 that names one of the wrong values, in the words meant for a page that is out of bounds."""
    for name in _wrong_ones(exchange):
        value = body_of(exchange)[name]
        is_bound = name in BOUNDS and isinstance(value, int) and not isinstance(value, bool) and value < 1000
        if names_invalid(answer, name) and (not is_bound or answer.response == BOUNDS[name]):
            return True
    return False


def _wrong_ones(exchange: Exchange) -> list[str]:
    return [name for name, value in body_of(exchange).items() if _is_wrong(name, value)]


def _is_wrong(name: str, value: Any) -> bool:
    """Whether a member may be what the old service broke on; the order of a time's parts is PostgreSQL's to read."""
    if name in ("page", "page_size"):
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1
        return not is_number or not 1 <= value <= (100 if name == "page_size" else 2**53)
    if name in ("is_thumb_up", "is_in_training_data"):
        return value is None or _has_strange_truth({"is_thumb_up": value})
    if name in ("create_time_start", "create_time_end"):
        return value is not None and value != ""
    if name == "user_id":
        return not isinstance(value, str) or len(value) > 64 or not _is_storable(value)
    if name in ("question", "sql"):
        return not isinstance(value, str) or not _is_storable(value)
    if name == "feedback_ids":
        return isinstance(value, list) and not all(map(_is_id, value))
    return name in ("sort_by", "sort_order") and isinstance(value, list | dict)


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31


def _is_storable(text: str) -> bool:
    return ("\0" not in text and text.isascii()) or all(one != "\0" and not "\ud800" <= one <= "\udfff" for one in text)


def _is_readable_now(exchange: Exchange) -> bool:
    """A 500 for a number where a word or a boolean is expected; the number is read as one."""
    body = body_of(exchange)
    is_no_word = body.get("sort_order", "") in (None, 0, False)
    is_sort = exchange.request["path"] == QUERY and (is_no_word or any(map(is_scalar, map(body.get, READ_AS_TEXT))))
    truths = [body[name] for name in ("is_thumb_up", "is_in_training_data") if name in body]
    return is_sort or any(value in (0, 1) and not isinstance(value, bool) for value in truths)


def _is_all_readable(exchange: Exchange) -> bool:
    """Whether nothing is wrong but numbers that may be read, as times too."""
    return _is_readable_now(exchange) and all(name in READ_AS_TEXT for name in _wrong_ones(exchange))


def _was_read(exchange: Exchange, answer: Answer) -> bool:
    """A list in the usual order, or an update that says what it changed; a number that is no time is named."""
    if any(names_invalid(answer, name) for name in ("create_time_start", "create_time_end")):
        return _names_a_wrong_one(exchange, answer)
    if exchange.request["path"] == QUERY:
        return answer.status == 200 and _is_well_paged(answer)
    is_said = answer.response == "反馈记录更新成功" and answer.data.get("updated_fields") == [
        name
        for name in (*TEXT_MEMBERS[:2], "is_thumb_up", "user_id", "is_in_training_data")
        if name in body_of(exchange)
    ]
    return answer.status == 200 and is_said


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


def _trained_by_fractions(exchange: Exchange) -> bool:
    """Numbers that are no ids stood among them and matched nothing."""
    ids = body_of(exchange).get("feedback_ids")
    is_odd = isinstance(ids, list) and any(isinstance(one, float) and not one.is_integer() for one in ids)
    return exchange.response["status"] == 200 and is_odd


def _names_the_reason(exchange: Exchange, answer: Answer) -> bool:
    composites = _composites(body_of(exchange))
    if composites:
        return names_invalid(answer, composites[0]) and answer.response == COMPOSITE
    return names_invalid(answer, "is_thumb_up")


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
    changed_sides = len(turned) if body_of(exchange).get("is_thumb_up") is not None else 0
    if not -changed_sides <= lost <= len(refused) + changed_sides:
        return False
    if before["pagination"]["total"] > len(before["records"]):
        return True
    old_rows, new_rows = _contents(before["records"]), _contents(after["records"])
    turned_rows = Counter((str(body_of(add)["question"]), str(body_of(add)["sql"])) for add in turned)
    plain = [body_of(add) for add in refused if not _composites(body_of(add))]
    refused_rows = Counter((str(body["question"]), str(body["sql"])) for body in plain)
    unexplained = (old_rows - new_rows) - turned_rows - refused_rows
    return unexplained.total() <= len(refused) - len(plain) and not (new_rows - old_rows) - turned_rows


def _is_well_paged(answer: Answer) -> bool:
    return answer.response == f"查询成功，共找到 {told_counts(answer)} 条记录"


def _are_rest_of_the_counts(exchange: Exchange, answer: Answer) -> bool:
    before, after = old_answer(exchange).data, answer.data
    names = ("total_feedback", "positive_feedback", "trained_feedback")
    total, right, trained = (int(after.get(name, -1)) for name in names)
    lost = before["total_feedback"] - total
    is_summed = (after.get("negative_feedback"), after.get("untrained_feedback")) == (total - right, total - trained)
    rates = tuple(round(100.0 * part / max(total, 1), 2) for part in (right, trained))
    is_rated = (after.get("positive_rate"), after.get("training_rate")) == rates
    is_fewer = 0 <= lost <= len(_refused_now(exchange))
    is_turned = 0 <= before["positive_feedback"] - right <= len(_refused_now(exchange)) + len(_turned_now(exchange))
    return answer.status == 200 and is_fewer and is_turned and is_summed and is_rated


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
    """As many records as before; those that are no query are errors, those that say no are wrong SQL."""
    old, new = old_answer(exchange).data["summary"], answer.data.get("summary", {})
    parts = ("positive_trained", "negative_trained", "already_trained", "errors")
    is_summed = sum(new.get(part, 0) for part in parts) == new.get("total_processed")
    is_same_request = new.get("total_requested") == old["total_requested"]
    turned = [add for add in _requested_adds(exchange) if add in _turned_now(exchange)]
    more_errors, more_wrong = (new.get(part, 0) - old[part] for part in ("errors", "negative_trained"))
    is_explained = 0 <= more_errors <= len(_requested_adds(exchange)) and -more_errors <= more_wrong <= len(turned)
    done = new.get("positive_trained", 0) + new.get("negative_trained", 0)
    is_told = answer.response == f"训练数据添加完成，成功处理 {done} 条记录"
    is_listed = len(answer.data.get("successfully_trained_ids", ())) == done
    return answer.status == 200 and is_summed and is_same_request and is_explained and is_told and is_listed


RULES = (
    Rule(
        "feedback-body-is-400",
        "a body that is no JSON object was a 500; now 400",
        ROUTES + r".*",
        was=_was_unreadable,
        became=is_malformed,
    ),
    Rule(
        "feedback-value-is-400",
        "a wrong value was a 500 of the database or of the helper; now the 400 that names it",
        ROUTES + r".*",
        was=_was_wrong_value,
        became=_is_named_or_absent,
    ),
    Rule(
        "feedback-number-is-read",
        "a number or null as sort order, a number as time or boolean was a 500; now it is read as what it stands for",
        ROUTES + r".*",
        was=lambda exchange: _was_generic_500(exchange) and _is_all_readable(exchange),
        became=_was_read,
    ),
    Rule(
        "feedback-page-is-whole",
        "half a page was answered with an empty list; now 400",
        QUERY,
        was=_was_broken_page,
        became=_names_a_wrong_one,
    ),
    Rule(
        "feedback-types-checked",
        "lists and objects as text were stored as the database spells them, anything was a boolean; now 400",
        rf"{ADD}|{UPDATE}",
        was=_is_accepted_no_more,
        became=_names_the_reason,
    ),
    Rule(
        "feedback-ids-are-whole",
        "numbers with fractions among the ids matched nothing; now 400",
        TRAIN,
        was=_trained_by_fractions,
        became=lambda _exchange, answer: names_invalid(answer, "feedback_ids"),
    ),
    Rule(
        "feedback-list-without-refused",
        "what is refused now was stored and listed, and a thumb sent as the word false was a yes; now neither",
        QUERY,
        was=_has_other_rows,
        became=_is_rest_of_the_list,
        covers=r"\$\.data\.(records.*|pagination\.(total|total_pages|has_next|has_prev)|response)",
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
        covers=TRAINED,
    ),
    Rule(
        "feedback-training-follows-the-thumb",
        "a thumb sent as the word false was a yes and was trained as right SQL; now as wrong SQL",
        TRAIN,
        was=_trains_a_turned_one,
        became=_is_consistent_training,
        covers=TRAINED,
    ),
)
