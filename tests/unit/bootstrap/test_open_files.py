"""Files with secrets that others can read, and folders of tasks that others cannot look into."""

import os
import stat
from pathlib import Path

import pytest

from bootstrap.open_files import open_file_warning
from data_pipeline.task_folder import FILE_MODE, FOLDER_MODE, TaskFolder


@pytest.mark.parametrize(("mode", "is_open"), [(0o600, False), (0o640, False), (0o644, True), (0o602, True)])
def test_a_file_that_others_can_read_or_change_is_told(tmp_path: Path, mode: int, is_open: bool) -> None:
    file = tmp_path / ".env"
    file.write_text("ADMIN_TOKEN=x")
    file.chmod(mode)
    warning = open_file_warning(file)
    assert (warning is not None) == is_open
    assert not is_open or f"{mode:04o}" in str(warning)


def test_a_missing_file_is_nothing_to_warn_of(tmp_path: Path) -> None:
    assert open_file_warning(tmp_path / ".env") is None


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_tasks_folder_is_closed_to_others(tmp_path: Path, umask: int) -> None:
    old = os.umask(umask)
    try:
        (tmp_path / "task").mkdir(mode=0o777)
        folder = TaskFolder(tmp_path / "task")
        folder.write("a.ddl", "create table a (b int)")
    finally:
        os.umask(old)
    for path, most in ((folder.path, FOLDER_MODE), (folder.state, FOLDER_MODE), (folder.file("a.ddl"), FILE_MODE)):
        assert stat.S_IMODE(path.stat().st_mode) & ~most == 0
