"""Intended differences of the training data routes (contract 40; 10 sections 7 and 8), and what follows from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from scripts.parity.answers import Answer
from scripts.parity.exchanges import Exchange
from scripts.parity.rules.rule import Rule, body_of, is_error, names_invalid, old_answer
from scripts.parity.rules.training_effects import (
    SINGLE_PAIRS,
    TRAINING,
    effects_before,
    is_kept_now,
    items_of,
    pairs_of,
    was_kept,
)

STATS, QUERY, CREATE, DELETE, UPDATE = (TRAINING + name for name in ("stats", "query", "create", "delete", "update"))
JUDGED = (
    r"status|\$\.(code|success|message)"
    r"|\$\.data\.(results.*|failed_count|successfully_created|summary.*|response|can_retry|error_type)"
)
GENERIC = {
    "查询训练数据失败，请稍后重试",
    "创建训练数据失败，请稍后重试",
    "删除训练数据失败，请稍后重试",
    "更新训练数据失败，请稍后重试",
    "训练失败，请稍后重试",
    "存储错误SQL失败，请稍后重试",
}
ENDINGS = {"sql": "-sql", "error_sql": "-error_sql", "documentation": "-doc", "ddl": "-ddl"}
PYTHON_ERRORS = ("object has no attribute", "validation error for")


def _was_generic_500(exchange: Exchange) -> bool:
    return exchange.response["status"] == 500 and old_answer(exchange).response in GENERIC


def _was_unreadable(exchange: Exchange) -> bool:
    return _was_generic_500(exchange) and not isinstance(exchange.request.get("json"), Mapping)


def _has_wrong_code(exchange: Exchange) -> bool:
    body = exchange.response.get("json")
    return exchange.response["status"] in (207, 400) and isinstance(body, Mapping) and body.get("code") == 500


def _has_right_code(_exchange: Exchange, answer: Answer) -> bool:
    return isinstance(answer.body, Mapping) and answer.body.get("code") == answer.status


def _is_judged(exchange: Exchange, answer: Answer) -> bool:
    """Every record's outcome is the one wanted now, and status, counts and texts agree with the outcomes."""
    items, results = items_of(exchange), answer.data.get("results", [])
    kept = [is_kept_now(fields) for fields in items]
    done, count = sum(kept), len(items)
    if done == count:
        status, text = 200, "训练数据创建完成"
    elif done:
        status, text = 207, f"训练数据创建部分成功，成功{done}条，失败{count - done}条"
    else:
        status, text = 400, "训练数据创建失败"
    figures = (answer.data.get("successfully_created"), answer.data.get("failed_count"))
    is_told = answer.response == text and figures == (done, count - done)
    is_coded = answer.status == status and answer.body.get("code") == status
    agrees = len(results) == count and all(map(_is_result, results, kept))
    is_summed = sum(answer.data.get("summary", {}).values()) == done
    return is_told and is_coded and agrees and is_summed and answer.body.get("success") is (done == count)


def _is_result(result: Mapping[str, Any], is_kept: bool) -> bool:
    if not is_kept:
        return result.get("success") is False and bool(result.get("error")) and result.get("message") == "创建失败"
    ending = ENDINGS.get(str(result.get("type")), "?")
    return result.get("success") is True and str(result.get("training_id")).endswith(ending)


def _accepted_no_query(exchange: Exchange) -> bool:
    return any(was_kept(result) and not is_kept_now(fields) for fields, result in pairs_of(exchange))


def _refused_a_query(exchange: Exchange) -> bool:
    return any(
        isinstance(result, Mapping) and result.get("success") is False and is_kept_now(fields) and _is_text(fields)
        for fields, result in pairs_of(exchange)
    )


def _is_text(fields: Any) -> bool:
    return isinstance(fields, Mapping) and isinstance(fields.get("sql", ""), str)


def _broke_on_a_scalar(exchange: Exchange) -> bool:
    errors = [result.get("error", "") for _, result in pairs_of(exchange) if isinstance(result, Mapping)]
    return any(mark in str(error) for error in errors for mark in PYTHON_ERRORS)


def _stored_nothing(exchange: Exchange) -> bool:
    results = [result for _, result in pairs_of(exchange) if isinstance(result, Mapping)]
    return any(result.get("success") is True and result.get("training_id") is None for result in results)


