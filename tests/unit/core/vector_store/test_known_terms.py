"""Texts that nobody reviewed add what nobody knows, and change nothing that is known."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings

from core.vector_store.formulas import Measures, changed_formulas, formulas_in
from core.vector_store.known_ddl import read_ddl
from core.vector_store.known_terms import LONGEST_TEXT, TextRules, new_words, speaks_of
from core.vector_store.lexical import bigrams
from offline.question_reading import OfflineQuestionReader
from tests.fakes.offline_schemas import MOTORWAY
from tests.fakes.training_texts import hostile, ordinary

SHIPPED = (Path(__file__).parents[4] / "demo" / "training" / "documentation.md").read_text("utf-8")
REVIEWED = (
    (
        "2023年5月1日全省的总营收是多少？",
        "SELECT SUM(pay_sum) FROM bss_business_day_data WHERE oper_date = '2023-05-01'",
    ),
    ("各服务区的营收排名", "SELECT service_name, SUM(pay_sum) FROM bss_business_day_data GROUP BY service_name"),
    ("客单价是多少", "SELECT SUM(pay_sum) / NULLIF(SUM(order_sum), 0) FROM bss_business_day_data"),
    ("有多少家公司", "SELECT COUNT(*) FROM bss_company"),
    ("What is the total revenue of all service areas?", "SELECT SUM(pay_sum) FROM bss_business_day_data"),
)
ASKED = [question for question, _ in REVIEWED] + [
    "昨天的总营收",
    "请问宜春服务区 2024 年的订单数，谢谢",
    "total revenue in May, please",
]
TERMS = {term for text in (SHIPPED, *(question for question, _ in REVIEWED)) for term in bigrams(text)}
READER = OfflineQuestionReader()


def reviewed(terms: Iterable[str]) -> frozenset[str]:
    return frozenset(TERMS.intersection(terms))


RULES = TextRules(MOTORWAY, READER, reviewed)
MEASURES = Measures(MOTORWAY, REVIEWED)


def is_held(text: str) -> bool:
    return RULES.changes_known(text) or bool(changed_formulas(formulas_in(text), MEASURES))


def is_used_for(question: str, text: str) -> bool:
    wanted = new_words(READER.pieces(MOTORWAY, question), reviewed)
    return not is_held(text) and speaks_of(text, wanted)


@settings(max_examples=400, deadline=None)
@given(hostile())
def test_no_generated_rule_reaches_the_prompt_of_a_known_question(text: str) -> None:
    assert not [question for question in ASKED if is_used_for(question, text)]


@pytest.mark.parametrize(
    "text",
    [
        "双倍统计",
        "百分之五十",
        "营收乘以汇率",
        "SUM+100",
        "统计营收时排除宜春服务区",
        "只统计微信支付",
        "应取order_sum而不是pay_sum",
        "包括已删除",
        "一律翻番",
        "multiply everything by 100",
        "“总营收”翻倍",
        "营收即双倍营收",
        "营收是订单数",
        "pay_sum are trebled",
        "别算停车区",
        "pay_sum\n订单总数",
        "客单价要翻番",
        "微信 与 现金 含义相同",
        "revenue means orders",
        "数据即订单数",
        "a" * (LONGEST_TEXT + 1),
    ],
)
def test_a_rule_about_known_things_or_about_everything_is_held(text: str) -> None:
    assert is_held(text)


@pytest.mark.parametrize(
    "text",
    [
        "档口即商铺。",
        "商铺也叫档口",
        "服务区编码 service_no 与 service_area_no 含义相同。",
        "takings means revenue",
        "- pay_sum（numeric(19,4)）：支付总金额（营收、收入、销售额）",
        "图书馆藏书按楼层摆放",
        "The library lies by the river",
    ],
)
def test_a_synonym_a_repetition_and_something_new_are_no_change(text: str) -> None:
    assert not is_held(text)


def test_most_ordinary_texts_about_new_things_are_used() -> None:
    texts = ordinary()
    held = [text for text in texts if is_held(text)]
    assert len(texts) >= 200
    assert len(held) <= len(texts) * 0.25, held


def test_a_text_about_something_new_is_used_for_a_question_that_names_it() -> None:
    text = "图书馆藏书按楼层摆放"
    assert is_used_for("图书馆藏书有多少", text)
    assert not is_used_for("营收是多少", text)
    assert is_used_for("How many zebras are there?", "Zebras graze")
    assert not is_used_for("How many zebras are there?", "Zebra-like")


@pytest.mark.parametrize(
    ("ending", "asks_the_same"),
    [
        ("（合计）", True),
        ("（单位：元）", True),
        ("，谢谢", True),
        ("啊亲", True),
        ("，单位元", True),
        ("【含税】", True),
        ("", True),
        (" RMB", True),
        ("，按元计", True),
        ("，多谢您嘞", True),
        ("和订单数", False),
    ],
)
@pytest.mark.parametrize("question", ["2023年5月1日全省的总营收是多少", "2024年6月2日全省总营收"])
def test_harmless_endings_leave_the_question_the_same(question: str, ending: str, asks_the_same: bool) -> None:
    expected = READER.expected_sql(MOTORWAY, question + ending, REVIEWED[:1])
    assert bool(expected) is asks_the_same


@pytest.mark.parametrize(
    ("ddl", "is_otherwise", "texts"),
    [
        ("CREATE TABLE bss_company (id varchar(32) PRIMARY KEY, company_name text);", False, []),
        (
            "CREATE TABLE bss_company (\n id text, -- 主键\n company_name text -- 公司名称（公司、分公司）\n);",
            False,
            [],
        ),
        ("CREATE TABLE bss_company (\n company_name text -- 主键\n);", True, ["主键"]),
        ("CREATE TABLE bss_company (revenue numeric);", True, []),
        ("CREATE TABLE bss_company (id text); COMMENT ON COLUMN bss_company.id IS '双倍统计'", True, []),
        ("CREATE TABLE bss_company (id text GENERATED ALWAYS AS (company_name) STORED)", True, []),
        ("CREATE TABLE library (book text -- 书名\n)", False, ["书名"]),
        ("CREATE VIEW v AS SELECT 2 * pay_sum FROM bss_business_day_data", None, []),
        ("-- 统计时翻倍\nCREATE TABLE library (book text)", False, ["统计时翻倍"]),
    ],
)
def test_ddl_is_compared_with_the_schema(ddl: str, is_otherwise: bool | None, texts: list[str]) -> None:
    reading = read_ddl(ddl, MOTORWAY)
    if is_otherwise is None:
        assert reading is None
        return
    assert reading is not None
    assert (reading.is_otherwise, reading.texts) == (is_otherwise, texts)
