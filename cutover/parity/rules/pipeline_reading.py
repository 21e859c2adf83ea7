"""Intended differences where tasks and their logs are listed, searched and looked at (docs/contract/pipeline.md)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from cutover.parity.answers import Answer
from cutover.parity.exchanges import Exchange
from cutover.parity.rules.data_pipeline import GENERIC, ONE, TASKS
from cutover.parity.rules.rule import Rule, body_of, is_error, old_answer

QUERY, LOGS, LOG_QUERY, EXECUTE = f"{TASKS}/query", f"{ONE}/logs", f"{ONE}/logs/query", f"{ONE}/execute"
LISTS = f"{TASKS}|{QUERY}"
STATUSES = ("pending", "in_progress", "partial_completed", "completed", "failed", "running", "cancelled")
SORTS = ("created_at", "started_at", "completed_at", "task_name", "status")
TEXTS = ("task_name", "created_by", "db_name")
LOG_TEXTS = ("keyword", "logger_name", "step_name")
LOG_FILE = re.compile(r"(?:^|/)training_data/\w+/data_pipeline\.log")
MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
KNOWN_FAILURES = ("表清单文件不存在: ", "训练数据加载失败：未找到可处理的训练文件")
"""Texts of a failed run that the contract gives; others it does not."""


def _query(exchange: Exchange) -> Mapping[str, Any]:
    return exchange.request.get("query") or {}


def _whole(text: Any, default: int) -> int:
    """A query parameter as both services read it."""
    try:
        return int(text)
    except (TypeError, ValueError):
        return default


def _succeeded(exchange: Exchange) -> bool:
    return bool(exchange.response["status"] == 200 and "json" in exchange.response)


def _was_generic_500(exchange: Exchange) -> bool:
    return exchange.response["status"] == 500 and GENERIC.fullmatch(old_answer(exchange).response) is not None


def _has_range_below(exchange: Exchange) -> bool:
    query = _query(exchange)
    is_below = _whole(query.get("limit"), 50) < 1 or _whole(query.get("offset"), 0) < 0
    return exchange.request["method"] == "GET" and is_below


def _is_clamped_list(exchange: Exchange, answer: Answer) -> bool:
    query, data = _query(exchange), answer.data
    limit = min(max(_whole(query.get("limit"), 50), 1), 100)
    offset = max(_whole(query.get("offset"), 0), 0)
    is_echoed = (data["limit"], data["offset"]) == (limit, offset)
    return answer.status == 200 and is_echoed and data["total"] == len(data["tasks"]) <= limit


def _are_texts(body: Mapping[str, Any], names: tuple[str, ...], most: int) -> bool:
    given = [body[name] for name in names if body.get(name) is not None]
    return all(isinstance(value, str | int | float) and len(str(value)) <= most for value in given)


def _is_number_or_null(value: Any, most: int | None = None) -> bool:
    if value is None:
        return True
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return bool(is_number and value >= 1 and (most is None or value <= most))


def _asks_for_what_there_is(body: Mapping[str, Any]) -> bool:
    """Whether today's reading has nothing to refuse: null is not given, a number is its text (rule 1)."""
    is_paged = _is_number_or_null(body.get("page")) and _is_number_or_null(body.get("page_size"), 100)
    is_sorted = body.get("sort_by") in (None, *SORTS) and str(body.get("sort_order") or "desc").lower() in (
        "asc",
        "desc",
    )
    is_chosen = body.get("status") in (None, "", *STATUSES)
    return is_paged and is_sorted and is_chosen and _are_texts(body, TEXTS, 100)


def _was_readable_query(exchange: Exchange) -> bool:
    is_object = isinstance(exchange.request.get("json"), Mapping)
    return is_object and _was_generic_500(exchange) and _asks_for_what_there_is(body_of(exchange))


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_page(data: Mapping[str, Any], shown: list[Any], page: int, size: int) -> bool:
    paged = data["pagination"]
    total, pages = paged["total"], math.ceil(paged["total"] / size)
    is_asked = (paged["page"], paged["page_size"], paged["total_pages"]) == (page, size, pages)
    is_shown = len(shown) == max(0, min(size, total - (page - 1) * size))
    return is_asked and is_shown and paged["has_next"] is (page < pages) and paged["has_prev"] is (page > 1)


def _answers_the_query(exchange: Exchange, answer: Answer) -> bool:
    body, data = body_of(exchange), answer.data
    filters = {name: _text(body[name]) for name in (*TEXTS, "status") if body.get(name) not in (None, "")}
    times = {name: value for name, value in data["filters_applied"].items() if name.endswith(("_start", "_end"))}
    is_filtered = data["filters_applied"] == {**filters, **times}
    sort = {"sort_by": body.get("sort_by") or "created_at", "sort_order": str(body.get("sort_order") or "desc").lower()}
    is_paged = _is_page(data, data["tasks"], body.get("page") or 1, body.get("page_size") or 20)
    return answer.status == 200 and is_filtered and is_paged and data["sort_applied"] == sort


