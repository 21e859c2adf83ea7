"""The graph on a store in memory: threads stay short, broken turns do no harm, fields of a turn end with it."""

import json
from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver

from common.answering import EngineEvent, Question, TextWritten, Write, nobody_watches
from common.messages import react as texts
from core.async_bridge import run_in_request_loop
from core.llm.messages import ToolSpec
from react_agent.graph import compile_graph
from react_agent.nodes import ReactNodes, TrimLimits
from react_agent.state import Turn
from react_agent.thinking import PlannedCall, Step, View
from react_agent.tools.previous_result import PreviousResult
from react_agent.tools.toolbox import Toolbox

CONFIG: dict[str, Any] = {"configurable": {"thread_id": "u:1"}}


class Echo:
    """Calls a tool when asked to, else says the question; keeps what it saw."""

    def __init__(self) -> None:
        self.seen: list[View] = []
        self.provenance: dict[str, object] = {}

    async def next_step(self, view: View, tools: Sequence[ToolSpec], write: Write | None = None) -> Step:
        self.seen.append(view)
        wants_tool = view.turn.question.text == "tool" and isinstance(view.messages[-1], HumanMessage)
        return Step(calls=(PlannedCall("previous_result", {}),)) if wants_tool else Step(view.turn.question.text)


def graph_of(thinker: Echo) -> Any:
    nodes = ReactNodes(thinker, Toolbox([PreviousResult()]), TrimLimits(count=6, search_limit=2))
    return compile_graph(nodes, InMemorySaver())


def ask(graph: Any, text: str) -> dict[str, Any]:
    given = {"messages": [HumanMessage(text)], "user_id": "u", "thread_id": "u:1", "suggested_next_step": None}
    turn = Turn(Question(text, "default", "u", "u:1"), nobody_watches)
    state: dict[str, Any] = run_in_request_loop(lambda: graph.ainvoke(given, CONFIG, context=turn), timeout_seconds=20)
    return state


def test_long_threads_stay_short_and_begin_with_a_question() -> None:
    graph = graph_of(Echo())
    for number in range(12):
        state = ask(graph, f"q{number}")
    assert len(state["messages"]) <= 9
    assert isinstance(state["messages"][0], HumanMessage)
    assert state["messages"][-1].content == "q11"
    assert set(state["message_times"]) == {message.id for message in state["messages"]}


def test_a_turn_that_broke_off_is_mended_by_the_next() -> None:
    thinker = Echo()
    graph = graph_of(thinker)
    call = {"id": "lost", "name": "run_sql", "args": {}, "type": "tool_call"}
    graph.update_state(CONFIG, {"messages": [HumanMessage("q"), AIMessage("", tool_calls=[call])]}, as_node="agent")
    state = ask(graph, "again")
    assert [message.type for message in state["messages"]] == ["human", "ai", "tool", "human", "ai"]
    assert state["messages"][2].content == texts.CALL_LOST


def test_a_hint_does_not_outlive_its_turn() -> None:
    thinker = Echo()
    graph = graph_of(thinker)
    graph.update_state(CONFIG, {"messages": [HumanMessage("q")], "suggested_next_step": "run_sql"}, as_node="agent")
    assert ask(graph, "next")["suggested_next_step"] is None
    assert thinker.seen[-1].hint is None


def test_a_tool_answer_is_paired_by_our_own_ids() -> None:
    graph = graph_of(Echo())
    ask(graph, "tool")
    state = ask(graph, "tool")
    ids = [call["id"] for message in state["messages"] if message.type == "ai" for call in message.tool_calls]
    assert len(set(ids)) == 2
    assert [message.tool_call_id for message in state["messages"] if message.type == "tool"] == ids


class Claims:
    """Computes on the rows of the thread, then says the next of its texts."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.seen: list[View] = []
        self.provenance: dict[str, object] = {}

    async def next_step(self, view: View, tools: Sequence[ToolSpec], write: Write | None = None) -> Step:
        self.seen.append(view)
        if isinstance(view.messages[-1], HumanMessage):
            return Step(calls=(PlannedCall("previous_result", {"operation": "sum"}),))
        text = self.answers.pop(0)
        if write is not None:
            write(text)
        return Step(text)


def ask_about_rows(thinker: Claims, *, told: list[str] | None = None) -> tuple[str, list[str]]:
    """The last message of a turn on rows of 1200 and 300, and whose answers were not shown."""
    unproven: list[str] = []
    nodes = ReactNodes(thinker, Toolbox([PreviousResult()]), TrimLimits(), unproven.append)
    graph = compile_graph(nodes, InMemorySaver())
    rows = [{"服务区": "宜春", "营收": 1200}, {"服务区": "庐山", "营收": 300}]
    sql = "SELECT a9 FROM t WHERE year = 2025"
    facts = {"kind": "rows", "columns": ["服务区", "营收"], "total": 2, "is_limited": False, "sql": sql}
    call = {"id": "1", "name": "run_sql", "args": {"sql": sql}, "type": "tool_call"}
    earlier = [
        HumanMessage("各服务区营收"),
        AIMessage("", tool_calls=[call]),
        ToolMessage(json.dumps(rows), name="run_sql", tool_call_id="1", artifact=facts),
        AIMessage("宜春1200"),
    ]
    graph.update_state(CONFIG, {"messages": earlier, "user_id": "u", "thread_id": "u:1"}, as_node="agent")
    question = Question("合计多少", "default", "u", "u:1", wants_tokens=told is not None)

    def watch(event: EngineEvent) -> None:
        if told is not None and isinstance(event, TextWritten):
            told.append(event.text)

    given = {"messages": [HumanMessage(question.text)], "suggested_next_step": None}
    state = run_in_request_loop(lambda: graph.ainvoke(given, CONFIG, context=Turn(question, watch)), timeout_seconds=20)
    return state["messages"][-1].content, unproven


def test_figures_of_rows_and_statements_are_told_as_they_are() -> None:
    told: list[str] = []
    assert ask_about_rows(Claims("2025年合计1,500，宜春占80%"), told=told) == ("2025年合计1,500，宜春占80%", [])
    assert "".join(told) == "2025年合计1,500，宜春占80%"


def test_an_answer_with_a_figure_that_no_tool_returned_is_asked_for_again() -> None:
    thinker, told = Claims("合计1600", "合计1500"), list[str]()
    assert ask_about_rows(thinker, told=told) == ("合计1500", ["react"])
    assert thinker.seen[-1].unproven == ("1600",)
    assert "1600" not in "".join(told)


def test_an_answer_that_stays_unproven_is_refused() -> None:
    assert ask_about_rows(Claims("合计1600", "合计9")) == (texts.FIGURES_UNPROVEN, ["react", "react"])


def test_no_figure_is_looked_for_where_no_tool_was_called() -> None:
    assert ask(graph_of(Echo()), "一年有365天")["messages"][-1].content == "一年有365天"
