"""Questions composed from a schema alone: what the SQL reads, groups, filters and orders by."""

from datetime import date

import pytest
import sqlglot
from sqlglot import exp

from agent.offline.composer import Composer
from agent.offline.vocabulary import load_vocabulary
from tests.fakes.offline_schemas import MOTORWAY, SCHOOLS, SHOPS

TODAY = date(2024, 5, 15)
VOCABULARY = load_vocabulary()


@pytest.fixture(scope="module")
def motorway() -> Composer:
    return Composer(schema=MOTORWAY, vocabulary=VOCABULARY)


@pytest.fixture(scope="module")
def schools() -> Composer:
    return Composer(schema=SCHOOLS, vocabulary=VOCABULARY)


@pytest.fixture(scope="module")
def shops() -> Composer:
    return Composer(schema=SHOPS, vocabulary=VOCABULARY)


def sql_of(composer: Composer, question: str) -> str:
    composed = composer.compose(question, TODAY)
    assert composed.confidence >= 0.6, (composed.refusal, composed.sql)
    assert isinstance(sqlglot.parse_one(composed.sql, dialect="postgres"), exp.Query)
    return composed.sql


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        (
            "2023年4月1日总营收最高的5个服务区是哪些？",
            [
                "SUM(pay_sum)",
                "GROUP BY service_name",
                "DATE",
                "2023-04-01",
                "DESC NULLS LAST LIMIT 5",
                "delete_ts IS NULL",
            ],
        ),
        ("上个月微信的订单量是多少", ["SUM(wx_order)", "DATE_TRUNC('month', CURRENT_DATE)", "INTERVAL '1 months'"]),
        ("宜春服务区近7天每天的营收", ["service_name = '宜春服务区'", "GROUP BY oper_date", "CURRENT_DATE - 7"]),
        ("各公司的服务区数量", ["COUNT(*)", "company_name", "sa.delete_ts IS NULL", "c.delete_ts IS NULL"]),
        ("各车型的车流量占比", ["SUM(SUM(customer_count)) OVER ()", "GROUP BY car_type"]),
        ("昨天订单数低于50的服务区", ["HAVING SUM(order_sum) < 50", "CURRENT_DATE - 1"]),
        ("哪些服务区出现过单日订单量低于50", ["order_sum < 50", "SELECT DISTINCT service_name"]),
        ("哪些服务区没有车流数据", ["NOT EXISTS", "bss_car_day_count", "cdc.delete_ts IS NULL"]),
        ("哪家公司没有关联任何服务区", ["NOT EXISTS", "FROM bss_company"]),
        ("各服务区微信支付占总收入的比例", ["SUM(wx)", "NULLIF(SUM(pay_sum), 0)"]),
        ("客单价最低的3个档口", ["SUM(pay_sum)", "NULLIF(SUM(order_sum), 0)", "ASC", "LIMIT 3", "branch_name"]),
        ("宜春分公司和上饶分公司2023年4月的车流量对比", ["IN ('宜春分公司', '上饶分公司')", "GROUP BY c.company_name"]),
        ("昨日各支付方式订单量", ["'微信'", "SUM(wx_order)", "UNION ALL", "SUM(rmb_order)"]),
        ("2023年4月营收同比增长率", ["2022-04-01", "2023-04-30", "NULLIF"]),
        ("2023年各月营收的环比增长率", ["LAG(SUM(pay_sum))", "YYYY-MM"]),
        ("营收高于平均值的服务区", ["HAVING SUM(pay_sum) > (SELECT AVG("]),
        ("每个公司营收最高的服务区", ["DISTINCT ON", "company_name", "service_name"]),
        ("周末的平均营收", ["AVG(pay_sum)", "ISODOW", "(6, 7)"]),
        ("哪个公司管理的服务区最多", ["COUNT(*)", "GROUP BY c.company_name", "LIMIT 1"]),
        ("各档口昨天的营收及所属服务区", ["GROUP BY branch_name, service_name"]),
        ("每万辆车产生的收入最高的前三家公司", ["* 10000", "LIMIT 3"]),
        ("单笔订单金额超过100的服务区", ["HAVING SUM(pay_sum) * 1.0 / NULLIF(SUM(order_sum), 0) > 100"]),
        ("关闭状态的服务区有多少个", ["COUNT(*)", "service_state = '关闭'"]),
        ("宜春服务区的编码是什么", ["service_area_no", "'宜春服务区'"]),
        ("危化品车流量最多的3个服务区", ["car_type = '危化品'", "SUM(cdc.customer_count)", "LIMIT 3"]),
        ("最近一天各服务区的营收", ["SELECT MAX(oper_date)", "GROUP BY service_name"]),
    ],
)
def test_question_becomes_sql_with(motorway: Composer, question: str, parts: list[str]) -> None:
    sql = sql_of(motorway, question)
    assert [part for part in parts if part not in sql] == [], sql