def _is_or_was_file(recorded: Any, received: Any) -> bool:
    """The same log named without the server's folders; none where reading one does not make it."""
    if received is None:
        return True
    return LOG_FILE.search(str(received)) is not None and (
        recorded is None or LOG_FILE.search(str(recorded)) is not None
    )


def _is_entry(entry: Mapping[str, Any], names: tuple[str, ...]) -> bool:
    is_complete = all(isinstance(entry[name], str) for name in ("level", "logger", "message"))
    return is_complete and MOMENT.fullmatch(entry["timestamp"]) is not None and all(name in entry for name in names)


def _had_logs(exchange: Exchange) -> bool:
    return _succeeded(exchange) and "logs" in old_answer(exchange).data


def _is_tail_of_log(exchange: Exchange, answer: Answer) -> bool:
    query, data = _query(exchange), answer.data
    level = str(query.get("level") or "").upper()
    limit = min(max(_whole(query.get("limit"), 100), 1), 1_000)
    is_asked = all(_is_entry(entry, ()) and level in ("", entry["level"]) for entry in data["logs"])
    is_file = data["source"] == "file" and _is_or_was_file(old_answer(exchange).data["log_file"], data["log_file"])
    return answer.status == 200 and is_asked and is_file and data["total"] == len(data["logs"]) <= limit


