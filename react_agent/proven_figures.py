"""Whether the figures of an answer were returned by the thread's tools (docs/answers.md)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Final

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage

from common.answering import ResultSet
from common.figures import unknown_figures
from react_agent.state import facts_of, text_of, this_turn, tool_outputs

_LISTS_OF_ROWS: Final = frozenset({"rows", "sample", "previous"})
_READ_OTHERWISE: Final = frozenset({"rows", "sql", "valid"})
"""Kinds of outcomes whose text is rows or a statement, which are read as such."""


def unproven_figures(messages: Sequence[AnyMessage], text: str) -> tuple[str, ...]:
    """The figures of an answer's text that neither a tool of the thread nor one of its questions gives.

    Nothing is demanded of a turn in which no tool was called: its answer is about no data.
    """
    if not tool_outputs(this_turn(messages)):
        return ()
    outputs = tool_outputs(messages)
    results = [result for output in outputs if (result := _result(output)) is not None]
    statements = [str(sql) for output in outputs if (sql := facts_of(output).get("sql"))]
    said = [*_said(messages), *_counts(messages)]
    return unknown_figures(text, results, said, "\n".join([*statements, *_called_with(messages)]))


def _result(output: ToolMessage) -> ResultSet | None:
    facts = facts_of(output)
    if facts.get("kind") not in _LISTS_OF_ROWS:
        return None
    try:
        listed = json.loads(text_of(output))
    except ValueError:  # a sentence that says why nothing is shown
        return None
    rows = tuple(row for row in listed if isinstance(row, dict))
    columns = tuple(facts.get("columns") or (rows[0] if rows else ()))
    return ResultSet(columns, rows, int(facts.get("total", len(rows))), bool(facts.get("is_limited")))


def _said(messages: Sequence[AnyMessage]) -> Iterator[str]:
    for message in messages:
        is_words = isinstance(message, ToolMessage) and facts_of(message).get("kind") not in _READ_OTHERWISE
        if is_words or isinstance(message, HumanMessage):
            yield text_of(message)


def _counts(messages: Sequence[AnyMessage]) -> Iterator[str]:
    """How many entries each outcome lists, and how many outcomes the turn has."""
    yield str(len(tool_outputs(this_turn(messages))))
    for output in tool_outputs(messages):
        yield str(len(text_of(output).splitlines()))


def _called_with(messages: Sequence[AnyMessage]) -> Iterator[str]:
    """Statements the tools were given."""
    for message in messages:
        for call in message.tool_calls if isinstance(message, AIMessage) else ():
            if sql := call["args"].get("sql"):
                yield str(sql)
