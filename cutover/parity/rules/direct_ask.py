"""Intended differences of `ask` and `ask_cached` (docs/contract/questions.md), and what `citu_run_sql` has in common
with them.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from cutover.parity.answers import Answer
from cutover.parity.exchanges import Exchange
from cutover.parity.rules.ask import COMPOSITE, PROMPTS
from cutover.parity.rules.rule import (
    Rule,
    body_of,
    is_error,
    is_malformed,
    is_other_json,
    is_scalar,
    names_invalid,
    old_answer,
    was_html,
)

ASK = "/api/v0/ask(_cached)?"
CACHED = "/api/v0/ask_cached"
ANY = "/api/v0/(ask(_cached)?|citu_run_sql)"
FAILED_SUMMARY = "生成摘要时出现错误："
EXCEPTION = "SQL生成过程中出现异常"
ENDS = ("请尝试提问其它问题。", "请尝试用其它方式提问。")
NO_SQL = "无法生成SQL查询，请检查问题描述或数据表结构"
SUCCESS_MEMBERS = "conversation_id|query_result|sql|summary|response|cached"
BECAME_A_FAILURE = rf"status|\$\.(code|success|message)|\$\.data\.({SUCCESS_MEMBERS}|error_type)"
TEXTS = ("question", "user_id", "conversation_id")


def _result(answer: Answer) -> dict[str, Any]:
    found = answer.data.get("query_result")
    return found if isinstance(found, dict) else {}


def _was_lost_failure(exchange: Exchange) -> bool:
    """A statement that failed, or changed something, was a success without even columns."""
    old = old_answer(exchange)
    return old.status == 200 and _result(old).get("columns") == [] and bool(old.data.get("sql"))


def _is_failure(_exchange: Exchange, answer: Answer) -> bool:
    """500 when the database broke admitted SQL off; 422 with statement and reason when it was not admitted."""
    if is_error(answer, 500, "sql_execution_failed"):
        return True
    pattern = PROMPTS.get(str(answer.data.get("validation_error_type")))
    is_worded = pattern is not None and re.fullmatch(pattern, answer.response, re.DOTALL) is not None
    return is_error(answer, 422, "agent_processing_failed") and is_worded and bool(answer.data.get("sql"))


def _rfc_dates(exchange: Exchange) -> bool:
    rows = _result(old_answer(exchange)).get("rows") or []
    return any(_as_date(value) for row in rows for value in row.values())


def _as_date(value: Any) -> datetime | None:
    if not isinstance(value, str) or not re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", value):
        return None
    return parsedate_to_datetime(value)


def _says_the_same_iso(exchange: Exchange, answer: Answer) -> bool:
    """Every old date stands in its place as an ISO text of the same moment."""
    old, new = _result(old_answer(exchange)).get("rows") or [], _result(answer).get("rows") or []
    return len(old) == len(new) and all(
        _is_iso_of(date, row.get(name))
        for before, row in zip(old, new, strict=True)
        for name, value in before.items()
        if (date := _as_date(value)) is not None
    )


def _is_iso_of(date: datetime, value: Any) -> bool:
    try:
        shown = datetime.fromisoformat(str(value))
    except ValueError:
        return False
    return (shown if shown.tzinfo else shown.replace(tzinfo=UTC)) == date


def _composites(exchange: Exchange) -> list[str]:
    return [name for name in TEXTS if isinstance(body_of(exchange).get(name), list | dict)]


def _was_exception(exchange: Exchange) -> bool:
    is_about_text = not (is_scalar(body_of(exchange).get("question")) or _composites(exchange))
    return is_about_text and old_answer(exchange).response.startswith(EXCEPTION)


def _is_model_failure(_exchange: Exchange, answer: Answer) -> bool:
    return is_error(answer, 503, "model_unavailable") and answer.data.get("can_retry") is True


def _is_answer_to_the_text(_exchange: Exchange, answer: Answer) -> bool:
    """Rows, or a reason in our words: nothing of the machinery."""
    if answer.status == 200:
        return bool(answer.data.get("sql")) and "rows" in _result(answer)
    is_explained = answer.response.endswith(ENDS) or answer.response == NO_SQL
    return answer.status == 422 and is_explained and EXCEPTION not in answer.response


def _is_explained_by_prompt(exchange: Exchange, answer: Answer) -> bool:
    """The same kind of answer; the reason in the words of the agent's prompts."""
    end = next(end for end in ENDS if old_answer(exchange).response.endswith(end))
    pattern = PROMPTS.get(str(answer.data.get("validation_error_type")))
    reason = answer.response.removesuffix(end)
    is_ours = pattern is not None and re.fullmatch(pattern, reason, re.DOTALL) is not None
    is_422 = answer.status == 422 and answer.data.get("error_type") == "invalid_params"
    return is_422 and answer.response.endswith(end) and is_ours


