"""Questions about 200 tables that all have the same columns: no crash, the table that is named, or a refusal."""

import itertools
from datetime import date

import pytest

from offline.brain import OfflineBrain
from offline.engine import Engine
from offline.refusals import refusal_text
from offline.vocabulary import load_vocabulary
from tools.bench.wide_questions import random_questions, wide_schema
from tools.evaluate.wide import table_names

TODAY = date(2026, 11, 30)
COUNT = 200


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(wide_schema(COUNT), load_vocabulary())


def test_random_questions_are_answered_or_refused(engine: Engine) -> None:
    for question in itertools.islice(random_questions(table_names(COUNT - 1), seed=7), 80):
        composed = engine.compose(question, TODAY)
        assert bool(composed.sql) != (composed.refusal is not None), question


@pytest.mark.parametrize("name", table_names(COUNT - 1)[::23])
def test_the_table_that_is_named_is_asked(engine: Engine, name: str) -> None:
    words = name.replace("_", " ")
    for question in (f"Total amount of {words}", f"{words}的总金额", f"How many {words}s are blocked?"):
        assert f"FROM {name} AS" in engine.compose(question, TODAY).sql, question


def test_a_figure_that_all_tables_have_needs_a_table(engine: Engine) -> None:
    refusal = engine.compose("total amount by status", TODAY).refusal
    assert refusal is not None
    assert "fin invoice" in refusal_text(refusal, engine.index, engine.near, is_english=True)


def test_an_engine_of_many_tables_serves_until_the_next_is_read() -> None:
    brain = OfflineBrain()
    first, second = wide_schema(320), wide_schema(320)
    brain.prepare(first)
    known = brain._engine(first)
    assert brain._engine(second) is known
