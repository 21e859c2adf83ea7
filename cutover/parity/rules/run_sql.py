"""Intended differences of `citu_run_sql` (docs/contract/questions.md)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

from cutover.parity.answers import Answer
from cutover.parity.exchanges import Exchange
from cutover.parity.rules.rule import Rule, body_of, names_invalid, old_answer

ROUTE = "/api/v0/citu_run_sql"
FAILED = "SQL执行失败，请检查SQL语句是否正确"
NO_QUERY = ("statement.kind", "statement.multiple")
NOT_FOR_QUERIES = ("function.denied", "node.keyword")
"""Functions and keywords that ask about the server or act on it, which no query of the business data needs."""

CATALOG = re.compile(r"\b(pg_catalog|information_schema|pg_\w+)\b", re.IGNORECASE)
CLOCK = re.compile(r"\d\d:\d\d:\d\d(\.\d+)?([+-]\d\d(:?\d\d)?)?|(-?\d+ (day|mon|year)s?\b.*)")


def _had_failed(exchange: Exchange) -> bool:
    return bool(exchange.response["status"] == 500 and old_answer(exchange).response == FAILED)


def _sql(exchange: Exchange) -> str:
    return str(body_of(exchange).get("sql"))


def _was_answered(exchange: Exchange) -> bool:
    return bool(exchange.response["status"] == 200 and "query_result" in old_answer(exchange).data)


def _is_refusal(answer: Answer) -> bool:
    is_422 = answer.is_error(422, "处理失败", "sql_refused")
    return is_422 and bool(answer.data.get("rule")) and "sql" in answer.data


def _is_refused_for_good(exchange: Exchange, answer: Answer) -> bool:
    """What was answered may only be refused for being no single query, or for asking about the server itself."""
    rule = answer.data.get("rule")
    is_about_server = rule in NOT_FOR_QUERIES or CATALOG.search(_sql(exchange)) is not None
    return _is_refusal(answer) and (rule in NO_QUERY or is_about_server)


def _values(answer: Answer) -> Iterator[Any]:
    for row in answer.data["query_result"]["rows"]:
        yield from row.values()


def _has_what_json_lacked(_exchange: Exchange, answer: Answer) -> bool:
    """Rows with a value that the old service could not write down: an absent time, a time of day, an interval."""
    shown = list(_values(answer))
    is_such = any(value is None or (isinstance(value, str) and CLOCK.fullmatch(value)) for value in shown)
    return answer.status == 200 and answer.body.get("success") is True and is_such


def _was_no_number(exchange: Exchange) -> bool:
    return _was_answered(exchange) and any(_is_nan(value) for value in _values(old_answer(exchange)))


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _is_null_there(exchange: Exchange, answer: Answer) -> bool:
    old, new = list(_values(old_answer(exchange))), list(_values(answer))
    pairs = zip(old, new, strict=True)
    return answer.status == 200 and all(new is None if _is_nan(old) else new == old for old, new in pairs)


def _is_unchanged(exchange: Exchange, answer: Answer) -> bool:
    return answer.status == exchange.response["status"] and answer.response == old_answer(exchange).response


def _is_list(exchange: Exchange) -> bool:
    return isinstance(body_of(exchange).get("sql"), list | dict)


RULES = (
    Rule(
        "run-sql-only-queries",
        "any statement was run and a change rolled back; now one query of the business data, all else is a 422",
        ROUTE,
        was=_was_answered,
        became=lambda exchange, answer: _is_unchanged(exchange, answer) or _is_refused_for_good(exchange, answer),
        covers=r"status|\$\.(code|success|message)|\$\.data\.(query_result|response)",
    ),
    Rule(
        "run-sql-says-why",
        "a statement nobody may run, or a time without value, was a 500; now a 422 with the reason, or the rows",
        ROUTE,
        was=lambda exchange: _had_failed(exchange) and not _is_list(exchange),
        became=lambda exchange, answer: (
            _is_unchanged(exchange, answer) or _is_refusal(answer) or _has_what_json_lacked(exchange, answer)
        ),
        covers=r"status|\$\.(code|success|message)|\$\.data\.(response|error_type|can_retry)",
    ),
    Rule(
        "run-sql-list-is-400",
        "a list or object as statement was a 500; now 400 (rule 1)",
        ROUTE,
        was=lambda exchange: _had_failed(exchange) and _is_list(exchange),
        became=lambda _exchange, answer: names_invalid(answer, "sql"),
        covers=r"status|\$\.(code|message)|\$\.data\.(response|error_type|can_retry)",
    ),
    Rule(
        "run-sql-null-is-null",
        "no value in a column of numbers was NaN, which is no JSON; now null",
        ROUTE,
        was=_was_no_number,
        became=_is_null_there,
        covers=r"\$\.data\.query_result\.rows.*",
    ),
)
