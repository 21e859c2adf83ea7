"""SQL that may not be used unseen: no query, no table, or a result that no stored row decides."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.vector_store.doubtful_sql import CONSTANT, MOVED, NO_QUERY, NO_TABLE, sql_doubts

READS_NOTHING = (
    "SELECT 1", "SELECT 1 AS 一;", "with x as (select 5 as v) select v from x", "select * from (values (1)) v",
    "select v from generate_series(1,10) v", "select now()", "SELECT (SELECT 5)",
    "with recursive r(n) as (select 1 union all select n+1 from r where n<5) select sum(n) from r",
)  # fmt: skip
CONSTANT_RESULTS = (
    "select 42 from t limit 1", "select '100万' as x from orders o limit 1", "select case when true then 5 end from t",
    "select c.v from orders, (values (5)) as c(v) limit 1", "select v from orders cross join (select 7 as v) c",
    "select 999 union all select sum(a) from t", "select x.v from (select 5 v from t) x",
    "with a as (select 5 v from t) select v*2 from a", "select coalesce(5, 6) from t", "select (select 5) from t",
    "select 5 from t where a > 1 group by b having count(*) > 1", "SELECT (SELECT 5 FROM t LIMIT 1)",
    "WITH c(v) AS (SELECT 12345) SELECT c.v FROM c, t",
)  # fmt: skip
READ_DATA = (
    "select count(*) from t", "select * from t", "select t.* from t", "select a from t",
    "select '总' as k, sum(a) from t",
    "with x as (select a from t) select a from x", "with x as (select count(*) n from t) select n from x",
    "select (select count(*) from t)", "select (select max(a) from t) as m, 5", "select exists(select 1 from t)",
    "select a from t union all select b from u", "select x.v from (select a v from t) x",
    "with recursive r as (select id, p from t where p is null union all select t.id, t.p from t join r on t.p=r.id)"
    " select * from r",
    "select x.s from t cross join lateral (select t.a*t.b as s) x", "select count(*) filter (where a>1) from t",
    "select d::date, count(a) from generate_series(1,10) d left join t on t.x=d group by 1",
    "select round(100.0*sum(a)/nullif(sum(b),0),2) from t", "select k.n from (select b as n from t) k(n)",
    "select rank() over (order by a) from t", "(select a from t) order by a limit 3",
    "select a.x from (t a join u b on a.i=b.i)", "with d as (select * from t) select name from d",
    "select name from d join (select * from t) x on true", "SELECT max(v) FROM (SELECT sum(a) v FROM t GROUP BY b) q",
)  # fmt: skip


MOVED_MEASURES = (
    "select sum(a)*2 from t", "select 2 * sum(a) from t", "select sum(a*2) from t", "select count(*)*2 as n from t",
    "select count(*)*0+9999 from t",
    "select sum(a)+100 from t", "select 100 - count(*) from t", "select sum(a)/2 from t",
    "select case when count(*)>=0 then 9999 end from t", "select coalesce(nullif(9999,count(*)),count(*)) from t",
    "select greatest(count(*), 9999) from t", "select n from (select sum(a)*7.1 n from t) x", "select a*0.5 from t",
    "with x as (select b, sum(a)*3 s from t group by b) select * from x", "select sum(a)*(2)::numeric from t",
    "select sum(a) * -1 from t", "select name, sum(a)*2 from t group by name union all select 'x', sum(a) from t",
)  # fmt: skip
UNITS = (
    "select sum(a)/10000 as 万元 from t",
    "select round(sum(a)*100.0/sum(b),2) from t", "select sum(a)*1.0/count(*) from t",
    "select coalesce(sum(a),0) from t", "select count(*)/7 from t", "select sum(a)-sum(b) from t",
    "select case when sum(a)>0 then sum(b) else 0 end from t", "select sum(case when a>1 then 1 else 0 end) from t",
    "select a from t where d >= current_date - 7",
    "select nullif(sum(a),0) from t", "select sum(a*b) from t",
    "select extract(year from d) - 1 from t", "select greatest(sum(a), 0) from t",
)  # fmt: skip


@pytest.mark.parametrize("sql", MOVED_MEASURES)
def test_a_measure_moved_by_a_number_is_doubted(sql: str) -> None:
    assert sql_doubts(sql) == (MOVED,)


@pytest.mark.parametrize("sql", UNITS)
def test_units_shares_and_defaults_are_not_doubted(sql: str) -> None:
    assert sql_doubts(sql) == ()


@pytest.mark.parametrize("sql", READS_NOTHING)
def test_sql_without_a_table_is_doubted(sql: str) -> None:
    assert sql_doubts(sql) == (NO_TABLE,)


@pytest.mark.parametrize("sql", CONSTANT_RESULTS)
def test_a_result_that_no_stored_row_decides_is_doubted(sql: str) -> None:
    assert sql_doubts(sql) == (CONSTANT,)


@pytest.mark.parametrize("sql", READ_DATA)
def test_ordinary_analysis_is_not_doubted(sql: str) -> None:
    assert sql_doubts(sql) == ()


@pytest.mark.parametrize("sql", ["not sql", "DROP TABLE t", "UPDATE t SET a = 1", "", "SELECT 1; SELECT 2", "(" * 500])
def test_what_is_no_query_is_doubted(sql: str) -> None:
    assert sql_doubts(sql) == (NO_QUERY,)


LITERALS = ("5", "'五'", "1.5 + 2", "now()", "coalesce(3, 4)", "CASE WHEN 1 = 1 THEN 7 END", "(SELECT 8)", "NULL")
VALUES = ("t.a", "sum(t.a)", "count(*)", "t.a * t.b", "coalesce(t.a, 0)", "(SELECT max(b) FROM u)", "lower(t.name)")
WRAPPINGS = (
    "{0}",
    "SELECT q.v FROM ({0}) q(v)",
    "WITH w(v) AS ({0}) SELECT v FROM w",
    "WITH w AS ({0}) SELECT w.* FROM w",
    "SELECT inner_one.v FROM (SELECT q.v FROM ({0}) q(v)) inner_one",
    "SELECT w.v FROM other o CROSS JOIN ({0}) w(v)",
    "SELECT * FROM ({0}) AS some LIMIT 1",
)


@given(st.sampled_from(LITERALS), st.lists(st.sampled_from(WRAPPINGS), min_size=1, max_size=3))
def test_a_constant_stays_one_however_it_is_wrapped(literal: str, wrappings: list[str]) -> None:
    sql = f"SELECT {literal} AS v FROM t"
    for wrapping in wrappings:
        sql = wrapping.format(sql)
    assert sql_doubts(sql) == (CONSTANT,)


@given(st.sampled_from(VALUES), st.lists(st.sampled_from(WRAPPINGS), min_size=1, max_size=3))
def test_a_stored_value_stays_one_however_it_is_wrapped(value: str, wrappings: list[str]) -> None:
    sql = f"SELECT {value} AS v FROM t"
    for wrapping in wrappings:
        sql = wrapping.format(sql)
    assert sql_doubts(sql) == ()


def test_a_branch_of_constants_is_seen_in_every_set_operation() -> None:
    for operator, order in itertools.product(("UNION", "UNION ALL", "EXCEPT", "INTERSECT"), (0, 1)):
        branches = ["SELECT sum(a) FROM t", "SELECT 999 FROM t"]
        assert sql_doubts(f" {operator} ".join(branches[::-1] if order else branches)) == (CONSTANT,)
