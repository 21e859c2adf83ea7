"""The server decides too: rights column by column, and a login that can do more is found, told and mended."""

import os
from collections.abc import Iterator

import psycopg
import pytest

from common.errors import SqlRefusedError
from core.schema_catalog import SchemaCatalog
from core.sql_executor import ReaderPool, reader_role
from core.sql_executor.reader_role import can_write, ensure_reader_role, grant_script
from core.sql_guard import SqlGuard
from features.health.probes import ReaderRightsProbe, excess_sentence

ROLE = "citu_test_rights"
SCHEMA = "rights"
DENIED = (f"{SCHEMA}.staff.pay", f"{SCHEMA}.log.body")
TABLES = f"""
DROP SCHEMA IF EXISTS {SCHEMA} CASCADE; DROP SCHEMA IF EXISTS other CASCADE;
CREATE SCHEMA {SCHEMA}; CREATE SCHEMA other;
CREATE TABLE {SCHEMA}.staff (id int, name text, pay int); INSERT INTO {SCHEMA}.staff VALUES (1, 'a', 7);
CREATE TABLE {SCHEMA}.log (id int, body text) PARTITION BY RANGE (id);
CREATE TABLE {SCHEMA}.log_1 PARTITION OF {SCHEMA}.log FOR VALUES FROM (0) TO (9);
CREATE TABLE {SCHEMA}.area (code text); CREATE TABLE other.secret (id int);
CREATE FUNCTION {SCHEMA}.hook({SCHEMA}.area) RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
CREATE FUNCTION {SCHEMA}.tax(int) RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
"""


@pytest.fixture(scope="module")
def owner(scratch_business_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(scratch_business_url, autocommit=True) as connection:
        connection.execute(TABLES)
        yield connection
        connection.execute(f"DROP SCHEMA {SCHEMA} CASCADE; DROP SCHEMA other CASCADE")


@pytest.fixture
def reader_url(owner: psycopg.Connection, scratch_business_url: str) -> str:
    return ensure_reader_role(
        scratch_business_url,
        role=ROLE,
        password="x",
        schemas=[SCHEMA],
        denied_columns=DENIED,
        functions=[f"{SCHEMA}.tax"],
    )


@pytest.fixture
def catalog(reader_url: str) -> Iterator[SchemaCatalog]:
    pool = ReaderPool(reader_url, size=1)
    yield SchemaCatalog(
        pool=pool, schemas=[SCHEMA], denied_columns=DENIED, user_functions=[f"{SCHEMA}.tax"], value_budget_seconds=0
    )
    pool.close()


def refused(url: str, statement: str) -> bool:
    with psycopg.connect(url, autocommit=True) as reader:
        try:
            reader.execute(statement)
        except psycopg.errors.InsufficientPrivilege:
            return True
    return False


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT pay FROM staff", "SELECT staff FROM staff", "SELECT * FROM staff", "SELECT body FROM log",
        "SELECT body FROM log_1", "SELECT hook(area) FROM area", "SELECT id FROM other.secret",
    ],
)  # fmt: skip
def test_server_denies_what_the_policy_denies(reader_url: str, statement: str) -> None:
    assert refused(reader_url, statement)


@pytest.mark.parametrize(
    "statement", ["SELECT id, name FROM staff", "SELECT id FROM log", "SELECT * FROM area", f"SELECT {SCHEMA}.tax(1)"]
)
def test_server_allows_the_rest(reader_url: str, statement: str) -> None:
    assert not refused(reader_url, statement)


def test_proper_reader_has_no_excess(catalog: SchemaCatalog) -> None:
    assert not catalog.excess_rights()
    assert catalog.guard_policy().over_granted == frozenset()


