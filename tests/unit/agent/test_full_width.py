"""Chinese punctuation in a model's SQL."""

from __future__ import annotations

import pytest

from agent.full_width import with_ascii_punctuation
from agent.model_replies import find_sql


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("SELECT a，b FROM t；", "SELECT a,b FROM t;"),
        ("SELECT count（*） FROM t WHERE d ＝ ‘2024-01-01’", "SELECT count(*) FROM t WHERE d = '2024-01-01'"),
        ("SELECT a FROM t WHERE b IN （1，2）", "SELECT a FROM t WHERE b IN (1,2)"),
        ("SELECT '甲，乙；（丙）' FROM t", "SELECT '甲，乙；（丙）' FROM t"),
        ('SELECT a AS "金额（元）" -- 注，释\nFROM t', 'SELECT a AS "金额（元）" -- 注，释\nFROM t'),
        ("SELECT sum(a) AS 金额（元）， b FROM t", 'SELECT sum(a) AS "金额（元）", b FROM t'),
        ("SELECT a AS “名称”　FROM t", 'SELECT a AS "名称" FROM t'),
        ("SELECT a FROM t WHERE n = ‘it's’", "SELECT a FROM t WHERE n = 'it''s'"),
        ("SELECT a FROM t", "SELECT a FROM t"),
    ],
)
def test_marks_outside_of_literals_become_ascii(written: str, meant: str) -> None:
    assert with_ascii_punctuation(written) == meant


@pytest.mark.parametrize(
    "reply",
    [
        "```sql\nSELECT a，b\nFROM t\nWHERE c IN （1，2）；\n```",
        "SELECT a，b\nFROM t\nWHERE c IN （1，2）；\n\n以上查询返回所有结果，请查看。",
        "SELECT a，b\nFROM t\nWHERE c IN （1，2）；\n以上：返回结果，请查看。",
    ],
)
def test_a_reply_with_chinese_marks_is_read_whole(reply: str) -> None:
    assert find_sql(reply).rstrip(";") == "SELECT a,b\nFROM t\nWHERE c IN (1,2)"
