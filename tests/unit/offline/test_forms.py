"""Forms of questions on a chain of shops: parts of names, figures against figures, sums, shares of things."""

import pytest

from offline.engine import Engine
from offline.name_parts import parts_of_names
from offline.text import fold, words_of
from offline.vocabulary import load_vocabulary
from tests.unit.offline.test_analyst import CHAIN, TODAY

ENGINE = Engine(CHAIN, load_vocabulary())


def sql(question: str) -> str:
    return ENGINE.compose(question, TODAY).sql


def refused(question: str) -> tuple[str, ...] | None:
    refusal = ENGINE.compose(question, TODAY).refusal
    return refusal.about if refusal is not None else None


@pytest.mark.parametrize(
    ("question", "pattern"),
    [
        ("名字里带湖的门店", "%湖%"),
        ("名称包含“湖”的门店", "%湖%"),
        ("门店名称含有南山的有哪些", "%南山%"),
        ("哪些门店的名字里有湖字", "%湖%"),
        ("名称以东开头的门店", "东%"),
        ("名称以便利店结尾的门店", "%便利店"),
        ("shops whose name contains 湖", "%湖%"),
        ("shops with 湖 in their name", "%湖%"),
    ],
)
def test_a_name_is_matched_by_the_part_that_was_said(question, pattern):
    assert f"shop_name ILIKE '{pattern}'" in sql(question)


def test_signs_of_patterns_in_a_part_of_a_name_mean_themselves():
    assert r"ILIKE '%50\%%'" in sql('名称包含"50%"的门店')


@pytest.mark.parametrize("question", ["门店有多少个", "各门店有哪些城市", "门店里有多少个"])
def test_a_question_word_is_no_part_of_a_name(question):
    assert "ILIKE" not in sql(question)


def test_only_the_name_of_a_column_lets_a_bare_verb_ask_for_a_part():
    text = fold("orders containing books, title contains history")
    assert [part.needs_column for part in parts_of_names(text, words_of(text)).values()] == [True, True]


@pytest.mark.parametrize(
    ("question", "condition"),
    [
        ("现金超过微信的门店", "HAVING SUM(t1.cash) > SUM(t1.wx)"),
        ("现金比微信多的门店", "HAVING SUM(t1.cash) > SUM(t1.wx)"),
        ("现金比微信少的门店有哪些", "HAVING SUM(t1.cash) < SUM(t1.wx)"),
        ("shops where cash exceeds wechat", "HAVING SUM(t1.cash) > SUM(t1.wx)"),
    ],
)
def test_two_figures_are_compared_for_each_thing(question, condition):
    assert condition in sql(question)
    assert "LIMIT" not in sql(question)


def test_an_open_comparison_with_one_period_is_refused():
    assert refused("哪些门店的营收比2024年少") == ("比", "少")


@pytest.mark.parametrize("question", ["微信和现金合计", "微信和现金加起来多少", "cash and wechat combined"])
def test_amounts_of_one_kind_are_added_up(question):
    assert "SUM(t1.wx) + SUM(t1.cash)" in sql(question) or "SUM(t1.cash) + SUM(t1.wx)" in sql(question)


@pytest.mark.parametrize("question", ["营收和订单数合计", "营收合计", "营收和微信合计"])
def test_counts_and_money_or_a_whole_and_its_part_are_not_added_up(question):
    assert ") + SUM(" not in sql(question)


@pytest.mark.parametrize("question", ["现金和微信各占多少", "现金和微信的占比", "现金、微信分别占多少"])
def test_each_of_several_parts_has_its_share_of_the_whole(question):
    found = sql(question)
    assert found.count("NULLIF(SUM(t1.paid_all), 0)") == 2


@pytest.mark.parametrize("question", ["开放的门店占比", "开放的门店占多少", "percentage of open shops"])
def test_a_share_of_things_counts_them(question):
    assert "COUNT(*) FILTER(WHERE t1.state = '开放') * 100.0" in sql(question)


@pytest.mark.parametrize(
    ("question", "number"),
    [("营收过万的门店", "10000"), ("营收破亿的门店", "100000000"), ("营收上百万的门店", "1000000")],
)
def test_a_unit_alone_behind_a_word_for_passing_is_one_of_it(question, number):
    assert f"HAVING SUM(t1.paid_all) > {number} " in sql(question)


@pytest.mark.parametrize(
    "question", ["年初到现在的营收", "今年年初至今的营收", "revenue year to date", "so far this year revenue"]
)
def test_the_running_year_has_many_names(question):
    assert "t1.sold_on >= CAST(DATE_TRUNC('year', CURRENT_DATE) AS DATE)" in sql(question)


def test_a_bare_day_takes_its_month_from_the_day_before():
    assert "t1.sold_on = '2025-10-01' OR t1.sold_on = '2025-10-02'" in sql("2025年10月1日和2日的营收")


@pytest.mark.parametrize(
    ("question", "bucket"), [("3月和4月的营收", "月份"), ("2024年和2025年的营收", "年份"), ("昨天和前天的营收", "日期")]
)
def test_periods_joined_by_and_stand_apart(question, bucket):
    assert f"AS {bucket}" in sql(question)


def test_a_total_over_joined_periods_is_one():
    assert "GROUP BY" not in sql("3月和4月的总营收")


@pytest.mark.parametrize("question", ["卖了多少钱", "东湖门店卖了多少钱", "一共赚了多少钱"])
def test_money_that_came_in_needs_no_name(question):
    assert "SUM(t1.paid_all)" in sql(question)


@pytest.mark.parametrize("question", ["客群最多的门店", "which shop has the most visitor kinds"])
def test_a_superlative_of_number_counts_what_is_named(question):
    assert "COUNT(DISTINCT" in sql(question)


@pytest.mark.parametrize(
    ("question", "part"),
    [
        ("姓张的门店", "ILIKE '张%'"),
        ("最近几天的营收", "t1.sold_on >= CURRENT_DATE - 3"),
        ("这几个月每月的营收", "INTERVAL '3 months'"),
        ("how much did we make yesterday", "SUM(t1.paid_all)"),
        ("每单平均多少钱", "NULLIF(SUM(t1.orders_all), 0)"),
    ],
)
def test_how_people_put_it(question, part):
    assert part in sql(question)


@pytest.mark.parametrize("question", ["前几天的营收", "前几名的门店", "营收前几的门店"])
def test_a_number_that_was_not_said_is_asked_for(question):
    assert sql(question) == ""


@pytest.mark.parametrize(
    "question",
    [
        "微信的客单价",  # a part's amount over all orders would be no ratio of anything
        "2025年营收同比下降的门店有几个",
        "客流和营收最高的门店分别是哪个",
        "东湖门店营收占城市营收的比例",  # within its own city it would be all
    ],
)
def test_what_no_form_carries_is_refused(question):
    assert sql(question) == ""


@pytest.mark.parametrize(
    ("question", "part"),
    [
        ("南昌的门店去年营收分别是多少", "GROUP BY"),
        ("学生和游客哪个多", "LIMIT 1"),
        ("各城市营收前三的门店", "PARTITION BY 城市"),
        ("营收最高的门店在哪个城市", "SELECT t2.shop_name AS 门店名称, t2.city AS 城市"),
        ("营收最高的3天", "LIMIT 3"),
    ],
)
def test_what_is_said_of_each_is_shown_for_each(question, part):
    assert part in sql(question)
