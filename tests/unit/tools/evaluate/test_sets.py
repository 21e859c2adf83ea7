"""The sets that are made: what times mean, that dialogues and endings are whole, and how runs are counted."""

import json
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st

from features.evaluation.figures import line_of, percentile
from tools.evaluate.asking import Outcome, Verdict
from tools.evaluate.figures import details_of
from tools.evaluate.follow_ups import dialogues
from tools.evaluate.generated import readme_endings, time_words
from tools.evaluate.report import flips, page, read_outcomes, write_report
from tools.evaluate.sets import SetNotFoundError, find_sets, read_set
from tools.evaluate.time_words import days_of, time_questions

TODAY = date(2024, 2, 29)  # a Thursday


@pytest.mark.parametrize(
    ("rule", "first", "last"),
    [
        ("days:-7..-1", "2024-02-22", "2024-02-28"),
        ("days:0..0", "2024-02-29", "2024-02-29"),
        ("week:0", "2024-02-26", "2024-03-03"),
        ("week:-1", "2024-02-19", "2024-02-25"),
        ("weeks:-2..-1", "2024-02-12", "2024-02-25"),
        ("weekend:-1", "2024-02-24", "2024-02-25"),
        ("month:-1", "2024-01-01", "2024-01-31"),
        ("month:-2", "2023-12-01", "2023-12-31"),
        ("months:-3..-1", "2023-11-01", "2024-01-31"),
        ("quarter:0", "2024-01-01", "2024-03-31"),
        ("quarter:-1", "2023-10-01", "2023-12-31"),
        ("year:-1", "2023-01-01", "2023-12-31"),
        ("since_month_ago:12", "2023-02-28", "2024-02-28"),
        ("latest:02", "2024-02-01", "2024-02-29"),
        ("latest:03", "2023-03-01", "2023-03-31"),
        ("latest:10-01..10-07", "2023-10-01", "2023-10-07"),
        ("in_year:-1:q4", "2023-10-01", "2023-12-31"),
        ("in_year:0:h1", "2024-01-01", "2024-06-30"),
        ("in_year:-1:this", "2023-02-01", "2023-02-28"),
        ("in_year:-1:01..03", "2023-01-01", "2023-03-31"),
        ("2025-10-01..2025-10-07", "2025-10-01", "2025-10-07"),
    ],
)
def test_rule_means_these_days(rule: str, first: str, last: str) -> None:
    assert days_of(rule, TODAY) == ((date.fromisoformat(first), date.fromisoformat(last)),)


@settings(max_examples=40, deadline=None)
@given(today=st.dates(date(2024, 1, 1), date(2031, 12, 31)))
def test_every_time_word_means_days_in_order_on_any_day(today: date) -> None:
    for entry in time_questions(today):
        assert entry.accepted
        assert all(days.first <= days.last for days in entry.accepted), entry.question


def test_there_are_as_many_time_words_as_are_promised() -> None:
    pairs = time_words(TODAY)
    counts = Counter(pair.category for pair in pairs)
    assert len({pair.question for pair in pairs}) == len(pairs) >= 200
    assert min(counts["zh"], counts["en"]) >= 90


def test_each_readme_question_has_thirty_endings_and_itself() -> None:
    counts = Counter(pair.category for pair in readme_endings(TODAY))
    assert len(counts) == 10
    assert set(counts.values()) == {31}


def test_dialogues_are_many_in_both_languages_and_their_statements_can_be_read() -> None:
    found = dialogues()
    assert len(found) >= 60
    assert {entry.language for entry in found} == {"zh", "en"}
    assert len({(entry.before, entry.question) for entry in found}) == len(found)
    for entry in found:
        assert entry.before
        for statement in entry.accepted:
            assert sqlglot.parse_one(statement, dialect="postgres").find(sqlglot.exp.Sum)


@pytest.mark.parametrize("name", ["bookshop", "hospital", "school"])
def test_own_set_can_be_read(name: str) -> None:
    (found,) = find_sets([name])
    assert found.schema
    assert len(found.pairs) >= 15
    assert any(pair.references is None for pair in found.pairs)


def test_sets_are_found_by_the_beginning_of_their_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, sql in (("shop_a", "SELECT 1"), ("shop_b", None)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "pairs.json").write_text(json.dumps([{"question": "q", "sql": sql, "before": ["p"]}]))
    monkeypatch.chdir(tmp_path)
    assert [found.name for found in find_sets(["shop"])] == ["shop_a", "shop_b"]
    assert read_set(tmp_path / "shop_a").pairs[0].references == ("SELECT 1",)
    assert read_set(tmp_path / "shop_b").pairs[0].references is None
    assert read_set(tmp_path / "shop_b").pairs[0].before == ("p",)
    with pytest.raises(SetNotFoundError):
        find_sets(["nowhere"])


def outcome(verdict: Verdict, *, question: str = "q", figures: bool = False, milliseconds: float = 10.0) -> Outcome:
    return Outcome(
        set="s", routing="default", question=question, category="", verdict=verdict, figures=figures, reference="r",
        sql="", text="<b>", error_type="", method="m", milliseconds=milliseconds, own_ms=milliseconds / 2,
    )  # fmt: skip


def test_counts_add_up_and_shares_are_of_what_can_be_answered() -> None:
    outcomes = [
        outcome("exact", figures=True),
        outcome("soft", figures=True),
        outcome("wrong", figures=True),
        outcome("wrong"),
        outcome("refused"),
        outcome("chat"),
        outcome("invented"),
        outcome("declined"),
        outcome("gold_failed"),
    ]
    line, details = line_of(outcomes), details_of(outcomes)
    assert list(line) == [
        "total", "gold_failed", "exact", "soft", "figures", "wrong", "refused", "chat", "invented", "p50_ms", "p95_ms",
    ]  # fmt: skip
    assert (line["total"], line["figures"], line["wrong"], line["invented"]) == (9, 3, 2, 1)
    assert (details["answerable"], details["exact_soft_percent"], details["wrong_percent"]) == (6, 33.3, 33.3)
    assert (details["wrong_without_the_figures"], details["invented_percent"]) == (1, 50.0)


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [([], 95, 0.0), ([5.0], 50, 5.0), ([1.0, 2.0, 3.0, 4.0], 50, 2.0), (list(map(float, range(1, 101))), 95, 95.0)],
)
def test_percentile(values: list[float], percent: int, expected: float) -> None:
    assert percentile(values, percent) == expected


def test_report_can_be_read_again_and_shows_no_markup_of_answers(tmp_path: Path) -> None:
    outcomes = [outcome("exact"), outcome("wrong", question="<script>")]
    write_report(tmp_path, outcomes)
    assert read_outcomes(tmp_path) == outcomes
    assert "<script>" not in page(outcomes)


def test_flips_show_losses_first() -> None:
    before = [outcome("exact", question="a"), outcome("wrong", question="b"), outcome("soft", question="c")]
    after = [outcome("refused", question="a"), outcome("exact", question="b"), outcome("soft", question="c")]
    lines = list(flips(before, [*after, outcome("exact", question="new")]))
    assert [line.split("  ")[0] for line in lines[:2]] == ["exact -> refused", "wrong -> exact"]
    assert lines[-1] == "right answers won 1, lost 1, questions compared 3"
