"""The intended differences of training data, both ways: what is wanted is intended, a near miss is a difference."""

from typing import Any

import pytest

from cutover.parity.answers import Answer
from cutover.parity.exchanges import Exchange
from cutover.parity.rules import AREAS
from tests.unit.cutover.parity.rules.rule_cases import case_tests, verdict

NOW = "2026-11-20T11:20:25.388159"
ROUTES = "/api/v0/training_data/"
KINDS = ("sql", "documentation", "ddl", "error_sql")
ID = "00000000-0000-0000-0000-00000000000"
RIGHT = {"training_data_type": "sql", "question": "q", "sql": "SELECT 1"}
WITH = {**RIGHT, "sql": "WITH x AS (SELECT 1) SELECT * FROM x"}
DELETING = {**RIGHT, "sql": "DELETE FROM t"}
NO_QUERY = "SQL语法错误：不是有效的SQL语句"
ONLY_QUERIES = "SQL语法错误：训练集只接受SELECT或WITH查询语句"

Body = dict[str, Any]


def ok(code: int = 200, **data: Any) -> Body:
    message = {200: "操作成功", 207: "处理失败", 400: "处理失败"}[code]
    return {"code": code, "success": code == 200, "message": message, "data": {"timestamp": NOW, **data}}


def error(code: int, response: str, *names: str, error_type: str = "missing_required_params") -> Body:
    lists = {"invalid_params": list(names)} if names else {}
    message = {400: "请求参数错误", 500: "系统内部错误"}[code]
    data = {"error_type": "invalid_params" if names else error_type, "response": response, "timestamp": NOW, **lists}
    return {"code": code, "success": False, "message": message, "data": data, **lists}


def crash(response: str) -> Body:
    found = error(500, response, error_type="database_error")
    return {**found, "data": {**found["data"], "can_retry": True}}


def exchange(name: str, request: Any, old: Body, *, status: int = 0, **more: Any) -> Exchange:
    """`request` is the JSON of the request; a tuple is the text and the name of an uploaded file."""
    path = name if name.startswith("/") else ROUTES + name
    sent: Body = {"method": "POST", "path": path, "json": request}
    if isinstance(request, tuple):
        file = {"content": request[0], "filename": request[1]}
        sent = {"method": "POST", "path": path, "multipart": {"files": {"file": file}, "fields": {"file_type": "sql"}}}
    if isinstance(request, str):
        sent = {"method": "POST", "path": path, "body": request}
    response = {"status": status or old["code"], "json": old}
    return Exchange("uni-1", "unified_api", "40", sent, response, **more)


def batch(*errors: str | None, total: int, kind: str = "sql", code: int = 0) -> Body:
    """The answer to a batch; None is a record that was kept. `code` is the envelope's, the status by default."""
    results: list[Body] = []
    for index, text in enumerate(errors):
        known: Body = {"index": index, "success": text is None, "type": kind}
        kept = {"training_id": f"{ID}{index}-{kind}", "message": f"{kind}训练数据创建成功"}
        results.append(known | (kept if text is None else {"error": text, "message": "创建失败"}))
    done, count = errors.count(None), len(errors)
    status = 200 if done == count else 207 if done else 400
    texts = {200: "训练数据创建完成", 400: "训练数据创建失败"}
    data = {
        "results": results,
        "successfully_created": done,
        "failed_count": count - done,
        "summary": dict.fromkeys(KINDS, 0) | {kind: done},
        "current_total_count": total,
        "response": texts.get(status, f"训练数据创建部分成功，成功{done}条，失败{count - done}条"),
    }
    answer = ok(status, **data)
    return {**answer, "code": code or status}


def with_result(answer: Body, index: int, **members: Any) -> Body:
    answer["data"]["results"][index] |= members
    return answer


