"""The graph of docs/contract/react.md: trim, think, call tools, look at the outcome, think again, end."""

from __future__ import annotations

from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph

from react_agent.nodes import ReactNodes, after_agent
from react_agent.state import ReactState, Turn


def compile_graph(nodes: ReactNodes, saver: BaseCheckpointSaver[Any] | None) -> Any:
    """The compiled graph; it belongs to no event loop as long as the saver does not, and keeps nothing without one."""
    graph = StateGraph(ReactState, context_schema=Turn)
    graph.add_node("trim_messages", nodes.trim_messages)
    graph.add_node("agent", nodes.agent)
    graph.add_node("prepare_tool_input", nodes.prepare_tool_input)
    graph.add_node("tools", nodes.tools)
    graph.add_node("update_state_after_tool", nodes.update_state_after_tool)
    graph.add_node("format_final_response", nodes.format_final_response)
    graph.add_edge(START, "trim_messages")
    graph.add_edge("trim_messages", "agent")
    graph.add_conditional_edges("agent", after_agent, ["prepare_tool_input", "format_final_response"])
    graph.add_edge("prepare_tool_input", "tools")
    graph.add_edge("tools", "update_state_after_tool")
    graph.add_edge("update_state_after_tool", "agent")
    graph.add_edge("format_final_response", END)
    return graph.compile(checkpointer=saver)
