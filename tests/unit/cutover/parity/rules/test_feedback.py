"""The intended differences of the feedback routes, both ways: what is wanted is intended, a near miss is not."""

from typing import Any

import httpx
import pytest

from cutover.parity.exchanges import Exchange
from cutover.parity.replay import judged
from cutover.parity.sending import Sender

NOW = "2026-11-20T11:20:25.388159"
ROUTES = "/api/v0/qa_feedback/"
PAIR = {"question": "q", "sql": "SELECT 1", "is_thumb_up": True}
CRASHES = {
    "add": "创建反馈记录失败，请稍后重试",
    "query": "查询反馈记录失败，请稍后重试",
    "add_to_training": "添加训练数据失败，请稍后重试",
}


def ok(**data: Any) -> dict[str, Any]:
    return {"code": 200, "success": True, "message": "操作成功", "data": {"timestamp": NOW, **data}}


def crash(name: str) -> dict[str, Any]:
    data = {"can_retry": True, "error_type": "database_error", "response": CRASHES[name], "timestamp": NOW}
    return {"code": 500, "success": False, "message": "系统内部错误", "data": data}


def invalid(*names: str, response: str = "错误") -> dict[str, Any]:
    lists = {"invalid_params": list(names)} if names else {}
    error_type = "invalid_params" if names else "missing_required_params"
    data = {"error_type": error_type, "response": response, "timestamp": NOW, **lists}
    return {"code": 400, "success": False, "message": "请求参数错误", "data": data, **lists}


def absent(text: str) -> dict[str, Any]:
    data = {"error_type": "resource_not_found", "response": text, "timestamp": NOW}
    return {"code": 404, "success": False, "message": "资源未找到", "data": data}


def exchange(name: str, body: Any, old: dict[str, Any], previous: Exchange | None = None) -> Exchange:
    request = {"method": "POST", "path": ROUTES + name, "json": body}
    return Exchange("uni-1", "unified_api", "30", request, {"status": old["code"], "json": old}, previous=previous)


def verdict(recorded: Exchange, new: dict[str, Any]) -> str:
    transport = httpx.MockTransport(lambda _request: httpx.Response(new["code"], json=new))
    with httpx.Client(base_url="http://service", transport=transport) as client:
        return judged(recorded, Sender(client).send(recorded), {}).verdict


def added(body: dict[str, Any], number: int, previous: Exchange | None = None) -> Exchange:
    return exchange("add", {**PAIR, **body}, ok(feedback_id=number, response="反馈记录创建成功"), previous)


