"""Constants are never looked up in the server's catalogue of types and text search configurations."""

import pytest

from common.errors import SqlRefusedError
from core.sql_guard import GuardPolicy, SqlGuard
from core.sql_guard.catalog_names import NAME_ARGUMENTS

GUARD = SqlGuard(GuardPolicy(relations=()))
TYPE = "pg_typeof(1)"
NOTHING = ""
REST = {"ts_headline": ", to_tsquery('a'), 'b'"}


@pytest.mark.parametrize(
    "sql",
    [
        *(
            form.format(TYPE)
            for form in (
                "VALUES ({}), ('a.b')", "SELECT ARRAY[{}, 'a.b']", "SELECT coalesce({}, 'a.b')", "SELECT {} = 'a.b'",
                "SELECT 'a.b' UNION SELECT {}", "SELECT CASE WHEN true THEN {} ELSE 'a.b' END::text",
                "SELECT t FROM (SELECT {}) q(t)", "SELECT lag({}, 1, 'a.b') OVER ()", "SELECT ({})::int",
                "SELECT (SELECT {})", "SELECT 1 WHERE {} IN ('a.b')", "SELECT pg_catalog.{} = 'a.b'",
                "SELECT 1 ORDER BY nullif({}, 'a.b')", "SELECT {} UNION ALL SELECT 16500",
            )
        ),
        *(
            f"SELECT {name}({first}, 'a'{REST.get(name, NOTHING)})"
            for name in sorted(NAME_ARGUMENTS)
            for first in ("'private.x'", "'nowhere'", "E'private.x'", "16500", "lower('x')", "'a' || 'b'", "'16500'")
        ),
        "SELECT ts_headline('private.x', 'a', 'b')", "SELECT ts_headline(g, 'a', 'b') FROM generate_series(1, 9) g",
    ],
)  # fmt: skip
def test_constant_that_could_be_looked_up_is_refused(sql: str) -> None:
    with pytest.raises(SqlRefusedError) as refused:
        GUARD.check(sql)
    assert refused.value.rule == "function.catalog_name"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT pg_typeof(1)", "SELECT pg_typeof(1) AS t, 2", "SELECT pg_typeof(1)::text = 'integer'",
        "SELECT (pg_typeof(1))::text UNION SELECT 'a'", "SELECT to_tsvector('simple', 'a')::text",
        "SELECT to_tsvector('a')::text", "SELECT ts_headline('any text', to_tsquery('a'), 'StartSel=<b>')",
        "SELECT ts_headline('English', 'any text', to_tsquery('english', 'a'))",
    ],
)  # fmt: skip
def test_other_uses_are_admitted(sql: str) -> None:
    assert GUARD.check(sql).text == sql
