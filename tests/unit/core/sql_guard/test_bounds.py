"""Sizes the guard estimates: numbers that bound a text, automata of regular expressions, calls that multiply."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import SqlRefusedError
from core.sql_guard import SqlGuard
from core.sql_guard.constant_rules import has_unknown_rows
from core.sql_guard.regex_sizes import regex_states
from tools.bench.guard import OWN_SCHEMA
from tools.guard_schema import policy_from_file

GUARD = SqlGuard(policy_from_file(Path(OWN_SCHEMA)))


def refused_by(sql: str) -> str:
    try:
        GUARD.check(sql)
    except SqlRefusedError as error:
        return error.rule
    return ""


@pytest.mark.parametrize(
    "count",
    [
        "12",
        "least(amount::int, 40)",
        "(amount / 1000)::int",
        "(amount * 50 / 1000000)::int",
        "(amount::bigint % 20)::int",
        "width_bucket(amount, 0, 100, 20)",
        "CASE WHEN amount > 10 THEN 5 ELSE 3 END",
        "coalesce((amount / 500)::int, 0)",
        "greatest(1, least(30, amount::int))",
        "extract(month FROM issued_on)::int",
        "round(100 * amount / sum(amount) OVER ())::int",
        "(amount * 40 / nullif(max(amount) OVER (), 0))::int",
        "length(note)",
        "ntile(4) OVER (ORDER BY amount)",
    ],
)
def test_text_as_long_as_a_bounded_number_is_admitted(count: str) -> None:
    assert refused_by(f"SELECT repeat('█', {count}) FROM invoice") == ""


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT repeat('█', n) FROM generate_series(1, 10) n",
        "SELECT repeat('█', s.n::int) FROM generate_series(1, 10) AS s(n)",
        "SELECT repeat('█', k) FROM (VALUES (3), (9)) AS v(k)",
        "SELECT repeat('█', bar::int) FROM (SELECT least(count(*), 40) AS bar FROM invoice GROUP BY issued_on) q",
        "WITH q AS (SELECT round(100.0 * count(*) / sum(count(*)) OVER ()) AS pct FROM invoice GROUP BY issued_on)"
        " SELECT repeat('█', pct::int) FROM q",
        "WITH q(day, pct) AS (SELECT issued_on, least(100, sum(amount)) FROM invoice GROUP BY 1)"
        " SELECT repeat('*', pct::int) FROM q",
    ],
)
def test_bound_is_found_through_derived_tables(sql: str) -> None:
    assert refused_by(sql) == ""


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT repeat('x', id) FROM invoice",
        "SELECT repeat('x', id * 1000) FROM invoice",
        "SELECT repeat('x', (amount / 0.0001)::int) FROM invoice",
        "SELECT repeat('x', (amount / id)::int) FROM invoice",
        "SELECT repeat('x', (amount * 40 / max(id) OVER ())::int) FROM invoice",
        "SELECT repeat('x', (amount * 100000 / max(amount) OVER ())::int) FROM invoice",
        "SELECT repeat('x', extract(epoch FROM issued_on)::int) FROM invoice",
        "SELECT repeat('x', n) FROM generate_series(1, (SELECT max(id) FROM invoice)) n",
        "SELECT repeat('x', n) FROM generate_series(1, 100000) n",
        "SELECT repeat('x', k) FROM (VALUES (3), (900000)) AS v(k)",
        "SELECT repeat('x', amount::int) FROM (SELECT 1 AS amount) q, invoice",
        "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n * 2 FROM c WHERE n < 1000000000)"
        " SELECT repeat('x', n) FROM c",
        "SELECT repeat('x', (SELECT count(*)::int FROM invoice))",
        "SELECT repeat('x', length(repeat('y', 9000)) * 9)",
        "WITH a AS (SELECT 10 AS k), b AS (SELECT k * 99999 AS k2 FROM a) SELECT repeat('x', k2) FROM b",
    ],
)
def test_text_as_long_as_an_unbounded_number_is_refused(sql: str) -> None:
    assert refused_by(sql) in ("constant.size", "constant.growth")


@pytest.mark.parametrize(
    "sql",
    [
        "WITH RECURSIVE f(a, b) AS (SELECT 1::numeric, 1::numeric UNION ALL SELECT b, a + b FROM f WHERE b < 1000)"
        " SELECT a FROM f",
        "WITH RECURSIVE f(acc, i) AS (SELECT 0, 1 UNION ALL SELECT acc + i, i + 1 FROM f WHERE i < 50) SELECT * FROM f",
        "WITH RECURSIVE d(day, v) AS (SELECT date '2026-01-01', 1 UNION ALL SELECT day + 1, v + v FROM d"
        " WHERE day < '2026-02-01') SELECT * FROM d",
    ],
)
def test_sums_in_a_recursion_are_no_concatenation(sql: str) -> None:
    assert refused_by(sql) == ""


def test_concatenation_in_a_recursion_is_refused() -> None:
    sql = "WITH RECURSIVE c(x) AS (SELECT 'a' UNION ALL SELECT x || x FROM c WHERE length(x) < 100) SELECT x FROM c"
    assert refused_by(sql) == "constant.growth"


FOUR_HUNDRED = ", ".join(["''"] * 400)


@pytest.mark.parametrize(
    "sql",
    [
        f"SELECT concat_ws(repeat('x', 9000), {FOUR_HUNDRED})",
        f"SELECT format('{'%1$s' * 300}', repeat('x', 9000))",
        "SELECT array_to_string(string_to_array(repeat('x', 9000), NULL), repeat('y', 900))",
        "SELECT jsonb_pretty((repeat('[', 5000) || repeat(']', 5000))::jsonb)",
        f"SELECT jsonb_pretty('{'[' * 3000}{']' * 3000}'::jsonb)",
        "SELECT ts_headline('simple', repeat('a ', 5000), to_tsquery('simple', 'a'), 'StartSel=' || repeat('z', 9000))",
        "SELECT repeat('a', 9000) ~ '^((a?){50}){50}b$'",
        "SELECT regexp_replace(repeat('a', 9000), '((a{1,40}){1,40}){1,40}', '')",
        "SELECT note ~ ('((a?){50}' || '){50}') FROM invoice",
        "SELECT note ~ concat('((a?){50}', ('){50}')) FROM invoice",
        "SELECT regexp_replace(note, '((a?){' || id || '}){30}', '') FROM invoice",
        "SELECT note ~ ('(a?)' || chr(123) || id || chr(125)) FROM invoice",
        "SELECT note SIMILAR TO ('((a|b){1,50}){' || id || '}') FROM invoice",
        "SELECT substring(note FROM '((a?){50}){50}') FROM invoice",
        f"SELECT {', '.join(['repeat(repeat(md5(note), 300), 1)'] * 1)}, "
        f"{' || '.join(['lpad(note, 10000)'] * 250)} FROM invoice",
    ],
)
def test_calls_that_multiply_are_refused(sql: str) -> None:
    assert refused_by(sql).startswith("constant.")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT note ~ ('^' || note || '$'), note ~ note, note ~ ('a{1,3}' || 'b') FROM invoice",
        "SELECT concat_ws(' / ', note, id::text, amount::text) FROM invoice",
        "SELECT format('%s (%s): %10s', note, id, amount) FROM invoice",
        "SELECT array_to_string(array_agg(DISTINCT note ORDER BY note), ', ') FROM invoice",
        "SELECT jsonb_pretty(jsonb_agg(jsonb_build_object('id', id, 'note', note))) FROM invoice",
        'SELECT jsonb_pretty(\'{"a": [1, 2, {"b": 3}]}\'::jsonb)',
        "SELECT note ~ '^1[3-9][0-9]{9}$' AND note ~ '^[a-z0-9._]{1,64}@[a-z0-9.]{2,255}$' FROM invoice",
        "SELECT array_to_string(ARRAY(SELECT note FROM invoice ORDER BY id LIMIT 5), ', ')",
        "SELECT string_agg(note, '、' ORDER BY id) FROM invoice GROUP BY issued_on",
    ],
)
def test_ordinary_uses_of_them_are_admitted(sql: str) -> None:
    assert refused_by(sql) == ""


@pytest.mark.parametrize(
    ("pattern", "states"),
    [
        ("abc", 3),
        (r"^\d{4}-\d{2}$", 9),
        ("(ab){3}", 6),
        ("((a?){50}){50}", 2500),
        ("[a-z]{2,63}", 63),
        ("a{5,}", 5),
        ("a{", 2),
        (")", 1),
        ("[]x]{4}", 4),
        ("(", 0),
    ],
)
def test_states_of_a_regular_expression(pattern: str, states: int) -> None:
    assert regex_states(pattern) == states


@pytest.mark.parametrize(
    ("sql", "is_unknown"),
    [
        ("SELECT count(*) FROM generate_series(1, 100)", False),
        ("SELECT count(*) FROM generate_series(1, (SELECT 100))", True),
        ("SELECT count(*) FROM generate_series(1, id) n, invoice", True),
        ("SELECT count(*) FROM generate_series(date '2026-01-01', date '2026-02-01', interval '1 day')", False),
        ("SELECT count(*) FROM string_to_table(note, ',') w, invoice", False),
        ("SELECT count(*) FROM string_to_table(repeat('a,', 4000), ',')", True),
        ("SELECT count(*) FROM unnest(ARRAY(SELECT id FROM invoice))", True),
        ("SELECT count(*) FROM unnest(ARRAY['a', 'b'])", False),
    ],
)
def test_rows_that_the_planner_cannot_know(sql: str, is_unknown: bool) -> None:
    from core.sql_guard.grammar import parse_statement
    from core.sql_guard.lexer import tokenize
    from core.sql_guard.lexical_rules import significant

    assert has_unknown_rows(parse_statement(sql, significant(tokenize(sql)), "postgres")) is is_unknown
