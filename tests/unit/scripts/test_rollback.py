"""The way back refuses a release that could not live with the database, and says how far it is behind."""

from pathlib import Path

import pytest

from scripts.rollback import RollbackError, check_schema, prepare_release


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return migrations(tmp_path / "own", "0001", "0002", "0003")


@pytest.fixture
def older(tmp_path: Path) -> Path:
    return migrations(tmp_path / "older", "0001")


def migrations(folder: Path, *revisions: str) -> Path:
    folder.mkdir()
    for revision in revisions:
        (folder / f"{revision}_x.py").write_text(f'revision: str = "{revision}"\n')
    return folder


@pytest.mark.parametrize(("revision", "said"), [(None, "knows"), ("0001", "knows"), ("0003", "ahead by 0002, 0003")])
def test_older_release_runs_on_a_database_that_only_gained(
    own: Path, older: Path, revision: str | None, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    check_schema(own, older, revision)
    assert said in capsys.readouterr().out


def test_migration_that_took_something_away_is_a_refusal(own: Path, older: Path) -> None:
    (own / "0002_x.py").write_text('revision = "0002"\nis_contraction = True\n')
    with pytest.raises(RollbackError, match="0002"):
        check_schema(own, older, "0003")


def test_database_at_an_unknown_migration_is_a_refusal(own: Path, older: Path) -> None:
    with pytest.raises(RollbackError):
        check_schema(own, older, "0009")


@pytest.mark.parametrize("tag", ["", "../x", "-rf", "a b", "no-such-tag-at-all"])
def test_what_is_no_tag_is_a_refusal(tag: str) -> None:
    with pytest.raises(RollbackError):
        prepare_release(tag, None)
