"""A `Thinker` without a model: classify, then generate_sql, valid_sql, run_sql, then the rows in words; or a chat."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage

from common.answering import Brain, ResultSet, Write
from common.business_schema import BusinessSchema
from common.messages import react as texts
from common.messages import react_words as words
from core.llm.messages import ToolSpec
from react_agent.state import facts_of, is_answer, last_question_index, text_of, this_turn
from react_agent.thinking import PlannedCall, Step, View
from react_agent.tools.previous_result import newest_rows

MAX_FOLLOW_UP_CHARS: Final = 20


class OfflineThinker:
    """See the module.

    Args:
        brain: the offline brain.
        schema: what the business database holds.
    """

    def __init__(self, *, brain: Brain, schema: Callable[[], Awaitable[BusinessSchema]]) -> None:
        self._brain = brain
        self._schema = schema

    @property
    def provenance(self) -> Mapping[str, object]:
        return self._brain.provenance

    async def next_step(self, view: View, tools: Sequence[ToolSpec], write: Write | None = None) -> Step:
        """The next step of the fixed plan."""
        latest = this_turn(view.messages)[-1] if view.messages else None
        step = await (self._after(view, latest) if isinstance(latest, ToolMessage) else self._begin(view))
        if write is not None and not step.calls:
            write(step.text)
        return step

    async def _begin(self, view: View) -> Step:
        question = view.turn.question.text
        earlier = view.messages[: last_question_index(view.messages)]
        if operation := derived_operation(question, earlier):
            return _call("previous_result", operation=operation)
        schema = await self._schema()
        found = await self._brain.classify(question, conversation_context(earlier), schema)
        if found.question_type == "CHAT":
            return Step(await self._brain.chat(question, conversation_context(earlier)))
        return _call("generate_sql", question=question)

    async def _after(self, view: View, output: ToolMessage) -> Step:
        facts = facts_of(output)
        kind = facts.get("kind")
        if kind == "sql":
            return _call("valid_sql", sql=facts["sql"])
        if kind == "valid":
            return _call("run_sql", sql=_generated(view.messages))
        if kind == "rows":
            return Step(await self._in_words(view, output))
        if kind == "derived":
            return Step(_derived(facts))
        reason = str(facts.get("reason") or text_of(output))
        sentences = {"no_sql": texts.OFFLINE_NO_SQL, "invalid": texts.OFFLINE_NOT_VALID}
        if kind is None and output.name == "previous_result":
            return _call("generate_sql", question=view.turn.question.text)
        return Step(sentences.get(str(kind), texts.OFFLINE_NOT_RUN).format(reason=reason))

    async def _in_words(self, view: View, output: ToolMessage) -> str:
        found = newest_rows([output])
        if found is None:
            return texts.OFFLINE_NO_ROWS
        rows, facts = found
        columns = tuple(facts["columns"])
        result = ResultSet(columns, tuple(rows), int(facts["total"]), bool(facts["is_limited"]))
        return await self._brain.summarise(view.turn.question.text, result) + _note(view.messages)


def derived_operation(question: str, earlier: Sequence[AnyMessage]) -> str:
    """Which computation over the known rows a short follow-up asks for; empty when it asks for something else."""
    text = question.strip().rstrip("？?。!！ ").lower()
    if len(text) > MAX_FOLLOW_UP_CHARS or newest_rows(earlier) is None:
        return ""
    rest = re.sub("|".join(map(re.escape, sorted(words.FILLERS, key=len, reverse=True))), "", text)
    return next((operation for operation, names in words.OPERATIONS.items() if rest in names), "")


def conversation_context(messages: Sequence[AnyMessage]) -> str:
    """The earlier messages as the brains read them, one line each."""
    lines = []
    for message in messages[-40:]:
        if isinstance(message, HumanMessage):
            lines.append(f"User: {' '.join(text_of(message).split())[:500]}")
        elif isinstance(message, AIMessage) and is_answer(message):
            lines.append(f"Assistant: {' '.join(text_of(message).split())[:500]}")
    return "\n".join(lines)


def _call(name: str, **arguments: Any) -> Step:
    return Step(calls=(PlannedCall(name, arguments),))


def _generated(messages: Sequence[AnyMessage]) -> str:
    outputs = [message for message in this_turn(messages) if isinstance(message, ToolMessage)]
    return next((str(facts_of(output)["sql"]) for output in reversed(outputs) if facts_of(output).get("sql")), "")


def _note(messages: Sequence[AnyMessage]) -> str:
    """How the newest query of this turn understood a word; empty when every word was known."""
    outputs = [facts_of(message) for message in this_turn(messages) if isinstance(message, ToolMessage)]
    return next((str(facts.get("note") or "") for facts in reversed(outputs) if facts.get("kind") == "sql"), "")


def _derived(facts: Mapping[str, Any]) -> str:
    sentence = texts.OFFLINE_DERIVED[str(facts["operation"])].format(
        column=facts.get("column", ""), value=facts["value"]
    )
    row = facts.get("row") or {}
    named = "，".join(f"{name} {value}" for name, value in row.items() if name != facts.get("column"))
    return f"{sentence.rstrip('。')}（{named}）。" if named else sentence
