"""The state that travels through the classic agent's graph (contract 50 section 1)."""

from __future__ import annotations

from typing import TypedDict

from common.answering import Classification, Question, ResultSet, SqlRequest
from common.errors import CituError

UNDECIDED = Classification("UNCERTAIN", 0.0, "", "")


class AgentState(TypedDict, total=False):
    """One question on its way. Nodes return the members they change.

    `failure` is the error that ends the question; `user_prompt` is the text for a question without valid SQL, with
    `validation_error_type` saying which kind; `chat_response` is text to show instead of rows.
    """

    question: Question
    request: SqlRequest
    classification: Classification
    sql: str | None
    records: ResultSet | None
    summary: str | None
    chat_response: str | None
    user_prompt: str | None
    validation_error_type: str | None
    failure: CituError | None
    based_on: tuple[str, ...]
    notes: tuple[str, ...]
    execution_path: list[str]


def initial_state(question: Question) -> AgentState:
    """Every member of a fresh question."""
    return AgentState(
        question=question,
        classification=UNDECIDED,
        sql=None,
        records=None,
        summary=None,
        chat_response=None,
        user_prompt=None,
        validation_error_type=None,
        failure=None,
        based_on=(),
        notes=(),
        execution_path=["start"],
    )
