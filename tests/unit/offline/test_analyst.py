"""Questions as analysts ask them in Chinese, on a chain of shops whose names and comments are in two languages."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.business_schema import BusinessSchema, Column, Join, Table
from offline.engine import Engine
from offline.vocabulary import load_vocabulary

TODAY = date(2026, 11, 30)


def column(name: str, kind: str, comment: str, *values: str, is_key: bool = False, is_unique: bool = False) -> Column:
    return Column(name, kind, comment=comment, values=values, is_primary_key=is_key, is_unique=is_key or is_unique)


SHOP_NAMES = ("东湖门店", "南山门店", "西苑便利店", "北城便利店")
CHAIN = BusinessSchema(
    (
        Table(
            "public",
            "shop",
            "门店（便利店）：连锁的各个门店",
            (
                column("shop_id", "integer", "主键", is_key=True),
                column("shop_name", "text", "门店名称（门店、便利店）", *SHOP_NAMES, is_unique=True),
                column("city", "text", "城市", "南昌", "九江"),
                column("state", "text", "营业状态（状态）", "开放", "关闭"),
            ),
        ),
        Table(
            "public",
            "day_sales",
            "每日销售（销售数据）：每个门店每天一条",
            (
                column("id", "integer", "主键", is_key=True),
                column("shop_id", "integer", "门店ID"),
                column("sold_on", "date", "销售日期（日期）"),
                column("wx", "numeric(12,2)", "微信支付金额（微信）"),
                column("wx_orders", "integer", "微信支付订单数"),
                column("cash", "numeric(12,2)", "现金支付金额（现金）"),
                column("cash_orders", "integer", "现金支付订单数"),
                column("card", "numeric(12,2)", "银行卡支付金额（银行卡）"),
                column("card_orders", "integer", "银行卡支付订单数"),
                column("orders_all", "integer", "订单总数（订单数、订单量）"),
                column("paid_all", "numeric(12,2)", "支付总金额（营收、收入、销售额）"),
            ),
        ),
        Table(
            "public",
            "visitor_count",
            "每日客流（客流）：每个门店每种客群每天一条",
            (
                column("id", "integer", "主键", is_key=True),
                column("shop_id", "integer", "门店ID"),
                column("counted_on", "date", "统计日期（日期）"),
                column("visitor_kind", "text", "客群", "学生", "上班族", "游客"),
                column("visitors", "integer", "客流数量（客流量、人数）"),
            ),
        ),
    ),
    (Join("day_sales", "shop_id", "shop", "shop_id"), Join("visitor_count", "shop_id", "shop", "shop_id")),
)
ENGINE = Engine(CHAIN, load_vocabulary())


def sql_of(question: str) -> str:
    composed = ENGINE.compose(question, TODAY)
    assert composed.sql, f"{question}: {composed.refusal}"
    return composed.sql


@pytest.mark.parametrize(
    ("question", "field"),
    [
        ("2025年微信订单有多少笔", "wx_orders"),
        ("2025年现金支付的订单有多少", "cash_orders"),
        ("How many orders were paid in cash in 2025?", "cash_orders"),
        ("2025年微信收入", "wx"),
        ("Cash revenue in 2025", "cash"),
    ],
)
def test_two_figures_that_name_one_column_are_one_figure(question: str, field: str) -> None:
    assert f"SUM(t1.{field})" in sql_of(question)
    assert sql_of(question).count("SUM(") == 1


def test_a_noun_that_only_some_names_end_with_restricts() -> None:
    assert "ILIKE '%便利店'" in sql_of("一共有多少个便利店")
    assert "ILIKE '%便利店'" in sql_of("2025年各便利店的营收")
    assert "ILIKE" not in sql_of("一共有多少个门店")


@pytest.mark.parametrize("question", ["所有门店2025年的总营收", "2025年全部门店的订单总量是多少"])
def test_a_total_over_all_things_is_one_figure(question: str) -> None:
    assert "GROUP BY" not in sql_of(question)


def test_all_things_in_an_order_are_listed_one_by_one() -> None:
    assert "GROUP BY" in sql_of("所有门店2025年的总营收，从高到低排列")


def test_weekends_and_workdays_stand_side_by_side() -> None:
    assert "'周末'" in sql_of("2025年周末和工作日的营收分别是多少")
    assert "IN (6, 7)" in sql_of("2025年周末的营收")


def test_one_change_of_a_month_and_the_course_of_changes() -> None:
    assert "GROUP BY" not in sql_of("2025年9月营收环比变化")
    assert "GROUP BY" in sql_of("2025年营收环比变化趋势")


@pytest.mark.parametrize("question", ["东湖门店比南山门店2025年多赚了多少", "2025年东湖门店比南山门店营收高多少"])
def test_more_than_another_asks_for_the_difference(question: str) -> None:
    assert ") - SUM(" in sql_of(question)


def test_days_and_things_that_pass_a_comparison_are_counted() -> None:
    days = sql_of("2025年10月有几天营收超过2万")
    assert days.startswith("SELECT COUNT(*)")
    assert "HAVING SUM(t1.paid_all) > 20000" in days
    assert "AVG" in sql_of("2025年10月哪些天的客流量超过日均")


def test_a_period_of_what_is_missing_belongs_to_the_missing_rows() -> None:
    sql = sql_of("2025年没有任何营收的门店有哪些")
    assert "NOT EXISTS" in sql
    assert "BETWEEN '2025-01-01' AND '2025-12-31'" in sql.split("NOT EXISTS")[1]


def test_a_mean_over_things_takes_their_totals_first() -> None:
    sql = sql_of("平均每个门店2025年收入多少")
    assert "AVG(" in sql.split("FROM")[0]
    assert "GROUP BY" in sql
    assert sql_of("2025年各城市平均每个门店的营收").endswith("DESC NULLS LAST")


def test_shares_of_what_is_named() -> None:
    within = sql_of("东湖门店的营收占南昌的多少")
    assert "FILTER(WHERE t2.shop_name = '东湖门店')" in within
    assert "t2.city = '南昌'" in within.split("FROM")[-1]
    assert "FILTER(WHERE t2.shop_name = '东湖门店')" in sql_of("东湖门店2025年营收占全部的比例")
    assert "FILTER(WHERE t1.visitor_kind = '学生')" in sql_of("2025年学生占比")


def test_shares_of_the_kinds_of_one_figure() -> None:
    assert sql_of("2025年10月各种支付方式的占比").count("UNION ALL") == 2


def test_what_is_counted_is_implied_by_its_kind() -> None:
    assert "SUM(t1.visitors)" in sql_of("学生最多的2个门店，2025年")


def test_details_are_the_rows_with_their_figures() -> None:
    sql = sql_of("2025年10月东湖门店每日收入明细")
    assert "GROUP BY" not in sql
    assert "paid_all" in sql
    assert "sold_on" in sql


@pytest.mark.parametrize("question", ["2025年哪家门店最多", "最多的城市"])
def test_a_superlative_that_ranks_by_nothing_is_refused(question: str) -> None:
    assert not ENGINE.compose(question, TODAY).sql


@pytest.mark.parametrize(("word", "stored"), [("closed", "关闭"), ("停业", "关闭"), ("open", "开放")])
def test_stored_words_are_found_by_other_words_for_them(word: str, stored: str) -> None:
    question = f"Which shops are {word}?" if word.isascii() else f"{word}的门店有哪些"
    assert f"t1.state = '{stored}'" in sql_of(question)


@pytest.mark.parametrize("question", ["各客群的数量", "2025年各客群的数量", "number of visitors per kind"])
def test_a_count_of_groups_keeps_the_groups(question: str) -> None:
    composed = ENGINE.compose(question, TODAY)
    assert not composed.sql or "GROUP BY" in composed.sql


def test_a_column_of_the_named_thing_is_meant() -> None:
    assert "city" in sql_of("东湖门店和南山门店的城市")


def test_a_difference_of_means_takes_the_mean_of_differences() -> None:
    sql = sql_of("2025年东湖门店和南山门店的月均营收差额")
    assert "SUM(t1.paid_all)" in sql
    assert "- AVG" not in sql


def test_values_compared_are_the_groups() -> None:
    sql = sql_of("2025年所有开放的门店的总营收与关闭的门店对比")
    assert "GROUP BY t2.state" in sql
    assert "shop_name" not in sql


TIMES = {"2025年": "2025-01-01", "上个月": "DATE_TRUNC", "2025年10月3日": "2025-10-03"}
PLACES = {
    "": "",
    "南昌的": "'南昌'",
    "东湖门店的": "'东湖门店'",
    "关闭的门店的": "'关闭'",
    "除南山门店以外的": "<> '南山门店'|NOT",
}
FIGURES = {
    "营收": "paid_all",
    "订单数": "orders_all",
    "客流量": "visitors",
    "学生客流量": "'学生'",
    "微信收入": "t1.wx)|t1.wx,|.wx",
    "现金订单数": "cash_orders",
}
ENDINGS = {
    "": "",
    "和订单数": "orders_all",
    "和客流量": "visitors",
    "占比": "100",
    "环比增长率": "100",
    "，按城市分组": "city",
    "最高的城市": "city",
    "超过1万的城市": "10000",
    "前3名的门店": "LIMIT 3",
    "最高的2天": "LIMIT 2",
    "，以及员工人数": None,
    "周末的": "ISODOW",
    "日均": "AVG",
    "平均值": "AVG",
    "，不含银行卡": "card|NOT",
    "和便利店数量": "便利店",
    "，没有客流的门店": "NOT EXISTS",
}


def carries(sql: str, said: str | None) -> bool:
    return said is not None and any(one in sql for one in said.split("|"))


@settings(max_examples=150, deadline=None)
@given(*(st.sampled_from(sorted(words)) for words in (TIMES, PLACES, FIGURES, ENDINGS)))
def test_everything_said_is_in_the_sql_or_the_question_is_refused(
    time: str, place: str, figure: str, ending: str
) -> None:
    sql = ENGINE.compose(time + place + figure + ending, TODAY).sql
    for said in (TIMES[time], PLACES[place], FIGURES[figure], ENDINGS[ending]):
        assert not sql or carries(sql, said), f"{time}{place}{figure}{ending}: {sql}"


def test_an_english_mean_per_day_is_taken_over_days() -> None:
    sql = sql_of("average number of orders per day in 2025")
    assert sql.startswith("SELECT AVG(")
    assert "SUM(t1.orders_all)" in sql


@pytest.mark.parametrize(
    ("question", "test"),
    [("2025年营收同比下降的门店", "< 0"), ("2025年营收增长的城市", "> 0"), ("2025年哪些门店的营收比2024年少", "< 0")],
)
def test_only_what_fell_or_grew_is_listed(question: str, test: str) -> None:
    assert f" {test} ORDER BY" in sql_of(question)


def test_the_best_day_is_a_day() -> None:
    assert "GROUP BY t1.sold_on" in sql_of("2025年10月营收最高的一天")
