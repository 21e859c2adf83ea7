"""Moves what an earlier run left out of the way of a new complete run (contract 4.3). Resumable like everything else.

Files that people edited stay where they are: the new run keeps them and writes beside them.
"""

from __future__ import annotations

import json
from typing import Any, Final

from common.messages import data_pipeline as texts
from data_pipeline.errors import PipelineError
from data_pipeline.run_state import RunState
from data_pipeline.task_folder import KEPT_IN_PLACE, TaskFolder

_NOTE: Final = "backup"
INFO: Final = "backup_info.json"


def back_up_earlier_files(folder: TaskFolder, run: RunState, task_id: str) -> None:
    """Move the plain files of earlier runs into `file_bak_<stamp>` with `backup_info.json`.

    Raises:
        PipelineError: a file could not be moved.
    """
    plan: dict[str, Any] | None = run.noted(_NOTE)
    if plan is None:
        names = [
            name for name in folder.names() if name not in KEPT_IN_PLACE and not name.startswith("data_pipeline.log")
        ]
        kept = [name for name in names if folder.was_written(name) and folder.is_edited(name)]
        plan = {"directory": _free_directory(folder, run.stamp), "kept": kept, "is_done": False,
                "moved": [name for name in names if name not in kept]}  # fmt: skip
        run.note(_NOTE, plan)
    if plan["is_done"]:
        return
    if plan["moved"]:
        _move(folder, run, plan, task_id)
    run.forget_steps()
    run.note(_NOTE, plan | {"is_done": True})


def _move(folder: TaskFolder, run: RunState, plan: dict[str, Any], task_id: str) -> None:
    target = folder.path / plan["directory"]
    target.mkdir(exist_ok=True)
    failed: list[dict[str, str]] = []
    for name in plan["moved"]:
        source = folder.file(name)
        if not source.exists():  # moved before the run was interrupted
            continue
        try:
            source.rename(target / name)
        except OSError as error:
            failed.append({"file": name, "error": error.strerror or type(error).__name__})
    moved = [name for name in plan["moved"] if name not in {item["file"] for item in failed}]
    info = {
        "backup_time": run.stamp,
        "backup_directory": str(target),
        "moved_files": moved,
        "failed_files": failed,
        "task_id": task_id,
    }
    (target / INFO).write_text(json.dumps(info, ensure_ascii=False, indent=2), "utf-8")
    if failed:
        raise PipelineError(texts.BACKUP_FAILED.format(files=", ".join(item["file"] for item in failed)))


def _free_directory(folder: TaskFolder, stamp: str) -> str:
    name, number = f"file_bak_{stamp}", 0
    while (folder.path / name).exists():
        number += 1
        name = f"file_bak_{stamp}_{number}"
    return name
