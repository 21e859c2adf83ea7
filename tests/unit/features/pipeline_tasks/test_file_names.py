"""No name leads out of a task's folder, and what a request says is read as the contract has it."""

import os
from io import BytesIO
from pathlib import Path

import pytest

from common.errors import BadRequestError, CituError, NotFoundError
from features.pipeline_tasks.existing_tasks import ExistingTasks
from features.pipeline_tasks.files import TaskFiles
from features.pipeline_tasks.task_folders import TaskFolders

HOSTILE = [
    "../evil.md", "../../evil.md", "..", ".", "", "/etc/passwd", "/tmp/evil.md", "\\\\host\\share\\evil.md",
    "C:\\evil.md", "C:evil.md", "a/b.md", "a\\b.md", "..\\evil.md", "..%2f..%2fevil.md/../x.md", "evil.md\0.txt",
    "\0", "evil\n.md", "evil\r\n.md", "\x1b[2J.md", "con.md", "NUL.txt", "com1.json", "LPT9.csv", "aux.foo.md",
    "evil.md:stream", "evil?.md", "ev*il.md", "<b>.md", '"evil".md', "a|b.md", ".hidden.md", "~evil.md",
    "evil.md.", "evil.md ", " evil.md", "．．／evil.md", "‥／evil.md", "․․/evil.md", "evil／x.md", "evil∕x.md",
    "evil⁄x.md", "\u202edm.live", "ev\u200bil.md", "\ufeffevil.md", "\ud800.md", "ｃｏｎ.md", "x" * 300 + ".md",
    "中" * 120 + ".md", "evil.exe", "evil.md.py", "evil",
]  # fmt: skip
HOSTILE_IDS = ["..", ".", "", "../x", "/etc", "a/b", "a\\b", "task-1", "中文", "x" * 65, "a\0b", "a b", "%2e%2e", "a\n"]


class Known(ExistingTasks):
    """Every task exists."""

    def __init__(self) -> None:
        pass

    def require(self, tenant: str, task_id: str) -> None:
        pass


@pytest.fixture
def folders(tmp_path: Path) -> TaskFolders:
    (tmp_path / "secret.md").write_text("secret")
    (tmp_path / "root" / "task_1").mkdir(parents=True)
    return TaskFolders(tmp_path / "root")


@pytest.fixture
def files(folders: TaskFolders) -> TaskFiles:
    return TaskFiles(folders=folders, existing=Known())


def everything(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_name_writes_nothing(files: TaskFiles, tmp_path: Path, name: str) -> None:
    before = everything(tmp_path)
    with pytest.raises(BadRequestError):
        files.upload("default", "task_1", BytesIO(b"x"), name, None)
    assert everything(tmp_path) == before


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_name_reads_nothing(files: TaskFiles, name: str) -> None:
    with pytest.raises(CituError) as refusal:
        files.sent("default", "task_1", name)
    assert refusal.value.status in (400, 404)


@pytest.mark.parametrize("task_id", HOSTILE_IDS)
def test_hostile_id_is_no_task(files: TaskFiles, task_id: str) -> None:
    for ask in (lambda: files.listed("default", task_id), lambda: files.sent("default", task_id, "secret.md")):
        with pytest.raises(NotFoundError):
            ask()


@pytest.mark.parametrize("kind", ["link", "folder", "fifo", "dangling"])
def test_what_is_no_plain_file_is_neither_listed_nor_read_nor_written_through(
    files: TaskFiles, folders: TaskFolders, tmp_path: Path, kind: str
) -> None:
    place = folders.root / "task_1" / "x.md"
    if kind == "link":
        place.symlink_to(tmp_path / "secret.md")
    elif kind == "dangling":
        place.symlink_to(tmp_path / "made.md")
    elif kind == "folder":
        place.mkdir()
    else:
        os.mkfifo(place)
    assert files.listed("default", "task_1")["data"]["files"] == []
    with pytest.raises(BadRequestError):
        files.sent("default", "task_1", "x.md")
    files.upload("default", "task_1", BytesIO(b"new"), "x.md", "replace")
    assert (tmp_path / "secret.md").read_text() == "secret"
    assert not (tmp_path / "made.md").exists()


def test_a_link_in_place_of_the_folder_is_not_entered(files: TaskFiles, folders: TaskFolders, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x.md").write_text("x")
    (folders.root / "task_2").symlink_to(outside)
    assert files.listed("default", "task_2")["data"]["directory_info"]["exists"] is False
    with pytest.raises(CituError):
        files.sent("default", "task_2", "x.md")
    assert folders.remove("task_2") == (0, 0)
    assert (outside / "x.md").exists()


def test_harmless_names_are_kept_and_earlier_ones_backed_up(files: TaskFiles, folders: TaskFolders) -> None:
    for content in (b"1", b"22"):
        answer = files.upload("default", "task_1", BytesIO(content), "空 格.md", None)
    assert answer["data"]["backup_info"]["backup_filename"] == "空 格.md_bak1"
    assert files.sent("default", "task_1", "空 格.md").read_all() == b"22"
    assert files.sent("default", "task_1", "空 格.md_bak1").read_all() == b"1"
    assert files.upload("default", "task_1", BytesIO(b"3"), "空 格.md", "skip")["data"]["skipped"] is True


def test_files_of_tenants_are_apart(files: TaskFiles, folders: TaskFolders) -> None:
    files.upload("default", "task_1", BytesIO(b"1"), "x.md", None)
    assert files.listed("other", "task_1")["data"]["files"] == []
    with pytest.raises(NotFoundError):
        files.sent("other", "task_1", "x.md")


@pytest.mark.parametrize(("size", "text"), [(0, "文件为空"), (10 * 1024 * 1024 + 1, "文件大小超出限制")])
def test_empty_and_large_files_are_refused(files: TaskFiles, size: int, text: str) -> None:
    with pytest.raises(BadRequestError, match=text):
        files.upload("default", "task_1", BytesIO(b"x" * size), "x.md", None)
