"""The offline brain as the engine sees it: SQL or an honest reason, classification, repair, summary, chat."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from datetime import date
from typing import Any, TypeVar

import pytest

from common import messages
from common.answering import Brain, ResultSet, SqlDraft, SqlRequest, TrainedPair
from offline.brain import OfflineBrain
from tests.fakes.offline_schemas import MOTORWAY, SCHOOLS

T = TypeVar("T")
TODAY = date(2024, 5, 15)


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(coroutine)


@pytest.fixture(scope="module")
def brain() -> Brain:
    return OfflineBrain()


def ask(brain: Brain, question: str, **more: Any) -> SqlDraft:
    return run(
        brain.write_sql(SqlRequest(question, more.pop("context", ""), more.pop("schema", MOTORWAY), TODAY, **more))
    )


def test_trained_question_is_named_as_the_source(brain: Brain) -> None:
    pair = TrainedPair("昨天谁卖得最好", "SELECT branch_name FROM bss_business_day_data LIMIT 1", 1.0, "r7")
    draft = ask(brain, "昨天谁卖得最好", pairs=[pair])
    assert "branch_name" in draft.sql
    assert draft.based_on == ("r7",)


def test_sql_known_to_be_wrong_is_not_given_again(brain: Brain) -> None:
    wrong = ask(brain, "各服务区营收").sql
    draft = ask(brain, "各服务区营收", wrong_pairs=[TrainedPair("各服务区营收", wrong)])
    assert draft.sql != wrong
    assert bool(draft.sql) != bool(draft.explanation)


def test_a_wrong_example_that_changes_the_answer_is_named_as_a_source(brain: Brain) -> None:
    question = "各服务区营收"
    plain = ask(brain, question)
    used = TrainedPair(question, "SELECT service_name FROM bss_business_day_data", 1.0, "r7")
    against = TrainedPair("坏", used.sql, 0.9, "w1")
    unrelated = TrainedPair("坏", "SELECT wx FROM bss_business_day_data", 0.9, "w2")
    assert ask(brain, question, pairs=[used], wrong_pairs=[unrelated]).based_on == ("r7",)
    draft = ask(brain, question, pairs=[used], wrong_pairs=[against, unrelated], unreviewed_ids=frozenset({"r7", "w1"}))
    assert (draft.sql, draft.based_on) == (plain.sql, ("w1",))
    nothing = ask(brain, question, wrong_pairs=[TrainedPair("坏", plain.sql, 0.9, "w3")])
    assert (nothing.sql, nothing.based_on) == ("", ("w3",))


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ("明天天气怎么样", "missing_database_info"),
        ("预测下个月营收", "unknown_generation_failure"),
        ("客流转化率是多少", "missing_database_info"),
    ],
)
def test_refusal_has_a_reason_of_the_contract_and_a_text(brain: Brain, question: str, reason: str) -> None:
    draft = ask(brain, question)
    assert draft.sql == ""
    assert draft.reason == reason
    assert draft.explanation


def test_follow_up_takes_the_rest_from_the_question_before(brain: Brain) -> None:
    context = "User: 宜春服务区2023年4月的营收是多少\nAssistant: 查询结果"
    assert "'庐山服务区'" in ask(brain, "那庐山服务区呢？", context=context).sql
    draft = ask(brain, "那2023年5月呢", context=context)
    assert "'宜春服务区'" in draft.sql
    assert "2023-05-01" in draft.sql


@pytest.mark.parametrize(
    ("before", "question", "expected", "absent"),
    [
        ("关闭的服务区有几个", "都有哪些", "service_area_name", "COUNT"),
        ("2024年5月1日各服务区的营收", "第二天呢", "2024-05-02", "2024-05-01"),
        ("2024年4月各服务区的营收", "下个月呢", "2024-05-01", "2024-04"),
        ("2023年营收前5的服务区", "最后5名呢", "ASC", "DESC"),
        ("2023年各服务区的营收", "不要宜春服务区", "NOT", "AND t1.service_name = '宜春服务区'"),
    ],
)
def test_follow_up_changes_what_it_says(brain: Brain, before: str, question: str, expected: str, absent: str) -> None:
    sql = ask(brain, question, context=f"User: {before}\nAssistant: 好").sql
    assert expected in sql
    assert absent not in sql


@pytest.mark.parametrize("question", ["有多少家公司", "服务区总数是多少", "宜春服务区2023年4月的营收"])
def test_a_whole_question_is_answered_alike_after_any_other(brain: Brain, question: str) -> None:
    for before in (question, "2023年营收前5的服务区", "各公司的服务区数量"):
        assert ask(brain, question, context=f"User: {before}\nAssistant: 好").sql == ask(brain, question).sql


@pytest.mark.parametrize(
    "question", ["这些服务区2023年的营收分别是多少", "它属于哪个公司", "Which companies manage them?"]
)
def test_a_question_about_an_earlier_result_is_not_answered_as_one_about_everything(
    brain: Brain, question: str
) -> None:
    draft = ask(brain, question, context="User: 昌九路段有哪些服务区\nAssistant: 好")
    assert (draft.sql, draft.reason) == ("", "ambiguous_question")


def test_things_named_together_are_shown_apart_unless_a_total_is_said(brain: Brain) -> None:
    both = "宜春服务区和庐山服务区2023年4月"
    assert "GROUP BY" in ask(brain, f"{both}的营收").sql
    assert "GROUP BY" not in ask(brain, f"{both}的总营收").sql
    assert "GROUP BY" not in ask(brain, f"{both}一共有多少营收").sql


def test_which_day_had_the_most_is_one_day(brain: Brain) -> None:
    assert ask(brain, "Which day of 2023 had the most revenue?").sql.endswith("LIMIT 1")


@pytest.mark.parametrize("question", ["这个月各服务区的营收", "这个季度的营收", "这个月营收前5的服务区"])
def test_a_time_that_begins_like_a_pointing_word_is_answered(brain: Brain, question: str) -> None:
    for before in ("", "User: 2023年营收前5的服务区\nAssistant: 好"):
        assert ask(brain, question, context=before).sql


@pytest.mark.parametrize(
    "question", ["这些服务区的营收", "这两个服务区的营收", "这家公司有多少服务区", "他们的营收是多少"]
)
def test_a_pointing_word_before_a_noun_asks_back(brain: Brain, question: str) -> None:
    assert ask(brain, question).reason == "ambiguous_question"


def test_a_trained_ratio_does_not_answer_a_question_about_its_upper_figure(brain: Brain) -> None:
    ratio = TrainedPair(
        "2023年5月各服务区的客单价是多少",
        "SELECT service_name, SUM(pay_sum) / SUM(order_sum) AS 客单价 FROM bss_business_day_data"
        " WHERE oper_date BETWEEN '2023-05-01' AND '2023-05-31' GROUP BY service_name",
        1.0,
        "r1",
    )
    plain = TrainedPair(
        "2023年5月3日营收最高的3个服务区",
        "SELECT service_name, SUM(pay_sum) AS 营收 FROM bss_business_day_data WHERE oper_date = '2023-05-03'"
        " GROUP BY service_name ORDER BY 营收 DESC LIMIT 3",
        1.0,
        "r2",
    )
    for figure in ("营收", "订单数", "微信金额"):
        assert "r1" not in ask(brain, f"2024年5月各服务区的{figure}是多少", pairs=[ratio]).based_on
    assert ask(brain, "2024年5月各服务区的客单价是多少", pairs=[ratio]).based_on == ("r1",)
    assert ask(brain, "2024年5月3日客单价最高的3个服务区", pairs=[plain]).based_on == ()


def test_only_the_current_part_of_an_enhanced_question_is_asked(brain: Brain) -> None:
    enhanced = "\n[CONTEXT]\nUser: 天气\n\n[CURRENT]\n各公司的服务区数量"
    assert "company_name" in ask(brain, enhanced).sql


def test_two_schemas_are_kept_apart(brain: Brain) -> None:
    assert "school" in ask(brain, "每个城市的学校数量", schema=SCHOOLS).sql
    assert "bss_company" in ask(brain, "有多少家公司").sql


def test_unknown_column_and_table_are_repaired_through_the_tree(brain: Brain) -> None:
    request = SqlRequest("各服务区营收", "", MOTORWAY, TODAY)
    sql = "SELECT b.servce_name, SUM(b.paysum) FROM bss_busines_day_data b GROUP BY b.servce_name"
    repaired = run(brain.repair_sql(request, sql, 'relation "bss_busines_day_data" does not exist'))
    assert (
        repaired.sql == "SELECT b.service_name, SUM(b.pay_sum) FROM bss_business_day_data AS b GROUP BY b.service_name"
    )


def test_what_cannot_be_repaired_is_said_to_be_so(brain: Brain) -> None:
    request = SqlRequest("讲个故事", "", MOTORWAY, TODAY)
    draft = run(brain.repair_sql(request, "SELEC nothing FRM", "syntax error"))
    assert draft.sql == ""
    assert draft.reason == "syntax_repair_failed"


@pytest.mark.parametrize(
    ("question", "kind", "method"),
    [
        ("统计每个服务区的收入排名", "DATABASE", "rule_based_strong_business"),
        ("服务区和档口", "DATABASE", "rule_based_medium_business"),
        ("宜春服务区", "DATABASE", "rule_based_uncertain"),
        ("荔枝几月上市", "CHAT", "rule_based_non_business"),
        ("NBA总决赛", "CHAT", "rule_based_non_business"),
        ("谢谢", "CHAT", "rule_based_chat"),
        ("你好", "CHAT", "rule_based_chat"),
        ("嗯嗯", "UNCERTAIN", "rule_based_uncertain"),
        ("awxb", "UNCERTAIN", "rule_based_uncertain"),
    ],
)
def test_classification_by_rules(brain: Brain, question: str, kind: str, method: str) -> None:
    found = run(brain.classify(question, "", MOTORWAY))
    assert (found.question_type, found.method) == (kind, method)
    assert 0 < found.confidence <= 0.9


def test_follow_up_of_a_data_question_goes_to_the_database(brain: Brain) -> None:
    found = run(brain.classify("那上个月呢", "User: 各服务区本月的营收\nAssistant: 好", MOTORWAY))
    assert found.question_type == "DATABASE"


def result(columns: tuple[str, ...], *rows: tuple[Any, ...], total: int | None = None) -> ResultSet:
    shown = tuple(dict(zip(columns, row, strict=True)) for row in rows)
    return ResultSet(columns, shown, total or len(rows), is_limited=total is not None)


def test_summary_names_first_last_and_sum(brain: Brain) -> None:
    rows = result(("服务区名称", "总营收"), ("宜春服务区", 10.5), ("庐山服务区", 30), ("上饶服务区", 20))
    text = run(brain.summarise("各服务区营收", rows))
    assert "3条" in text
    assert "庐山服务区（30）" in text
    assert "宜春服务区（10.5" in text
    assert "60.5" in text


def test_summary_of_rows_that_were_not_all_counted_says_so(brain: Brain) -> None:
    rows = replace(result(("编号",), (1,), (2,), total=100_000), is_total_exact=False)
    assert "至少有100000条记录" in run(brain.summarise("列出编号", rows))
    assert "At least 100000 rows" in run(brain.summarise("list the numbers", rows))


def test_summary_of_a_cut_result_claims_no_sum(brain: Brain) -> None:
    rows = result(("服务区名称", "总营收"), ("宜春服务区", 1), ("庐山服务区", 2), total=900)
    text = run(brain.summarise("各服务区营收", rows))
    assert "900" in text
    assert "合计" not in text


def test_summary_does_not_add_up_rates(brain: Brain) -> None:
    rows = result(("公司名称", "微信支付占比"), ("宜春分公司", 40.0), ("上饶分公司", 50.0))
    assert "90" not in run(brain.summarise("微信占比", rows))


def test_summary_of_one_row_and_of_none(brain: Brain) -> None:
    assert run(brain.summarise("服务区总数", result(("服务区数量",), (45,)))) == "查询结果：服务区数量为45。"
    assert run(brain.summarise("服务区总数", result(("服务区数量",)))) == messages.EMPTY_RESULT


def test_chat_says_what_it_cannot_do(brain: Brain) -> None:
    assert messages.OFFLINE_CHAT_NEEDS_MODEL in run(brain.chat("给我讲个故事", ""))
    assert messages.OFFLINE_CHAT_GREETING in run(brain.chat("你好", ""))


def test_question_of_pages_is_refused_politely_however_it_comes(brain: Brain) -> None:
    pages = "2023年4月1日宜春服务区的总营收和微信支付金额最高的5个档口" * 1_000
    draft = ask(brain, pages)
    assert (draft.sql, draft.reason) == ("", "ambiguous_question")
    assert draft.explanation
    repaired = run(brain.repair_sql(SqlRequest(pages, "", MOTORWAY, TODAY), "SELECT 1", "x"))
    assert (repaired.sql, repaired.reason) == ("", "syntax_repair_failed")
    assert run(brain.classify(pages, "", MOTORWAY)).question_type == "DATABASE"
    follow_up = ask(brain, "那庐山服务区呢", context=f"User: {pages}")
    assert (follow_up.sql, follow_up.reason) == ("", "ambiguous_question")
