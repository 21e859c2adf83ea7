"""A thread's messages stay short, and every tool call in them has its answer."""

import json

import pytest
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage

from common.messages import react as texts
from react_agent.history import OLD_RESULT_ROWS, only_complete_rounds, repaired, shortened, trimmed


def call(*ids: str, text: str = "") -> AIMessage:
    return AIMessage(content=text, tool_calls=[{"id": id_, "name": "run_sql", "args": {}} for id_ in ids])


def output(id_: str, content: str = "[]") -> ToolMessage:
    return ToolMessage(content=content, tool_call_id=id_, name="run_sql", artifact={"kind": "rows", "total": 900})


def round_of(number: int) -> list[AnyMessage]:
    return [HumanMessage(f"q{number}"), call(f"c{number}"), output(f"c{number}"), AIMessage(f"a{number}")]


def thread(rounds: int) -> list[AnyMessage]:
    return [message for number in range(rounds) for message in round_of(number)]


def test_short_threads_stay_as_they_are() -> None:
    messages = thread(3)
    assert trimmed(messages, count=100, search_limit=20) == messages


@pytest.mark.parametrize("count", range(4, 12))
def test_trimmed_threads_begin_with_a_question_and_stay_within_the_search_limit(count: int) -> None:
    kept = trimmed(thread(30), count=count, search_limit=3)
    assert isinstance(kept[0], HumanMessage)
    assert count <= len(kept) <= count + 3
    assert repaired(kept) == kept


def test_without_a_question_near_the_cut_no_answer_loses_its_call() -> None:
    messages: list[AnyMessage] = [HumanMessage("q")]
    for number in range(60):
        messages += [call(f"c{number}"), output(f"c{number}")]
    kept = trimmed(messages, count=101, search_limit=2)
    assert isinstance(kept[0], AIMessage)
    assert repaired(kept) == kept


def test_a_call_without_answer_gets_one() -> None:
    mended = repaired([HumanMessage("q"), call("a", "b"), output("b"), HumanMessage("again")])
    assert [message.type for message in mended] == ["human", "ai", "tool", "tool", "human"]
    assert (mended[2].content, mended[2].tool_call_id) == (texts.CALL_LOST, "a")


def test_an_answer_without_call_is_dropped() -> None:
    assert [message.type for message in repaired([output("x"), HumanMessage("q"), output("y")])] == ["human"]


def test_answers_belong_to_the_call_before_them_even_when_ids_repeat() -> None:
    messages = [call("same"), output("same", "[1]"), call("same"), output("same", "[2]")]
    assert [message.content for message in repaired(messages) if message.type == "tool"] == ["[1]", "[2]"]


def test_only_words_of_earlier_rounds_are_left() -> None:
    left = only_complete_rounds([*thread(2), HumanMessage("now"), call("n")])
    assert [message.type for message in left] == ["human", "ai", "human", "ai", "human", "ai", "tool"]


def test_big_results_of_old_turns_keep_their_first_rows() -> None:
    rows = json.dumps([{"n": number, "pad": "x" * 50} for number in range(900)])
    messages = [HumanMessage("1"), call("a"), output("a", rows), HumanMessage("2"), call("b"), output("b", rows)]
    cut = shortened([*messages, HumanMessage("3")])
    assert len(json.loads(str(cut[2].content))) == OLD_RESULT_ROWS
    assert cut[2].artifact["kept"] == OLD_RESULT_ROWS
    assert cut[5] is messages[5]
