"""Builds the findings of each finished step (`NodeFinished.findings`); streams and runs render them.

    node                  members
    classify_question     question_type, confidence (0..1), reason, method
    agent_sql_generation  is_ready, sql, validation_error_type, user_prompt, explanation, execution_path_token
    agent_sql_execution   row_count, total_row_count, is_limited, has_summary
    agent_chat            -
    format_response       -

A node that ended the question with an error has `error_type` and `error` (its text) and none of its own members.
Members that did not come about are None. A step is told when it has ended, the summary's writing included.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from agent.state import AgentState


def findings_of(node: str, state: AgentState) -> dict[str, Any]:
    """The findings of `node`, whose changes `state` has."""
    failure = state["failure"]
    if failure is not None and node != "format_response":
        return {"error_type": failure.error_type, "error": failure.message}
    tell = FINDINGS_BY_NODE.get(node)
    return tell(state) if tell else {}


def _classification(state: AgentState) -> dict[str, Any]:
    found = state["classification"]
    return {"question_type": found.question_type, **found.as_wire()}


def _generation(state: AgentState) -> dict[str, Any]:
    is_ready = state["user_prompt"] is None and state["chat_response"] is None
    return {
        "is_ready": is_ready,
        "sql": state["sql"],
        "validation_error_type": state["validation_error_type"],
        "user_prompt": state["user_prompt"],
        "explanation": state["chat_response"],
        "execution_path_token": state["execution_path"][-1],
    }


def _execution(state: AgentState) -> dict[str, Any]:
    records = state["records"]
    return {
        "row_count": records.row_count if records else 0,
        "total_row_count": records.total_row_count if records else 0,
        "is_limited": bool(records and records.is_limited),
        "has_summary": bool(state["summary"]),
    }


FINDINGS_BY_NODE: Final[Mapping[str, Callable[[AgentState], dict[str, Any]]]] = {
    "classify_question": _classification,
    "agent_sql_generation": _generation,
    "agent_sql_execution": _execution,
}
