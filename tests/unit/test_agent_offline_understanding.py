"""The offline engine refuses what it does not understand, and what it answers says what the question says."""

import json
from datetime import date
from pathlib import Path

import pytest

from agent.offline.composer import Composer
from agent.offline.vocabulary import load_vocabulary
from core.sql_guard import SqlGuard, policy_for
from tests.fakes.offline_schemas import MOTORWAY

TODAY = date(2024, 5, 15)
ENOUGH = 0.6
FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"


@pytest.fixture(scope="module")
def motorway() -> Composer:
    return Composer(schema=MOTORWAY, vocabulary=load_vocabulary())


def sql_of(composer: Composer, question: str) -> str:
    composed = composer.compose(question, TODAY)
    assert composed.confidence >= ENOUGH, composed.refusal
    return composed.sql


@pytest.mark.parametrize(
    "question",
    [
        "各公司的利润排名",
        "各服务区的成本是多少",
        "退款金额最多的档口",
        "各公司的员工人数",
        "超市的营收是多少",
        "货车车流量",
        "外卖订单量",
        "火星服务区昨天的营收",
        "长沙分公司的营收",
        "每小时的车流量",
        "明天的营收是多少",
        "如何提升营收",
        "删除所有服务区",
    ],
)
def test_unknown_word_makes_a_refusal_that_names_it_or_its_kind(motorway: Composer, question: str) -> None:
    composed = motorway.compose(question, TODAY)
    assert composed.sql == ""
    assert composed.refusal is not None
    assert composed.refusal.about


def test_refusal_names_the_word_that_is_not_in_the_database(motorway: Composer) -> None:
    refusal = motorway.compose("各公司的利润排名", TODAY).refusal
    assert refusal is not None
    assert (refusal.reason, refusal.about) == ("missing_database_info", "利润")


