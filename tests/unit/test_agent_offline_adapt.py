"""Trained questions as templates: which slots may differ, and what makes a template unusable."""

from datetime import date

import pytest

from agent.offline.adapt import Adapted, TemplateAdapter
from agent.offline.composer import Composer
from agent.offline.vocabulary import load_vocabulary
from common.answering import TrainedPair
from tests.fakes.offline_schemas import MOTORWAY

TODAY = date(2024, 5, 15)
PAIR = TrainedPair(
    "2023年5月微信金额最多的10个档口是哪些？",
    "SELECT branch_name AS 档口名称, service_name AS 服务区名称, SUM(wx) AS 微信金额 FROM bss_business_day_data "
    "WHERE oper_date BETWEEN '2023-05-01' AND '2023-05-31' AND delete_ts IS NULL "
    "GROUP BY branch_name, service_name ORDER BY 微信金额 DESC NULLS LAST LIMIT 10",
    record_id="r1",
)
NAMED = TrainedPair(
    "庐山服务区2023年5月的营收超过1000的日期",
    "SELECT oper_date AS 日期, SUM(pay_sum) AS 营收 FROM bss_business_day_data WHERE service_name = '庐山服务区' "
    "AND oper_date >= '2023-05-01' AND oper_date < '2023-06-01' AND delete_ts IS NULL "
    "GROUP BY oper_date HAVING SUM(pay_sum) > 1000",
)


@pytest.fixture(scope="module")
def adapter() -> TemplateAdapter:
    return TemplateAdapter(Composer(schema=MOTORWAY, vocabulary=load_vocabulary()))


def adapt(adapter: TemplateAdapter, question: str, pair: TrainedPair = PAIR) -> Adapted | None:
    return adapter.adapt(question, TODAY, [pair])


def test_same_question_gets_the_trained_sql(adapter: TemplateAdapter) -> None:
    found = adapt(adapter, PAIR.question)
    assert found is not None
    assert found.confidence == 1.0
    assert found.pair.record_id == "r1"


def test_date_number_and_measure_are_exchanged(adapter: TemplateAdapter) -> None:
    found = adapt(adapter, "上个月现金金额最多的3个档口是哪些")
    assert found is not None
    assert "SUM(rmb)" in found.sql
    assert "SUM(wx)" not in found.sql
    assert "LIMIT 3" in found.sql
    assert "2023-05" not in found.sql
    assert "DATE_TRUNC('month', CURRENT_DATE)" in found.sql
    assert "delete_ts IS NULL" in found.sql
    assert "service_name" in found.sql


def test_name_and_threshold_are_exchanged(adapter: TemplateAdapter) -> None:
    found = adapt(adapter, "宜春服务区2023年6月的营收超过2000的日期", NAMED)
    assert found is not None
    assert "'宜春服务区'" in found.sql
    assert "> 2000" in found.sql
    assert "2023-06-01" in found.sql
    assert "庐山" not in found.sql


@pytest.mark.parametrize(
    "question",
    [
        "2023年5月微信金额最少的10个档口是哪些？",
        "2023年5月各公司微信金额最多的10个档口是哪些？",
        "2023年5月微信金额最多的10个档口的环比增长",
        "2023年5月周末微信金额最多的10个档口是哪些？",
        "2023年5月车流量最多的10个档口是哪些？",
    ],
)
def test_any_other_difference_makes_the_template_unusable(adapter: TemplateAdapter, question: str) -> None:
    assert adapt(adapter, question) is None


@pytest.mark.parametrize("sql", ["DELETE FROM bss_company", "SELECT 1; SELECT 2", "not sql at all (", ""])
def test_trained_text_that_is_no_single_query_is_ignored(adapter: TemplateAdapter, sql: str) -> None:
    assert adapt(adapter, "各服务区营收", TrainedPair("各服务区营收", sql)) is None


def test_name_is_not_exchanged_for_one_of_another_column(adapter: TemplateAdapter) -> None:
    assert adapt(adapter, "宜春分公司2023年6月的营收超过2000的日期", NAMED) is None


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT SUM(pay_sum) FILTER (WHERE oper_date >= '2023-05-01') AS 本期, SUM(pay_sum) AS 全部 "
        "FROM bss_business_day_data WHERE oper_date >= '2022-05-01'",
        "SELECT SUM(pay_sum) FROM bss_business_day_data WHERE oper_date = '2023-05-01' OR oper_date = '2022-05-01'",
        "SELECT SUM(CASE WHEN oper_date >= '2023-05-01' THEN pay_sum END) FROM bss_business_day_data",
        "SELECT SUM(pay_sum) FROM bss_business_day_data",
    ],
)
def test_date_that_has_no_single_place_is_not_exchanged(adapter: TemplateAdapter, sql: str) -> None:
    assert adapt(adapter, "2023年6月的营收", TrainedPair("2023年5月的营收", sql)) is None
