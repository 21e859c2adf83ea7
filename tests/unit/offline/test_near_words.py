"""Unknown words that are near a name of the schema in meaning: taken with a note, suggested, or left alone."""

import asyncio
from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pytest

from common.answering import SqlDraft, SqlRequest, TrainedPair
from common.business_schema import BusinessSchema, Column, Table
from core.word_vectors import LazyWordVectors, load_word_vectors
from offline import near_words
from offline.brain import OfflineBrain
from offline.near_words import certainty
from offline.weights import NEARNESS, WEIGHTS
from tests.fakes.offline_schemas import MOTORWAY
from tools.near_words.measure import outcomes

TODAY = date(2024, 5, 15)


class Table2D:
    """Vectors in which words of one row point the same way; every other word has a direction of its own."""

    is_available = True

    def __init__(self, *groups: Sequence[str], alike: float = 0.95) -> None:
        self._groups = [tuple(group) for group in groups]
        self._own: dict[str, int] = {}
        self._alike = alike

    def of(self, words: Sequence[str]) -> Any:
        rows = np.zeros((len(words), 2000), dtype=np.float32)
        for row, word in zip(rows, words, strict=True):
            own = self._own.setdefault(word, 100 + len(self._own))
            group = next((number for number, group in enumerate(self._groups) if word in group), None)
            row[own] = 1.0 if group is None else (1 - self._alike) ** 0.5
            if group is not None:
                row[group] = self._alike**0.5
        return rows


def ask(question: str, vectors: Any, schema: BusinessSchema = MOTORWAY, **more: Any) -> SqlDraft:
    brain = OfflineBrain(vectors=vectors)
    return asyncio.run(brain.write_sql(SqlRequest(question, more.pop("context", ""), schema, TODAY, **more)))


@pytest.mark.parametrize(
    ("question", "group", "column", "note"),
    [
        ("各服务区的璆琳", ("璆琳", "营收"), "pay_sum", "“璆琳”按“支付总金额”理解"),
        ("各服务区的璆琳", ("璆琳", "支付总金额"), "pay_sum", "“璆琳”按“支付总金额”理解"),
        ("2024年4月每个歇脚点的营收", ("歇脚点", "服务区"), "service_name", "“歇脚点”按“服务区”理解"),
        ("各服务区盈收", ("盈收", "营收"), "pay_sum", "“盈收”按“营收”理解"),
        ("gross proceeds per 服务区", ("gross proceeds", "支付总金额"), "pay_sum", '"gross proceeds" as "支付总金额"'),
    ],
)
def test_certain_word_is_taken_and_named(question: str, group: tuple[str, ...], column: str, note: str) -> None:
    draft = ask(question, Table2D(group))
    assert column in draft.sql, draft
    shown = note.replace("支付总金额", "营收") if "营收" in group else note
    assert shown in draft.note or note in draft.note


def test_known_words_need_no_note_and_no_vectors() -> None:
    asked: list[str] = []

    class Listening(Table2D):
        def of(self, words: Sequence[str]) -> Any:
            asked.extend(words)
            return super().of(words)

    draft = ask("宜春服务区2023年4月的营收是多少", Listening())
    assert not {"宜春", "是多少", "2023年4月"} & set(asked)
    assert draft.sql == ask("宜春服务区2023年4月的营收是多少", None).sql
    draft = ask("各服务区营收", Listening())
    assert draft.sql == ask("各服务区营收", None).sql
    assert draft.note == ""


def test_word_near_two_meanings_is_refused_and_both_are_suggested() -> None:
    draft = ask("各服务区的璆琳", Table2D(("璆琳", "支付总金额", "现金支付金额"), alike=0.8))
    assert draft.sql == ""
    assert "璆琳" in draft.explanation
    assert {"支付总金额", "现金支付金额"} <= set(draft.explanation.rpartition("：")[2].rstrip("？").split("、"))


@pytest.mark.parametrize("vectors", [None, Table2D(("璆琳", "营收"))], ids=["without", "with"])
def test_stranger_is_refused(vectors: Any) -> None:
    draft = ask("各服务区的血压", vectors)
    assert (draft.sql, draft.reason) == ("", "missing_database_info")
    assert "血压" in draft.explanation


def test_unavailable_vectors_are_never_asked() -> None:
    class Absent:
        is_available = False

        def of(self, words: Sequence[str]) -> Any:
            raise AssertionError(words)

    assert ask("各服务区的璆琳", Absent()).reason == "missing_database_info"


def test_schema_of_too_many_names_is_linked_by_letters_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_words, "MOST_NAMES", 3)
    assert ask("各服务区的璆琳", Table2D(("璆琳", "营收"))).sql == ""


def test_vectors_that_cannot_be_made_cost_the_links_and_nothing_else() -> None:
    class Broken:
        is_available = True

        def of(self, words: Sequence[str]) -> Any:
            raise RuntimeError("broken")

    assert ask("各服务区的璆琳", Broken()).reason == "missing_database_info"


def test_trained_question_is_adapted_to_a_word_of_the_same_meaning() -> None:
    trained = TrainedPair("宜春服务区的营收", "SELECT SUM(pay_sum) AS 营收 FROM bss_business_day_data", 1.0, "r7")
    draft = ask("宜春服务区的璆琳", Table2D(("璆琳", "营收")), pairs=[trained])
    assert draft.based_on == ("r7",)
    assert "璆琳" in draft.note


def test_follow_up_exchanges_a_figure_for_one_said_otherwise() -> None:
    context = "User: 宜春服务区2023年4月的营收是多少\nAssistant: 查询结果"
    draft = ask("换成过路数", Table2D(("过路数", "车流量")), context=context)
    assert "customer_count" in draft.sql
    assert "过路数" in draft.note


def test_links_by_meaning_stay_below_sure_links() -> None:
    assert NEARNESS.strength <= WEIGHTS.sure
    assert WEIGHTS.least_score < 0.85 * NEARNESS.strength


def test_certainty_grows_with_similarity_and_margin() -> None:
    assert certainty(0.7, 0.1, is_same_language=True) > certainty(0.5, 0.1, is_same_language=True)
    assert certainty(0.5, 0.3, is_same_language=True) > certainty(0.5, 0.0, is_same_language=True)


@pytest.mark.parametrize(("said", "schema"), [("zh", "both"), ("en", "both"), ("zh", "en")])
def test_packaged_model_links_words_and_leaves_strangers_alone(said: str, schema: str) -> None:
    vectors = load_word_vectors()
    assert vectors is not None
    found = outcomes(said, schema, vectors.of, trades=("retail", "school"))
    taken = [
        one
        for one in found
        if certainty(one.similarity, one.margin, is_same_language=one.is_same_language) >= NEARNESS.least_certainty
    ]
    right = [one for one in taken if one.is_right]
    assert len(taken) - len(right) <= max(1, 0.1 * len(taken))
    assert len(right) >= 3
    assert not [one for one in taken if one.case.wanted < 0]


def test_english_schema_answers_chinese_words_with_the_packaged_model() -> None:
    columns = (
        Column("id", "integer", is_primary_key=True),
        Column("haulier", "text", values=("A", "B")),
        Column("fuel_used", "numeric"),
    )
    schema = BusinessSchema((Table("public", "trip", "", columns),))
    draft = ask("燃料消耗合计是多少", LazyWordVectors(), schema)
    assert "SUM(t1.fuel_used)" in draft.sql, draft
    assert "燃料消耗" in draft.note
