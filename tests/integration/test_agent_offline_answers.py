"""The offline brain on the demo database: the questions of the README give the rows they promise."""

import json
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from agent.offline.brain import OfflineBrain
from agent.offline.similarity import rank_pairs
from common.answering import SqlRequest, TrainedPair
from common.business_schema import BusinessSchema
from core.async_bridge import run_in_request_loop
from scripts.evaluate_offline import read_schema

ROOT = Path(__file__).resolve().parents[2]
QUESTIONS = json.loads((ROOT / "tests/fixtures/readme_questions.json").read_text(encoding="utf-8"))
TRAINING = [
    TrainedPair(pair["question"], pair["sql"])
    for pair in json.loads((ROOT / "bootstrap/demo/training/pairs.json").read_text(encoding="utf-8"))
]
COMPOSED = [
    "2023年4月1日到4月7日庐山服务区每日营收趋势",
    "2023年春节期间危化品车流量最多的3个服务区",
    "2023年4月营收同比增长率",
    "2023年各月营收的环比增长率",
    "昨日各支付方式订单量占比",
    "每个公司营收最高的服务区",
    "营收高于平均值的服务区",
    "哪些服务区没有车流数据",
    "2024年上半年各公司总营收和总车流量",
    "平均每辆车带来多少营收",
    "各数据来源系统最近6个月每月新增数量",
    "存在多个系统录入的服务区",
]


@pytest.fixture(scope="module")
def schema(business_owner_url: str) -> BusinessSchema:
    with psycopg.connect(business_owner_url) as connection:
        return read_schema(connection)


@pytest.fixture(scope="module")
def brain() -> OfflineBrain:
    return OfflineBrain()


def rows(url: str, sql: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        connection.read_only = True
        found = connection.execute(sql.encode()).fetchall()
    return [tuple(round(cell, 2) if isinstance(cell, Decimal) else cell for cell in row) for row in found]


def ask(brain: OfflineBrain, schema: BusinessSchema, question: str) -> str:
    request = SqlRequest(question, "", schema, date(2024, 6, 30), pairs=rank_pairs(question, TRAINING)[:5])
    draft = run_in_request_loop(lambda: brain.write_sql(request), timeout_seconds=10)
    assert draft.sql, draft.explanation
    return draft.sql


@pytest.mark.parametrize("case", QUESTIONS, ids=lambda case: case["question"])
def test_readme_question_gives_the_promised_rows(
    business_owner_url: str, schema: BusinessSchema, brain: OfflineBrain, case: dict[str, Any]
) -> None:
    ours = rows(business_owner_url, ask(brain, schema, case["question"]))
    promised = rows(business_owner_url, case["sql"])
    assert promised
    if case["ordered"]:
        assert ours == promised
    else:
        assert Counter(ours) == Counter(promised)


@pytest.mark.parametrize("question", COMPOSED)
def test_composed_sql_runs(business_owner_url: str, schema: BusinessSchema, brain: OfflineBrain, question: str) -> None:
    rows(business_owner_url, ask(brain, schema, question))
