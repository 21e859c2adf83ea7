"""What a watcher of the classic agent is told: each finished step with its findings, and the text piece by piece."""

import asyncio

import pytest

from common.answering import Answer, Classification, EngineEvent, NodeFinished, Question, SqlDraft, TextWritten
from common.errors import AnswerFailedError, SqlExecutionError
from tests.unit.agent.test_classic_agent import CHAT, NO_ROWS, ScriptedBrain, ScriptedExecutor, agent


def watched(
    brain: ScriptedBrain, executor: ScriptedExecutor | None = None, *, wants_tokens: bool = False
) -> tuple[Answer | Exception, list[EngineEvent]]:
    events: list[EngineEvent] = []
    question = Question("怎么样？", "default", "alice", "alice:20260101000000000", wants_tokens=wants_tokens)
    built = agent(brain, executor or ScriptedExecutor())
    try:
        return asyncio.run(built.answer(question, events.append)), events
    except (AnswerFailedError, SqlExecutionError) as error:
        return error, events


def nodes(events: list[EngineEvent]) -> dict[str, dict[str, object]]:
    return {event.node: dict(event.findings) for event in events if isinstance(event, NodeFinished)}


def pieces(events: list[EngineEvent]) -> list[str]:
    return [event.text for event in events if isinstance(event, TextWritten)]


def test_every_step_of_a_data_question_is_told_with_what_it_found() -> None:
    _answer, events = watched(ScriptedBrain())
    told = nodes(events)
    assert list(told) == ["classify_question", "agent_sql_generation", "agent_sql_execution", "format_response"]
    assert told["classify_question"]["question_type"] == "DATABASE"
    assert isinstance(told["classify_question"]["confidence"], float)
    assert told["agent_sql_generation"]["is_ready"] is True
    assert told["agent_sql_generation"]["sql"] == "SELECT 1"
    assert told["agent_sql_execution"]["row_count"] == 1
    assert pieces(events) == []


def test_question_without_sql_tells_why() -> None:
    _error, events = watched(ScriptedBrain(draft=SqlDraft(explanation="请说明年份", reason="ambiguous_question")))
    told = nodes(events)
    assert list(told) == ["classify_question", "agent_sql_generation", "format_response"]
    found = told["agent_sql_generation"]
    assert (found["is_ready"], found["validation_error_type"], found["user_prompt"]) == (
        False, "ambiguous_question", "请说明年份",
    )  # fmt: skip


def test_failing_step_tells_its_error() -> None:
    error = SqlExecutionError("column x", detail="column x")
    _error, events = watched(ScriptedBrain(), ScriptedExecutor(outcomes=[error]))
    assert nodes(events)["agent_sql_execution"] == {"error_type": error.error_type, "error": error.message}


@pytest.mark.parametrize("classification", [CHAT, Classification("DATABASE", 0.9, "理由", "x")])
def test_the_pieces_are_the_text(classification: Classification) -> None:
    answer, events = watched(ScriptedBrain(classification=classification), wants_tokens=True)
    assert isinstance(answer, Answer)
    assert answer.response
    assert "".join(pieces(events)) == answer.response


def test_streamed_chat_comes_in_more_than_one_piece() -> None:
    _answer, events = watched(ScriptedBrain(classification=CHAT), wants_tokens=True)
    assert pieces(events) == ["您", "好", "  ！"]
    assert isinstance(events[0], NodeFinished)


def test_nothing_to_say_gives_no_piece() -> None:
    _answer, events = watched(ScriptedBrain(), ScriptedExecutor(outcomes=[NO_ROWS]), wants_tokens=True)
    assert pieces(events) == []


def test_a_figure_that_no_row_has_is_never_told() -> None:
    answer, events = watched(ScriptedBrain(summary="服务区共4个。"), wants_tokens=True)
    assert isinstance(answer, Answer)
    assert "4" not in answer.response
    assert "4" not in "".join(pieces(events))
