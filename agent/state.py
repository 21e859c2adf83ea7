"""The state that travels through the classic agent's graph (docs/contract/agent.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from common.answering import Classification, Question, ResultSet, Watch, nobody_watches
from common.errors import CituError
from core.sql_executor import PlannedQuery

UNDECIDED = Classification("UNCERTAIN", 0.0, "", "")


class AgentState(TypedDict, total=False):
    """One question on its way. Nodes return the members they change.

    `failure` is the error that ends the question; `user_prompt` is the text for a question without valid SQL, with
    `validation_error_type` saying which kind; `chat_response` is text to show instead of rows; `watch` is told of
    each finished step; `provenance` says what the answer rests on; `planned` spares `sql` a second check; `note` stands
    behind the answer's text and says how a word was understood.
    """

    question: Question
    watch: Watch
    classification: Classification
    sql: str | None
    planned: PlannedQuery | None
    note: str
    records: ResultSet | None
    summary: str | None
    chat_response: str | None
    user_prompt: str | None
    validation_error_type: str | None
    failure: CituError | None
    provenance: Mapping[str, Any]
    execution_path: list[str]


def initial_state(question: Question, watch: Watch = nobody_watches) -> AgentState:
    """Every member of a fresh question."""
    return AgentState(
        question=question,
        watch=watch,
        classification=UNDECIDED,
        sql=None,
        planned=None,
        note="",
        records=None,
        summary=None,
        chat_response=None,
        user_prompt=None,
        validation_error_type=None,
        failure=None,
        provenance={},
        execution_path=["start"],
    )
