"""What deleted folders left is listed and removed after a question; what is running or somebody's stays."""

from pathlib import Path

import pytest

from core.embedded.file_locks import FileLock
from core.embedded.homes import all_homes
from scripts.data_homes import main


def home(system: Path, name: str, data_dir: Path | None) -> Path:
    folder = system / name
    (folder / "postgresql").mkdir(parents=True)
    (folder / "postgresql" / "file").write_bytes(b"x" * 10_000)
    (folder / "credentials.json").write_text("{}")
    (folder / "supervisor.lock").touch()
    if data_dir is not None:
        (folder / "data_dir").write_text(f"{data_dir}\n")
    return folder


@pytest.fixture
def system(tmp_path: Path) -> Path:
    (tmp_path / "there").mkdir()
    system = tmp_path / "system"
    home(system, "gone", tmp_path / "deleted" / "data")
    home(system, "here", tmp_path / "there")
    home(system, "silent", None)
    (system / "something else").mkdir()
    (system / "link").symlink_to(tmp_path / "there")
    return system


def run(system: Path, *arguments: str, answer: str = "yes") -> int:
    data_dir = str(system.parent / "there")
    return main([*arguments, "--data-dir", data_dir], system_dir=system, ask=lambda _question: answer)


def test_homes_are_listed_with_those_whose_folder_is_gone(system: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert [(one.path.name, one.is_stale) for one in all_homes(system)] == [
        ("gone", True),
        ("here", False),
        ("silent", False),
    ]
    assert run(system) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "已删除]" in line] == [line for line in lines if str(system / "gone") in line]
    assert len(list(system.iterdir())) == 5


@pytest.mark.parametrize(("answer", "code", "stays"), [("yes", 0, False), ("y", 1, True), ("", 1, True)])
def test_only_stale_homes_go_and_only_when_the_word_is_said(system: Path, answer: str, code: int, stays: bool) -> None:
    assert run(system, "--remove", "stale", answer=answer) == code
    assert (system / "gone").exists() is stays
    assert (system / "here").exists()
    assert (system / "silent").exists()


def test_a_home_whose_servers_run_stays(system: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FileLock(system / "gone" / "supervisor.lock") as lock:
        assert lock.try_acquire()
        assert run(system, "--remove", "stale") == 1
    assert (system / "gone").exists()
    assert "正在运行" in capsys.readouterr().err


def test_own_data_goes_after_a_question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    own = home(tmp_path, "embedded", None)
    (own / "training_loaded").touch()
    assert main(["--remove", "own", "--data-dir", str(tmp_path)], system_dir=tmp_path, ask=lambda _: "no") == 1
    assert own.exists()
    assert main(["--remove", "own", "--data-dir", str(tmp_path)], system_dir=tmp_path, ask=lambda _: "yes") == 0
    assert not own.exists()
