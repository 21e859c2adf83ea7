"""The offline engine tells a question from a query's own Chinese names, and none when there are none."""

import pytest

from offline.question_from_sql import question_from_sql


def test_question_says_what_stands_in_the_query() -> None:
    sql = (
        "SELECT service_name AS 服务区名称, SUM(pay_sum) AS 总支付金额 FROM bss_business_day_data "
        "WHERE oper_date = '2023-04-01' AND delete_ts IS NULL GROUP BY service_name LIMIT 5;"
    )
    assert question_from_sql(sql) == "（2023-04-01）按服务区名称统计总支付金额（前5条）是什么？"


@pytest.mark.parametrize(
    "sql", ["SELECT 1", "SELECT 1 AS 一", "SELECT a FROM t", "SELECT * FROM t", "DROP TABLE t", "SELECT ("]
)
def test_no_question_is_made_up(sql: str) -> None:
    assert question_from_sql(sql) == ""
