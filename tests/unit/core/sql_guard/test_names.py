"""Names are resolved as PostgreSQL resolves them: what each statement reads, and what is refused for it."""

import pytest

from common.errors import SqlRefusedError
from core.sql_guard import GuardPolicy, RelationRule, SqlGuard

GUARD = SqlGuard(
    GuardPolicy(
        relations=(
            RelationRule("biz", "staff", ("id", "boss_id", "name", "dept", "pay"), frozenset({"pay"})),
            RelationRule("biz", "area", ("area_id", "code", "title")),
            RelationRule("biz", "sale", ("sale_id", "area_id", "amount", "note")),
        ),
        search_path=("biz",),
        user_functions=frozenset({"biz.tax"}),
    )
)


@pytest.mark.parametrize(
    "sql",
    [
        # a lateral item in a parenthesised join sees what stands left of the parentheses
        "SELECT v.s FROM staff e, (area b CROSS JOIN LATERAL (SELECT pay AS s) v)",
        "SELECT v.s FROM staff e CROSS JOIN area x, (area b JOIN LATERAL (SELECT e.pay AS s) v ON true)",
        "SELECT v.r FROM staff e, (area b CROSS JOIN LATERAL (SELECT to_jsonb(e) AS r) v)",
        "SELECT v.r FROM staff e, (area b CROSS JOIN LATERAL (SELECT e AS r) v)",
        "SELECT 1 FROM staff e, (area b CROSS JOIN generate_series(1, e.pay) g)",
        # ON sees the two sides of its join, then the query outside
        "SELECT (SELECT max(g) FROM (SELECT 1 AS pay) e, area b JOIN generate_series(1, 9) g ON g = e.pay) FROM staff",
        "SELECT (SELECT max(g) FROM (SELECT 1 AS pay) q, area b JOIN generate_series(1, 9) g ON g = pay) FROM staff e",
        "SELECT (SELECT 1 FROM (SELECT 1 AS hook) o, area b JOIN area c ON o.hook = 1) FROM sale o",
        "SELECT (SELECT 1 FROM (SELECT 1 AS tableoid) o, area b JOIN area c ON o.tableoid = 1) FROM sale o",
        # a clause behind a parenthesised query belongs to that query
        "(SELECT name FROM staff) ORDER BY pay",
        "((SELECT name FROM staff)) ORDER BY CAST(pay AS int) LIMIT 3",
        "WITH q AS ((SELECT id FROM staff) ORDER BY 1 / (pay - 3) LIMIT 1) SELECT * FROM q",
        "SELECT * FROM ((SELECT name FROM staff) ORDER BY pay LIMIT 1) q",
        "(SELECT name FROM staff) ORDER BY to_json(staff)",
        # a function in FROM may have the fields of a row for columns
        "SELECT (SELECT pay FROM unnest((SELECT array_agg(a) FROM area a)) pay) FROM staff e",
        "SELECT (SELECT pay FROM coalesce((SELECT a FROM area a LIMIT 1)) pay) FROM staff e",
        "SELECT (SELECT pay FROM biz.tax(1) pay) FROM staff e",
        "SELECT (SELECT value FROM jsonb_array_elements('[]') pay WHERE pay IS NULL) FROM staff e",
        # `FROM current_date` is a call, whatever is named so
        'WITH "current_date" AS (SELECT 1 AS pay) SELECT (SELECT pay FROM current_date) FROM staff',
        # to the server `anti` is an alias
        "SELECT (SELECT anti.pay FROM staff anti JOIN area b ON true LIMIT 1) FROM (SELECT 1 AS pay) anti",
        # a non-recursive WITH does not see later members; GROUP BY and ORDER BY choose differently
        "SELECT (SELECT count(*) FROM area GROUP BY pay) FROM staff",
        "SELECT name AS x FROM staff ORDER BY pay",
        "SELECT name AS pay FROM staff GROUP BY name, pay",
        "SELECT name AS pay FROM staff ORDER BY pay COLLATE \"C\"",
        "SELECT name AS pay FROM staff ORDER BY (pay, 1)",
        "SELECT name AS pay, count(*) OVER (ORDER BY pay) FROM staff",
        "SELECT DISTINCT ON (pay) name FROM staff",
        "SELECT id FROM area_1 WINDOW w AS (ORDER BY pay)",
        "SELECT 1 FROM staff a JOIN staff b USING (pay)",
        "SELECT 1 FROM (staff a JOIN area b ON true) j WHERE j.pay > 1",
        "SELECT j FROM (staff a JOIN area b ON true) j",
        # a join with an alias keeps a denied column that another column shares its name with
        *(
            statement.format(join)
            for join in (
                "staff e CROSS JOIN (SELECT 1 AS pay) x", "(SELECT 1 AS pay) x CROSS JOIN staff e",
                "staff e JOIN (SELECT 1 AS pay, 2 AS id) x USING (id)",
                "(staff e JOIN area a ON true) AS y CROSS JOIN (SELECT 1 AS pay) z",
                "staff e LEFT JOIN (VALUES (1)) x(pay) ON true", "staff e FULL JOIN generate_series(1, 2) pay ON true",
                "(staff e CROSS JOIN (SELECT 1 AS pay) x) AS y CROSS JOIN area",
            )
            for statement in (
                "SELECT j.* FROM ({}) AS j", "SELECT to_jsonb(j) FROM ({}) AS j", "SELECT pay FROM ({}) AS j",
                "SELECT j.pay FROM ({}) AS j", "SELECT 1 FROM ({}) AS j NATURAL JOIN area",
                "SELECT j.f FROM ({}) AS j(a, b, c, d, f)",
            )
        ),
        # `unnest` of a tsvector has several columns
        *(
            f"SELECT (SELECT pay FROM {unnest} AS pay LIMIT 1) FROM staff e"
            for vector in (
                "to_tsvector('simple', 'a')", "strip(to_tsvector('simple', 'a'))", "setweight('a:1', 'A')",
                "ts_delete('a:1', 'b')", "coalesce(to_tsvector('simple', 'a'))", "CAST('a' AS tsvector)",
                "to_tsvector('simple', 'a') || to_tsvector('simple', 'b')", "(strip('a:1'))",
            )
            for unnest in (
                f"unnest({vector})", f"LATERAL unnest({vector})", f"ROWS FROM (unnest({vector}))",
                f"pg_catalog.unnest({vector})", f"unnest({vector}) WITH ORDINALITY",
            )
        ),
        "SELECT hook.hook FROM unnest(to_tsvector('simple', 'a')) AS hook",
        "SELECT 1 FROM staff e WHERE EXISTS (TABLE staff)",
        "SELECT x.pay FROM (SELECT 1) x(pay), LATERAL (SELECT pay FROM staff) y",
        "WITH RECURSIVE t(pay) AS (SELECT 1 UNION ALL SELECT pay FROM staff, t) SELECT 1 FROM t WHERE t.boss_id = 1",
        # attribute notation on anything
        "SELECT o.hook FROM sale o", "SELECT q.hook FROM (SELECT 1) q", "SELECT hook(o) FROM sale o",
        "SELECT x.x FROM unnest((SELECT array_agg(o) FROM sale o)) x",
        # names nothing has
        "SELECT nowhere FROM area", "SELECT ctid FROM area", "SELECT code FROM area, (SELECT 1 AS code) q",
        "SELECT 1 FROM area, area", "SELECT a.code FROM area", "SELECT biz.area.code FROM area a",
        "SELECT 1 UNION SELECT 2 ORDER BY (SELECT max(pay) FROM staff)",
        "SELECT a.title FROM area b RIGHT JOIN LATERAL (SELECT b.title) a ON true",
    ],
)  # fmt: skip
def test_denied_or_unsettled_name_is_refused(sql: str) -> None:
    with pytest.raises(SqlRefusedError) as refused:
        GUARD.check(sql)
    assert refused.value.rule.startswith(("column.", "relation.", "function.", "parse.syntax"))


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("SELECT name FROM staff", "staff.name"),
        ("SELECT title FROM area a JOIN sale USING (area_id)", "area.title area.area_id sale.area_id"),
        ("SELECT * FROM area", "area.area_id area.code area.title"),
        ("SELECT a FROM area a", "area.area_id area.code area.title"),
        ("TABLE area", "area.area_id area.code area.title"),
        ("SELECT 1 FROM staff WHERE EXISTS (TABLE area)", "area.area_id area.code area.title"),
        ("SELECT v.x FROM area a, (sale s CROSS JOIN LATERAL (SELECT a.code AS x) v)", "area.code"),
        ("SELECT t.c FROM area AS t(a, b, c)", "area.title"),
        ("SELECT j.u FROM (area a CROSS JOIN (SELECT 1 AS z) b) AS j(r, s, t, u)", ""),
        ("SELECT j.title FROM (staff e CROSS JOIN area a) j", "area.title"),
        ("SELECT j.b FROM (area a CROSS JOIN (SELECT 1 AS code) b) AS j(a, b, c, d)", "area.code"),
        ("SELECT j.d FROM (area a CROSS JOIN (SELECT 1 AS code) b) AS j(a, b, c, d)", ""),
        ("SELECT k.d FROM ((area CROSS JOIN sale) AS j CROSS JOIN (SELECT 1) x) AS k(a, b, c, d, e)", "sale.sale_id"),
        ("SELECT k.e FROM ((area CROSS JOIN sale) AS j CROSS JOIN (SELECT 1) x) AS k(a, b, c, d, e)", "sale.area_id"),
        ("SELECT lexeme FROM unnest(to_tsvector('simple', 'a')) AS u(lexeme, positions)", ""),
        ("SELECT name AS pay FROM staff ORDER BY pay", "staff.name"),
        ("SELECT name AS pay FROM staff ORDER BY (pay)", "staff.name"),
        ("SELECT code AS title FROM area GROUP BY title, code", "area.code area.title"),
        ("SELECT code AS k FROM area GROUP BY ROLLUP (k)", "area.code"),
        ("SELECT (SELECT max(s.amount) FROM sale s WHERE s.area_id = a.area_id) FROM area a",
         "sale.amount sale.area_id area.area_id"),
        ("WITH RECURSIVE b AS (SELECT x FROM a), a AS (SELECT code AS x FROM area) SELECT x FROM b", "area.code"),
        ("WITH area AS (SELECT name AS code FROM staff) SELECT code FROM area", "staff.name"),
        ("WITH a AS (SELECT code FROM area), area AS (SELECT 1 AS code) SELECT a.code FROM a", "area.code"),
        ("WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5) CYCLE n SET c USING p "
         "SELECT n, c, t.p FROM t", ""),
        ("SELECT g, g.g FROM generate_series(1, 3) g", ""),
        ("SELECT e, e.value, key FROM jsonb_each('{}') e", ""),
        ("SELECT u FROM sale, unnest(string_to_array(note, ',')) u WHERE u.u <> ''", "sale.note"),
        ("SELECT u FROM sale CROSS JOIN LATERAL unnest(note) AS u", "sale.note"),
        ("SELECT z FROM area, LATERAL unnest(ARRAY[1]) WITH ORDINALITY AS z(a, n) WHERE z.n = 1", ""),
        ("SELECT a, b FROM ROWS FROM (generate_series(1, 2), generate_series(1, 3)) AS f(a, b)", ""),
        ("(SELECT code FROM area) ORDER BY title LIMIT 1", "area.code area.title"),
        ("SELECT code FROM area UNION SELECT note FROM sale ORDER BY code", "area.code sale.note"),
        ("SELECT 1 FROM ((SELECT code FROM area) q JOIN sale s ON q.code = s.note)", "area.code sale.note"),
        ("SELECT 1 FROM area a JOIN sale s JOIN staff e ON e.id = s.sale_id ON a.title = e.name",
         "area.title sale.sale_id staff.id staff.name"),
        ("SELECT biz.area.code FROM biz.area", "area.code"),
        ("SELECT row_number() OVER w FROM area WINDOW w AS (PARTITION BY code ORDER BY title)", "area.code area.title"),
        ("VALUES (1), (2) ORDER BY column1", ""),
    ],
)  # fmt: skip
def test_admitted_statement_reads_these_columns(sql: str, columns: str) -> None:
    assert GUARD.check(sql).columns == {f"biz.{name}" for name in columns.split()}


