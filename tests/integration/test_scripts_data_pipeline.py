"""The pipeline's command: what it answers and its exit codes, started under its historical name."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.schema_migrations import upgrade_to_head
from core.sql_executor.reader_role import ensure_reader_role
from scripts.data_pipeline import main

ROOT = Path(__file__).resolve().parents[2]


def run(environment: dict[str, str], *arguments: str) -> tuple[int, dict[str, object]]:
    command = [sys.executable, "-m", "data_pipeline.run", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120)
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def environment(business_owner_url: str, platform_url: str, redis_url: str, tmp_path: Path) -> dict[str, str]:
    upgrade_to_head(platform_url)
    reader = ensure_reader_role(business_owner_url, role="citu_test_pipeline_cli", password="x", schemas=["public"])
    return {
        **os.environ,
        "DATABASE_URL": platform_url,
        "BUSINESS_DATABASE_URL": reader,
        "REDIS_URL": redis_url,
        "DATA_DIR": str(tmp_path / "data"),
        "LOG_DIR": str(tmp_path / "logs"),
        "LLM_PROVIDER": "offline",
        "EMBEDDING_PROVIDER": "offline",
    }


def test_command_runs_a_task_and_tells_in_json(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "tables.txt").write_text("bss_company")
    given = ["--table-list", str(tmp_path / "tables.txt"), "--output-dir", str(tmp_path), "--task-id", "manual_1"]
    code, report = run(environment, *given, "--business-context", "公司")
    assert (code, report["success"], report["task_id"]) == (0, True, "manual_1")
    assert (tmp_path / "manual_1" / "bss_company.ddl").exists()
    assert "x@" not in (tmp_path / "manual_1" / "task_config.json").read_text()


def test_wrong_arguments_end_before_anything_is_started(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for given in (["--table-list", str(tmp_path / "none.txt")], ["--execution-mode", "step"]):
        assert main(given) == 1
        assert json.loads(capsys.readouterr().out)["success"] is False
