"""The ReAct agent as an `AnswerEngine`: runs the graph in a thread that remembers, one turn at a time.

Findings of its `NodeFinished` events: `thread_id`, and `tool_name` when the step is about a tool (the node's name and
these are all that the event stream of docs/contract/react.md needs).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from langchain_core.messages import HumanMessage
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.errors import GraphRecursionError

from common.answering import NodeFinished, Question, Watch, nobody_watches
from common.askers import GUEST
from common.errors import AnswerFailedError, BadRequestError, CituError, ServiceUnavailableError
from common.messages import react as texts
from common.tenant import DEFAULT_TENANT_NAME, redis_key
from core.async_bridge import run_blocking
from react_agent.async_agent import AsyncReactAgent as AsyncReactAgent
from react_agent.checkpoints.records import CheckpointRecords, StoredThread
from react_agent.graph import compile_graph
from react_agent.logger import ReactAgentLogManager, get_react_agent_logger
from react_agent.nodes import ReactNodes, called_tool
from react_agent.outcome import AGENT_VERSION, ReactAnswer, answer_of
from react_agent.state import ReactState, Turn
from react_agent.thread_ids import new_thread_id, owner_of, stored_id
from react_agent.thread_turns import ThreadTurns

logger = get_react_agent_logger("ReactAgent.Core")

ROUTE: Final = "ask_react_agent"
SWEEP_SECONDS: Final = 3600.0
_SAID_TOOLS: Final = frozenset({"agent", "prepare_tool_input", "tools"})


class CheckpointStore(CheckpointRecords, Protocol):
    """Where threads are remembered."""

    @property
    def saver(self) -> BaseCheckpointSaver[Any]: ...


@dataclass(frozen=True)
class ReactLimits:
    """Bounds of a turn and of what is remembered.

    Attributes:
        recursion_limit: steps of the graph a question may take.
        checkpoints_per_thread: older ones are deleted after a turn.
        ttl_seconds: how long an unused thread is remembered; 0 for ever.
        logged_characters: of a question in the log, 0 for none; is_debugging: whether each step is logged.
    """

    recursion_limit: int = 100
    checkpoints_per_thread: int = 200
    ttl_seconds: float = 0.0
    logged_characters: int = 0
    is_debugging: bool = False
    default_user_id: str = "guest"


class CustomReactAgent:
    """See the module. Holds no loop-bound object: any event loop may call.

    Args:
        is_read_only: while it says so, a thread is answered in as it stands and nothing is added to it.
        admit: asked with tenant and user before a thread is begun; raises when there are too many.
    """

    def __init__(
        self,
        *,
        nodes: ReactNodes,
        checkpoints: CheckpointStore,
        turns: ThreadTurns,
        limits: ReactLimits,
        is_read_only: Callable[[], bool] = lambda: False,
        admit: Callable[[str, str], None] = lambda _tenant, _user_id: None,
    ) -> None:
        self._graph = compile_graph(nodes, checkpoints.saver)
        self._keeping_nothing = compile_graph(nodes, None)
        self._is_read_only = is_read_only
        self._admit = admit
        self._thinker = nodes.thinker
        self.tool_specs = nodes.toolbox.specs
        self._checkpoints = checkpoints
        self._turns = turns
        self._limits = limits
        self._swept_at = time.monotonic()

    async def answer(
        self, question: Question, watch: Watch = nobody_watches, *, step_limit: int | None = None
    ) -> ReactAnswer:
        """Answer in the thread `question.conversation_id`; see `AnswerEngine.answer` for what is raised.

        Args:
            step_limit: fewer steps of the graph than `ReactLimits.recursion_limit` allows.

        Raises:
            BadRequestError: the thread is not the asker's; nothing was added to it.
            QuotaExceededError: too many threads were begun today.
            AnswerFailedError: also when the question needs more steps than allowed (500).
        """
        stored, limit = stored_id(question.tenant, question.conversation_id), self._limits.recursion_limit
        if self._limits.logged_characters:
            logger.info("question: %s", question.text[: self._limits.logged_characters])
        async with self._turns.turn(redis_key(question.tenant, f"react:turn:{question.conversation_id}")):
            is_kept = not await run_blocking(self._is_read_only)
            graph = self._graph if is_kept else self._keeping_nothing
            earlier = await run_blocking(self._checkpoints.latest, stored)
            self._check_owner(question, earlier)
            if is_kept and earlier is None:
                await run_blocking(self._admit, question.tenant, self._stored_user(question))
            given = _turn_input(question, None if is_kept else earlier)
            given["begun"] = _begun(question, earlier)
            config = {"configurable": {"thread_id": stored}, "recursion_limit": min(step_limit or limit, limit)}
            state = await self._run(graph, given, config, Turn(question, watch))
            if is_kept:
                await run_blocking(self._tidy, stored)
        return answer_of(state, self._thinker.provenance, is_kept=is_kept)

    def _check_owner(self, question: Question, earlier: StoredThread | None) -> None:
        """Refuse a thread that is not the asker's.

        Raises:
            BadRequestError: it is somebody else's, or it would begin in the name of a user whom the asker only guesses.
            ServiceUnavailableError: a thread was begun by somebody under the id that was made up for this question.
        """
        shared_user = self._limits.default_user_id
        if earlier is None:
            is_own = question.asker.may_begin_for(question.user_id, shared_user)
        elif question.continues:
            is_own = question.asker.may_continue(earlier.begun)
        else:
            raise ServiceUnavailableError(texts.THREAD_ID_TAKEN)
        if not is_own:
            text = texts.THREAD_OF_SOMEBODY_ELSE.format(thread_id=question.conversation_id, user_id=shared_user)
            raise BadRequestError(text, invalid_params=["thread_id"])

    def _stored_user(self, question: Question) -> str:
        """The user a quota counts for; `guest` for whoever is nobody in particular."""
        return GUEST if question.user_id == self._limits.default_user_id else question.user_id

    async def process_question(self, question: str, **kwargs: Any) -> dict[str, Any]:
        """Answer `question` for `user_id` in `thread_id`, a new thread without one.

        Returns:
            `{success, answer, thread_id, user_id[, sql][, records], react_agent_meta}`, or, when it failed,
            `{success: False, error, error_type, can_retry, thread_id, user_id}`.
        """
        return await self._internal_process(question, **kwargs)

    def cleanup(self) -> None:
        """Let go of the loggers; stores and clients belong to whoever built the agent."""
        ReactAgentLogManager.cleanup()

    async def _internal_process(
        self,
        question: str,
        *,
        user_id: str | None = None,
        thread_id: str | None = None,
        tenant: str = DEFAULT_TENANT_NAME,
        watch: Watch = nobody_watches,
    ) -> dict[str, Any]:
        user = user_id or owner_of(thread_id or "") or self._limits.default_user_id
        thread = thread_id or new_thread_id(user)
        known = {"thread_id": thread, "user_id": user}
        try:
            answer = await self.answer(Question(question, tenant, user, thread, route=ROUTE), watch)
        except CituError as error:
            failure = {"success": False, "error": error.message, "error_type": error.error_type}
            return {**failure, "can_retry": bool(error.can_retry), **known}
        found = {"success": True, "answer": answer.response, "react_agent_meta": dict(answer.meta), **known}
        if answer.sql:
            found["sql"] = answer.sql
        if answer.records is not None:
            found["records"] = {"columns": list(answer.records.columns), "rows": [*map(dict, answer.records.rows)]}
        return found

    async def _run(self, graph: Any, given: ReactState, config: Mapping[str, Any], turn: Turn) -> ReactState:
        """The state after the turn; each finished node is told to the turn's watch."""
        state = given
        try:
            async for mode, part in graph.astream(given, config, context=turn, stream_mode=["updates", "values"]):
                if mode == "values":
                    state = part
                    continue
                for node, update in part.items():
                    self._tell(turn.question, node, update, turn.watch)
        except GraphRecursionError as error:
            text = texts.STEPS_EXHAUSTED.format(limit=config["recursion_limit"])
            raise AnswerFailedError(text, data={"agent_version": AGENT_VERSION}, status=500) from error
        return state

    def _tell(self, question: Question, node: str, update: Mapping[str, Any] | None, watch: Watch) -> None:
        tool = called_tool(update) if node in _SAID_TOOLS else ""
        if self._limits.is_debugging:
            logger.info("thread %s: %s %s", question.conversation_id, node, tool)
        watch(NodeFinished(node, {"thread_id": question.conversation_id, **({"tool_name": tool} if tool else {})}))

    def _tidy(self, stored: str) -> None:
        """Keep the store small; a store that fails here has already kept the turn."""
        try:
            self._checkpoints.trim(stored, self._limits.checkpoints_per_thread)
            if self._limits.ttl_seconds and time.monotonic() - self._swept_at > SWEEP_SECONDS:
                self._swept_at = time.monotonic()
                self._checkpoints.expire(self._limits.ttl_seconds)
        except CituError as error:
            logger.warning("old checkpoints could not be deleted: %s", error.error_type)


def _begun(question: Question, earlier: StoredThread | None) -> dict[str, str]:
    """How the thread was begun; a thread of an older release stays without a session."""
    if earlier is None:
        return question.asker.beginning.as_fields()
    return earlier.begun.as_fields() if earlier.begun is not None else {}


def _turn_input(question: Question, earlier: StoredThread | None) -> ReactState:
    """What a turn begins with; `earlier` is the thread when the graph has no checkpoints to read it from."""
    given: ReactState = {
        "messages": [*(earlier.messages if earlier else ()), HumanMessage(content=question.text)],
        "user_id": question.user_id,
        "thread_id": question.conversation_id,
        "suggested_next_step": None,
    }
    if earlier is not None:
        given["message_times"] = dict(earlier.message_times)
    return given
