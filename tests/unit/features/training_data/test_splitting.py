"""Uploaded texts are cut where their records end, and nowhere else."""

import pytest

from features.training_data.splitting import labelled_pairs, sections, statements


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("SELECT 1;\nSELECT 2;\n", ["SELECT 1", "SELECT 2"]),
        ("SELECT ';' AS a; SELECT 2", ["SELECT ';' AS a", "SELECT 2"]),
        ("SELECT 'it''s; ok'; x", ["SELECT 'it''s; ok'", "x"]),
        (r"SELECT E'\';' AS a; x", [r"SELECT E'\';' AS a", "x"]),
        ('SELECT 1 AS "a;b"; x', ['SELECT 1 AS "a;b"', "x"]),
        ("CREATE FUNCTION f() AS $$ a; b; $$; x", ["CREATE FUNCTION f() AS $$ a; b; $$", "x"]),
        ("DO $tag$ a; $$ b; $tag$; x", ["DO $tag$ a; $$ b; $tag$", "x"]),
        ("SELECT a$b, c$d; x", ["SELECT a$b, c$d", "x"]),
        ("-- one; two\nSELECT 1; -- end;\n", ["-- one; two\nSELECT 1"]),
        ("/* a; /* b; */ c; */ SELECT 1; /* ; */", ["/* a; /* b; */ c; */ SELECT 1"]),
        ("SELECT 'open; x", ["SELECT 'open; x"]),
        (";;; ;\n--only a comment\n", []),
    ],
)
def test_statements_end_at_semicolons_that_mean_it(text: str, pieces: list[str]) -> None:
    assert statements(text) == pieces


def test_sections_follow_headings_of_three_levels() -> None:
    text = "# 业务\n\n## 表一\n说明一\n\n#### 细节\nx\n---\n\n## 表二\n```\n## 不是标题\n```\n### 表三\n三"
    assert sections(text) == [
        "# 业务\n\n## 表一\n说明一\n\n#### 细节\nx",
        "## 表二\n```\n## 不是标题\n```",
        "### 表三\n三",
    ]


def test_pairs_are_found_by_their_labels() -> None:
    text = (
        "Question: 一\nSQL: SELECT 1\n  FROM t\n\nquestion : 二\nsql : SELECT 2\n\n"
        "Question: 只有问题\n\nQuestion\uff1a三 SQL\uff1aSELECT 3"
    )
    assert labelled_pairs(text) == [
        ("一", "SELECT 1\n  FROM t"),
        ("二", "SELECT 2"),
        ("只有问题", ""),
        ("三", "SELECT 3"),
    ]


@pytest.mark.parametrize(
    "text", ["'" * 300_000, "$a" * 150_000, "/*" * 200_000, "\n" * 400_000, "Question:\n\n" * 40_000, "- " * 200_000]
)
def test_hostile_texts_are_cut_in_linear_time(text: str) -> None:
    """Anything quadratic would take minutes here and meet the test's time-out; no part is longer than the whole."""
    parts = [*statements(text), *sections(text), *(part for pair in labelled_pairs(text) for part in pair)]
    assert all(len(part) <= len(text) for part in parts)
