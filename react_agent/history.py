"""Keeps a thread's messages short and whole: old rounds go, every tool call has its answer (docs/contract/react.md).

Pure functions over message lists. Call and answer are paired by place, not by id alone: providers repeat ids.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final
from uuid import uuid4

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage

from common.messages import react as texts
from react_agent.state import STATUS_ERROR, facts_of, last_question_index

OLD_RESULT_CHARS: Final = 20_000
OLD_RESULT_ROWS: Final = 50


def trimmed(messages: Sequence[AnyMessage], *, count: int, search_limit: int) -> list[AnyMessage]:
    """The newest `count` messages, begun with a question at most `search_limit` messages earlier.

    Without a question there, the first round that is whole begins the list.
    """
    if len(messages) <= count:
        return list(messages)
    start = len(messages) - count
    for index in range(start, max(-1, start - search_limit - 1), -1):
        if isinstance(messages[index], HumanMessage):
            return list(messages[index:])
    while start < len(messages) and isinstance(messages[start], ToolMessage):
        start += 1
    return list(messages[start:])


def repaired(messages: Sequence[AnyMessage]) -> list[AnyMessage]:
    """The same messages with every tool call answered right behind it and no answer without its call."""
    whole: list[AnyMessage] = []
    index = 0
    while index < len(messages):
        message = messages[index]
        index += 1
        if isinstance(message, ToolMessage):
            continue
        whole.append(message)
        if isinstance(message, AIMessage) and message.tool_calls:
            answers: list[ToolMessage] = []
            while index < len(messages) and isinstance(answer := messages[index], ToolMessage):
                answers.append(answer)
                index += 1
            whole += _answers_of(message, answers)
    return whole


def shortened(messages: Sequence[AnyMessage]) -> list[AnyMessage]:
    """Big results of all finished turns but the last keep their first rows: every step stores the list anew."""
    latest = last_question_index(messages)
    previous = last_question_index(messages[:latest]) if latest else 0
    return [
        _cut(message) if index < previous and isinstance(message, ToolMessage) else message
        for index, message in enumerate(messages)
    ]


def only_complete_rounds(messages: Sequence[AnyMessage]) -> list[AnyMessage]:
    """Questions and answers in words, without any tool round before the current question."""
    start = last_question_index(messages)
    spoken = [
        message
        for message in messages[:start]
        if isinstance(message, HumanMessage) or (isinstance(message, AIMessage) and not message.tool_calls)
    ]
    return [*spoken, *repaired(messages[start:])]


def _answers_of(call: AIMessage, answers: Sequence[ToolMessage]) -> list[ToolMessage]:
    by_id = {answer.tool_call_id: answer for answer in answers}
    return [by_id.get(str(wanted["id"])) or _lost(str(wanted["id"]), wanted["name"]) for wanted in call.tool_calls]


def _lost(call_id: str, name: str) -> ToolMessage:
    return ToolMessage(
        content=texts.CALL_LOST, tool_call_id=call_id, name=name, status=STATUS_ERROR, id=str(uuid4()), artifact={}
    )


def _cut(message: ToolMessage) -> ToolMessage:
    if len(message.content) <= OLD_RESULT_CHARS:
        return message
    facts = dict(facts_of(message))
    try:
        rows = json.loads(str(message.content))
    except ValueError:
        rows = None
    if isinstance(rows, list):
        content = json.dumps(rows[:OLD_RESULT_ROWS], ensure_ascii=False, separators=(",", ":"))
        facts["kept"] = min(len(rows), OLD_RESULT_ROWS)
    else:
        content = str(message.content)[:OLD_RESULT_CHARS]
    return message.model_copy(update={"content": content[:OLD_RESULT_CHARS], "artifact": facts})
