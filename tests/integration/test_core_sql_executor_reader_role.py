"""The reader role on a real server: it reads, it cannot write, and making it twice changes nothing."""

import os

import psycopg
import pytest

from common.errors import ConfigurationError
from core.sql_executor.reader_role import can_write, ensure_reader_role, grant_script, reader_url_of

ROLE = "citu_test_role_rights"
PASSWORD = "a b/c:d@e%"


@pytest.fixture(scope="module")
def reader_url(scratch_business_url: str) -> str:
    with psycopg.connect(scratch_business_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS plain (id int); CREATE SEQUENCE IF NOT EXISTS counter")
    return ensure_reader_role(scratch_business_url, role=ROLE, password=PASSWORD, schemas=["public"])


def test_role_reads_tables_made_before_and_after(reader_url: str, scratch_business_url: str) -> None:
    with psycopg.connect(scratch_business_url, autocommit=True) as owner:
        owner.execute("DROP TABLE IF EXISTS later; CREATE TABLE later (id int)")
    with psycopg.connect(reader_url) as reader:
        assert reader.execute("SELECT count(*) FROM plain").fetchone() == (0,)
        assert reader.execute("SELECT count(*) FROM later").fetchone() == (0,)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO plain VALUES (1)",
        "CREATE TABLE mine (id int)",
        "CREATE TEMP TABLE mine (id int)",
        "SELECT nextval('counter')",
        "SELECT pg_advisory_lock(1)",
        "SELECT set_config('work_mem', '1GB', false)",
        "SELECT lo_create(0)",
        "SET temp_file_limit = '-1'",
    ],
)
def test_role_cannot_write_even_when_it_leaves_read_only(reader_url: str, statement: str) -> None:
    with psycopg.connect(reader_url, autocommit=True) as reader:
        reader.execute("SET default_transaction_read_only = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute(statement)


def test_role_has_its_limits(reader_url: str) -> None:
    with psycopg.connect(reader_url) as reader:
        limits = {
            name: reader.execute(f"SHOW {name}").fetchone()[0]
            for name in ("default_transaction_read_only", "temp_file_limit", "lock_timeout", "search_path")
        }
    assert limits == {
        "default_transaction_read_only": "on",
        "temp_file_limit": "256MB",
        "lock_timeout": "1s",
        "search_path": "public",
    }


def test_making_the_role_again_keeps_it_and_its_url(reader_url: str, scratch_business_url: str) -> None:
    again = ensure_reader_role(scratch_business_url, role=ROLE, password=PASSWORD, schemas=["public"])
    assert again == reader_url == reader_url_of(scratch_business_url, ROLE, PASSWORD)
    assert can_write(again) == []


def test_account_without_the_right_is_a_configuration_error(reader_url: str) -> None:
    with pytest.raises(ConfigurationError, match="citu_test_other") as error:
        ensure_reader_role(reader_url, role="citu_test_other", password="x", schemas=["public"])
    assert "postgresql://" not in error.value.message


def test_owner_is_reported_as_a_writer(scratch_business_url: str) -> None:
    assert {"superuser", "write_tables"} <= set(can_write(scratch_business_url))


def test_script_for_an_external_database_makes_a_reader(scratch_business_url: str) -> None:
    role = f"citu_test_scripted_{os.getpid()}"
    with psycopg.connect(scratch_business_url, autocommit=True) as owner:
        owner.execute(f"DROP ROLE IF EXISTS {role}")
        try:
            owner.execute(grant_script(role))
            row = owner.execute("SELECT rolcanlogin, rolinherit, rolsuper FROM pg_roles WHERE rolname = %s", (role,))
            assert row.fetchone() == (True, False, False)
        finally:
            owner.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