def _broke_on_a_record(exchange: Exchange) -> bool:
    return _was_generic_500(exchange) and any(not isinstance(fields, Mapping) for fields in items_of(exchange))


def _had_other_rows(exchange: Exchange) -> bool:
    is_answered = exchange.response["status"] in (200, 207, 400) and bool(old_answer(exchange).data)
    return is_answered and bool(effects_before(exchange))


def _is_explained_count(exchange: Exchange, before: Any, after: Any, *, own: int = 0) -> bool:
    """Args: own: how many records this exchange itself keeps or loses compared with the recorded one."""
    if not isinstance(before, int) or not isinstance(after, int):
        return False
    effects = effects_before(exchange)
    return -effects.most_lost <= after - before - own <= effects.most_gained


def _own_effect(exchange: Exchange) -> int:
    return sum(is_kept_now(fields) - was_kept(result) for fields, result in pairs_of(exchange))


def _is_current_count(exchange: Exchange, answer: Answer) -> bool:
    before, after = (one.data.get("current_total_count") for one in (old_answer(exchange), answer))
    if before is None and after is None:
        return True
    return _is_explained_count(exchange, before, after, own=_own_effect(exchange))


def _are_counts(exchange: Exchange, answer: Answer) -> bool:
    data = answer.data
    total, parts = data.get("total_count", -1), data.get("type_breakdown", {})
    percentages = {kind: round(100.0 * count / total, 2) if total else 0.0 for kind, count in parts.items()}
    is_consistent = sum(parts.values()) == total and data.get("type_percentages") == percentages
    return is_consistent and _is_explained_count(exchange, old_answer(exchange).data.get("total_count"), total)


def _is_list(exchange: Exchange, answer: Answer) -> bool:
    """Well paged, and where all rows are shown, they are the recorded ones but for the explained ones."""
    before, after = old_answer(exchange).data, answer.data
    if "pagination" not in before:
        return True
    if answer.status != 200 or not _is_well_paged(answer):
        return False
    if not _is_explained_count(exchange, before["pagination"]["total"], after["pagination"]["total"]):
        return False
    is_partly_shown = any(len(one["records"]) < one["pagination"]["total"] for one in (before, after))
    if is_partly_shown or "records" in exchange.loose:
        return True
    effects = effects_before(exchange)
    old_rows, new_rows = _contents(before["records"]), _contents(after["records"])
    lost, gained = (old_rows - new_rows) - effects.lost, (new_rows - old_rows) - effects.gained
    return lost.total() <= effects.unknown_lost and gained.total() <= effects.unknown_gained


