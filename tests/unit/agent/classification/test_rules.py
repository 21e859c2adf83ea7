"""Rules decide as the contract's table says, and find keywords as words only."""

import json
from pathlib import Path

import pytest

from agent.classification.dictionary import load_dictionary
from agent.classification.keywords import normalise, stands_in
from agent.classification.rules import RuleClassifier

ROOT = Path(__file__).resolve().parents[4]
RULES = RuleClassifier(load_dictionary())


@pytest.mark.parametrize(
    ("question", "question_type", "confidence", "method"),
    [
        ("统计每个服务区的收入排名", "DATABASE", 0.9, "strong_business"),
        ("服务区和档口有哪些", "DATABASE", 0.82, "medium_business"),
        ("数据库", "DATABASE", 0.88, "medium_business"),
        ("荔枝几月上市", "CHAT", 0.85, "non_business"),
        ("谢谢", "CHAT", 0.48, "chat"),
        ("介绍一下这个平台的功能和使用方法", "CHAT", 0.64, "chat"),
        ("当前系统有哪些数据", "UNCERTAIN", 0.2, "uncertain"),
        ("你好", "UNCERTAIN", 0.2, "uncertain"),
        ("select * from t", "UNCERTAIN", 0.2, "uncertain"),
    ],
)
def test_contract_vectors(question: str, question_type: str, confidence: float, method: str) -> None:
    found = RULES.classify(question)
    assert (found.question_type, found.confidence, found.method) == (question_type, confidence, f"rule_based_{method}")


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ("荔枝几月份上市", "包含非业务实体词: ['荔枝', '上市']"),
        ("列出所有公司", "强业务特征 - 业务实体: ['核心业务实体:公司'], 查询意图: ['列出'], SQL: []"),
        ("统计服务区，SELECT", "强业务特征 - 业务实体: ['核心业务实体:服务区'], 查询意图: ['统计'], SQL: ['select']"),
        ("2023年4月1日各服务区的总支付金额", "中等业务特征 - 业务实体: ['核心业务实体:服务区', '支付业务:支付金额']"),
        ("谢谢，再见", "聊天特征: ['谢谢', '再见']"),
        ("当前系统", "规则分类不确定 - 业务分:1, 意图分:0, 聊天分:0"),
        ("统计，谢谢", "聊天特征: ['谢谢']"),
        ("服务区，谢谢", "规则分类不确定 - 业务分:2, 意图分:0, 聊天分:1"),
    ],
)
def test_reason_lists_what_was_found(question: str, reason: str) -> None:
    assert RULES.classify(question).reason == reason


@pytest.mark.parametrize(
    ("question", "confidence"),
    [("服务区档口公司的", 0.88), ("服务区档口门店商户公司的", 0.9), ("本系统的服务区", 0.85)],
)
def test_confidence_grows_with_the_score_up_to_a_cap(question: str, confidence: float) -> None:
    assert RULES.classify(question).confidence == confidence


@pytest.mark.parametrize(
    "question", ["nba", "NBA", "今天的NBA比赛", "ＮＢＡ", "你是什么ai", "ai助手", "学python", "雪梨汤"]
)
def test_excluded_words_are_found_in_any_case_and_width(question: str) -> None:
    assert RULES.classify(question).method == "rule_based_non_business"


@pytest.mark.parametrize("question", ["email怎么写", "maintain", "unbalanced", "凤梨和梨园", "airport", "pythonic"])
def test_excluded_words_are_not_found_inside_others(question: str) -> None:
    assert RULES.classify(question).method == "rule_based_uncertain"


@pytest.mark.parametrize(
    ("text", "keyword", "is_there"),
    [
        ("按wx金额", "wx", True),
        ("wxpay", "wx", False),
        ("my_wx", "wx", False),
        ("wx2", "wx", False),
        ("wxpay和wx", "wx", True),
        ("凤梨", "梨", False),
        ("梨园", "梨", False),
        ("梨 多少钱", "梨", True),
        ("a梨b", "梨", True),
        ("梨", "梨", True),
        ("香梨好吃", "香梨", True),
        ("AI助手", "AI助手", True),
        ("openAI助手", "AI助手", False),
        ("", "梨", False),
    ],
)
def test_keyword_stands_as_a_word(text: str, keyword: str, is_there: bool) -> None:
    assert stands_in(normalise(text), normalise(keyword)) is is_there


def test_questions_the_demo_data_answers_are_never_excluded() -> None:
    fixtures = [
        json.loads((ROOT / "tests/fixtures" / name).read_text())
        for name in ("offline_questions.json", "readme_questions.json")
    ]
    questions = [entry["question"] for entries in fixtures for entry in entries if entry["sql"]]
    assert len(questions) >= 70
    assert not [question for question in questions if RULES.classify(question).question_type == "CHAT"]


def test_names_in_the_demo_data_are_not_excluded_words() -> None:
    world = (ROOT / "demo/world.json").read_text()
    excluded = load_dictionary().non_business
    assert not [keyword.shown for keyword in excluded if stands_in(normalise(world), keyword.text)]


def test_long_question_is_classified_at_once() -> None:
    assert RULES.classify("ai" * 25_000).question_type == "UNCERTAIN"
