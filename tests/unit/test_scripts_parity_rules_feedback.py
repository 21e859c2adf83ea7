"""The intended differences of the feedback routes, both ways: what is wanted is intended, a near miss is not."""

from typing import Any

import httpx
import pytest

from scripts.parity.exchanges import Exchange
from scripts.parity.replay import judged
from scripts.parity.sending import Sender

NOW = "2026-11-20T11:20:25.388159"
ROUTES = "/api/v0/qa_feedback/"
PAIR = {"question": "q", "sql": "SELECT 1", "is_thumb_up": True}
CRASHES = {"add": "创建反馈记录失败，请稍后重试", "query": "查询反馈记录失败，请稍后重试"}


def ok(**data: Any) -> dict[str, Any]:
    return {"code": 200, "success": True, "message": "操作成功", "data": {"timestamp": NOW, **data}}


def crash(name: str) -> dict[str, Any]:
    data = {"can_retry": True, "error_type": "database_error", "response": CRASHES[name], "timestamp": NOW}
    return {"code": 500, "success": False, "message": "系统内部错误", "data": data}


def invalid(*names: str) -> dict[str, Any]:
    lists = {"invalid_params": list(names)} if names else {}
    error_type = "invalid_params" if names else "missing_required_params"
    data = {"error_type": error_type, "response": "错误", "timestamp": NOW, **lists}
    return {"code": 400, "success": False, "message": "请求参数错误", "data": data, **lists}


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
    paged = {"page": 1, "page_size": 20, "total": total, "total_pages": 1, "has_next": False, "has_prev": False}
    return ok(records=records, pagination={**paged, **changes}, response=f"查询成功，共找到 {total} 条记录")


def counts(total: int, positive: int) -> dict[str, Any]:
    return ok(
        total_feedback=total,
        positive_feedback=positive,
        negative_feedback=total - positive,
        trained_feedback=0,
        untrained_feedback=total,
    )


def training(right: int, wrong: int, errors: int) -> dict[str, Any]:
    summary = {"total_requested": 1, "total_processed": 1, "positive_trained": right, "negative_trained": wrong}
    return ok(summary={**summary, "already_trained": 0, "errors": errors}, successfully_trained_ids=[])


LISTED = added({"question": ["a"]}, 1)
TURNED = added({"question": "turned", "is_thumb_up": "false"}, 2)
BOTH = added({"question": "turned", "is_thumb_up": "false"}, 2, LISTED)
NO_QUERY = added({"sql": "DROP TABLE x"}, 3)

WANTED = {
    "body": (exchange("add", [], crash("add")), invalid()),
    "value": (exchange("query", {"page": "1"}, crash("query")), invalid("page")),
    "number": (exchange("query", {"sort_order": 5}, crash("query")), rows()),
    "page": (exchange("query", {"page": 1.5}, rows(has_prev=True, page=1.5)), invalid("page")),
    "types": (LISTED, invalid("question")),
    "ids": (TURNED, ok(feedback_id=1, response="反馈记录创建成功")),
    "list": (exchange("query", {}, rows("{a}", "b"), LISTED), rows("b")),
    "filtered": (exchange("query", {"is_thumb_up": True}, rows("{a}", "turned", "b"), BOTH), rows("b")),
    "counts": (exchange("stats", {}, counts(3, 3), BOTH), counts(2, 1)),
    "no query": (exchange("add_to_training", {"feedback_ids": [3]}, training(1, 0, 0), NO_QUERY), training(0, 0, 1)),
    "thumb": (exchange("add_to_training", {"feedback_ids": [2]}, training(1, 0, 0), TURNED), training(0, 1, 0)),
}
NEAR_MISSES = {
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


@pytest.mark.parametrize("name", NEAR_MISSES)
def test_near_miss_is_a_difference(name: str) -> None:
    recorded, new = NEAR_MISSES[name]
    assert verdict(recorded, new) == "different"
