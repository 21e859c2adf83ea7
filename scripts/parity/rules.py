"""Intended differences: route and condition -> why the new answer differs. Rules, never lists of recorded ids."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from scripts.parity.exchanges import Exchange


@dataclass(frozen=True)
class Answer:
    """What came back: HTTP status and the JSON body, None when it is not JSON."""

    status: int
    body: Any
    content_type: str = ""

    @property
    def error_type(self) -> str | None:
        data = self.body.get("data") if isinstance(self.body, Mapping) else None
        return data.get("error_type") if isinstance(data, Mapping) else None


@dataclass(frozen=True)
class Rule:
    """An intended difference: `applies` looks at the recorded exchange and at the new answer."""

    name: str
    reason: str
    applies: Callable[[Exchange, Answer], bool]


def _is_enveloped(answer: Answer, status: int) -> bool:
    return answer.status == status and isinstance(answer.body, Mapping) and answer.body.get("code") == status


def _was_html_error(exchange: Exchange, answer: Answer) -> bool:
    is_html = str(exchange.response.get("content_type", "")).startswith("text/html")
    return (
        is_html
        and exchange.response["status"] >= 400
        and answer.status in (400, 404, 405)
        and _is_enveloped(answer, answer.status)
    )


def _ask_data(exchange: Exchange) -> Mapping[str, Any]:
    data = (exchange.response.get("json") or {}).get("data")
    return data if isinstance(data, Mapping) else {}


def _asks(exchange: Exchange) -> bool:
    return bool(exchange.request["path"] == "/api/v0/ask_agent")


def _question(exchange: Exchange) -> Any:
    return (exchange.request.get("json") or {}).get("question")


def _model_failure(exchange: Exchange, answer: Answer) -> bool:
    text = str(_ask_data(exchange).get("response", ""))
    was_disguised = text.startswith(("抱歉，我暂时无法", "SQL生成过程中出现异常"))
    return _asks(exchange) and was_disguised and answer.status == 503


def _prompt_was_lost(exchange: Exchange, answer: Answer) -> bool:
    was_generic = _ask_data(exchange).get("response") == "Agent处理失败"
    return _asks(exchange) and was_generic and answer.status == 422 and answer.error_type == "agent_processing_failed"


def _failure_has_findings(exchange: Exchange, answer: Answer) -> bool:
    was_failure = _ask_data(exchange).get("error_type") == "agent_processing_failed"
    return _asks(exchange) and was_failure and answer.status == 500 and answer.error_type == "agent_processing_failed"


def _thinking_was_shown(exchange: Exchange, answer: Answer) -> bool:
    data = _ask_data(exchange)
    leaked = "思考" in str(data.get("sql", "")) or "<think>" in str(data.get("response", ""))
    return _asks(exchange) and leaked and answer.status in (200, 422)


def _composite_value(exchange: Exchange, answer: Answer) -> bool:
    body = exchange.request.get("json") or {}
    is_composite = isinstance(body, dict) and any(
        isinstance(body.get(name), list | dict) for name in ("question", "user_id", "conversation_id", "routing_mode")
    )
    return _asks(exchange) and is_composite and _is_enveloped(answer, 400)


def _scalar_question(exchange: Exchange, answer: Answer) -> bool:
    is_scalar = isinstance(_question(exchange), int | float) and bool(_question(exchange))
    return _asks(exchange) and is_scalar and answer.status == 200


def _call_that_raised(exchange: Exchange, answer: Answer) -> bool:
    is_intended_400 = _is_enveloped(answer, 400) and answer.error_type == "invalid_params"
    return _asks(exchange) and exchange.response["status"] == 500 and is_intended_400


def _colon_in_user_id(exchange: Exchange, answer: Answer) -> bool:
    body = exchange.request.get("json") or {}
    return _asks(exchange) and ":" in str(body.get("user_id", "")) and _is_enveloped(answer, 400)


RULES = (
    Rule("errors-in-the-envelope", "HTML error pages became JSON envelopes", _was_html_error),
    Rule("model-failure-is-503", "a failed model call is an error, not an apology with 200", _model_failure),
    Rule("prompt-kept", "the text that says what to do is no longer replaced by a generic one", _prompt_was_lost),
    Rule("failure-findings", "a failed answer says its path and classification", _failure_has_findings),
    Rule("thinking-hidden", "a model's thinking is neither shown nor searched for SQL", _thinking_was_shown),
    Rule("composite-refused", "lists and objects where text is expected are refused", _composite_value),
    Rule("scalar-is-text", "a number or true as question is text", _scalar_question),
    Rule("bad-value-is-400", "a wrong value is 400 as intended, not a crash", _call_that_raised),
    Rule("colon-refused", "a new user id must not contain a colon", _colon_in_user_id),
)


def intended(exchange: Exchange, answer: Answer) -> Rule | None:
    """The first rule that explains why the answers differ."""
    return next((rule for rule in RULES if rule.applies(exchange, answer)), None)