@pytest.mark.parametrize(
    "question",
    [
        "哪家公司表现最好",
        "哪个服务区最受欢迎",
        "服务区怎么样",
        "营收高的服务区",
        "微信金额比现金金额多的服务区",
        "每个公司营收前三的服务区",
        "每个月营收最高的一天",
        "2023年和2021年各月营收",
        "营收大于5000或订单数大于100的服务区",
        "支付总金额等于微信的记录",
        "平均每家公司的营收",
        "逐日累计营收",
        "订单数少于10的记录",
        "营收比上月增长多少",
        "营收超过10万的天数",
        "停车区有哪些",
        "昨天有营收的服务区数量",
        "宜春服务区好不好",
        "昨天营收前5和后5的服务区",
        "庐山服务区与全省平均营收的对比",
        "各公司服务区营收增长最快的",
        "近7天营收（不含今天）",
    ],
)
def test_question_the_plan_would_not_honour_is_not_answered(motorway: Composer, question: str) -> None:
    assert motorway.compose(question, TODAY).confidence < ENOUGH


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        ("除了庐山服务区，其他服务区上个月的营收", ["NOT service_name = '庐山服务区'"]),
        ("不含危化品的车流量", ["NOT car_type = '危化品'"]),
        ("各服务区营收（不含庐山服务区和宜春服务区）", ["NOT service_name IN ('庐山服务区', '宜春服务区')"]),
        ("昨天庐山服务区卖了多少钱", ["SUM(pay_sum)", "'庐山服务区'", "CURRENT_DATE - 1"]),
        ("昨天微信有多少单", ["SUM(wx_order)"]),
        ("微信和现金的订单数", ["SUM(wx_order)", "SUM(rmb_order)"]),
        ("现金支付近一周的订单数和金额", ["SUM(rmb_order)", "SUM(rmb)"]),
        ("昨天过境车有多少辆", ["SUM(customer_count)", "car_type = '过境'"]),
        ("有多少个服务区昨天营收超过2万", ["SELECT COUNT(*)", "HAVING SUM(pay_sum) > 20000"]),
        ("营收高于平均值的服务区有几个", ["SELECT COUNT(*)", "HAVING SUM(pay_sum) > (SELECT AVG("]),
        ("营收为0的记录有多少条", ["SELECT COUNT(*)", "pay_sum = 0"]),
        ("每月营收最高的服务区", ['DISTINCT ON ("月份")']),
        ("车流量最大的10天", ["GROUP BY count_date", "LIMIT 10"]),
        ("档口最多的服务区", ["COUNT(DISTINCT branch_name)", "GROUP BY service_name", "LIMIT 1"]),
        ("微信占比超过60%且现金占比低于10%的服务区", ["SUM(wx) * 100.0", "> 60", "SUM(rmb) * 100.0", "< 10"]),
        ("微信和现金各占总营收多少", ["SUM(wx) * 100.0 / NULLIF(SUM(pay_sum), 0)", "SUM(rmb) * 100.0"]),
        ("庐山服务区营收占比", ["CASE WHEN service_name = '庐山服务区' THEN pay_sum END"]),
        ("各车型占比的变化趋势", ["PARTITION BY count_date"]),
        ("哪种支付方式金额最多", ["UNION ALL", "DESC NULLS LAST LIMIT 1"]),
        ("平均订单金额", ["NULLIF(SUM(order_sum), 0)"]),
        ("单日车流量超过1万的日期", ["HAVING SUM(customer_count) > 10000"]),
        ("2023年10月1日至今的营收", ["oper_date >= CAST('2023-10-01' AS DATE)"]),
        ("截至昨天本月的营收", ["DATE_TRUNC('month', CURRENT_DATE)", "oper_date < CURRENT_DATE"]),
        ("2023年国庆节（10月1日至10月3日）的营收", ["'2023-10-01'", "'2023-10-03'"]),
        ("2023年和2024年各月营收", ["'2023-01-01'", "'2024-12-31'", "YYYY-MM"]),
        ("2023年各月营收", ["EXTRACT(MONTH FROM oper_date)"]),
        ("历年总车流量", ["EXTRACT(YEAR FROM count_date)"]),
        ("近一个月的营收", ["oper_date >= CURRENT_DATE - 30"]),
        ("单日营收的最大值", ["MAX(", "SUM(pay_sum)", "GROUP BY oper_date"]),
        ("服务区编码为空的服务区有几个", ["COUNT(*)", "service_area_no IS NULL"]),
        ("现金金额不为空的记录数", ["COUNT(*)", "NOT rmb IS NULL"]),
        ("列出开放状态的服务区名称和编码", ["service_area_name", "service_area_no"]),
        ("每种车型昨天各有多少", ["SUM(customer_count)", "GROUP BY car_type"]),
        ("2023年10月和11月的营收", ["'2023-10-01'", "'2023-11-30'"]),
        ("庐山服务区最近一次有经营数据是哪天", ["SELECT MAX(oper_date)"]),
        ("2022年到2024年每年的营收", ["'2022-01-01'", "'2024-12-31'", "EXTRACT(YEAR FROM oper_date)"]),
        ("过去30天的营收", ["oper_date >= CURRENT_DATE - 30 AND delete_ts"]),
        ("过去30天的日均营收", ["oper_date < CURRENT_DATE"]),
    ],
)
def test_question_becomes_sql_with(motorway: Composer, question: str, parts: list[str]) -> None:
    sql = sql_of(motorway, question)
    assert [part for part in parts if part not in sql] == [], sql


def questions() -> list[str]:
    names = ("readme_questions.json", "offline_questions.json")
    return [case["question"] for name in names for case in json.loads((FIXTURES / name).read_text(encoding="utf-8"))]


def test_guard_admits_everything_that_is_composed(motorway: Composer) -> None:
    guard = SqlGuard(policy_for(MOTORWAY))
    composed = [motorway.compose(question, TODAY) for question in questions()]
    answers = [answer.sql for answer in composed if answer.confidence >= ENOUGH]
    assert len(answers) > len(composed) // 3
    for sql in answers:
        assert guard.check(sql)
