"""Trained questions as sources of answers: what all questions share is read once and is never changed by one."""

from collections import Counter
from datetime import date

import pytest
import sqlglot

from common.answering import TrainedPair
from offline import trained
from offline.engine import Engine
from offline.time_grammar import Clock
from offline.tokens import Token, Tokeniser
from offline.trained import adapt
from offline.vocabulary import load_vocabulary
from tests.fakes.offline_schemas import MOTORWAY

TODAY = date(2024, 5, 15)
BY_DAY = "SELECT sum(pay_sum) AS 营收 FROM bss_business_day_data WHERE oper_date = '2023-04-01' AND service_name = '{}'"
PAIRS = [
    TrainedPair("宜春服务区2023年4月1日的营收", BY_DAY.format("宜春服务区"), 0.9, "r1"),
    TrainedPair("各公司的服务区数量", "SELECT count(*) FROM bss_service_area", 0.5, "r2"),
]
ASKED = ("宜春服务区2023年4月2日的营收", "宜春服务区2023年4月3日的营收", "宜春服务区2023年4月1日的营收")


@pytest.fixture
def engine() -> Engine:
    trained._query.cache_clear()
    return Engine(MOTORWAY, load_vocabulary())


def answer(engine: Engine, question: str) -> str:
    found = adapt(engine, question, TODAY, PAIRS)
    assert found is not None
    return found.sql


def test_no_question_changes_the_statement_for_the_next_one(engine: Engine) -> None:
    for _ in range(2):
        for question, day in zip(ASKED, ("04-02", "04-03", "04-01"), strict=True):
            assert f"2023-{day}" in answer(engine, question)
    assert PAIRS[0].sql == answer(engine, PAIRS[0].question).replace("SUM", "sum")


def test_trained_questions_are_cut_and_their_statements_parsed_once(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: Counter[str] = Counter()
    cut: Counter[str] = Counter()
    parse, cut_anew = sqlglot.parse, Tokeniser._cut

    def counted_parse(sql: str, **more: str) -> object:
        parsed[sql] += 1
        return parse(sql, **more)  # type: ignore[arg-type]

    def counted_cut(self: Tokeniser, question: str, clock: Clock) -> tuple[Token, ...]:
        cut[question] += 1
        return cut_anew(self, question, clock)

    monkeypatch.setattr(trained.sqlglot, "parse", counted_parse)
    monkeypatch.setattr(Tokeniser, "_cut", counted_cut)
    engine = Engine(MOTORWAY, load_vocabulary())
    for question in (*ASKED, *ASKED):
        answer(engine, question)
        engine.read(question, TODAY)
    assert parsed == {pair.sql: 1 for pair in PAIRS}
    assert cut == dict.fromkeys((*ASKED, PAIRS[1].question), 1)


def test_a_question_is_cut_anew_on_another_day_and_its_tokens_are_the_callers_own(engine: Engine) -> None:
    first = engine.tokeniser.tokens("4月1日的营收", Clock(TODAY))
    period = first[0].period
    first.clear()
    again = engine.tokeniser.tokens("4月1日的营收", Clock(TODAY))
    assert again[0].period == period
    assert engine.tokeniser.tokens("4月1日的营收", Clock(date(2026, 5, 15)))[0].period != period
