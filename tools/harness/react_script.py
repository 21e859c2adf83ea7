"""A scripted model that calls tools: by question, one reply for each step of a turn."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tools.harness.model_script import RecordedCall, ScriptedReply, ToolCall

Outputs = Sequence[str]
StepReply = ScriptedReply | Callable[[Outputs], ScriptedReply]


def tool(name: str, **arguments: Any) -> ScriptedReply:
    """A call of one tool."""
    return ScriptedReply(tool_calls=(ToolCall(name, json.dumps(arguments, ensure_ascii=False)),))


def query(sql: str) -> list[StepReply]:
    """The usual way: have `sql` written, checked and run, then say how many rows there are."""
    return [
        lambda _outputs: tool("generate_sql", question="whatever the model makes of it"),
        lambda outputs: tool("valid_sql", sql=outputs[-1]),
        lambda _outputs: tool("run_sql", sql=sql),
        lambda outputs: ScriptedReply(f"共 {len(json.loads(outputs[-1]))} 行。"),
    ]


class ReactScript:
    """Plays `plans`: the first whose key stands in the question; its last step is repeated.

    Args:
        plans: steps by a piece of the question.
        sql: what a `write_sql` call answers, by a piece of the question.
    """

    def __init__(self, plans: Mapping[str, Sequence[StepReply]], sql: Mapping[str, str]) -> None:
        self._plans = plans
        self._sql = sql

    def answer(self, call: RecordedCall) -> ScriptedReply:
        question = call.question
        if call.kind != "react":
            return ScriptedReply(next((sql for key, sql in self._sql.items() if key in question), "没有相关的表。"))
        outputs = _outputs(call.messages)
        plan = next((steps for key, steps in self._plans.items() if key in question), None)
        if plan is None:
            return ScriptedReply(f"你说：{question}")
        step = plan[min(len(outputs), len(plan) - 1)]
        return step if isinstance(step, ScriptedReply) else step(outputs)


def _outputs(messages: Sequence[Mapping[str, Any]]) -> list[str]:
    """The results of this turn's tools, oldest first."""
    said: list[str] = []
    for message in messages:
        if message.get("role") == "user":
            said = []
        if message.get("role") == "tool":
            said.append(str(message.get("content", "")))
    return said
