"""Intended differences of the training data routes (docs/contract/training.md), and what follows for later lists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from cutover.parity.answers import Answer
from cutover.parity.exchanges import Exchange
from cutover.parity.rules.ask import COMPOSITE
from cutover.parity.rules.rule import (
    Rule,
    body_of,
    is_error,
    is_malformed,
    names_invalid,
    old_answer,
    sent_object,
    told_counts,
)
from cutover.parity.rules.training_changes import RECORD_TEXTS
from cutover.parity.rules.training_effects import (
    COMBINE,
    CREATE,
    DELETE,
    FILTERS,
    QUERY,
    SINGLE_PAIRS,
    STATS,
    TRAINING,
    UPDATE,
    change_by,
    drift_before,
    effects_before,
    is_kept_now,
    items_of,
    pairs_of,
    total_of,
    was_kept,
)

JUDGED = (
    r"status|\$\.(code|success|message)"
    r"|\$\.data\.(results.*|failed_count|successfully_created|summary\..*|response|can_retry|error_type)"
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
PYTHON_ERRORS = ("object has no attribute", "validation error")
NO_QUERY = {
    "SQL语法错误：空语句",
    "SQL语法错误：不是有效的SQL语句",
    "SQL语法错误：训练集只接受SELECT或WITH查询语句",
    "SQL语法错误：一条记录只能包含一条SQL语句",
    '在训练集中禁止使用"UPDATE,DELETE,ALERT,DROP"',
}
TEXTS = (*FILTERS, "sort_by", "sort_order")
NOT_AN_OBJECT = "记录格式错误，应为对象"
NOT_TEXT = "{}字段必须是字符串"
UNREADABLE_COMBINE = ("合并操作失败", "请求体不能为空")


def _was_generic_500(exchange: Exchange) -> bool:
    return exchange.response["status"] == 500 and old_answer(exchange).response in GENERIC


def _was_unreadable(exchange: Exchange) -> bool:
    """A body that is no JSON object: a 500, or in `combine` a 200 around one, or around "empty" when it was empty."""
    is_combine = exchange.request["path"] == COMBINE and old_answer(exchange).response.startswith(UNREADABLE_COMBINE)
    is_crash = _was_generic_500(exchange) or is_combine
    return is_crash and not isinstance(exchange.request.get("json"), Mapping) and sent_object(exchange) is None


def _was_sent_as_another_type(exchange: Exchange) -> bool:
    old = old_answer(exchange)
    is_failure = _was_generic_500(exchange) or "415 Unsupported" in old.response
    return is_failure and sent_object(exchange) is not None


def _is_read(_exchange: Exchange, answer: Answer) -> bool:
    """A success in the route's words, or a 400 that is not about the body as a whole."""
    if answer.status == 200:
        return answer.response.startswith(("错误SQL对已成功存储", "发现 ", "成功合并重复记录"))
    return is_error(answer, 400) and not answer.response.startswith("请求格式错误")


def _has_wrong_code(exchange: Exchange) -> bool:
    body = exchange.response.get("json")
    return exchange.response["status"] in (207, 400) and isinstance(body, Mapping) and body.get("code") == 500


def _has_right_code(exchange: Exchange, answer: Answer) -> bool:
    """The status that was there; it may be another one only where records are judged otherwise."""
    is_same = answer.status == exchange.response["status"] or exchange.request["path"] == CREATE
    return is_same and isinstance(answer.body, Mapping) and answer.body.get("code") == answer.status


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
    agrees = len(results) == count and all(map(_is_result, results, kept, pairs_of(exchange), range(count)))
    is_summed = sum(answer.data.get("summary", {}).values()) == done
    return is_told and is_coded and agrees and is_summed and answer.body.get("success") is (done == count)


def _is_result(result: Mapping[str, Any], is_kept: bool, pair: tuple[Any, Any], index: int) -> bool:
    fields, old = pair
    kind = fields.get("training_data_type") if isinstance(fields, Mapping) else None
    if result.get("index") != index:
        return False
    if not is_kept:
        is_named = result.get("message") == "创建失败" and result.get("type") == str(kind or "unknown")
        return result.get("success") is False and is_named and _is_explained(result.get("error"), fields, old)
    is_named = result.get("type") == kind and result.get("message") == f"{kind}训练数据创建成功"
    return is_named and result.get("success") is True and str(result.get("training_id")).endswith(ENDINGS[str(kind)])