def rows(*contents: str, **paging: Any) -> Body:
    records = [
        {"id": f"{ID}{place}-sql", "question": "q", "content": content, "training_data_type": "sql"}
        for place, content in enumerate(contents)
    ]
    total = len(records)
    pages = -(-total // 20)
    paged = {"page": 1, "page_size": 20, "total": total, "total_pages": pages, "has_next": False, "has_prev": False}
    return ok(records=records, pagination={**paged, **paging}, response=f"查询成功，共找到 {total} 条记录")


def stats(total: int) -> Body:
    return ok(
        total_count=total,
        type_breakdown=dict.fromkeys(KINDS, 0) | {"sql": total},
        type_percentages=dict.fromkeys(KINDS, 0.0) | {"sql": 100.0},
    )


def uploaded(name: str, **counts: int) -> Body:
    return ok(filename=name, status="completed", response=f"文件上传并训练成功：{name}", **counts)


def duplicates(before: int, **copies: int) -> Body:
    """A dry run of combining: `copies` are how often each text is there."""
    removed = sum(copies.values()) - len(copies)
    groups = [
        {"collection_name": "sql", "document_content": text, "duplicate_count": count,
         "records_to_keep": f"{ID}1-sql", "records_to_remove": [f"{ID}2-sql"] * (count - 1)}
        for text, count in copies.items()
    ]  # fmt: skip
    part = {"before": before, "after": before - removed, "duplicates_to_remove": removed}
    summary = {
        "total_records_before": before, "total_records_after": before - removed, "duplicates_to_remove": removed,
        "collections_stats": {"sql": part},
    }  # fmt: skip
    text = f"发现 {removed} 条重复记录，预计删除后将从 {before} 条减少到 {before - removed} 条记录"
    told: Body = {"dry_run": True, "collections_processed": ["sql"], "duplicate_groups": groups, "response": text}
    return ok(summary=summary, **told)


def with_text(answer: Body, response: str) -> Body:
    return answer | {"data": {**answer["data"], "response": response}}


def replayed(recorded: Exchange, new: Body) -> Exchange:
    recorded.received.append(Answer(new["code"], new))
    return recorded


# One record that was taken and is refused now: totals are one smaller from here on.
REFUSED = replayed(exchange("create", {"data": DELETING}, batch(None, total=5)), batch(ONLY_QUERIES, total=4))
UPDATED = ok(original_id="a", new_training_id=f"{ID}1-sql", type="sql", response="训练数据更新成功")
LOST = exchange("update", {**DELETING, "id": "a"}, crash("创建新训练数据失败: x"))
FALSE_200 = error(400, "未提供文件")
COUNTS = {"items_total": 1, "items_created": 1, "items_failed": 0}
PAIR = ok(training_id=f"{ID}1-sql", response="问题-SQL对训练成功")
UNSTORED = PAIR | {"data": {**PAIR["data"], "training_id": None}}
COMPOSITE = "参数类型错误：需要字符串，不能是列表或对象"
MERGED: Body = {"dry_run": False, "merged_groups": [], "response": "成功合并"}
MERGED_SUM = {"total_records_before": 5, "duplicates_removed": 2, "total_records_after": 3}
TOLD_SUM = {"total_records_before": 5, "duplicates_to_remove": 2, "total_records_after": 3}
TOLD: Body = {
    "dry_run": True,
    "duplicate_groups": [],
    "response": "发现 2 条重复记录，预计删除后将从 5 条减少到 3 条记录",
}
STORED = ok(id=f"{ID}1-error_sql", response="错误SQL对已成功存储")
MALFORMED = error(400, "请求格式错误：需要JSON格式的数据")
SENT_OTHERWISE = exchange(
    "/api/v0/training_error_question_sql", '{"question": "q", "sql": "x"}', crash("存储错误SQL失败，请稍后重试")
)

# rule -> the exchange, the answer wanted now, near misses
CASES: dict[str, tuple[Exchange, Body, list[Body]]] = {
    "training-body-is-400": (
        exchange("query", "x", crash("查询训练数据失败，请稍后重试")), MALFORMED,
        [error(400, "错误"), crash("查询训练数据失败，请稍后重试"), rows()],
    ),
    "training-batch-code": (
        exchange("create", {"data": {}}, batch("ddl字段是必需的", total=4, kind="ddl", code=500), status=400),
        batch("ddl字段是必需的", total=4, kind="ddl"),
        [batch("别的", total=4, kind="ddl"), batch(None, total=5, kind="ddl")],
    ),
    "training-only-queries": (
        exchange("create", {"data": DELETING}, batch(None, total=5)), batch(ONLY_QUERIES, total=4),
        [batch(None, total=5), batch("大模型暂时不可用", total=4), batch(ONLY_QUERIES, total=6)],
    ),
    "training-any-query": (
        exchange("create", {"data": WITH}, batch(NO_QUERY, total=4)), batch(None, total=5),
        [batch(NO_QUERY, total=4), batch(None, total=6), batch(None, total=5, kind="error_sql")],
    ),
    "training-scalar-is-text": (
        exchange("create", {"data": {**RIGHT, "sql": 5}}, batch("'int' object has no attribute 'strip'", total=4)),
        batch(NO_QUERY, total=4), [batch(None, total=5), batch("", total=4)],
    ),
    "training-composite-record-refused": (
        exchange("create", {"data": {**RIGHT, "question": ["a"]}}, batch(None, total=5)),
        batch("question字段必须是字符串", total=4),
        [batch("sql字段必须是字符串", total=4), batch(NO_QUERY, total=4), batch("question字段必须是字符串", total=3)],
    ),
    "training-question-written": (
        exchange("create", {"data": {"training_data_type": "sql", "sql": "SELECT 1"}},
                 with_result(batch(None, total=4), 0, training_id=None)),
        batch(None, total=5), [batch(NO_QUERY, total=4), batch(None, total=7)],
    ),
    "training-record-fails-alone": (
        exchange("create", {"data": [RIGHT, "x"]}, crash("创建训练数据失败，请稍后重试")),
        with_result(batch(None, "记录格式错误，应为对象", total=5), 1, type="unknown"),
        [batch(None, None, total=6), crash("创建训练数据失败，请稍后重试")],
    ),
    "training-count-follows": (
        exchange("create", {"data": RIGHT}, batch(None, total=6), previous=REFUSED), batch(None, total=5),
        [batch(None, total=4), batch(None, total=7)],
    ),
    "training-stats-follow": (
        exchange("stats", None, stats(5), previous=REFUSED), stats(4), [stats(3), stats(6), {**stats(4), **ok()}],
    ),
    "training-list-follows": (
        exchange("query", {}, rows("SELECT 1", "DELETE FROM t"), previous=REFUSED), rows("SELECT 1"),
        [rows("DELETE FROM t"), rows("SELECT 2"), rows(), rows("SELECT 1", total_pages=9)],
    ),
    "training-ids-are-random": (
        exchange("query", {}, rows("SELECT 1", "SELECT 2")), rows("SELECT 2", "SELECT 1"),
        [rows("SELECT 2", "SELECT 3")],
    ),
    "training-page-is-whole": (
        exchange("query", {"page": "1"}, crash("查询训练数据失败，请稍后重试")),
        error(400, "参数 page 的值无效", "page"),
        [error(400, "参数 page 的值无效", "page_size"), error(400, "错误", "page"), rows()],
    ),
    "training-filters-are-read": (
        exchange("query", {"sort_order": None}, crash("查询训练数据失败，请稍后重试")), rows("SELECT 1"),
        [rows(total_pages=3), error(400, "错误", "sort_order"), crash("查询训练数据失败，请稍后重试")],
    ),
    "filter-composite-refused": (
        exchange("query", {"sort_by": ["x"]}, rows("SELECT 1")), error(400, COMPOSITE, "sort_by"),
        [error(400, COMPOSITE, "sort_order"), error(400, "错误", "sort_by"), rows("SELECT 2")],
    ),
    "training-body-of-any-type": (SENT_OTHERWISE, STORED, [MALFORMED, crash("存储错误SQL失败，请稍后重试")]),
    "training-error-has-its-status": (exchange("upload", None, FALSE_200, status=200), FALSE_200, [error(400, "别的")]),
    "training-file-keeps-its-name": (
        exchange("upload", ("SELECT 1;", "训练.sql"), uploaded("sql")), uploaded("训练.sql", **COUNTS),
        [uploaded("x.sql", **COUNTS), error(500, "文件上传失败: x")],
    ),
    "training-file-keeps-its-extension": (
        exchange("upload", ("## x", "训练.md"), error(400, "文件类型 markdown 不支持的文件扩展名：，…"), status=200),
        uploaded("训练.md", **COUNTS), [uploaded("md", **COUNTS), crash("文件上传失败: x")],
    ),
    "training-file-is-text": (
        exchange("upload", ("\0;", "a.sql"), uploaded("a.sql")), error(400, "文件内容验证失败: 不是文本文件"),
        [error(400, "错误"), uploaded("b.sql"), crash("文件上传失败: x")],
    ),
    "training-file-counts": (
        exchange("upload", (";", "a.sql"), uploaded("a.sql")),
        ok(400, filename="a.sql", status="failed", response="没有", items_total=1, items_created=0, items_failed=1),
        [ok(400, filename="a.sql", status="failed", response="没有", items_total=1, items_created=1, items_failed=0)],
    ),
    "pair-question-written": (
        exchange("/api/v0/citu_train_question_sql", {"sql": "SELECT 1"}, UNSTORED),
        PAIR, [error(400, "错误"), {**PAIR, "data": {**PAIR["data"], "training_id": 5}}],
    ),
    "training-delete-needs-true": (
        exchange("delete", {"ids": ["a"], "confirm": 1}, ok(response="训练数据删除完成")),
        error(400, "删除操作需要确认，请设置confirm为true"), [error(400, "错误"), ok(response="别的")],
    ),
    "training-update-only-queries": (
        exchange("update", {**DELETING, "id": "a"}, UPDATED),
        error(400, f"SQL语法错误: {ONLY_QUERIES}"), [crash("更新训练数据失败，请稍后重试"), error(400, "错误")],
    ),
    "training-update-any-query": (
        exchange("update", {**WITH, "id": "a"}, error(400, f"SQL语法错误: {NO_QUERY}")), UPDATED,
        [UPDATED | {"data": {**UPDATED["data"], "new_training_id": None}}, error(400, "别的")],
    ),
    "training-update-loses-nothing": (
        exchange("update", {**RIGHT, "id": "a"}, error(400, "原始记录 a 不存在或删除失败"), previous=LOST), UPDATED,
        [error(400, ""), crash("更新训练数据失败，请稍后重试")],
    ),
    "pair-composite-refused": (
        exchange("/api/v0/citu_train_question_sql", {"question": "q", "sql": ["x"]}, PAIR),
        error(400, "sql字段必须是字符串", "sql"),
        [error(400, "question字段必须是字符串", "question"), crash("训练失败，请稍后重试")],
    ),
    "training-composite-id-refused": (
        exchange("update", {**RIGHT, "id": ["a"]}, error(400, "原始记录 ['a'] 不存在或删除失败")),
        error(400, COMPOSITE, "id"), [error(400, COMPOSITE, "sql"), error(400, "原始记录 ['b'] 不存在或删除失败")],
    ),
    "combine-null-is-the-default": (
        exchange("combine", {"collection_names": ["sql"], "dry_run": None}, ok(**MERGED, summary=MERGED_SUM)),
        ok(**TOLD, summary=TOLD_SUM),
        [
            ok(**TOLD, summary={**TOLD_SUM, "duplicates_to_remove": 1}),
            ok(**TOLD | {"dry_run": False}, summary=TOLD_SUM),
        ],
    ),
    "combining-follows": (
        exchange("combine", {"collection_names": ["sql"]}, duplicates(5, a=2, b=2), previous=REFUSED),
        duplicates(4, b=2, a=2),
        [
            duplicates(3, a=2, b=2), duplicates(6, a=2, b=2), duplicates(4, a=2, c=2), duplicates(4),
            with_text(duplicates(4, a=2, b=2), "发现 9 条"), ok(**{**duplicates(4)["data"], "dry_run": False}),
        ],
    ),
}  # fmt: skip


test_every_rule_has_a_case, test_wanted_answer_is_intended, test_near_miss_is_a_difference = case_tests(
    CASES, (*AREAS["training_data"], *AREAS["training_changes"], *AREAS["training_duplicates"])
)


def test_true_success_is_never_excused() -> None:
    assert (
        verdict(exchange("create", {"data": RIGHT}, batch(None, total=5)), batch(NO_QUERY, total=4))[0] == "different"
    )
    assert verdict(exchange("update", {**RIGHT, "id": "a"}, UPDATED), error(400, "错误"))[0] == "different"
    assert verdict(exchange("query", {}, rows("SELECT 1")), rows())[0] == "different"


def test_totals_are_followed_from_the_latest_that_both_told() -> None:
    """A wrong total is a difference once; what follows from it is not, and is exact again."""
    wrong = replayed(exchange("create", {"data": RIGHT}, batch(None, total=6), previous=REFUSED), batch(None, total=9))
    later = exchange("create", {"data": RIGHT}, batch(None, total=7), previous=wrong)
    assert verdict(later, batch(None, total=10))[0] == "intended"
    assert verdict(later, batch(None, total=9))[0] == "different"


def test_empty_bodies_that_are_no_object_are_malformed_for_combining_too() -> None:
    empty = error(400, "请求体不能为空")
    refused = error(400, "请求格式错误：请求体必须是JSON对象")
    assert verdict(exchange("combine", [], empty, status=200), refused)[0] == "intended"
    assert verdict(exchange("combine", {}, empty, status=200), refused)[0] == "different"


def test_deletion_of_too_many_is_confirmed_first() -> None:
    many = {"ids": ["a"] * 51, "confirm": "yes"}
    too_many, unconfirmed = error(400, "批量删除最大支持50条记录"), error(400, "删除操作需要确认，请设置confirm为true")
    assert verdict(exchange("delete", many, too_many), unconfirmed)[0] == "intended"
    assert verdict(exchange("delete", {**many, "confirm": True}, too_many), unconfirmed)[0] == "different"


@pytest.mark.parametrize("text", ["缺少必需参数：training_data_type", "原始记录 a 不存在或删除失败"])
def test_update_that_was_refused_before_it_removed_anything_has_lost_nothing(text: str) -> None:
    absent = error(400, "原始记录 a 不存在或删除失败")
    earlier = exchange("update", {"id": "a", "training_data_type": "sql"}, error(400, text))
    again = exchange("update", {**RIGHT, "id": "a"}, absent, previous=earlier)
    assert verdict(again, absent)[0] == "same"
    assert verdict(again, UPDATED)[0] == "different"


def test_duplicates_are_the_recorded_ones_when_the_same_is_stored() -> None:
    recorded = exchange("combine", {"collection_names": ["sql"]}, duplicates(5, a=2, b=2))
    assert verdict(recorded, duplicates(5, b=2, a=2))[0] == "intended"
    assert verdict(recorded, duplicates(5, a=2, c=2))[0] == "different"
    assert verdict(recorded, duplicates(4, a=2, b=2))[0] == "different"


@pytest.mark.parametrize("page", [False, 0.5, -1.5])
def test_page_that_is_no_whole_number_is_named_instead_of_its_bound(page: object) -> None:
    bound, named = error(400, "页码必须大于0"), error(400, "参数 page 的值无效", "page")
    assert verdict(exchange("query", {"page": page}, bound), named)[0] == "intended"
    assert verdict(exchange("query", {"page": -1}, bound), named)[0] == "different"


def test_page_of_null_is_not_given() -> None:
    crashed = crash("查询训练数据失败，请稍后重试")
    assert verdict(exchange("query", {"page": None}, crashed), rows("SELECT 1"))[0] == "intended"
    assert verdict(exchange("query", {"page": 1}, crashed), rows("SELECT 1"))[0] == "different"


@pytest.mark.parametrize(("old", "new", "found"), [
    ("'list' object has no attribute 'strip'", "sql字段必须是字符串", "intended"),
    ("SQL字段是必需的", "sql字段必须是字符串", "intended"),
    ("'list' object has no attribute 'strip'", NO_QUERY, "different"),
])  # fmt: skip
def test_composite_sql_is_named(old: str, new: str, found: str) -> None:
    recorded = exchange("create", {"data": {**RIGHT, "sql": ["x"]}}, batch(old, total=4))
    assert verdict(recorded, batch(new, total=4))[0] == found