def _matches(entry: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    level, keyword = str(body.get("level") or "").upper(), str(body.get("keyword") or "").lower()
    is_named = all(
        body.get(name) in (None, "") or entry[member] == str(body[name])
        for name, member in (("logger_name", "logger"), ("step_name", "step"))
    )
    return level in ("", entry["level"]) and keyword in entry["message"].lower() and is_named


def _is_page_of_log(exchange: Exchange, answer: Answer) -> bool:
    body, data = body_of(exchange), answer.data
    info = data["log_file_info"]
    entries = data["logs"]
    is_asked = all(_is_entry(entry, ("step", "line_number")) and _matches(entry, body) for entry in entries)
    is_named = LOG_FILE.search(str(info["file_path"])) is not None
    is_known = is_named and (info["exists"] is True or (not entries and bool(info["error"])))
    return answer.status == 200 and is_asked and is_known and _is_page(
        data, entries, body.get("page") or 1, body.get("page_size") or 50
    )  # fmt: skip


def _was_readable_search(exchange: Exchange) -> bool:
    body = body_of(exchange)
    is_read = _are_texts(body, LOG_TEXTS, 200) and any(isinstance(body.get(name), int | float) for name in LOG_TEXTS)
    return _was_generic_500(exchange) and is_read


def _was_idle(task: Mapping[str, Any]) -> bool:
    return bool(task["status"] == "in_progress" and task["step_status"] == "partial_completed")


def _lists_idle(exchange: Exchange) -> bool:
    return _succeeded(exchange) and any(map(_was_idle, old_answer(exchange).data["tasks"]))


def _lists_partly_done(exchange: Exchange, answer: Answer) -> bool:
    """The same tasks; one that is idle and partly done is no longer among those in progress."""
    old = old_answer(exchange).data["tasks"]
    if (body_of(exchange).get("status") or _query(exchange).get("status")) in ("in_progress", "running"):
        old = [task for task in old if not _was_idle(task)]
    wanted = [(task["task_name"], "partial_completed" if _was_idle(task) else task["status"]) for task in old]
    shown = answer.data["tasks"]
    return answer.status == 200 and wanted == [(task["task_name"], task["status"]) for task in shown]


def _stale_members(data: Mapping[str, Any]) -> list[str]:
    """Members that tell of an earlier run: what failed then, and when it ended."""
    is_failed, is_over = data["status"] == "failed", data["status"] in ("failed", "completed")
    stale = ["error_message"] if data["error_message"] and not is_failed else []
    stale += ["completed_at"] if data["completed_at"] and not is_over else []
    for place, step in enumerate(data["steps"]):
        is_step_over = step["step_status"] in ("failed", "completed")
        stale += [f"steps.{place}.error_message"] if step["error_message"] and step["step_status"] != "failed" else []
        stale += [f"steps.{place}.completed_at"] if step["completed_at"] and not is_step_over else []
    return stale


def _told_of_an_earlier_run(exchange: Exchange) -> bool:
    return _succeeded(exchange) and bool(_stale_members(old_answer(exchange).data))


def _tells_of_the_last_run(exchange: Exchange, answer: Answer) -> bool:
    before, after = old_answer(exchange).data, answer.data
    is_same = bool(before["step_status"] == after["step_status"])
    return answer.status == 200 and is_same and not _stale_members(after)


def _failures(data: Mapping[str, Any]) -> dict[str, str]:
    texts = {f"steps.{place}": step["error_message"] for place, step in enumerate(data["steps"])}
    return {name: text for name, text in {"task": data["error_message"], **texts}.items() if text}


def _known(text: str) -> str:
    """The beginning of a failure's text that the contract gives; empty when it gives none."""
    return next((known for known in KNOWN_FAILURES if text.startswith(known)), "")


def _told_failure_in_own_words(exchange: Exchange) -> bool:
    data = old_answer(exchange).data
    is_ours = any(not _known(text) for text in _failures(data).values())
    return _succeeded(exchange) and data["status"] == "failed" and is_ours


def _fails_alike(exchange: Exchange, answer: Answer) -> bool:
    """The same steps failed; with the contract's text where it gives one."""
    before, after = old_answer(exchange).data, answer.data
    is_same = after["status"] == "failed" and before["step_status"] == after["step_status"]
    old, new = _failures(before), _failures(after)
    is_told = old.keys() <= new.keys() and all(new[name].startswith(_known(text)) for name, text in old.items())
    return answer.status == 200 and is_same and is_told


def _had_null_mode(exchange: Exchange) -> bool:
    body = body_of(exchange)
    return _was_generic_500(exchange) and "execution_mode" in body and body["execution_mode"] is None


def _was_started_again(exchange: Exchange) -> bool:
    """Started while an earlier start of it was not known to have ended."""
    path = exchange.request["path"]
    was_started = exchange.response["status"] == 202
    return was_started and any(
        earlier.request["path"] == path and earlier.response["status"] == 202 for earlier in exchange.earlier()
    )


def _is_started_or_conflict(exchange: Exchange, answer: Answer) -> bool:
    """Whether the earlier run had ended by now is a matter of time."""
    before = old_answer(exchange).data
    if answer.status == 202:
        return all(answer.data[name] == before[name] for name in ("execution_mode", "step_name", "response"))
    is_running = answer.response.startswith("任务正在执行中，请等待当前执行完成: ") and answer.error_type == "conflict"
    return is_running and answer.status == 409 and answer.body.get("code") == 409


PAGED = r"\$\.data\.(tasks.*|total|pagination\.(total|total_pages|has_next))"
LOG_LINES = r"\$\.data\.(logs.*|pagination\.(total|total_pages|has_next)|log_file_info\..*)"
STALE = r"\$\.data\.(steps\[\d+\]\.)?(error_message|completed_at)"

RULES = (
    Rule(
        "pipeline-list-is-clamped",
        "a limit or offset below its range was an empty list or a 500; now the nearest value counts",
        TASKS,
        was=_has_range_below,
        became=_is_clamped_list,
    ),
    Rule(
        "pipeline-query-is-read",
        "a status that tasks have, null and a number were a 500 in a query; now they are read (rule 1)",
        QUERY,
        was=_was_readable_query,
        became=_answers_the_query,
    ),
    Rule(
        "pipeline-idle-is-partial-in-lists",
        "an idle task with some steps done was listed as in_progress; now as partial_completed",
        LISTS,
        was=_lists_idle,
        became=_lists_partly_done,
        covers=PAGED,
    ),
    Rule(
        "pipeline-failure-is-forgotten",
        "the failure and the end of an earlier run stayed when a task ran again; now they are gone",
        ONE,
        was=_told_of_an_earlier_run,
        became=_tells_of_the_last_run,
        covers=STALE,
    ),
    Rule(
        "pipeline-failure-in-own-words",
        "why a step failed was told in the words of the program's parts; the steps that fail are the same",
        ONE,
        was=_told_failure_in_own_words,
        became=_fails_alike,
        covers=r"\$\.data\.(steps\[\d+\]\.)?error_message",
    ),
    Rule(
        "pipeline-null-mode-is-default",
        "execution_mode null was a 500; now it is the default, as when it is not given",
        EXECUTE,
        was=_had_null_mode,
        became=lambda _exchange, answer: (
            is_error(answer, 404, "resource_not_found")
            or (answer.status == 202 and answer.data["execution_mode"] == "complete")
        ),
    ),
    Rule(
        "pipeline-running-is-409",
        "a task could be started while it ran; now that is a 409",
        EXECUTE,
        was=_was_started_again,
        became=_is_started_or_conflict,
    ),
    Rule(
        "pipeline-log-lines",
        "what a log says is the program's own; reading one neither makes it nor writes to it",
        LOGS,
        was=_had_logs,
        became=_is_tail_of_log,
        covers=r"\$\.data\.(logs.*|total|log_file)",
    ),
    Rule(
        "pipeline-log-search",
        "the same for a search; each entry has its step, and times are compared as times",
        LOG_QUERY,
        was=_had_logs,
        became=_is_page_of_log,
        covers=LOG_LINES,
    ),
    Rule(
        "pipeline-log-search-is-read",
        "a number as keyword or name was a 500; now it is its text (rule 1)",
        LOG_QUERY,
        was=_was_readable_search,
        became=_is_page_of_log,
    ),
)
