"""What an intended difference is, and the conditions that rules of every area are made of."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cutover.parity.answers import Answer
from cutover.parity.compare import Difference
from cutover.parity.exchanges import Exchange

UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)
OLD_ENTRY = "citu_app"
"""What the recordings call the old entry, which has one text for every body that is no JSON object."""

NOT_JSON = "请求格式错误：需要JSON格式的数据"
NOT_AN_OBJECT = "请求格式错误：请求体必须是JSON对象"
ANYTHING = r"status|\$.*"

CATEGORIES = {
    400: "请求参数错误",
    404: "资源未找到",
    405: "请求方法不支持",
    422: "处理失败",
    500: "处理失败",
    503: "服务暂时不可用",
}
"""The envelope's `message` by status."""


@dataclass(frozen=True)
class Rule:
    """An intended difference.

    Attributes:
        path: pattern of the whole request path it is about.
        was: whether the recorded exchange is such a case.
        became: whether the new answer is the one wanted for it.
        covers: pattern of the difference paths it explains.
    """

    name: str
    reason: str
    path: str
    was: Callable[[Exchange], bool]
    became: Callable[[Exchange, Answer], bool]
    covers: str = ANYTHING

    def is_about(self, exchange: Exchange) -> bool:
        """Whether the recorded exchange is such a case; an answer too odd for the condition to read is none."""
        try:
            return re.fullmatch(self.path, exchange.request["path"]) is not None and self.was(exchange)
        except UNREADABLE:
            return False

    def applies(self, exchange: Exchange, answer: Answer) -> bool:
        """Whether it is such a case and got the answer wanted for it."""
        try:
            return self.is_about(exchange) and self.became(exchange, answer)
        except UNREADABLE:
            return False

    def explains(self, difference: Difference) -> bool:
        return re.fullmatch(self.covers, difference.path) is not None


def body_of(exchange: Exchange) -> Mapping[str, Any]:
    """The JSON object of the request, by whatever type it was sent; empty when there is none."""
    body = exchange.request.get("json")
    return body if isinstance(body, Mapping) else sent_object(exchange) or {}


def old_answer(exchange: Exchange) -> Answer:
    return Answer(exchange.response["status"], exchange.response.get("json"))


def was_html(exchange: Exchange, *statuses: int) -> bool:
    is_html = str(exchange.response.get("content_type", "")).startswith("text/html")
    return is_html and exchange.response["status"] in statuses


def is_scalar(value: Any) -> bool:
    return isinstance(value, int | float) and bool(value)


def is_error(answer: Answer, status: int, error_type: str | None = None) -> bool:
    return answer.is_error(status, CATEGORIES.get(status, ""), error_type)


def names_invalid(answer: Answer, *names: str) -> bool:
    """A 400 that names exactly these parameters, in both places clients look."""
    wanted = list(names)
    is_named = answer.data.get("invalid_params") == wanted and answer.body.get("invalid_params") == wanted
    return is_error(answer, 400, "invalid_params") and is_named


def is_malformed(exchange: Exchange, answer: Answer) -> bool:
    """The 400 for a body that is no JSON, or that is JSON but no object."""
    texts: tuple[str, ...] = (NOT_AN_OBJECT,) if is_other_json(exchange) else (NOT_JSON,)
    if exchange.app == OLD_ENTRY:
        texts = (NOT_JSON, *texts)
    return is_error(answer, 400, "missing_required_params") and answer.response in texts


def was_refused(exchange: Exchange) -> bool:
    """A 4xx in the envelope: the request was told to be wrong then, so that is what counts."""
    body = exchange.response.get("json")
    return 400 <= exchange.response["status"] < 500 and isinstance(body, Mapping) and body.get("success") is False


def is_other_json(exchange: Exchange) -> bool:
    """Whether the body is JSON but no object, by whatever type it was sent."""
    if "json" in exchange.request:
        return not isinstance(exchange.request["json"], Mapping)
    try:
        return not isinstance(json.loads(str(exchange.request.get("body", ""))), Mapping)
    except ValueError:
        return False


def sent_object(exchange: Exchange) -> Mapping[str, Any] | None:
    """The JSON object of a body that was sent as it stands; None when it is none."""
    try:
        found = json.loads(str(exchange.request.get("body", "")))
    except ValueError:
        return None
    return found if isinstance(found, Mapping) else None


def told_counts(answer: Answer) -> int:
    """The total of a list whose paging agrees with it and with the records shown; -1 when it does not."""
    paged, records = answer.data.get("pagination", {}), answer.data.get("records", [])
    total, size, page = paged.get("total", -1), paged.get("page_size", 1), paged.get("page", 0)
    pages = -(-total // size)
    is_counted = paged.get("total_pages") == pages and paged.get("has_next") is (page < pages)
    has_previous = paged.get("has_prev") in (page > 1, False if total == 0 else page > 1)
    is_shown = len(records) == max(0, min(size, total - (page - 1) * size))
    return int(total) if is_counted and has_previous and is_shown else -1


def is_unknown_path(exchange: Exchange, answer: Answer) -> bool:
    """The 404 for a path that nothing answers; the path may carry an id of this run."""
    return is_error(answer, 404, "resource_not_found") and answer.response.startswith("请求的路径不存在：/")


def is_wrong_method(exchange: Exchange, answer: Answer) -> bool:
    """The 405 that names the method and which ones there are."""
    is_named = answer.response.startswith("路径 /") and f" 不支持 {exchange.request['method']} 方法" in answer.response
    return is_error(answer, 405, "method_not_allowed") and is_named