def _is_well_paged(answer: Answer) -> bool:
    paged, records = answer.data.get("pagination", {}), answer.data.get("records", [])
    total, size, page = paged.get("total", -1), paged.get("page_size", 1), paged.get("page", 0)
    pages = -(-total // size)
    is_counted = paged.get("total_pages") == pages and paged.get("has_next") is (page < pages)
    texts = {f"查询成功，共找到 {total} 条记录", *(() if total else ("查询成功，暂无训练数据",))}
    return is_counted and len(records) == max(0, min(size, total - (page - 1) * size)) and answer.response in texts


def _contents(records: list[dict[str, Any]]) -> Counter[str]:
    return Counter(str(record["content"]).strip() for record in records)


def _lists_in_random_order(exchange: Exchange) -> bool:
    is_list = exchange.response["status"] == 200 and "records" not in exchange.loose
    return is_list and bool(old_answer(exchange).data.get("records"))


def _has_the_same_records(exchange: Exchange, answer: Answer) -> bool:
    """The same set, each record complete, in the order of the ids where that was wanted."""
    before, after = old_answer(exchange).data["records"], answer.data.get("records", [])
    rows = [Counter((r["training_data_type"], r["question"], r["content"]) for r in one) for one in (before, after)]
    has_ids = all(str(row["id"]).endswith(ENDINGS[row["training_data_type"]]) for row in after)
    return has_ids and (rows[0] == rows[1] or _had_other_rows(exchange))


def _was_wrong_number(exchange: Exchange) -> bool:
    body = body_of(exchange)
    given = [body[name] for name in ("page", "page_size") if body.get(name) is not None]
    is_wrong = any(isinstance(value, bool) or not isinstance(value, int) for value in given)
    return exchange.response["status"] in (200, 500) and is_wrong


def _was_read_wrongly(exchange: Exchange) -> bool:
    return _was_generic_500(exchange) and bool(body_of(exchange)) and not _was_wrong_number(exchange)


def _is_page_or_named(exchange: Exchange, answer: Answer) -> bool:
    composites = [name for name, value in body_of(exchange).items() if isinstance(value, list | dict)]
    if composites:
        return any(names_invalid(answer, name) for name in composites)
    return (answer.status == 200 and _is_well_paged(answer)) or is_error(answer, 400)


def _names_a_number(_exchange: Exchange, answer: Answer) -> bool:
    return names_invalid(answer, "page") or names_invalid(answer, "page_size")


RULES = (
    Rule(
        "training-body-is-400",
        "a body that is no JSON object was a 500; now 400",
        "|".join((TRAINING + ".*", *SINGLE_PAIRS)),
        was=_was_unreadable,
        became=lambda _exchange, answer: is_error(answer, 400),
    ),
    Rule(
        "training-batch-code",
        "a batch that failed wholly or partly had code 500 beside its status; now the code is the status",
        f"{CREATE}|{DELETE}",
        was=_has_wrong_code,
        became=_has_right_code,
        covers=r"\$\.code",
    ),
    Rule(
        "training-only-queries",
        "a prefix check let INSERT, UPDATE, DDL and unreadable SQL become training pairs; now only queries",
        CREATE,
        was=_accepted_no_query,
        became=_is_judged,
        covers=JUDGED,
    ),
    Rule(
        "training-any-query",
        "WITH and a leading comment were no SQL to the prefix check; now every query is accepted",
        CREATE,
        was=_refused_a_query,
        became=_is_judged,
        covers=JUDGED,
    ),
    Rule(
        "training-scalar-is-text",
        "a number where text is expected was a Python error; now it is a text like any other",
        CREATE,
        was=_broke_on_a_scalar,
        became=_is_judged,
        covers=JUDGED,
    ),
    Rule(
        "training-question-written",
        "SQL without a question was a success that stored nothing; now the model writes the question",
        CREATE,
        was=_stored_nothing,
        became=_is_judged,
        covers=JUDGED,
    ),
    Rule(
        "training-record-fails-alone",
        "a record that is no object ended the batch with 500 half-way; now it fails alone",
        CREATE,
        was=_broke_on_a_record,
        became=_is_judged,
        covers=JUDGED,
    ),
    Rule(
        "training-count-follows",
        "counts follow from what earlier requests stored, and that differs by the rules above",
        f"{CREATE}|{DELETE}|{UPDATE}",
        was=_had_other_rows,
        became=lambda exchange, answer: answer.status >= 400 or _is_current_count(exchange, answer),
        covers=r"\$\.data\.current_total_count",
    ),
    Rule(
        "training-own-count-follows",
        "the count after a request follows from what it stored itself",
        CREATE,
        was=lambda exchange: _own_effect(exchange) != 0 or _broke_on_a_record(exchange) or _has_wrong_code(exchange),
        became=lambda exchange, answer: _broke_on_a_record(exchange) or _is_current_count(exchange, answer),
        covers=r"\$\.data\.current_total_count",
    ),
    Rule(
        "training-stats-follow",
        "the same rows in the statistics",
        STATS,
        was=_had_other_rows,
        became=_are_counts,
        covers=r"\$\.data\.(total_count|type_breakdown.*|type_percentages.*)",
    ),
    Rule(
        "training-list-follows",
        "the same rows in lists",
        QUERY,
        was=_had_other_rows,
        became=_is_list,
        covers=r"\$\.data\.(records.*|pagination\..*|response)",
    ),
    Rule(
        "training-ids-are-random",
        "lists are sorted by random ids, so their order says nothing",
        QUERY,
        was=_lists_in_random_order,
        became=_has_the_same_records,
        covers=r"\$\.data\.records\[\d+\]\..*",
    ),
    Rule(
        "training-page-is-whole",
        "a page that is no whole number was a 500; now 400",
        QUERY,
        was=_was_wrong_number,
        became=_names_a_number,
    ),
    Rule(
        "training-filters-are-read",
        "null or a number as filter or sort order was a 500; now null is not given, a number is its text",
        QUERY,
        was=_was_read_wrongly,
        became=_is_page_or_named,
    ),
)