def _was_explained(exchange: Exchange) -> bool:
    old = old_answer(exchange)
    is_explained = old.status == 422 and old.response.endswith(ENDS)
    marks = ("no relevant tables", "table not found", "ambiguous", "more information")
    return is_explained and any(mark in old.response.lower() for mark in marks)


def _is_kept_answer(exchange: Exchange, answer: Answer) -> bool:
    """The second caller gets the first one's answer."""
    old = old_answer(exchange)
    is_same = answer.data.get("sql") == old.data.get("sql")
    return answer.status == 200 and is_same and isinstance(answer.data.get("cache_age_seconds"), int)


RULES = (
    Rule(
        "direct-failure-shown",
        "a statement that failed or was none to run was a success without rows; now the failure is told",
        ASK,
        was=_was_lost_failure,
        became=_is_failure,
        covers=BECAME_A_FAILURE,
    ),
    Rule(
        "direct-iso-times",
        "dates and times in rows were RFC 1123 texts; now ISO",
        ANY,
        was=_rfc_dates,
        became=_says_the_same_iso,
        covers=r"\$\.data\.query_result\.rows.*",
    ),
    Rule(
        "direct-summary-failure-left-out",
        "a summary that could not be written was a text with the exception; now it is absent",
        ASK,
        was=lambda exchange: old_answer(exchange).response.startswith(FAILED_SUMMARY),
        became=lambda _exchange, answer: answer.status == 200 and "summary" not in answer.data,
        covers=r"\$\.data\.(summary|response)",
    ),
    Rule(
        "direct-model-failure-is-503",
        "a failed model call was a 422 with the exception's text; now an error that may be tried again",
        ASK,
        was=_was_exception,
        became=_is_model_failure,
        covers=r"status|\$\.code|\$\.message|\$\.data\.(error_type|response)",
    ),
    Rule(
        "direct-prompt",
        "the model's English marks of a missing table or an ambiguous question were shown; now the prompt for it",
        ASK,
        was=_was_explained,
        became=_is_explained_by_prompt,
        covers=r"\$\.data\.response",
    ),
    Rule(
        "direct-scalar-question",
        "a number or true as question ended in an exception's text; now it is a text like any other",
        ASK,
        was=lambda exchange: is_scalar(body_of(exchange).get("question")) and old_answer(exchange).status != 200,
        became=_is_answer_to_the_text,
    ),
    Rule(
        "direct-composite-refused",
        "lists and objects where text is expected ended in an exception's text or were taken as they were; now 400",
        ASK,
        was=lambda exchange: bool(_composites(exchange)) and old_answer(exchange).status != 400,
        became=lambda exchange, answer: any(
            names_invalid(answer, name) and answer.response == COMPOSITE for name in _composites(exchange)
        ),
    ),
    Rule(
        "direct-non-object-is-400",
        "a JSON body that is no object was an HTML 500; now the envelope with 400",
        ANY,
        was=lambda exchange: was_html(exchange, 500) and is_other_json(exchange),
        became=is_malformed,
        covers="status|content_type",
    ),
    Rule(
        "cached-really",
        "the key had the time in it, so that nothing was ever found; now a question asked before is answered at once",
        CACHED,
        was=lambda exchange: old_answer(exchange).data.get("cached") is False,
        became=lambda exchange, answer: answer.data.get("cached") is False or _is_kept_answer(exchange, answer),
        covers=r"\$\.data\.cached",
    ),
)
