"""The graph on a store in memory: threads stay short, broken turns do no harm, fields of a turn end with it."""

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver

from common.answering import Question, Write, nobody_watches
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
