"""Intended differences of the vector backup routes."""

from __future__ import annotations

from typing import Any

from cutover.parity.answers import Answer
from cutover.parity.exchanges import Exchange
from cutover.parity.rules.rule import Rule, body_of, is_error, is_other_json, names_invalid, old_answer

BACKUP, LIST, RESTORE = (f"/api/v0/data_pipeline/vector/{name}" for name in ("backup", "restore/list", "restore"))
TABLES = ("langchain_pg_collection", "langchain_pg_embedding")
CATEGORY_500 = "系统内部错误"
BACKUP_FAILED, RESTORE_FAILED = "Vector表备份失败，请稍后重试", "Vector表恢复失败，请稍后重试"
TASK_ID_WRONG = "指定的任务目录不存在: "
TASK_ID_MALFORMED = "无效的task_id格式，只能包含字母、数字和下划线"
TEXT_MEMBERS = ("task_id", "db_connection", "backup_path", "timestamp")
NOT_ALLOWED = "不允许连接参数 db_connection 指定的数据库，请使用已配置的数据库或联系管理员"
STAMP_WRONG = "无效的timestamp格式，应为YYYYMMDD_HHMMSS"


def _failed(exchange: Exchange) -> bool:
    return bool(exchange.response["status"] == 500)


def _had_errors(exchange: Exchange) -> bool:
    is_error_list = exchange.response["status"] == 200 and bool(old_answer(exchange).data.get("errors"))
    return is_error_list and not _names_another_database(exchange)


def _was_done(exchange: Exchange) -> bool:
    data = old_answer(exchange).data
    is_done = exchange.response["status"] == 200 and not data.get("errors") and not _names_other_folders(exchange)
    return is_done and data.get("backup_performed") is not False and not _names_another_database(exchange)


def _was_half_done(exchange: Exchange) -> bool:
    is_otherwise = _restores_both_after_emptying(exchange) or _is_refused_half(exchange)
    return _had_errors(exchange) and not is_otherwise


def _names_another_database(exchange: Exchange) -> bool:
    return bool(body_of(exchange).get("db_connection"))


def _is_refused(_exchange: Exchange, answer: Answer) -> bool:
    is_not_allowed = answer.is_error(403, "没有权限", "forbidden") and answer.response == NOT_ALLOWED
    return is_not_allowed or names_invalid(answer, "db_connection")


def _was_unreadable(exchange: Exchange) -> bool:
    """A body that is no JSON; or JSON that is no object, which some places took for an empty one."""
    is_text = _failed(exchange) and "body" in exchange.request
    return is_text or ("json" in exchange.request and is_other_json(exchange))


def _composites(exchange: Exchange) -> list[str]:
    return [name for name in TEXT_MEMBERS if isinstance(body_of(exchange).get(name), list | dict)]


def _is_number(exchange: Exchange, name: str) -> bool:
    return isinstance(body_of(exchange).get(name), int | float)


def _is_unknown_task(exchange: Exchange, answer: Answer) -> bool:
    """Nobody's task, or no id at all: a fraction has a point."""
    value = body_of(exchange)["task_id"]
    if isinstance(value, float):
        return is_error(answer, 400) and answer.response == TASK_ID_MALFORMED
    return is_error(answer, 404, "resource_not_found") and answer.response == f"{TASK_ID_WRONG}{value}"


def _is_unknown_folder(exchange: Exchange, answer: Answer) -> bool:
    text = f"备份目录不存在: {body_of(exchange)['backup_path']}"
    return is_error(answer, 404, "resource_not_found") and answer.response == text


def _is_rolled_back(_exchange: Exchange, answer: Answer) -> bool:
    data = answer.data
    results = data["restore_results"]
    is_nothing_left = data["restore_performed"] is False and not any(one["success"] for one in results.values())
    is_said = data["errors"] == [f"{table}表恢复失败" for table in results] and bool(results)
    is_500 = answer.is_error(500, CATEGORY_500, "database_error") and answer.response == RESTORE_FAILED
    return is_500 and is_nothing_left and is_said