def test_columns_of_nested_stars_do_not_multiply() -> None:
    doubled = ", ".join(f"c{n} AS (SELECT a.*, b.* FROM c{n - 1} a, c{n - 1} b)" for n in range(1, 24))
    with pytest.raises(SqlRefusedError) as refused:
        GUARD.check(f"WITH c0 AS (SELECT 1 AS x, 2 AS y), {doubled} SELECT 1")
    assert refused.value.rule == "tree.columns"


OVER_GRANTED = SqlGuard(
    GuardPolicy(
        relations=(
            RelationRule("biz", "staff", ("id", "boss_id", "name", "dept", "pay"), frozenset({"pay"})),
            RelationRule("biz", "area", ("area_id", "code", "title")),
        ),
        search_path=("biz",),
        over_granted=frozenset({"biz.staff"}),
    )
)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 AS pay FROM staff",
        "SELECT \"pay\" FROM (SELECT 1 AS \"pay\") q, staff e WHERE e.id = 1",
        "SELECT q.* FROM (SELECT id FROM staff) q",
        "SELECT e.id FROM staff e, (SELECT 1 AS id FROM area e) q",
        "SELECT q.e FROM staff f, (SELECT 1 AS e) q, (SELECT 1 AS x) e WHERE e = 1",
        "WITH staff AS (SELECT 1 AS id) SELECT staff.id, e.name FROM staff, biz.staff e",
        "SELECT q.hook FROM staff q, (SELECT 1 AS hook) r",
        "SELECT j.c FROM (staff e CROSS JOIN area a) AS j(a, b, c)",
    ],
)  # fmt: skip
def test_relation_the_login_reads_too_much_of_is_asked_in_simple_words_only(sql: str) -> None:
    with pytest.raises(SqlRefusedError) as refused:
        OVER_GRANTED.check(sql)
    assert refused.value.rule.startswith(("column.", "relation."))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id, name FROM staff WHERE dept = 'x' ORDER BY name",
        "SELECT e.name, count(*) AS n FROM staff e JOIN staff b ON b.boss_id = e.id GROUP BY e.name ORDER BY n DESC",
        "WITH d AS (SELECT dept, count(*) AS n FROM staff GROUP BY dept) SELECT d.dept, d.n FROM d WHERE n > 1",
        "SELECT v.a FROM (VALUES (1)) AS v(a), staff e WHERE e.id = v.a",
        "SELECT area.* FROM area",
    ],
)
def test_simple_statements_on_it_are_admitted(sql: str) -> None:
    assert OVER_GRANTED.check(sql).text == sql
