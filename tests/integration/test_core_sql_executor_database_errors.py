"""What a failing statement tells its caller: the SQLSTATE and a sentence, never a value that is stored."""

import logging
from uuid import uuid4

import psycopg
import pytest

from common.errors import SqlExecutionError
from core.sql_executor.database_errors import execution_error

STORED = "SECRET9"
ROWS = f"(SELECT '{STORED}'::text AS v OFFSET 0) t"


def failure(url: str, statement: str) -> SqlExecutionError:
    with psycopg.connect(url, autocommit=True) as connection, pytest.raises(psycopg.Error) as raised:
        connection.execute(statement)
    error = execution_error(raised.value)
    assert isinstance(error, SqlExecutionError)
    return error


@pytest.mark.parametrize(
    ("expression", "sqlstate"),
    [
        ("v::int", "22P02"), ("v::numeric", "22P02"), ("v::date", "22007"), ("v::timestamptz", "22007"),
        ("v::uuid", "22P02"), ("v::bool", "22P02"), ("v::interval", "22007"), ("('{' || v)::int[]", "22P02"),
        ("('{' || v)::jsonb", "22P02"), ("('2024-99-99 ' || left(v, 0))::date", "22008"),
        ("to_date(v, 'YYYY')", "22007"),
        ("to_number(v, '999')", "22P02"), ("date_trunc(v, now())", "22023"),
        ("now() AT TIME ZONE ('no such place, ' || v)", "22023"),
        ("encode('x'::bytea, v)", "22023"), ("to_tsquery('simple', v || ' ' || v)", "42601"),
        ("'x' ~ ('(' || v)", "2201B"), ("(v || '9')::inet", "22P02"), ("('$.' || v || '[')::jsonpath", "42601"),
        ("convert_from('x'::bytea, v)", "22023"), ("jsonb_build_object(v, 1)::text::int", "22P02"),
        ("(v || '99999999999')::bit(8)", "22P02"),
        ("make_timestamptz(2024, 1, 1, 1, 1, 1, 'no such place, ' || v)", "22023"),
        ("extract(epoch FROM (v || ' days')::interval)", "22007"), ("('99999999999' || left(v, 0))::int", "22003"),
    ],
)  # fmt: skip
def test_stored_value_is_never_quoted(
    scratch_business_url: str, caplog: pytest.LogCaptureFixture, expression: str, sqlstate: str
) -> None:
    with caplog.at_level(logging.DEBUG):
        error = failure(scratch_business_url, f"SELECT {expression} FROM {ROWS}")
    told = f"{error.message} {error.detail} {caplog.text}"
    assert error.sqlstate == sqlstate
    assert sqlstate in error.message
    for value in (STORED, STORED.lower(), "99999999999"):
        assert value not in told


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (f"SELECT v::int FROM {ROWS}", "integer"),
        ("SELECT ('99999999999' || left(now()::text, 0))::int", "integer"),
        ("SELECT nowhere FROM pg_class", 'column "nowhere" does not exist'),
        ("SELECT 'abc'::int", '"abc"'),  # the statement's own words
        ("SELECT 1 / (random() * 0)::int", "division by zero"),
    ],
)
def test_sentence_says_what_helps_to_mend_the_statement(scratch_business_url: str, statement: str, told: str) -> None:
    assert told in failure(scratch_business_url, statement).message


def test_text_raised_inside_a_function_is_not_passed_on(scratch_business_url: str) -> None:
    raising = (
        "CREATE FUNCTION pg_temp.speak(text) RETURNS int LANGUAGE plpgsql AS"
        " $$BEGIN RAISE EXCEPTION 'told %', $1 USING ERRCODE = '42703'; END$$;"
    )
    error = failure(scratch_business_url, f"{raising} SELECT pg_temp.speak(v) FROM {ROWS}")
    assert STORED not in f"{error.message} {error.detail}"


@pytest.mark.parametrize("statement", ["SELECT pay FROM citu_hidden.staff", "SELECT citu_hidden.pay_of(1)"])
def test_missing_right_names_nothing_of_what_is_hidden(
    scratch_business_url: str, caplog: pytest.LogCaptureFixture, statement: str
) -> None:
    role = f"citu_nobody_{uuid4().hex[:12]}"
    with psycopg.connect(scratch_business_url) as connection, caplog.at_level(logging.DEBUG):
        connection.execute("CREATE SCHEMA citu_hidden")
        connection.execute("CREATE TABLE citu_hidden.staff (pay int)")
        connection.execute("CREATE FUNCTION citu_hidden.pay_of(int) RETURNS int LANGUAGE sql AS 'SELECT 1'")
        connection.execute("REVOKE EXECUTE ON FUNCTION citu_hidden.pay_of FROM PUBLIC")
        connection.execute(f"CREATE ROLE {role}")
        connection.execute(f"GRANT USAGE ON SCHEMA citu_hidden TO {role}")
        connection.execute(f"SET LOCAL ROLE {role}")
        with pytest.raises(psycopg.errors.InsufficientPrivilege) as raised:
            connection.execute(statement)
        connection.rollback()
    error = execution_error(raised.value)
    assert isinstance(error, SqlExecutionError)
    assert error.sqlstate == "42501"
    told = f"{error.message} {error.detail} {caplog.text}"
    assert "42501" in error.message
    for hidden in ("staff", "pay_of", "citu_hidden"):
        assert hidden not in told