def _is_explained(error: Any, fields: Any, old: Any) -> bool:
    """Refused as before in the same words, otherwise because it is no query or no object."""
    if not isinstance(fields, Mapping):
        return bool(error == NOT_AN_OBJECT)
    if _record_composites(fields):
        return error in [NOT_TEXT.format(name) for name in _record_composites(fields)]
    before = old.get("error") if isinstance(old, Mapping) else None
    is_kept_text = before is not None and not any(mark in str(before) for mark in PYTHON_ERRORS)
    if is_kept_text and old.get("success") is False:
        return bool(error == before) or (before in NO_QUERY and error in NO_QUERY)
    return error in NO_QUERY if fields.get("training_data_type") == "sql" else bool(error)


def _record_composites(fields: Any) -> list[str]:
    """Texts of a record that are lists or objects, which no text stands for."""
    given = fields if isinstance(fields, Mapping) else {}
    return [name for name in RECORD_TEXTS if isinstance(given.get(name), list | dict)]


def _has_composite_record(exchange: Exchange) -> bool:
    return any(_record_composites(fields) and not is_kept_now(fields) for fields, _ in pairs_of(exchange))


def _accepted_no_query(exchange: Exchange) -> bool:
    return any(was_kept(result) and not is_kept_now(fields) for fields, result in pairs_of(exchange))


def _refused_a_query(exchange: Exchange) -> bool:
    return any(
        isinstance(result, Mapping) and result.get("success") is False and is_kept_now(fields) and _is_text(fields)
        for fields, result in pairs_of(exchange)
    )


def _is_text(fields: Any) -> bool:
    is_pair = isinstance(fields, Mapping) and fields.get("training_data_type") == "sql"
    return is_pair and isinstance(fields.get("sql"), str)


def _broke_on_a_scalar(exchange: Exchange) -> bool:
    errors = [result.get("error", "") for _, result in pairs_of(exchange) if isinstance(result, Mapping)]
    kinds = [result.get("type") for _, result in pairs_of(exchange) if isinstance(result, Mapping)]
    is_odd_kind = any(kind is not None and not isinstance(kind, str) for kind in kinds)
    return is_odd_kind or any(mark in str(error) for error in errors for mark in PYTHON_ERRORS)


def _stored_nothing(exchange: Exchange) -> bool:
    results = [result for _, result in pairs_of(exchange) if isinstance(result, Mapping)]
    return any(result.get("success") is True and result.get("training_id") is None for result in results)


def _broke_on_a_record(exchange: Exchange) -> bool:
    return _was_generic_500(exchange) and any(not isinstance(fields, Mapping) for fields in items_of(exchange))


def _tells_total(exchange: Exchange) -> bool:
    return total_of(exchange, old_answer(exchange)) is not None


def _is_current_count(exchange: Exchange, answer: Answer) -> bool:
    drift = drift_before(exchange) + change_by(exchange, answer)
    return drift.explains(total_of(exchange, old_answer(exchange)), total_of(exchange, answer))


def _are_counts(exchange: Exchange, answer: Answer) -> bool:
    data = answer.data
    total, parts = data.get("total_count", -1), data.get("type_breakdown", {})
    percentages = {kind: round(100.0 * count / total, 2) if total else 0.0 for kind, count in parts.items()}
    is_consistent = sum(parts.values()) == total and data.get("type_percentages") == percentages
    return answer.status == 200 and is_consistent and _is_current_count(exchange, answer)


def _is_list(exchange: Exchange, answer: Answer) -> bool:
    """Well paged, and where all rows are shown, they are the recorded ones but for the explained ones."""
    before, after = old_answer(exchange).data, answer.data
    if answer.status != 200 or not _is_well_paged(answer):
        return False
    effects = effects_before(exchange, lambda fields: _is_asked_for(exchange, fields))
    totals = [one["pagination"]["total"] for one in (before, after)]
    is_counted = _is_current_count(exchange, answer) if _tells_total(exchange) else effects.explain(*totals)
    is_partly_shown = any(len(one["records"]) < one["pagination"]["total"] for one in (before, after))
    if not is_counted or is_partly_shown or "records" in exchange.loose:
        return is_counted
    old_rows, new_rows = _contents(before["records"]), _contents(after["records"])
    lost, gained = (old_rows - new_rows) - effects.lost, (new_rows - old_rows) - effects.gained
    return lost.total() <= effects.unknown_lost and gained.total() <= effects.unknown_gained


