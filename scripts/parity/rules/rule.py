"""What an intended difference is, and the conditions that rules of every area are made of."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from scripts.parity.answers import Answer
from scripts.parity.compare import Difference
from scripts.parity.exchanges import Exchange

UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, IndexError)
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
    body = exchange.request.get("json")
    return body if isinstance(body, Mapping) else {}


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