def test_part_of_a_name_is_decided_by_the_noun_after_it(motorway: Composer) -> None:
    assert "company_name = '宜春分公司'" in sql_of(motorway, "宜春分公司的营收")
    assert "service_name = '宜春服务区'" in sql_of(motorway, "宜春的营收")


def test_measures_of_two_tables_are_not_multiplied_by_a_join(motorway: Composer) -> None:
    tree = sqlglot.parse_one(sql_of(motorway, "2023年4月各公司的总收入与总车流量"), dialect="postgres")
    for select in tree.find_all(exp.Select):
        tables = {table.name for table in select.find_all(exp.Table) if table.parent_select is select}
        assert not {"bss_business_day_data", "bss_car_day_count"} <= tables


def test_every_output_column_has_a_title(motorway: Composer) -> None:
    for question in ("各服务区营收排名", "服务区总数是多少", "每月的订单数和营收", "庐山服务区昨天的现金金额"):
        select = sqlglot.parse_one(sql_of(motorway, question), dialect="postgres").find(exp.Select)
        assert select is not None
        assert all(isinstance(column, exp.Alias) for column in select.expressions)


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        ("各学校的平均成绩", ["AVG(e.score)", "GROUP BY s.name", "e.deleted_at IS NULL"]),
        ("第一中学有多少门课程", ["COUNT(*)", "FROM course", "s.name = '第一中学'"]),
        ("2024年每月学费总额", ["SUM(fee)", "EXTRACT(MONTH FROM enrolled_on)", "2024-12-31"]),
        ("每月学费总额", ["SUM(fee)", "YYYY-MM"]),
        ("数学的最高分数", ["MAX(e.score)", "c.title = '数学'"]),
        ("成绩最高的5个学生", ["AVG(score)", "GROUP BY student_name", "LIMIT 5"]),
        ("每个城市的学校数量", ["COUNT(*)", "GROUP BY city"]),
        ("学费超过1000的课程", ["HAVING SUM(e.fee) > 1000"]),
        ("北京的学校有哪些", ["city = '北京'", "SELECT DISTINCT name"]),
    ],
)
def test_another_database_with_chinese_comments_works_too(schools: Composer, question: str, parts: list[str]) -> None:
    sql = sql_of(schools, question)
    assert [part for part in parts if part not in sql] == [], sql


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        ("total amount by store last 7 days", ["SUM(o.amount)", "GROUP BY s.name", "CURRENT_DATE - 7"]),
        ("top 3 stores by amount", ["LIMIT 3", "SUM(o.amount)"]),
        ("how many orders are paid", ["COUNT(*)", "status = 'paid'"]),
        ("number of stores", ["COUNT(*)", "FROM stores"]),
    ],
)
def test_english_questions_without_any_comment(shops: Composer, question: str, parts: list[str]) -> None:
    sql = sql_of(shops, question)
    assert [part for part in parts if part not in sql] == [], sql


@pytest.mark.parametrize(
    "question",
    [
        "明天天气怎么样",
        "预测下个月营收",
        "为什么营收下降",
        "2023年2月31日的营收",
        "服务区的员工满意度调查结果",
        "毛利率最高的服务区",
    ],
)
def test_what_is_not_understood_is_not_answered(motorway: Composer, question: str) -> None:
    assert motorway.compose(question, TODAY).confidence < 0.6


@pytest.mark.parametrize(
    "question",
    [
        "宜春服务区'; DROP TABLE bss_company; --的营收",
        "营收 UNION SELECT password FROM users",
        "各服务区营收 LIMIT 999999999999999999999999999999",
        "((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((",
        "最近99999天营收",
        "0" * 500,
        "",
        "   ",
        "\x00营收\u202e",
    ],
)
def test_hostile_text_never_reaches_the_sql(motorway: Composer, question: str) -> None:
    sql = motorway.compose(question, TODAY).sql
    assert "DROP" not in sql
    assert "password" not in sql
    assert ";" not in sql