def _restores_both_after_emptying(exchange: Exchange) -> bool:
    tables = body_of(exchange).get("tables")
    is_both = tables is None or set(tables) == set(TABLES)
    return _had_errors(exchange) and is_both and body_of(exchange).get("truncate_before_restore") is True


def _is_all_restored(exchange: Exchange, answer: Answer) -> bool:
    before, data = old_answer(exchange).data, answer.data
    results, emptied = data["restore_results"], data["truncate_results"]
    is_done = answer.status == 200 and answer.response == "Vector表恢复完成" and data["errors"] == []
    is_complete = set(results) == set(emptied) == set(TABLES) and all(one["success"] for one in results.values())
    kept = ("rows_restored", "source_file")
    old = before["restore_results"]["langchain_pg_embedding"]
    is_same_table = isinstance(results["langchain_pg_embedding"]["rows_restored"], int) and all(
        key in old for key in kept
    )
    return is_done and is_complete and is_same_table


def _is_refused_half(exchange: Exchange) -> bool:
    body = body_of(exchange)
    return body.get("tables") == ["langchain_pg_collection"] and body.get("truncate_before_restore") is True


def _names_other_folders(exchange: Exchange) -> bool:
    """The recording's list has the old repository's own backups, which came with it."""
    return exchange.response["status"] == 200 and any(_old_locations(exchange))


def _old_locations(exchange: Exchange) -> list[dict[str, Any]]:
    locations = old_answer(exchange).data.get("backup_locations", [])
    return [one for one in locations if any(backup["timestamp"] < "2026" for backup in one["backups"])]


def _is_a_list(exchange: Exchange, answer: Answer) -> bool:
    data = answer.data
    locations, summary = data["backup_locations"], data["summary"]
    count = sum(len(one["backups"]) for one in locations)
    text = f"成功扫描到 {len(locations)} 个备份位置，共 {count} 个备份集" if locations else "未找到任何可用的备份文件"
    is_counted = summary["total_backup_sets"] == count == summary["global_backups"] + summary["task_backups"]
    is_named = summary["total_locations"] == len(locations) and all(map(_is_well_named, locations))
    return answer.status == 200 and answer.response == text and is_counted and is_named


def _is_well_named(location: dict[str, Any]) -> bool:
    named = f"/{location['task_id']}" if location["type"] == "task" else ""
    return bool(location["relative_path"] == f"./data_pipeline/training_data{named}/vector_bak")


def _has_the_documented_paths(exchange: Exchange, answer: Answer) -> bool:
    before, after = old_answer(exchange).data["backup_locations"], answer.data["backup_locations"]
    return len(before) == len(after) and all(map(_is_well_named, after))


def _has_sets(exchange: Exchange) -> bool:
    return exchange.response["status"] == 200 and bool(old_answer(exchange).data.get("backup_locations"))


def _is_only_of_this_run(exchange: Exchange, answer: Answer) -> bool:
    """Each file of this replay has its own time and size; what they are called and which table they are of stays."""
    after = answer.data
    if "tables_backed_up" in after:
        return all(
            one["success"] and one["backup_file"].startswith(name) for name, one in after["tables_backed_up"].items()
        )
    if "backup_locations" in after:
        return [len(one["backups"]) for one in old_answer(exchange).data["backup_locations"]] == [
            len(one["backups"]) for one in after["backup_locations"]
        ]
    return all(one["success"] for one in after["restore_results"].values())


def _follows_a_wiped_folder(exchange: Exchange) -> bool:
    """An empty task id had the old service delete the whole training data folder."""
    is_empty = exchange.response["status"] == 200 and not old_answer(exchange).data.get("backup_locations")
    return is_empty and any(
        earlier.request["method"] == "DELETE"
        and earlier.request["path"] == "/api/v0/data_pipeline/tasks"
        and "" in body_of(earlier).get("task_ids", [])
        for earlier in exchange.earlier()
    )


VOLATILE = (
    r"\$\.data\.(tables_backed_up\.\w+\.(backup_file|file_size|row_count)"
    r"|backup_directory"
    r"|restore_results\.\w+\.(source_file|file_size|rows_restored)"
    r"|truncate_results\.\w+\.rows_before"
    r"|backup_info\.(timestamp|backup_date|backup_path)"
    r"|backup_locations\[\d+\]\.(task_id|backups\[\d+\]\.\w+)"
    r"|summary\.scan_time)"
)

