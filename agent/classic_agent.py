"""The classic agent as an `AnswerEngine`: compiles the graph once, turns its last state into an answer or an error."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from langgraph.graph import END, START, StateGraph

from agent.findings import findings_of
from agent.nodes import Nodes
from agent.state import UNDECIDED, AgentState, initial_state
from common import messages
from common.answering import Answer, NodeFinished, Question, ResultSet, Watch, nobody_watches
from common.errors import AnswerFailedError, CituError, SqlExecutionError

Step = Callable[[AgentState], Awaitable[AgentState]]


class ClassicAgent:
    """Classify, then chat, or write SQL, run it and summarise. Holds no loop-bound object: any event loop may call."""

    def __init__(self, nodes: Nodes) -> None:
        self._graph = compile_graph(nodes)
        self._brain = nodes.brain

    @property
    def steps(self) -> tuple[str, ...]:
        """Names of the graph's nodes that do the work; the last one only closes the path."""
        return tuple(name for name in self._graph.nodes if name not in (START, "format_response"))

    async def answer(self, question: Question, watch: Watch = nobody_watches) -> Answer:
        """See `AnswerEngine.answer`."""
        state: AgentState = await self._graph.ainvoke(initial_state(question, watch))
        failure = state["failure"]
        if failure is not None:
            raise _with_findings(failure, state)
        if state["user_prompt"] is not None:
            raise AnswerFailedError(state["user_prompt"], data=_findings(state))
        return _answer(state, self._brain.provenance)


def compile_graph(nodes: Nodes) -> Any:
    """The graph of docs/contract/agent.md"""
    graph = StateGraph(AgentState)
    steps = (
        nodes.classify_question,
        nodes.agent_chat,
        nodes.agent_sql_generation,
        nodes.agent_sql_execution,
        nodes.format_response,
    )
    for step in steps:
        graph.add_node(step.__name__, _watched(step.__name__, step))
    graph.add_edge(START, "classify_question")
    graph.add_conditional_edges("classify_question", _after_classification)
    graph.add_conditional_edges("agent_sql_generation", _after_generation)
    graph.add_edge("agent_sql_execution", "format_response")
    graph.add_edge("agent_chat", "format_response")
    graph.add_edge("format_response", END)
    return graph.compile()


def _watched(name: str, step: Step) -> Any:
    """Run the step and report its findings to the question's watcher when it has ended."""

    async def run(state: AgentState) -> AgentState:
        changes = await step(state)
        if state["watch"] is not nobody_watches:
            after = AgentState(**{**state, **changes})
            state["watch"](NodeFinished(name, findings_of(name, after)))
        return changes

    return run


async def _after_classification(state: AgentState) -> str:
    """A coroutine, like its sister: for a plain function the graph would start a thread with each question."""
    if state["failure"] is not None:
        return "format_response"
    return "agent_sql_generation" if state["classification"].question_type == "DATABASE" else "agent_chat"


async def _after_generation(state: AgentState) -> str:
    is_ready = state["failure"] is None and state["user_prompt"] is None and state["chat_response"] is None
    return "agent_sql_execution" if is_ready else "format_response"


def _answer(state: AgentState, thought_by: Mapping[str, object]) -> Answer:
    is_data = state["classification"].question_type == "DATABASE"
    records, summary = state["records"], state["summary"]
    text = state["chat_response"] or summary or _row_count_text(state["question"], records) + state["note"]
    return Answer(
        question_type="DATABASE" if is_data else "CHAT",
        response=text,
        classification=state["classification"],
        execution_path=tuple(state["execution_path"]),
        sql=state["sql"],
        records=records,
        summary=summary,
        provenance={**state["provenance"], **thought_by},
    )


def _row_count_text(question: Question, records: ResultSet | None) -> str:
    if records is None or not records.rows:
        return ""
    columns = ", ".join(records.columns)
    return messages.ROWS_WITHOUT_SUMMARY.format(question=question.text, count=records.row_count, columns=columns)


def _findings(state: AgentState) -> dict[str, Any]:
    """The members of a failed question's `data` besides its text."""
    found: dict[str, Any] = {"execution_path": list(state["execution_path"]), "classification_info": {}}
    if state["classification"] != UNDECIDED:
        found["classification_info"] = state["classification"].as_wire()
        found["type"] = state["classification"].question_type
    if state["sql"]:
        found["sql"] = state["sql"]
    if state["validation_error_type"]:
        found["validation_error_type"] = state["validation_error_type"]
    return found


def _with_findings(failure: CituError, state: AgentState) -> CituError:
    """The error for the door. A database that refuses an admitted statement is the agent's failure on the wire."""
    if isinstance(failure, SqlExecutionError):
        text = messages.SQL_EXECUTION_FAILED.format(detail=failure.detail or failure.message)
        return AnswerFailedError(text, data=_findings(state), status=500)
    failure.data = {**_findings(state), **failure.data}
    return failure
