"""What `make ask` hands on and prints: the question as it was typed, and whole lines into a pipe."""

import io
import shutil
import subprocess
from pathlib import Path

import pytest
from rich.console import Console

from scripts.ask import show

ROOT = Path(__file__).resolve().parents[3]
QUESTIONS = [
    "营收>5万的服务区`touch made`",
    "$(touch made)",
    "$(shell touch made)",
    '"; touch made; "',
    "'; touch made; '",
    "${HOME} $HOME $$ \\ !",
    "-h",
    "two  blanks; # and a comment & more | less > file",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder where make finds everything installed; its python writes down what it is given."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("requirements.txt", "requirements-venv.txt"):
        (tmp_path / name).touch()
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    python = tmp_path / ".venv" / "bin" / "python"
    python.write_text('#!/bin/sh\nfor one in "$@"; do printf "%s\\n" "$one"; done > given\nexit ${FAKE_EXIT:-0}\n')
    python.chmod(0o755)
    for name in (".tools", ".runtime"):
        (tmp_path / ".venv" / name).touch()
    return tmp_path


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("question", QUESTIONS)
def test_question_reaches_the_program_as_it_was_typed(folder: Path, question: str) -> None:
    subprocess.run(["make", "ask", f"Q={question}"], cwd=folder, check=True, capture_output=True)
    assert (folder / "given").read_text() == f"-m\nscripts.ask\n--\n{question}\n"
    assert not (folder / "made").exists()


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize(("code", "fails"), [("0", False), ("3", False), ("1", True), ("2", True)])
def test_refused_question_is_no_error_of_make(folder: Path, code: str, fails: bool) -> None:
    environ = {"PATH": "/usr/bin:/bin:/usr/local/bin", "FAKE_EXIT": code}
    done = subprocess.run(["make", "ask", "Q=x"], cwd=folder, check=False, capture_output=True, env=environ)
    assert (done.returncode != 0, b"***" in done.stderr) == (fails, fails)


def test_nothing_is_cut_or_wrapped_in_a_pipe() -> None:
    output = io.StringIO()
    sql = "SELECT " + ", ".join(f"column_{number}" for number in range(60)) + " FROM t"
    text = "合计56472.97。" * 40
    row = {f"column_{number}": "x" * 20 for number in range(30)}
    records = {"columns": list(row), "rows": [row], "row_count": 1}
    show(Console(file=output, width=80), {"sql": sql, "response": text, "records": records})
    lines = output.getvalue().splitlines()
    assert lines[0] == sql
    assert lines[-1] == text
    assert [line.count("x" * 20) for line in lines if "x" * 20 in line] == [len(row)]
    assert max(map(len, lines)) < 2000


@pytest.mark.parametrize("unreviewed", [[], ["r1-doc", "r2-sql"]])
def test_an_answer_on_unreviewed_records_says_so(unreviewed: list[str]) -> None:
    output = io.StringIO()
    provenance = {
        "training_records": ["r0-sql", *unreviewed],
        **({"unreviewed_records": unreviewed} if unreviewed else {}),
    }
    show(Console(file=output), {"sql": "SELECT 1", "response": "一", "provenance": provenance})
    assert all(record in output.getvalue() for record in unreviewed)
    assert "r0-sql" not in output.getvalue()
    assert ("未经管理员审核" in output.getvalue()) == bool(unreviewed)
