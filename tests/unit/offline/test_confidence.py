"""How sure an answer is, and that an unsure one is asked back; the fit that its numbers come from."""

from dataclasses import fields, replace
from datetime import date

import numpy as np
import pytest

from offline.confidence import Signals, confidence_of
from offline.engine import Engine
from offline.vocabulary import load_vocabulary
from offline.weights import CONFIDENCE
from tests.fakes.offline_schemas import MOTORWAY
from tools.fit_weights.answers import Answer
from tools.fit_weights.confidence import fit, reliability

TODAY = date(2024, 5, 15)
SURE = Signals(weakest=1.0, mean=1.0, margin=1.0, tables=0.0, said=0.2, near=0.0, guessed=0.0)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(MOTORWAY, load_vocabulary())


def test_every_signal_has_a_weight() -> None:
    assert len(CONFIDENCE.by_signal) == len(fields(Signals))


@pytest.mark.parametrize(
    "change", [{"weakest": 0.5}, {"mean": 0.5}, {"margin": 0.0}, {"tables": 1.0}, {"said": 1.0}, {"guessed": 1.0}]
)
def test_weaker_signals_make_an_answer_less_sure(change: dict[str, float]) -> None:
    assert confidence_of(replace(SURE, **change)) < confidence_of(SURE)


def test_sure_answer_is_given_and_unsure_one_asked_back(engine: Engine) -> None:
    given = engine.compose("各服务区营收", TODAY)
    assert given.sql
    assert given.confidence >= CONFIDENCE.least
    assert given.signals is not None
    asked_back = engine.compose("各服务区营收", TODAY, least=given.confidence + 0.01)
    assert asked_back.sql == ""
    assert asked_back.refusal is not None
    assert asked_back.refusal.reason == "ambiguous_question"


def test_more_that_is_said_in_more_tables_is_less_sure(engine: Engine) -> None:
    simple = engine.compose("总营收", TODAY)
    harder = engine.compose("2023年4月各服务区的微信支付金额和现金支付金额", TODAY, least=0.0)
    assert simple.confidence > harder.confidence > 0


def made(weakest: float, is_right: bool) -> Answer:
    return Answer("?", replace(SURE, weakest=weakest), is_right)


def test_fit_finds_the_signal_that_decides_and_its_threshold() -> None:
    random = np.random.default_rng(7)
    answers = [made(float(one), bool(random.random() < one)) for one in random.random(600)]
    found = fit([*answers, Answer("refused", None, False)], most_wrong=0.2)
    assert found.weights[1] > 1
    assert abs(found.weights[4]) < 1  # a signal that never changes decides nothing
    taken = [one for one in answers if found.takes(one)]
    assert 0 < len(taken) < len(answers)
    assert sum(not one.is_right for one in taken) <= 0.2 * len(taken)


def test_reliability_counts_each_answer_once() -> None:
    judged = [(0.0, made(0.1, False)), (0.55, made(0.5, True)), (0.97, made(1.0, True)), (1.0, made(1.0, False))]
    bands = list(reliability(judged))
    assert sum(count for _, _, count, _ in bands) == len(judged)
    assert bands[-1][2:] == (2, 0.5)
