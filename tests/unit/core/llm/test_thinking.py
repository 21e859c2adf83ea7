"""Thinking never shows up in an answer, however a model writes it and wherever a stream cuts it."""

import pytest

from core.llm.thinking import ThinkingSplitter, split_thinking


@pytest.mark.parametrize(
    ("text", "answer", "thinking"),
    [
        ("SELECT 1", "SELECT 1", ""),
        ("<think>先想</think>\n\nSELECT 1", "SELECT 1", "先想"),
        ("<THINK>先\n想</Think>SELECT 1", "SELECT 1", "先\n想"),
        ("<think>一</think>甲<think>二</think>乙", "甲乙", "一\n二"),
        ("答<think>没有关闭 SELECT 2", "答", "没有关闭 SELECT 2"),
        ("模板已写开头</think>答", "答", "模板已写开头"),
        ("<think></think>答", "答", ""),
        ("a < b 且 c > d", "a < b 且 c > d", ""),
    ],
)
def test_answer_and_thinking_are_kept_apart(text: str, answer: str, thinking: str) -> None:
    assert split_thinking(text) == (answer, thinking)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
@pytest.mark.parametrize(
    ("text", "answer", "thinking"),
    [
        ("前<think>想一想</THINK>后", "前后", "想一想"),
        ("a <thin b </think c", "a <thin b </think c", ""),
        ("答<think>没有关闭", "答", "没有关闭"),
        ("结尾 <thi", "结尾 <thi", ""),
    ],
)
def test_a_stream_may_be_cut_anywhere(text: str, answer: str, thinking: str, size: int) -> None:
    splitter = ThinkingSplitter()
    shown = [splitter.feed(text[start : start + size]) for start in range(0, len(text), size)]
    shown.append(splitter.finish())
    assert "".join(part[0] for part in shown) == answer
    assert "".join(part[1] for part in shown) == thinking
