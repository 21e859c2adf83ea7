"""Turns the last state of a turn into an answer, or into the error it really is (docs/contract/react.md)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage

from common.answering import Answer, Classification, ResultSet
from common.errors import AnswerFailedError
from common.messages import react as texts
from react_agent.state import ReactState, facts_of, text_of, this_turn, tool_outputs

AGENT_VERSION: Final = "custom_react_v1"
_NOT_CLASSIFIED: Final = Classification("UNCERTAIN", 0.0, "", "react")


@dataclass(frozen=True)
class ReactAnswer(Answer):
    """An answer with the ReAct agent's own account of the thread, `react_agent_meta`.

    Attributes:
        is_kept: whether the thread remembers the turn; False in read-only mode.
    """

    meta: Mapping[str, Any] = field(default_factory=dict)
    is_kept: bool = True


def answer_of(state: ReactState, provenance: Mapping[str, object], *, is_kept: bool = True) -> ReactAnswer:
    """The turn's answer.

    Raises:
        AnswerFailedError: the turn's last query failed, so whatever was said about its rows would be invented (500).
    """
    messages, hint = state["messages"], state.get("suggested_next_step")
    turn = this_turn(messages)
    runs = tool_outputs(turn, "run_sql")
    sql = _sql(turn)
    if runs and facts_of(runs[-1]).get("kind") == "failed" and hint == "summarize_final_answer":
        text = texts.RUN_FAILED.format(detail=facts_of(runs[-1])["reason"])
        raise AnswerFailedError(text, data={"sql": sql} if sql else {}, status=500)
    records = _records(runs)
    response = failure_reason(messages, hint) + _final_text(turn)
    return ReactAnswer(
        question_type="DATABASE" if tool_outputs(turn) else "CHAT",
        response=response,
        classification=_NOT_CLASSIFIED,
        execution_path=tuple(_path(messages)),
        sql=sql,
        records=records,
        provenance=_provenance(turn, sql, records, provenance),
        meta=meta_of(state),
        is_kept=is_kept,
    )


def failure_reason(messages: Sequence[AnyMessage], hint: str | None) -> str:
    """What stands before the answer when no SQL could be made, with the empty line after it; else nothing."""
    if hint != "answer_with_common_sense":
        return ""
    outputs = tool_outputs(this_turn(messages), "generate_sql")
    reason = text_of(outputs[-1]).removeprefix(texts.NO_SQL_PREFIX).strip() if outputs else ""
    return f"{reason}\n\n" if reason else ""


def meta_of(state: ReactState) -> dict[str, Any]:
    """`react_agent_meta`; its counters are over the whole thread, not this turn."""
    messages = state["messages"]
    return {
        "thread_id": state["thread_id"],
        "conversation_rounds": sum(isinstance(message, HumanMessage) for message in messages),
        "tools_used": list(dict.fromkeys(str(output.name) for output in tool_outputs(messages))),
        "execution_path": _path(messages),
        "total_messages": len(messages),
        "sql_execution_count": len(tool_outputs(messages, "run_sql")),
        "context_injected": _was_context_injected(messages),
        "agent_version": AGENT_VERSION,
    }


def _path(messages: Sequence[AnyMessage]) -> list[str]:
    tools = ["prepare_tool_input", "tools"] if tool_outputs(messages) else []
    return ["agent", *tools, "format_final_response"]


def _was_context_injected(messages: Sequence[AnyMessage]) -> bool:
    return any(
        call["name"] == "generate_sql" and bool(call["args"].get("history_messages"))
        for message in messages
        if isinstance(message, AIMessage)
        for call in message.tool_calls
    )


def _final_text(turn: Sequence[AnyMessage]) -> str:
    latest = turn[-1]
    return text_of(latest).strip() if isinstance(latest, AIMessage) else ""


def _sql(turn: Sequence[AnyMessage]) -> str | None:
    """The SQL of the last run; without a run the last one that was written; never anything but SQL."""
    for name in ("run_sql", "previous_result", "generate_sql"):
        found = [facts_of(output).get("sql") for output in tool_outputs(turn, name)]
        if known := [sql for sql in found if sql]:
            return str(known[-1]).strip()
    return None


def _records(runs: Sequence[ToolMessage]) -> ResultSet | None:
    """The rows of the last query of the turn that gave some."""
    for run in reversed(runs):
        facts = facts_of(run)
        if facts.get("kind") != "rows":
            continue
        rows = json.loads(text_of(run))
        if not rows:
            return None
        return ResultSet(tuple(facts["columns"]), tuple(rows), int(facts["total"]), bool(facts["is_limited"]))
    return None


def _provenance(
    turn: Sequence[AnyMessage], sql: str | None, records: ResultSet | None, origin: Mapping[str, object]
) -> dict[str, Any]:
    """Where the answer comes from; what does not apply is left out."""
    outputs = tool_outputs(turn)
    based_on = [record for output in outputs for record in facts_of(output).get("based_on", [])]
    unreviewed = [record for output in outputs for record in facts_of(output).get("unreviewed", [])]
    tables = [table for output in outputs for table in facts_of(output).get("tables", [])]
    rows_from = "previous_result" if any(output.name == "previous_result" for output in outputs) else "run_sql"
    found: dict[str, Any] = {**origin, "from_cache": False}
    known = {
        "sql": sql,
        "training_records": list(dict.fromkeys(based_on)),
        "unreviewed_records": list(dict.fromkeys(unreviewed)),
        "tables": list(dict.fromkeys(tables)),
        "rows_from": rows_from if records is not None or rows_from == "previous_result" else None,
    }
    return {**found, **{name: value for name, value in known.items() if value}}
