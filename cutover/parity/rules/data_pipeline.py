"""Intended differences of the pipeline task routes (docs/contract/pipeline.md), and what follows for later answers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from cutover.parity.answers import Answer
from cutover.parity.compare import PAIR_FILE, TASK_TIME
from cutover.parity.exchanges import Exchange
from cutover.parity.rules.rule import Rule, body_of, is_error, names_invalid, old_answer
from cutover.parity.rules.training_effects import drift_before

TASKS = "/api/v0/data_pipeline/tasks"
ANY = TASKS + ".*"
ONE = TASKS + r"/[^/]+"
FILES, FILE = ONE + "/files", ONE + r"/files/[^/]+"
GENERIC = re.compile(
    r"(创建任务|启动任务执行|获取任务状态|获取任务列表|获取任务日志|获取任务文件列表|查询任务列表|查询任务日志|删除任务"
    r"|下载文件|文件上传|处理上传请求|处理请求|创建表清单文件)失败，请稍后重试"
)
TEXT_MEMBERS = ("task_name", "business_context", "db_name", "db_connection", "table_list_file")
TRUTH_MEMBERS = ("enable_sql_validation", "enable_llm_repair", "modify_original_file", "enable_training_data_load")
PASSWORD = re.compile(r"://[^/@]*:[^/@]+@")
MASKED = re.compile(r"://[^/:@]*:\*\*\*@")
TASK_ID = re.compile(r"task_\d{8}_\d{6}(_\d{1,3})?")
COMMA_LAST = re.compile(r"^(?P<code>.*?)\s+-- (?P<comment>.*),$")
COMMA_FIRST = re.compile(r"^(?P<code>.*?),\s+-- (?P<comment>.*)$")
CREATED_AT = re.compile(r"生成时间: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d|数据库: \S+")
SCOPE_HEAD = "=== 数据库业务范围 ==="


def _was_generic_500(exchange: Exchange) -> bool:
    return exchange.response["status"] == 500 and GENERIC.fullmatch(old_answer(exchange).response) is not None


def _is_creation(exchange: Exchange) -> bool:
    return bool(exchange.request["path"] == TASKS and exchange.request["method"] == "POST")


def _was_second_in_a_second(exchange: Exchange) -> bool:
    body = exchange.request.get("json")
    is_readable = isinstance(body, Mapping) and len(str(body.get("task_name") or "")) <= 255
    return bool(_is_creation(exchange) and _was_generic_500(exchange) and is_readable)


def _is_created(_exchange: Exchange, answer: Answer) -> bool:
    is_named = TASK_ID.fullmatch(str(answer.data.get("task_id"))) is not None
    is_ok = answer.status == 201 and answer.body.get("code") == 200 and answer.body.get("success") is True
    return is_ok and is_named and answer.data.get("status") == "pending"


def _unreadable_members(exchange: Exchange) -> list[str]:
    body = body_of(exchange)
    texts = [name for name in TEXT_MEMBERS if isinstance(body.get(name), list | dict)]
    return texts + [name for name in TRUTH_MEMBERS if isinstance(body.get(name), list | dict | float)]


def _was_taken(exchange: Exchange) -> bool:
    return _is_creation(exchange) and exchange.response["status"] == 201 and bool(_unreadable_members(exchange))


def _names_a_member(exchange: Exchange, answer: Answer) -> bool:
    return any(names_invalid(answer, name) for name in _unreadable_members(exchange))


def _old_connection(exchange: Exchange) -> str:
    body = exchange.response.get("json") or {}
    found = (body.get("data") or body).get("parameters", {})
    return str(found.get("db_connection"))


def _had_password(exchange: Exchange) -> bool:
    return PASSWORD.search(_old_connection(exchange)) is not None


def _is_masked(_exchange: Exchange, answer: Answer) -> bool:
    connection = str((answer.data or answer.body)["parameters"]["db_connection"])
    return MASKED.search(connection) is not None


def _was_idle_in_progress(exchange: Exchange) -> bool:
    data = old_answer(exchange).data
    statuses = list(data.get("step_status", {}).values())
    return data.get("status") == "in_progress" and "running" not in statuses and "completed" in statuses


def _is_partly_done(exchange: Exchange, answer: Answer) -> bool:
    return answer.data["status"] == "partial_completed" and bool(answer.data["step_status"]) and _same_steps(
        exchange, answer
    )  # fmt: skip


def _same_steps(exchange: Exchange, answer: Answer) -> bool:
    return bool(answer.data["step_status"] == old_answer(exchange).data["step_status"])


def _listed_types(text: str) -> tuple[str, frozenset[str]]:
    head, _, types = text.partition("允许的类型: ")
    return head, frozenset(types.split(", "))


def _lists_types(exchange: Exchange) -> bool:
    return "允许的类型: " in old_answer(exchange).response


def _lists_the_same_types(exchange: Exchange, answer: Answer) -> bool:
    return _listed_types(answer.response) == _listed_types(old_answer(exchange).response)


def _left_the_folder(exchange: Exchange) -> bool:
    name = exchange.request["path"].removeprefix(TASKS + "/").partition("/")[0].lower().replace("%2e", ".")
    return exchange.response["status"] == 200 and re.fullmatch(r"[A-Za-z0-9_]{1,64}", name) is None


def _names(files: list[dict[str, Any]]) -> Counter[str]:
    return Counter(PAIR_FILE.sub("", TASK_TIME.sub("#", file["file_name"])) for file in files)


def _lists_files(exchange: Exchange) -> bool:
    return exchange.response["status"] == 200 and "files" in old_answer(exchange).data


def _has_the_same_files(exchange: Exchange, answer: Answer) -> bool:
    """The same names; in the order of modification, which a configuration that stays the same keeps."""
    files = answer.data["files"]
    moments = [file["modified_at"] for file in files]
    is_sorted = moments == sorted(moments, reverse=True)
    return is_sorted and _names(files) == _names(old_answer(exchange).data["files"])


def _is_download_of(suffix: str) -> Any:
    def was(exchange: Exchange) -> bool:
        return exchange.response["status"] == 200 and str(exchange.request["path"]).endswith(suffix)

    return was


def _columns(text: str) -> list[tuple[str, str, bool]]:
    found = []
    for line in text.splitlines():
        match = COMMA_LAST.match(line) or COMMA_FIRST.match(line)
        code, _, comment = line.partition(" -- ")
        found.append((match["code"].rstrip(), match["comment"], True) if match else (code.rstrip(), comment, False))
    return found


def _has_the_same_columns(exchange: Exchange, answer: Answer) -> bool:
    return answer.status == 200 and _columns(answer.text) == _columns(exchange.response["text"])


def _statement(text: str) -> str:
    """Without times, layout and what marks an array literal."""
    return re.sub(r"\s+", "", CREATED_AT.sub("#", text)).replace("'{", "'").replace("}'", "'").replace('"', "")


def _is_loadable_metadata(exchange: Exchange, answer: Answer) -> bool:
    received = _statement(answer.text)
    recorded = _statement(exchange.response["text"])
    return received[: len(recorded)] == recorded if "truncated" in exchange.response else received == recorded


def _is_scope(exchange: Exchange, answer: Answer) -> bool:
    return all(text.startswith(SCOPE_HEAD) for text in (exchange.response["text"], answer.text))


def _are_explained_counts(exchange: Exchange, answer: Answer) -> bool:
    before, after = exchange.response["json"], answer.body
    is_summed = sum(after["data_type_counts"].values()) == after["total_records"]
    is_explained = drift_before(exchange).explains(before["total_records"], after["total_records"])
    return is_summed and is_explained and after["load_successful"] is True


def _was_deletion(exchange: Exchange) -> bool:
    return bool(exchange.request["method"] == "DELETE" and exchange.response["status"] == 200)


def _empty_ids(exchange: Exchange) -> int:
    return sum(isinstance(one, str) and not one.strip(" ./") for one in body_of(exchange)["task_ids"])


def _deleted_everything(exchange: Exchange) -> bool:
    deleted = old_answer(exchange).data["deleted_tasks"]
    return _was_deletion(exchange) and any(not str(one["task_id"]).strip(" ./") for one in deleted)


def _refused_the_empty_ids(exchange: Exchange, answer: Answer) -> bool:
    refused = [one for one in answer.data["failed_tasks"] if not str(one["task_id"]).strip(" ./")]
    is_counted = answer.data["summary"]["failed"] >= len(refused) == _empty_ids(exchange)
    return answer.status == 200 and is_counted and all(one["error_code"] == "DELETE_FAILED" for one in refused)


def _deleted_alike(exchange: Exchange, answer: Answer) -> bool:
    before, after = old_answer(exchange).data, answer.data
    outcomes = [[(one["directory_deleted"], one["operation_message"]) for one in data["deleted_tasks"]]
                for data in (before, after)]  # fmt: skip
    errors = all(one["error_code"] == "DELETE_FAILED" and one["error"] for one in after["failed_tasks"])
    return outcomes[0] == outcomes[1] and errors and before["summary"] == after["summary"]


def _creations(exchange: Exchange) -> Iterator[Exchange]:
    yield from (earlier for earlier in exchange.earlier() if _is_creation(earlier))


def _extra_and_missing(exchange: Exchange) -> tuple[int, int]:
    """Tasks of earlier requests that are there now, and that are there no more."""
    extra = sum(_was_second_in_a_second(earlier) for earlier in _creations(exchange))
    return extra, sum(_was_taken(earlier) for earlier in _creations(exchange))


def _lists_tasks(exchange: Exchange) -> bool:
    is_list = exchange.response["status"] == 200 and "tasks" in old_answer(exchange).data
    return is_list and any(_extra_and_missing(exchange))


def _lists_the_rest(exchange: Exchange, answer: Answer) -> bool:
    before, after = old_answer(exchange).data["tasks"], answer.data["tasks"]
    extra, missing = _extra_and_missing(exchange)
    old, new = (Counter(str(task["task_name"]) for task in tasks) for tasks in (before, after))
    is_counted = answer.data.get("total", len(after)) == len(after)
    return is_counted and (old - new).total() <= missing and (new - old).total() <= extra


RULES = (
    Rule(
        "pipeline-generic-500-is-400",
        "a bad body or parameter was a generic 500; now 400 with the intended text",
        ANY,
        was=lambda exchange: _was_generic_500(exchange) and not _was_second_in_a_second(exchange),
        became=lambda _exchange, answer: is_error(answer, 400),
    ),
    Rule(
        "pipeline-two-tasks-a-second",
        "two tasks within a second had the same id, the second was a 500; now it gets a suffix",
        TASKS,
        was=_was_second_in_a_second,
        became=lambda exchange, answer: _is_created(exchange, answer) or is_error(answer, 400),
    ),
    Rule(
        "pipeline-composite-is-400",
        "a list or object where a text is expected was stored; now 400 (rule 1)",
        TASKS,
        was=_was_taken,
        became=_names_a_member,
    ),
    Rule(
        "pipeline-password-masked",
        "the password of the connection was stored and returned; now it is neither",
        f"{ONE}|{FILE}",
        was=_had_password,
        became=_is_masked,
        covers=r"\$\.(data\.)?parameters\.db_connection",
    ),
    Rule(
        "pipeline-idle-is-partial",
        "an idle task with some steps done stayed in_progress; now partial_completed",
        ONE,
        was=_was_idle_in_progress,
        became=_is_partly_done,
        covers=r"\$\.data\.status",
    ),
    Rule(
        "pipeline-types-in-order",
        "the allowed file types were listed in random order",
        FILES,
        was=_lists_types,
        became=_lists_the_same_types,
        covers=r"\$\.data\.response",
    ),
    Rule(
        "pipeline-id-stays-inside",
        "an id like .. read outside of the tasks' folder; now there is no such task",
        TASKS + r"/[^/]+/.*",
        was=_left_the_folder,
        became=lambda _exchange, answer: is_error(answer, 404, "resource_not_found"),
        covers=r"status|content_type|text|content-disposition|\$.*",
    ),
    Rule(
        "pipeline-files-in-order",
        "unchanged files are not written again, so they are older than they were",
        FILES,
        was=_lists_files,
        became=_has_the_same_files,
        covers=r"\$\.data\.files\[\d+\]\.(file_name|file_type)",
    ),
    Rule(
        "pipeline-ddl-executable",
        "the comma between columns stood behind the comment; now before it, so that the DDL can be run",
        FILE,
        was=_is_download_of(".ddl"),
        became=_has_the_same_columns,
        covers="text",
    ),
    Rule(
        "pipeline-metadata-loadable",
        "array literals lacked their braces and could not be loaded; the time is another one",
        FILE,
        was=_is_download_of("/metadata.txt"),
        became=_is_loadable_metadata,
        covers="text",
    ),
    Rule(
        "pipeline-scope-is-free-text",
        "the scope is the model's free text",
        FILE,
        was=_is_download_of("/db_query_decision_prompt.txt"),
        became=_is_scope,
        covers="text",
    ),
    Rule(
        "pipeline-store-counts",
        "records kept or refused differently before are in the whole store's counts",
        FILE,
        was=_is_download_of("/training_load_result.json"),
        became=_are_explained_counts,
        covers=r"\$\.(total_records|data_type_counts\..*)",
    ),
    Rule(
        "pipeline-no-id-deletes-nothing",
        "an empty task id deleted the folder of all tasks; now no such task can be deleted",
        TASKS,
        was=_deleted_everything,
        became=_refused_the_empty_ids,
        covers=r"\$\.data\.(deleted_tasks.*|failed_tasks.*|summary\..*|response)",
    ),
    Rule(
        "pipeline-deleted-counts",
        "reading a log writes no file, a shipped list is copied, errors are no Python texts",
        TASKS,
        was=_was_deletion,
        became=_deleted_alike,
        covers=r"\$\.data\.(deleted_tasks\[\d+\]\.deleted_files_count|failed_tasks\[\d+\]\.error)",
    ),
    Rule(
        "pipeline-other-tasks",
        "tasks made or refused differently before are in the list, or not",
        f"{TASKS}|{TASKS}/query",
        was=_lists_tasks,
        became=_lists_the_rest,
    ),
)