def _is_asked_for(exchange: Exchange, fields: Mapping[str, Any]) -> bool:
    """Whether a record, as it was sent, passes the filters of a query."""
    kind, keyword = (str(body_of(exchange).get(name) or "") for name in FILTERS)
    words = " ".join(str(fields.get(name) or "") for name in ("question", "sql", "content", "ddl"))
    return kind in ("", fields.get("training_data_type")) and keyword.lower() in words.lower()


def _was_list(exchange: Exchange) -> bool:
    return exchange.response["status"] == 200 and "pagination" in old_answer(exchange).data


def _is_well_paged(answer: Answer) -> bool:
    total = told_counts(answer)
    return answer.response in (f"查询成功，共找到 {total} 条记录", "查询成功，暂无训练数据" if total == 0 else "")


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
    return has_ids and (rows[0] == rows[1] or _is_list(exchange, answer))


def _was_wrong_number(exchange: Exchange) -> bool:
    body = body_of(exchange)
    is_wrong = not all(_is_whole(body.get(name)) for name in ("page", "page_size"))
    return exchange.response["status"] in (200, 400, 500) and is_wrong


def _was_read_wrongly(exchange: Exchange) -> bool:
    body = body_of(exchange)
    is_null = any(body.get(name, 1) is None for name in ("page", "page_size"))
    is_odd = is_null or any(name in body and not isinstance(body[name], str) for name in TEXTS)
    return _was_generic_500(exchange) and is_odd and not _was_wrong_number(exchange)


def _was_composite(exchange: Exchange) -> bool:
    return exchange.response["status"] == 200 and bool(_composites(exchange))


def _composites(exchange: Exchange) -> list[str]:
    return [name for name in TEXTS if isinstance(body_of(exchange).get(name), list | dict)]


def _is_page_or_named(exchange: Exchange, answer: Answer) -> bool:
    if _composites(exchange):
        return _names_a_composite(exchange, answer)
    return answer.status == 200 and answer.body.get("success") is True and _is_well_paged(answer)


def _names_a_composite(exchange: Exchange, answer: Answer) -> bool:
    return answer.response == COMPOSITE and any(names_invalid(answer, name) for name in _composites(exchange))


def _names_a_number(exchange: Exchange, answer: Answer) -> bool:
    wrong = [name for name in ("page", "page_size") if not _is_whole(body_of(exchange).get(name))]
    return any(names_invalid(answer, name) and answer.response == f"参数 {name} 的值无效" for name in wrong)


def _is_whole(value: Any) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool))


RULES = (
    Rule(
        "training-body-is-400",
        "a body that is no JSON object was a 500; now 400",
        "|".join((TRAINING + ".*", *SINGLE_PAIRS)),
        was=_was_unreadable,
        became=is_malformed,
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
        "training-composite-record-refused",
        "lists and objects where a record has text were stored as they are spelt, or a Python error; now it is named",
        CREATE,
        was=_has_composite_record,
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
        "counts follow from what was stored, and that differs by the rules about it",
        f"{CREATE}|{DELETE}|{UPDATE}",
        was=_tells_total,
        became=_is_current_count,
        covers=r"\$\.data\.current_total_count",
    ),
    Rule(
        "training-stats-follow",
        "the same rows in the statistics",
        STATS,
        was=_tells_total,
        became=_are_counts,
        covers=r"\$\.data\.(total_count|type_breakdown.*|type_percentages.*)",
    ),
    Rule(
        "training-list-follows",
        "the same rows in lists",
        QUERY,
        was=_was_list,
        became=_is_list,
        covers=r"\$\.data\.(records.*|pagination\.(total|total_pages|has_next|has_prev)|response)",
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
        "a page that is no whole number was a 500, or out of bounds; now 400 that names it",
        QUERY,
        was=_was_wrong_number,
        became=_names_a_number,
    ),
    Rule(
        "training-filters-are-read",
        "null, or a number as filter or sort order, was a 500; now null is not given, a number is its text",
        QUERY,
        was=_was_read_wrongly,
        became=_is_page_or_named,
    ),
    Rule(
        "filter-composite-refused",
        "lists and objects as filter or sort column counted as another one; now 400",
        f"{QUERY}|/api/v0/qa_feedback/query",
        was=_was_composite,
        became=_names_a_composite,
    ),
    Rule(
        "training-body-of-any-type",
        "a JSON object was a failure when its Content-Type was another one; now it is read like any other",
        f"{SINGLE_PAIRS[1]}|{COMBINE}",
        was=_was_sent_as_another_type,
        became=_is_read,
    ),
)
