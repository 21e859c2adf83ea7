"""The offline brain on the demo database: the questions of the README give the rows they promise."""

import json
from collections import Counter
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from common.answering import SqlDraft, SqlRequest, TrainedPair
from common.business_schema import BusinessSchema
from core.async_bridge import run_in_request_loop
from core.schema_catalog import SchemaCatalog
from core.sql_executor import ReaderPool
from core.sql_guard import SqlGuard, policy_for
from features.evaluation.result_sets import match
from offline.brain import OfflineBrain
from offline.similarity import rank_pairs
from tools.evaluate.statements import reference_rows, run

ROOT = Path(__file__).resolve().parents[2]
QUESTIONS = json.loads((ROOT / "tests/fixtures/readme_questions.json").read_text(encoding="utf-8"))
TRAINING = [
    TrainedPair(pair["question"], pair["sql"])
    for pair in json.loads((ROOT / "demo/training/pairs.json").read_text(encoding="utf-8"))
]
OWN_QUESTIONS = json.loads((ROOT / "tests/fixtures/offline_questions.json").read_text(encoding="utf-8"))
BEYOND_THE_TEST_DATA = {"q03", "q17", "q44", "q57"}
ANSWERED = [
    case
    for case in OWN_QUESTIONS
    if case["split"] == "development" and case["sql"] and case["id"] not in BEYOND_THE_TEST_DATA
]
UNANSWERABLE = [case for case in OWN_QUESTIONS if not case["sql"]]
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
    with closing(ReaderPool(business_owner_url, size=1)) as pool:
        return SchemaCatalog(pool=pool, value_budget_seconds=30).schema()


@pytest.fixture(scope="module")
def brain() -> OfflineBrain:
    return OfflineBrain()


def rows(url: str, sql: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        connection.read_only = True
        found = connection.execute(sql.encode()).fetchall()
    return [tuple(round(cell, 2) if isinstance(cell, Decimal) else cell for cell in row) for row in found]


def draft_of(brain: OfflineBrain, schema: BusinessSchema, question: str) -> SqlDraft:
    request = SqlRequest(question, "", schema, date(2024, 6, 30), pairs=rank_pairs(question, TRAINING)[:5])
    return run_in_request_loop(lambda: brain.write_sql(request), timeout_seconds=10)


def ask(brain: OfflineBrain, schema: BusinessSchema, question: str) -> str:
    draft = draft_of(brain, schema, question)
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


@pytest.mark.parametrize("case", ANSWERED, ids=lambda case: case["id"])
def test_operator_question_gives_the_rows_of_its_reference(
    business_owner_url: str, schema: BusinessSchema, brain: OfflineBrain, case: dict[str, Any]
) -> None:
    def on_the_last_day(sql: str) -> str:
        return sql.replace("CURRENT_DATE", "DATE '2024-06-30'")

    reference = on_the_last_day(case["sql"])
    assert any(cell is not None for row in rows(business_owner_url, reference) for cell in row)
    sql = on_the_last_day(ask(brain, schema, case["question"]))
    with psycopg.connect(business_owner_url) as connection:
        _, expected = reference_rows(connection, reference)
        assert match(expected, run(connection, sql).rows) in ("exact", "soft"), sql


@pytest.mark.parametrize("case", UNANSWERABLE, ids=lambda case: case["id"])
def test_question_the_database_cannot_answer_is_refused(
    schema: BusinessSchema, brain: OfflineBrain, case: dict[str, Any]
) -> None:
    draft = draft_of(brain, schema, case["question"])
    assert draft.sql == ""
    assert draft.explanation


def test_guard_admits_the_answer_of_every_fixture_question(schema: BusinessSchema, brain: OfflineBrain) -> None:
    guard = SqlGuard(policy_for(schema))
    asked = [*QUESTIONS, *OWN_QUESTIONS, *({"question": pair.question} for pair in TRAINING)]
    for case in asked:
        draft = draft_of(brain, schema, case["question"])
        assert not draft.sql or guard.check(draft.sql)
