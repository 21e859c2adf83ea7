"""`python -m data_pipeline.run`: runs a pipeline task here and now. Flags and exit codes: contract 5.1 and 5.10.

Prints one JSON result on stdout and progress on stderr. Exit code 0 when done (validation rate at least 0.8, or not
run), 1 for a lower rate, a missing list or wrong arguments' meaning, 2 when a step failed, 130 when interrupted. With
`--execution-mode step` 0 or 1. A run that was killed goes on when it is asked for again with the same `--task-id`.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from bootstrap.container import build_container
from bootstrap.pipeline import Pipelines, pipeline_limits
from common.cancellation import CancelFlag
from common.config_service import ConfigService
from common.errors import CituError
from common.messages import data_pipeline as texts
from common.secret_masking import mask_text
from data_pipeline.schema_reader import check_permissions
from data_pipeline.stages.ddl_generation import TABLE_LIST
from data_pipeline.table_list import parse_table_list
from data_pipeline.task import STEPS, ProgressEvent, RunResult, TaskSpec, database_name_of
from data_pipeline.task_folder import make_private

GOOD_RATE: Final = 0.8
INTERRUPTED: Final = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """See the module."""
    options = _parser().parse_args(arguments)
    if options.execution_mode == "step" and not options.step_name:
        return _ended({"success": False, "error": texts.CLI_STEP_MISSING}, 1)
    if options.table_list and not Path(options.table_list).is_file():
        return _ended({"success": False, "error": texts.CLI_TABLE_LIST_MISSING.format(path=options.table_list)}, 1)
    container = build_container()
    try:
        container.start(lambda step: print(step, file=sys.stderr))
        if options.check_permissions_only:
            return _permissions(options, container.pipelines, container.settings)
        return _run(options, container.pipelines, container.shared.stores.business_url)
    except CituError as error:
        return _ended({"success": False, "error": mask_text(error.message)}, 1)
    finally:
        container.close()


def _run(options: argparse.Namespace, pipelines: Pipelines, configured_url: str) -> int:
    now = datetime.now()  # noqa: DTZ005 - file names and files carry the server's local time (contract 1.4)
    task_id = options.task_id or now.strftime("manual_%Y%m%d_%H%M%S")
    folder = Path(options.output_dir or pipelines.output_folder) / task_id
    make_private(folder)
    if options.table_list:
        content = Path(options.table_list).read_bytes()
        if not (folder / TABLE_LIST).is_file() or (folder / TABLE_LIST).read_bytes() != content:
            (folder / TABLE_LIST).write_bytes(content)
    task = _task(options, task_id, now.replace(microsecond=0), options.db_connection or configured_url)
    cancel = CancelFlag()
    signal.signal(signal.SIGINT, lambda *_: cancel.set())
    with pipelines.runner(options.db_connection, concurrent_tables=options.max_concurrent) as runner:
        step = options.step_name if options.execution_mode == "step" else None
        result = runner.run(task, folder, step, _show, cancel, resume=options.resume)
    return _ended(_report(options, task_id, result), _exit_code(options, result))


def _task(options: argparse.Namespace, task_id: str, now: datetime, url: str) -> TaskSpec:
    return TaskSpec(
        task_id,
        started_at=now,
        database_name=database_name_of(url),
        business_context=options.business_context,
        parameters={
            "db_connection": url,
            "table_list_file": options.table_list or TABLE_LIST,
            "business_context": options.business_context,
            "enable_sql_validation": not options.skip_validation,
            "enable_llm_repair": not options.disable_llm_repair,
            "modify_original_file": not options.no_modify_file,
            "enable_training_data_load": True,
        },
        user_id="cli",
        has_validation=not options.skip_validation,
        repairs_sql=not options.disable_llm_repair,
        modifies_original_file=not options.no_modify_file,
        backs_up_vectors=options.backup_vector_tables,
        truncates_vectors=options.truncate_vector_tables,
        skips_training=options.skip_training,
    )


def _permissions(options: argparse.Namespace, pipelines: Pipelines, settings: ConfigService) -> int:
    limits = pipeline_limits(settings)
    content = Path(options.table_list).read_bytes() if options.table_list else b""
    tables = parse_table_list(content, limits).tables if content else ()
    with pipelines.database(options.db_connection, limits) as database:
        found = asdict(check_permissions(database.pool, tables))
    found["unreadable"] = [f"{table['schema']}.{table['name']}" for table in found["unreadable"]]
    is_good = bool(found["connect"] and found["select_metadata"] and not found["unreadable"])
    return _ended({"success": is_good, "permissions": found}, 0 if is_good else 1)


def _show(event: ProgressEvent) -> None:
    place = f" {event.done}/{event.total}" if event.total else ""
    print(f"[{event.step}]{place} {event.state} {event.subject} {event.message}".rstrip(), file=sys.stderr)


def _report(options: argparse.Namespace, task_id: str, result: RunResult) -> dict[str, Any]:
    report: dict[str, Any] = {
        "success": result.status == "completed",
        "task_id": task_id,
        "execution_mode": options.execution_mode,
    }
    if options.execution_mode == "step":
        report["step_name"] = options.step_name
    if result.status == "completed":
        report["result"] = {step.step: dict(step.artifact) for step in result.steps}
        report["problems"] = [problem for step in result.steps for problem in step.problems]
    else:
        report["error"] = result.error
    return report


def _exit_code(options: argparse.Namespace, result: RunResult) -> int:
    if result.status == "cancelled":
        return INTERRUPTED
    if result.status != "completed":
        return 1 if options.execution_mode == "step" else 2
    validation = result.step("sql_validation")
    return 0 if validation is None or validation.artifact["success_rate"] >= GOOD_RATE else 1


def _ended(report: dict[str, Any], code: int) -> int:
    print(json.dumps(report, ensure_ascii=False, default=str))
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m data_pipeline.run", description=__doc__)
    add = parser.add_argument
    add("--table-list", default="", help="file with the tables; may be left out when the task folder has one")
    add("--db-connection", default=None, help="postgresql:// URL; by default the configured business database")
    add("--business-context", default=texts.DEFAULT_CONTEXT, help="what the database is about")
    add("--task-id", default="", help="the task's folder; by default manual_<date>_<time>")
    add("--output-dir", default="", help="where task folders are; by default PIPELINE_OUTPUT_DIR")
    add("--execution-mode", choices=("complete", "step"), default="complete")
    add("--step-name", choices=STEPS, default=None)
    add("--skip-validation", action="store_true", help="leave the third step out")
    add("--disable-llm-repair", action="store_true", help="repair no SQL")
    add("--no-modify-file", action="store_true", help="leave the pair file as it is")
    add("--backup-vector-tables", action="store_true", help="back up the vector tables before training")
    add("--truncate-vector-tables", action="store_true", help="empty them too; implies the backup")
    add("--skip-training", action="store_true", help="do only the vector tables' part of the last step")
    add("--max-concurrent", type=int, choices=range(1, 65), metavar="N", default=None, help="tables read at once")
    add("--check-permissions-only", action="store_true", help="tell what the login may do, and end")
    add("--resume", action="store_true", help="go on with the last run of the task although it failed")
    add("--verbose", "-v", action="store_true", help="accepted for older scripts")
    add("--log-file", default="", help="accepted for older scripts")
    return parser


if __name__ == "__main__":
    sys.exit(main())
