"""Intended differences of the old entry itself: it has no interface pages any more (docs/contract/envelope.md)."""

from __future__ import annotations

from cutover.parity.answers import Answer
from cutover.parity.exchanges import Exchange
from cutover.parity.rules.rule import ANYTHING, OLD_ENTRY, Rule, is_unknown_path, is_wrong_method, was_html

NOT_PORTED = "The rest of the API is not ported yet."
INHERITED = (
    "get_config|generate_questions|generate_sql|generate_rewritten_question|get_function|get_all_functions|run_sql"
    "|download_csv|generate_plotly_figure|get_training_data|create_function|generate_followup_questions|generate_summary"
    "|load_question|get_question_history|fix_sql|update_sql|remove_training_data|train|update_function|delete_function"
    "|log"
)
"""The interface routes the old entry inherited from a library, by the last part of their path."""

ASSETS = r"/vanna\.svg|/assets/.+|/auth/(login|callback|logout)|/apidocs.*|/apispec.*|/flasgger_static/.+"


def _was_page(exchange: Exchange) -> bool:
    is_read = exchange.request["method"] in ("GET", "HEAD")
    return exchange.app == OLD_ENTRY and is_read and was_html(exchange, 200)


def _was_not_ported(exchange: Exchange) -> bool:
    body = exchange.response.get("json")
    return isinstance(body, dict) and body.get("error") == NOT_PORTED


def _is_unknown_or_wrong_method(exchange: Exchange, answer: Answer) -> bool:
    return is_unknown_path(exchange, answer) or is_wrong_method(exchange, answer)


def _is_front_page(_exchange: Exchange, answer: Answer) -> bool:
    body = answer.body if isinstance(answer.body, dict) else {}
    return answer.status == 200 and body.get("name") == OLD_ENTRY and {"message", "version", "services"} <= body.keys()


def _is_health(_exchange: Exchange, answer: Answer) -> bool:
    body = answer.body if isinstance(answer.body, dict) else {}
    return answer.status in (200, 503) and body.get("status") in ("healthy", "degraded", "unhealthy")


RULES = (
    Rule(
        "front-page-is-json",
        "the front page was the interface of a library; now it says what runs here",
        "/",
        was=_was_page,
        became=_is_front_page,
        covers="content_type",
    ),
    Rule(
        "health-is-json",
        "any unknown path was answered with the interface's page, /health too; now it is a health check",
        "/health",
        was=_was_page,
        became=_is_health,
        covers="content_type|status",
    ),
    Rule(
        "unknown-page-is-404",
        "any unknown path was answered with the interface's page; now the 404 envelope",
        r"/(?!health$).+",
        was=_was_page,
        became=_is_unknown_or_wrong_method,
        covers=rf"content_type|{ANYTHING}",
    ),
    Rule(
        "not-ported-is-404",
        "an unknown API path was answered with a 200 that says it is not ported; now the 404 or 405 envelope",
        r"/api/v0/.+",
        was=_was_not_ported,
        became=_is_unknown_or_wrong_method,
    ),
    Rule(
        "wrong-id-is-404",
        "an id that is no number met the catch-all of the interface, which was an HTML 405; now 404 as on unified",
        r"/api/v0/qa_feedback/(update|delete)/.+",
        was=lambda exchange: exchange.app == OLD_ENTRY and was_html(exchange, 405),
        became=is_unknown_path,
        covers="status|content_type",
    ),
    Rule(
        "unknown-method-is-404",
        "the catch-all of the interface made any other method on an unknown path an HTML 405; now the 404 envelope",
        r"/.+",
        was=lambda exchange: exchange.app == OLD_ENTRY and was_html(exchange, 405),
        became=_is_unknown_or_wrong_method,
        covers="status|content_type",
    ),
    Rule(
        "interface-routes-gone",
        "the interface routes of a library are not part of the product; now 404 or 405",
        rf"/api/v0/({INHERITED})|{ASSETS}",
        was=lambda exchange: exchange.app == OLD_ENTRY,
        became=_is_unknown_or_wrong_method,
        covers=rf"content_type|{ANYTHING}",
    ),
)
