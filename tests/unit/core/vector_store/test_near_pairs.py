"""Questions that ask the same and statements that mean the same, as far as their texts tell."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.messages.question_words import FILLER_PHRASES
from core.vector_store.near_pairs import question_key, same_meaning

QUESTIONS = ("总营收", "各服务区3月的车流量", "前10名服务区", "total revenue by area", "微信支付占比")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("总营收是多少", "请问总营收多少？"),
        ("各服务区总营收", "各服务区的总营收是多少"),
        ("What is the total revenue?", "total revenues"),
        ("公司总数？", "公司总数 是多少"),
        ("ＡＢＣ公司", "abc公司"),
    ],
)
def test_the_same_question_in_other_words_has_one_key(one: str, other: str) -> None:
    assert question_key(one) == question_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("前5名服务区", "前10名服务区"),
        ("营收最高的服务区", "营收最低的服务区"),
        ("3月营收", "4月营收"),
        ("total revenue", "average revenue"),
        ("公司总数", "服务区总数"),
    ],
)
def test_other_questions_have_other_keys(one: str, other: str) -> None:
    assert question_key(one) != question_key(other)


@given(
    st.sampled_from(QUESTIONS),
    st.lists(st.sampled_from(FILLER_PHRASES), max_size=4),
    st.lists(st.sampled_from(FILLER_PHRASES), max_size=4),
    st.sampled_from(("", "？", "。", " ", "!!")),
)
def test_filler_words_around_a_question_change_nothing(
    text: str, before: list[str], after: list[str], end: str
) -> None:
    padded = f"{''.join(before)} {text} {''.join(after)}{end}"
    assert question_key(padded) == question_key(text)


def test_filler_words_that_overlap_are_all_left_out() -> None:
    assert question_key("总营收查看看") == question_key("总营收看一下查看") == question_key("总营收")


def test_nothing_but_filler_words_is_no_question() -> None:
    assert question_key("请问是多少？") == question_key("") == ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("select count(*) from bss_company", "SELECT COUNT(*) AS 公司总数 FROM bss_company c ;"),
        ("select sum(c.a) from t c where c.x=1 and c.y=2", "SELECT SUM(a) AS s FROM public.t WHERE y=2 AND x=1"),
        ("select t.a, u.b from t t join u on t.i=u.i", "select x.a, y.b from t x join u y on x.i=y.i"),
        ("select a -- why\nfrom t", "select a from t"),
        ("nonsense  sql;", "nonsense sql"),
    ],
)
def test_the_same_statement_written_otherwise_means_the_same(one: str, other: str) -> None:
    assert same_meaning(one, other)


@pytest.mark.parametrize(
    "other",
    [
        "select sum(a) * 2 from t",
        "select sum(b) from t",
        "select sum(a) from u",
        "select sum(a) from t where x = 1",
        "select avg(a) from t",
        "select sum(a) from t limit 1",
        "select 5",
    ],
)
def test_another_computation_means_something_else(other: str) -> None:
    assert not same_meaning("select sum(a) from t", other)
