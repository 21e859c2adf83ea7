"""Ordinary analysis is not refused: 1,500 statements and more, in the names of five schemas of different style."""

from __future__ import annotations

import pytest

from common.errors import SqlRefusedError
from core.sql_guard import SqlGuard
from tools.guard_corpus import STYLES, Style, corpus, statements


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
def test_no_legitimate_statement_is_refused(style: Style) -> None:
    guard = SqlGuard(style.policy())
    refused = {}
    for statement in statements(style):
        try:
            guard.check(statement)
        except SqlRefusedError as refusal:
            refused[statement] = refusal.rule
    assert refused == {}


def test_corpus_is_large_and_of_many_kinds() -> None:
    texts = [statement for _, statement in corpus()]
    assert len(set(texts)) >= 1_500
    for word in ("OVER", "GROUPING SETS", "LATERAL", "RECURSIVE", "FILTER", "DISTINCT ON", "JSON_TABLE", "EXCEPT"):
        assert any(word in text for text in texts), word