def test_excess_is_told_with_the_statements_that_mend_it(
    owner: psycopg.Connection, reader_url: str, catalog: SchemaCatalog
) -> None:
    owner.execute(
        f"GRANT SELECT ON {SCHEMA}.staff TO PUBLIC; GRANT USAGE ON SCHEMA other TO {ROLE};"
        f"GRANT SELECT ON other.secret TO {ROLE}; GRANT EXECUTE ON FUNCTION {SCHEMA}.hook({SCHEMA}.area) TO PUBLIC"
    )
    excess = catalog.excess_rights()
    assert excess.columns == (f"{SCHEMA}.staff.pay",)
    assert excess.functions == (f"{SCHEMA}.hook({SCHEMA}.area)",)
    assert excess.schemas == ("other",)
    reason = ReaderRightsProbe(reader_url, excess=catalog.excess_rights)()
    assert reason == excess_sentence(excess)
    assert f'REVOKE SELECT ON "{SCHEMA}"."staff" FROM PUBLIC, "{ROLE}"' in reason
    owner.execute(";".join(excess.mending))
    catalog.refresh()
    assert not catalog.excess_rights()
    assert ReaderRightsProbe(reader_url, excess=catalog.excess_rights)() is None
    assert not refused(reader_url, "SELECT id, name FROM staff")


def test_relation_read_too_much_of_is_asked_in_simple_words_only(
    owner: psycopg.Connection, catalog: SchemaCatalog
) -> None:
    owner.execute(f"GRANT SELECT ON {SCHEMA}.staff TO {ROLE}")
    guard = SqlGuard(catalog.guard_policy)
    assert guard.check("SELECT e.name FROM staff e WHERE e.id = 1").relations == (f"{SCHEMA}.staff",)
    with pytest.raises(SqlRefusedError):
        guard.check("SELECT q.id FROM (SELECT 1 AS pay) e, (SELECT staff.id FROM staff) q")


def test_superuser_is_told_to_take_another_login(scratch_business_url: str, owner: psycopg.Connection) -> None:
    pool = ReaderPool(scratch_business_url, size=1)
    try:
        excess = SchemaCatalog(
            pool=pool, schemas=[SCHEMA], denied_columns=DENIED, value_budget_seconds=0
        ).excess_rights()
    finally:
        pool.close()
    assert excess.columns
    assert excess.mending == ()
    assert "scripts.reader_role" in excess_sentence(excess)


def test_script_for_an_external_database_grants_column_by_column(owner: psycopg.Connection) -> None:
    role = f"citu_test_rights_scripted_{os.getpid()}"
    try:
        owner.execute(grant_script(role, [SCHEMA], DENIED, [f"{SCHEMA}.tax"]))
        row = owner.execute(
            f"SELECT has_column_privilege('{role}', '{SCHEMA}.staff', 'name', 'SELECT'),"
            f" has_column_privilege('{role}', '{SCHEMA}.staff', 'pay', 'SELECT'),"
            f" has_table_privilege('{role}', '{SCHEMA}.area', 'SELECT'),"
            f" has_function_privilege('{role}', '{SCHEMA}.hook({SCHEMA}.area)', 'EXECUTE')"
        ).fetchone()
        assert row == (True, False, True, False)
    finally:
        owner.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_question_the_server_cannot_answer_is_an_unknown_right(
    reader_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server before version 14 does not know every role and function a question names."""
    monkeypatch.setattr(
        reader_role, "_WRITE_CHECKS", (("server_files", "SELECT pg_has_role(current_user, 'pg_no_such', 'MEMBER')"),)
    )
    assert can_write(reader_url) == ["unknown"]
    assert "未能" in (ReaderRightsProbe(reader_url)() or "")


def test_checks_name_no_role_that_an_older_server_lacks() -> None:
    assert not any("pg_has_role(current_user, 'pg_" in query for _, query in reader_role._WRITE_CHECKS)


def test_server_that_does_not_answer_has_unknown_rights() -> None:
    assert "未能" in (ReaderRightsProbe("postgresql://nobody@127.0.0.1:1/none")() or "")