def rows(*questions: str, **changes: Any) -> dict[str, Any]:
    records = [{"id": place, "question": name, "sql": "SELECT 1"} for place, name in enumerate(questions)]
    total = len(records)
    paged = {
        "page": 1,
        "page_size": 20,
        "total": total,
        "total_pages": -(-total // 20),
        "has_next": False,
        "has_prev": False,
    }
    return ok(records=records, pagination={**paged, **changes}, response=f"查询成功，共找到 {total} 条记录")


def counts(total: int, positive: int) -> dict[str, Any]:
    return ok(
        total_feedback=total,
        positive_feedback=positive,
        negative_feedback=total - positive,
        trained_feedback=0,
        untrained_feedback=total,
        positive_rate=round(100.0 * positive / total, 2),
        training_rate=0.0,
    )


def training(right: int, wrong: int, errors: int) -> dict[str, Any]:
    summary = {"total_requested": 1, "total_processed": 1, "positive_trained": right, "negative_trained": wrong}
    done = right + wrong
    return ok(
        summary={**summary, "already_trained": 0, "errors": errors},
        successfully_trained_ids=list(range(done)),
        response=f"训练数据添加完成，成功处理 {done} 条记录",
    )


LISTED = added({"question": ["a"]}, 1)
TURNED = added({"question": "turned", "is_thumb_up": "false"}, 2)
BOTH = added({"question": "turned", "is_thumb_up": "false"}, 2, LISTED)
COMPOSITE = "参数类型错误：需要字符串，不能是列表或对象"
CHANGED = exchange("update/1", {"sql": ["a"]}, ok(updated_id=1, updated_fields=["sql"], response="反馈记录更新成功"))
NO_RECORDS, NO_RECORD = absent("未找到任何有效的反馈记录"), absent("反馈记录不存在或无变化 (ID: 9)")
NO_QUERY = added({"sql": "DROP TABLE x"}, 3)

WANTED = {
    "body": (exchange("add", [], crash("add")), invalid(response="请求格式错误：请求体必须是JSON对象")),
    "value": (exchange("query", {"page": "1"}, crash("query")), invalid("page")),
    "number": (exchange("query", {"sort_order": 5}, crash("query")), rows()),
    "no word": (exchange("query", {"sort_order": None}, crash("query")), rows()),
    "id that is none": (
        exchange("add_to_training", {"feedback_ids": [True]}, crash("add_to_training")),
        invalid("feedback_ids"),
    ),
    "id with a fraction": (exchange("add_to_training", {"feedback_ids": [1.5]}, NO_RECORDS), invalid("feedback_ids")),
    "fraction among ids": (
        exchange("add_to_training", {"feedback_ids": [1, 1.5]}, training(1, 0, 0)),
        invalid("feedback_ids"),
    ),
    "change to a list": (CHANGED, invalid("sql", response=COMPOSITE)),
    "wrong change of no record": (exchange("update/9", {"sql": None}, NO_RECORD), invalid("sql")),
    "page": (exchange("query", {"page": 1.5}, rows(has_prev=True, page=1.5)), invalid("page")),
    "types": (LISTED, invalid("question", response="参数类型错误：需要字符串，不能是列表或对象")),
    "list": (exchange("query", {}, rows("{a}", "b"), LISTED), rows("b")),
    "filtered": (exchange("query", {"is_thumb_up": True}, rows("{a}", "turned", "b"), BOTH), rows("b")),
    "counts": (exchange("stats", {}, counts(3, 3), BOTH), counts(2, 1)),
    "no query": (exchange("add_to_training", {"feedback_ids": [3]}, training(1, 0, 0), NO_QUERY), training(0, 0, 1)),
    "thumb": (exchange("add_to_training", {"feedback_ids": [2]}, training(1, 0, 0), TURNED), training(0, 1, 0)),
}
NEAR_MISSES = {
    "body refused in other words": (exchange("add", [], crash("add")), invalid(response="错误")),
    "right value named": (exchange("query", {"page": 2, "page_size": "x"}, crash("query")), invalid("page")),
    "number that was not read": (exchange("query", {"sort_order": 5}, crash("query")), rows(total_pages=7)),
    "words of another bound": (exchange("query", {"page": 0}, crash("query")), invalid("page")),
    "counts that turned without a turn": (exchange("stats", {}, counts(3, 3), LISTED), counts(3, 0)),
    "training of more than was asked for": (
        exchange("add_to_training", {"feedback_ids": [3]}, training(1, 0, 0), NO_QUERY),
        training(0, 0, 2),
    ),
    "null that was not read": (exchange("query", {"sort_order": None}, crash("query")), invalid("sort_order")),
    "right change refused": (exchange("update/9", {"sql": "SELECT 1"}, NO_RECORD), invalid("sql")),
    "whole ids refused": (
        exchange("add_to_training", {"feedback_ids": [1]}, training(1, 0, 0)),
        invalid("feedback_ids"),
    ),
    "whole id of no record refused": (
        exchange("add_to_training", {"feedback_ids": [9]}, NO_RECORDS),
        invalid("feedback_ids"),
    ),
    "another parameter": (exchange("query", {"page": "1"}, crash("query")), invalid("page_size")),
    "still a crash": (exchange("query", {"sort_order": 5}, crash("query")), invalid("sort_order")),
    "true success refused": (added({}, 1), invalid("question")),
    "row lost without a reason": (exchange("query", {}, rows("a", "b")), rows("b")),
    "two rows lost for one": (exchange("query", {}, rows("{a}", "b", "c"), LISTED), rows("b")),
    "row nobody sent": (exchange("query", {}, rows("{a}", "b"), LISTED), rows("other")),
    "count that does not add up": (exchange("stats", {}, counts(3, 3), BOTH), {**counts(2, 1), **ok()}),
    "query that is not trained": (
        exchange("add_to_training", {"feedback_ids": [1]}, training(1, 0, 0), added({}, 1)),
        training(0, 0, 1),
    ),
}


@pytest.mark.parametrize("name", WANTED)
def test_wanted_answer_is_intended(name: str) -> None:
    recorded, new = WANTED[name]
    assert verdict(recorded, new) == "intended"


def test_wrong_value_of_no_record_may_still_be_absent() -> None:
    assert verdict(exchange("add_to_training", {"feedback_ids": [None]}, NO_RECORDS), NO_RECORDS) == "same"
    assert verdict(exchange("update/9", {"sql": None}, NO_RECORD), NO_RECORD) == "same"


def test_number_of_a_sequence_may_be_another_one() -> None:
    assert verdict(TURNED, ok(feedback_id=1, response="反馈记录创建成功")) == "same"
    assert verdict(TURNED, ok(feedback_id="1", response="反馈记录创建成功")) == "different"
    gone = exchange("delete/2", None, {**ok(response="反馈记录不存在 (ID: 2)"), "code": 404})
    assert verdict(gone, {**ok(response="反馈记录不存在 (ID: 7)"), "code": 404}) == "same"


@pytest.mark.parametrize("name", NEAR_MISSES)
def test_near_miss_is_a_difference(name: str) -> None:
    recorded, new = NEAR_MISSES[name]
    assert verdict(recorded, new) == "different"
