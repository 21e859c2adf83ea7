"""`AsyncReactAgent` (docs/react_service.md): the same agent, asked with a message and a thread.

Its think, act and observe are the nodes `agent`, `tools` and `update_state_after_tool` of the one graph; this class
follows them as `AgentState` and adds a bound on rounds. Nothing here is bound to an event loop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypedDict

from common.answering import EngineEvent, NodeFinished, Question, Watch, nobody_watches
from common.askers import INSIDER, Asker
from common.errors import CituError
from common.tenant import DEFAULT_TENANT_NAME
from core.async_bridge import run_blocking
from react_agent.async_redis_api import AsyncRedisAPI
from react_agent.async_sql_tools import AsyncSQLTools
from react_agent.outcome import ReactAnswer

ROUTE: Final = "chat"
STEPS_A_ROUND: Final = 4
STEPS_BESIDE: Final = 4
"""trim_messages, the last agent, format_final_response, and the step in which the graph notices that it has ended."""


class AgentState(TypedDict):
    """How far a message has come: the tool called next, the calls so far, the rounds of thinking."""

    thread_id: str
    next_action: dict[str, Any] | None
    action_history: list[dict[str, Any]]
    iteration_count: int
    error: str | None


class Engine(Protocol):
    """What is needed of `CustomReactAgent`."""

    async def answer(
        self, question: Question, watch: Watch = nobody_watches, *, step_limit: int | None = None
    ) -> ReactAnswer: ...


@dataclass(frozen=True)
class AsyncAgentConfig:
    """Bounds of a message.

    Attributes:
        max_iterations: rounds of tools (MAX_ITERATIONS).
        default_user_id: who asks when nobody is named.
    """

    max_iterations: int = 5
    default_user_id: str = "guest"


class AsyncReactAgent:
    """See the module.

    Args:
        redis_client: for the health check.
        config: see `AsyncAgentConfig`.
        engine: the agent, built when first asked for.
        sql_tools: of the same databases.
    """

    def __init__(
        self,
        *,
        redis_client: AsyncRedisAPI,
        config: AsyncAgentConfig,
        engine: Callable[[], Engine],
        sql_tools: AsyncSQLTools,
    ) -> None:
        self._redis = redis_client
        self._config = config
        self._engine = engine
        self._built: Engine | None = None
        self.sql_tools = sql_tools

    async def initialize(self) -> None:
        """Build the graph and connect the tools; again it does nothing.

        Raises:
            ServiceUnavailableError: the agent cannot be built now; the next message tries again.
        """
        if self._built is None:
            self._built = await run_blocking(self._engine)
            await self.sql_tools.initialize()

    async def process_message(
        self,
        message: str,
        thread_id: str,
        *,
        user_id: str | None = None,
        asker: Asker = INSIDER,
        tenant: str = DEFAULT_TENANT_NAME,
        watch: Watch = nobody_watches,
    ) -> dict[str, Any]:
        """Answer in the thread, which remembers: `{response, thread_id, iterations}`; a plain answer is one iteration.

        In read-only mode the thread does not remember, and `read_only` says so.

        Raises:
            CituError: see `AnswerEngine.answer`; also when more rounds are needed than allowed.
        """
        await self.initialize()
        engine = self._built or self._engine()
        state = _initial_state(thread_id)

        def follow(event: EngineEvent) -> None:
            if isinstance(event, NodeFinished):
                _note(state, event)
            watch(event)

        user = user_id or self._config.default_user_id
        question = Question(message, tenant, user, thread_id, route=ROUTE, asker=asker)
        limit = STEPS_A_ROUND * self._config.max_iterations + STEPS_BESIDE
        answer = await engine.answer(question, follow, step_limit=limit)
        found = {"response": answer.response, "thread_id": thread_id, "iterations": state["iteration_count"]}
        return found if answer.is_kept else {**found, "read_only": True}

    async def health_check(self) -> dict[str, Any]:
        """`{status, redis, sql, graph}`: unhealthy when nothing can be answered, degraded without Redis."""
        redis = await self._redis.health_check()
        sql = await self.sql_tools.health_check()
        graph, error = "compiled", None
        try:
            await self.initialize()
        except CituError as failure:
            graph, error = "not_compiled", failure.message
        has_redis = redis["status"] == "healthy"
        can_answer = sql == "connected" and error is None
        found = {
            "status": "unhealthy" if not can_answer else "healthy" if has_redis else "degraded",
            "redis": "connected" if has_redis else "disconnected",
            "sql": sql,
            "graph": graph,
        }
        return {**found, "error": error} if error else found

    async def cleanup(self) -> None:
        """Let go of what was built; the stores belong to whoever built them."""
        self._built = None
        await self.sql_tools.cleanup()


def _initial_state(thread_id: str) -> AgentState:
    return {"thread_id": thread_id, "next_action": None, "action_history": [], "iteration_count": 0, "error": None}


def _note(state: AgentState, finished: NodeFinished) -> None:
    """Every member belongs to one message: nothing of it is stored in the thread."""
    tool = finished.findings.get("tool_name")
    if finished.node == "agent":
        state["iteration_count"] += 1
        state["next_action"] = {"tool": tool} if tool else None
    elif finished.node == "tools" and state["next_action"] is not None:
        state["action_history"].append(state["next_action"])
