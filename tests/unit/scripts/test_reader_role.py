"""The printed grant script: one statement a line, the role and schemas asked for, quoted."""

import pytest

from scripts.reader_role import main


def test_script_names_role_and_schemas(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--role", 'odd"name', "--schemas", "public, sales"]) == 0
    printed = capsys.readouterr().out
    assert 'CREATE ROLE "odd""name" LOGIN NOINHERIT' in printed
    assert 'GRANT SELECT ON ALL TABLES IN SCHEMA "sales" TO "odd""name";' in printed
    assert all(line.endswith(";") for line in printed.splitlines())