RULES = (
    Rule(
        "vector-address-is-checked",
        "anybody could make the service connect to any host; only configured or listed ones",
        rf"{BACKUP}|{RESTORE}",
        was=_names_another_database,
        became=_is_refused,
    ),
    Rule(
        "vector-body-is-400",
        "a body that is no JSON object was a 500, or taken for an empty one; now 400",
        rf"{BACKUP}|{RESTORE}",
        was=_was_unreadable,
        became=lambda _exchange, answer: is_error(answer, 400, "missing_required_params"),
    ),
    Rule(
        "vector-list-for-text-is-400",
        "a list or object where a text belongs was a 500; now 400 naming the parameter",
        rf"{BACKUP}|{RESTORE}",
        was=lambda exchange: _failed(exchange) and bool(_composites(exchange)),
        became=lambda exchange, answer: names_invalid(answer, _composites(exchange)[0]),
    ),
    Rule(
        "vector-path-number-is-text",
        "a number for a folder was a 500; it is read as a text, and no folder has that name",
        RESTORE,
        was=lambda exchange: _failed(exchange) and _is_number(exchange, "backup_path"),
        became=_is_unknown_folder,
    ),
    Rule(
        "vector-task-number-is-text",
        "a number for a task's id was a 500; it is read as a text, and no task has it",
        BACKUP,
        was=lambda exchange: _failed(exchange) and _is_number(exchange, "task_id"),
        became=_is_unknown_task,
    ),
    Rule(
        "vector-stamp-number-is-400",
        "a number for a time was a 500; it is read as a text, which is no such time",
        RESTORE,
        was=lambda exchange: _failed(exchange) and _is_number(exchange, "timestamp"),
        became=lambda _exchange, answer: is_error(answer, 400) and answer.response == STAMP_WRONG,
    ),
    Rule(
        "restore-is-all-or-nothing",
        "a restore that failed was a 200 that said so in a list, half of it done; now it is rolled back and a 500",
        RESTORE,
        was=_was_half_done,
        became=_is_rolled_back,
    ),
    Rule(
        "restore-of-both-succeeds",
        "emptying the collection always failed on its foreign key; both tables are emptied and restored together now",
        RESTORE,
        was=_restores_both_after_emptying,
        became=_is_all_restored,
    ),
    Rule(
        "collection-is-not-emptied-alone",
        "emptying only the collection failed on its foreign key after the answer had begun; now 400 that says so",
        RESTORE,
        was=_is_refused_half,
        became=lambda _exchange, answer: names_invalid(answer, "tables"),
    ),
    Rule(
        "backup-failure-is-500",
        "a backup of which no table succeeded was a 200 with the errors in a list; now a 500 with the same list",
        BACKUP,
        was=_had_errors,
        became=lambda _exchange, answer: (
            answer.is_error(500, CATEGORY_500, "database_error")
            and answer.response == BACKUP_FAILED
            and answer.data["errors"] == ["部分表备份失败"]
        ),
    ),
    Rule(
        "old-backups-are-not-here",
        "the recording's folder came with backups of the old repository; a list shows those of this installation",
        LIST,
        was=_names_other_folders,
        became=_is_a_list,
    ),
    Rule(
        "backups-outlive-an-empty-task-id",
        "deleting the task with an empty id wiped every task and backup; now it deletes nothing and the list goes on",
        LIST,
        was=_follows_a_wiped_folder,
        became=_is_a_list,
    ),
    Rule(
        "backup-path-as-documented",
        "the list gave the folder without the `./` that the guides show; restore takes both",
        LIST,
        was=_has_sets,
        became=_has_the_documented_paths,
        covers=r"\$\.data\.backup_locations\[\d+\]\.relative_path",
    ),
    Rule(
        "backup-names-of-this-run",
        "names, times and sizes of backup files are those of the backups made in this replay",
        rf"{BACKUP}|{LIST}|{RESTORE}",
        was=_was_done,
        became=_is_only_of_this_run,
        covers=VOLATILE,
    ),
)
