"""Refusals reach the log file an operator reads, with the rule and without the statement."""

from pathlib import Path

import pytest

from common.errors import SqlRefusedError
from core.logging import initialize_logging, shutdown_logging
from core.sql_guard import GuardPolicy, SqlGuard


def test_refusal_is_a_line_of_the_application_log(tmp_path: Path) -> None:
    initialize_logging(directory=tmp_path)
    try:
        with pytest.raises(SqlRefusedError):
            SqlGuard(GuardPolicy(relations=())).check("SELECT 'private value' FROM vault")
    finally:
        shutdown_logging()
    written = (tmp_path / "app.log").read_text("utf-8")
    assert "app.sql_audit" in written
    assert "sql refused rule=relation.unknown position=" in written
    assert "private value" not in written
